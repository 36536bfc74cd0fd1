//! What rows say of their service in several places: column, resource, instance and, of planned traffic, tags.

use serde_json::{Map, Value};

use super::{
    Damage, HOUR,
    columns::rename_column,
    rows::other_row,
    structure::{a_leaf, a_root, other},
};
use crate::{contract::row::Row, proof::bench::Bench};

const INSTANCE: &str = "service.instance.id";

/// To rows of planned traffic, with their runs and without.
pub(super) const DAMAGES: &[Damage] = &[
    (
        "give_a_row_the_resource_of_another_run",
        "latest",
        |bench| with_first(bench, |row, _| set_resource(row, "e2e.run", "damaged")),
        "polluted_resource: 1",
    ),
    (
        "give_a_row_another_instance",
        "latest",
        |bench| with_first(bench, |row, _| set_resource(row, INSTANCE, "damaged")),
        "polluted_resource: 1",
    ),
    (
        "give_a_row_the_tag_of_another_run",
        "latest",
        |bench| with_first(bench, |row, _| set_tag(row, "e2e.run", "damaged")),
        "polluted_attributes: 1",
    ),
    (
        "give_a_row_another_tag_and_attribute",
        "latest",
        |bench| {
            with_first(bench, |row, _| {
                row.attributes = row.attributes.replacen('{', r#"{"made.up":1,"#, 1);
                set_tag(row, "e2e.run", "damaged")
            })
        },
        "polluted_attributes: 1",
    ),
    (
        "give_a_row_another_instance_and_version",
        "latest",
        |bench| {
            with_first(bench, |row, _| {
                row.resource_attributes = row.resource_attributes.replacen('{', r#"{"made.up":1,"#, 1);
                set_resource(row, INSTANCE, "damaged")
            })
        },
        "polluted_resource: 1",
    ),
    (
        "without_runs_move_a_row_without_tags",
        "none",
        |bench| {
            with_first(bench, |row, other| {
                "{}".clone_into(&mut row.attributes);
                row.service_name.clone_from(&other.service_name);
                Some(())
            })
        },
        "service_mismatch: 1",
    ),
    (
        "without_runs_move_a_row_and_take_its_resource_away",
        "none",
        |bench| {
            with_first(bench, |row, other| {
                "{}".clone_into(&mut row.resource_attributes);
                row.service_name.clone_from(&other.service_name);
                Some(())
            })
        },
        "polluted_service_name: 1; mixed_service_traces: info, 1",
    ),
    (
        "rename_a_tag_column_and_take_a_resource_away",
        "none",
        |bench| {
            with_first(bench, |row, _| {
                "{}".clone_into(&mut row.resource_attributes);
                Some(())
            })?;
            rename_column(bench, "service_name")
        },
        "unreadable_files: 1; polluted_service_name: 20",
    ),
    (
        "without_runs_take_the_resource_away",
        "none",
        |bench| {
            with_first(bench, |row, _| {
                "{}".clone_into(&mut row.resource_attributes);
                Some(())
            })
        },
        "polluted_resource: 1",
    ),
    (
        "without_runs_double_the_name_of_a_service",
        "none",
        |bench| {
            with_first(bench, |row, _| {
                double_the_name(row, "damaged");
                Some(())
            })
        },
        "duplicate_json_keys: 1; polluted_resource: 1",
    ),
    (
        "without_runs_double_the_name_of_a_service_as_edge_values_do",
        "none",
        |bench| {
            with_first(bench, |row, _| {
                double_the_name(row, "the last is not the name");
                Some(())
            })
        },
        "duplicate_json_keys: 1",
    ),
    (
        "without_runs_move_a_row_with_its_resource",
        "none",
        |bench| {
            with_first(bench, |row, other| {
                move_with_resource(row, other);
                Some(())
            })
        },
        "polluted_attributes: 1; mixed_service_traces: info, 1",
    ),
    (
        "without_runs_move_a_row_with_its_resource_and_tags",
        "none",
        |bench| {
            with_first(bench, |row, other| {
                row.attributes = row.attributes.replace(&row.service_name, &other.service_name);
                move_with_resource(row, other);
                Some(())
            })
        },
        "child_of_other_service: 1; mixed_service_traces: info, 1",
    ),
];

/// To rows of apps.
pub(super) const OF_APPS: &[Damage] = &[
    (
        "move_a_root_to_another_service",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let other = other(rows)?;
                a_root(rows)?.service_name = other.service_name;
                Some(())
            })
        },
        "service_mismatch: 1",
    ),
    (
        "empty_the_service_of_a_leaf",
        "none",
        |bench| with_leaf(bench, |row, _| row.service_name.clear()),
        "service_mismatch: 1",
    ),
    (
        "move_a_leaf_and_outlive_the_parent",
        "none",
        |bench| {
            with_leaf(bench, |row, other| {
                move_with_resource(row, other);
                row.end_time += HOUR;
                row.duration_ns += HOUR;
            })
        },
        "child_of_other_service: 1; mixed_service_traces: info, 1",
    ),
    (
        "take_the_resource_of_a_leaf_away",
        "none",
        |bench| with_leaf(bench, |row, _| "{}".clone_into(&mut row.resource_attributes)),
        "service_mismatch: 1",
    ),
    (
        "cut_the_resource_of_a_leaf",
        "none",
        |bench| with_leaf(bench, |row, _| row.resource_attributes.truncate(20)),
        "invalid_json: 1",
    ),
    (
        "move_a_leaf_with_cut_attributes_to_another_service",
        "none",
        |bench| {
            with_leaf(bench, |row, other| {
                row.attributes.truncate(20);
                row.service_name.clone_from(&other.service_name);
            })
        },
        "invalid_json: 1; service_mismatch: 1",
    ),
    (
        "send_no_instance",
        "none",
        |bench| bench.try_alter_cold(|rows| rows.iter_mut().try_for_each(without_instance)),
        "",
    ),
];

fn with_first(bench: &Bench, change: fn(&mut Row, &Row) -> Option<()>) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let other = other_row(rows)?;
        change(rows.first_mut()?, &other)
    })
}

fn with_leaf(bench: &Bench, change: fn(&mut Row, &Row)) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let other = other(rows)?;
        change(a_leaf(rows)?, &other);
        Some(())
    })
}

/// The studio takes the first, others the last.
fn double_the_name(row: &mut Row, last: &str) {
    let second = format!(r#","service.name":"{last}"}}"#);
    row.resource_attributes = row.resource_attributes.replacen('}', &second, 1);
}

fn move_with_resource(row: &mut Row, other: &Row) {
    row.service_name.clone_from(&other.service_name);
    row.resource_attributes.clone_from(&other.resource_attributes);
}

fn resource(row: &Row) -> Option<Map<String, Value>> {
    serde_json::from_str(&row.resource_attributes).ok()
}

fn set_tag(row: &mut Row, key: &str, value: &str) -> Option<()> {
    let mut members: Map<String, Value> = serde_json::from_str(&row.attributes).ok()?;
    *members.get_mut(key)? = value.into();
    row.attributes = Value::Object(members).to_string();
    Some(())
}

fn set_resource(row: &mut Row, key: &str, value: &str) -> Option<()> {
    let mut members = resource(row)?;
    *members.get_mut(key)? = value.into();
    row.resource_attributes = Value::Object(members).to_string();
    Some(())
}

fn without_instance(row: &mut Row) -> Option<()> {
    let mut members = resource(row)?;
    members.remove(INSTANCE);
    row.resource_attributes = Value::Object(members).to_string();
    Some(())
}
