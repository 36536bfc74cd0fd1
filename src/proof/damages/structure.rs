//! Damage to rows that no known run sent: what structure alone can see of services, parents, times, ids and form.

use std::{ops::Range, sync::Arc, time::Duration};

use anyhow::Context;
use datafusion::arrow::{
    array::{Array, ArrayRef, BooleanArray, RecordBatch},
    compute::nullif,
    datatypes::{Field, FieldRef, Schema as ArrowSchema},
};
use serde_json::Value;

use super::{Damage, HOUR};
use crate::{
    base::clock::unix_nanos,
    contract::{columns, row::Row},
    proof::{
        bench::Bench,
        rows::{write_batch, write_parquet},
    },
};

pub(super) const NOWHERE: &str = "00000000000000aa";

const HALF_AN_HOUR: Duration = Duration::from_mins(30);

pub(super) const DAMAGES: &[Damage] = &[
    ("nothing, to rows of apps", "none", |_| Ok(()), ""),
    ("lose_the_root_of_a_trace", "none", lose_the_root, "rootless_traces: 1"),
    (
        "lose_the_root_of_a_young_trace",
        "none",
        |bench| bench.try_alter_cold(drop_young_root),
        "running_parents: info",
    ),
    (
        "leave_a_span_open_below_a_root",
        "none",
        |bench| change_leaf(bench, |row| hang_open(row, NOWHERE)),
        "unresolved_parents: warn, 1",
    ),
    ("name_a_parent_that_is_nowhere", "none", name_a_parent_that_is_nowhere, "orphan_spans: 1"),
    (
        "lose_a_root_with_a_remote_caller",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let root = rows.remove(root(rows)?);
                for row in rows.iter_mut().filter(|row| row.parent_span_id.as_ref() == Some(&root.span_id)) {
                    row.trace_flags = 0x300;
                }
                Some(())
            })
        },
        "remote_parents: info; unlisted_traces: warn, 1",
    ),
    (
        "make_a_leaf_a_root",
        "none",
        |bench| change_leaf(bench, |row| row.parent_span_id = None),
        "junjo_parents: 1; several_roots: info, 1",
    ),
    (
        "make_a_span_its_own_parent",
        "none",
        |bench| change_leaf(bench, |row| row.parent_span_id = Some(row.span_id.clone())),
        "self_parents: 1",
    ),
    ("make_a_cycle", "none", |bench| bench.try_alter_cold(|rows| make_a_cycle(rows)), "parent_cycles: 2"),
    (
        "damage_the_trace_id_of_a_leaf",
        "none",
        |bench| change_leaf(bench, |row| super::rows::flip_digit(&mut row.trace_id)),
        "parent_in_other_trace: 1",
    ),
    (
        "move_a_leaf_to_another_service",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let other = other(rows)?;
                a_leaf(rows)?.service_name = other.service_name;
                Some(())
            })
        },
        "service_mismatch: 1",
    ),
    (
        "move_a_leaf_and_its_resource_to_another_service",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let other = other(rows)?;
                let row = a_leaf(rows)?;
                row.service_name = other.service_name;
                row.resource_attributes = other.resource_attributes;
                Some(())
            })
        },
        "child_of_other_service: 1; mixed_service_traces: info, 1",
    ),
    (
        "give_two_services_one_instance",
        "none",
        |bench| bench.try_alter_cold(|rows| share_an_instance(rows)),
        "shared_instances: info, 1",
    ),
    (
        "store_a_row_twice_and_change_one",
        "none",
        |bench| {
            bench.alter_cold(|rows| {
                rows.push(rows[3].clone());
                rows[3].name.push('x');
            })
        },
        "conflicting_duplicates: 1",
    ),
    (
        "flush_apps_without_deleting",
        "none",
        |bench| write_parquet(&bench.beside(1)?, &bench.segment_rows()?, bench.schema),
        "overlapping_spans: warn",
    ),
    (
        "end_before_the_start",
        "none",
        |bench| {
            change_leaf(bench, |row| {
                (row.start_time, row.end_time) = (row.end_time, row.start_time);
                row.duration_ns = -row.duration_ns;
                "[]".clone_into(&mut row.events);
            })
        },
        "inverted_intervals: 1",
    ),
    (
        "change_a_duration",
        "none",
        |bench| change_leaf(bench, |row| row.duration_ns += 1),
        "wrong_durations: 1",
    ),
    (
        "outlive_the_parent",
        "none",
        |bench| {
            change_leaf(bench, |row| {
                row.end_time += HOUR;
                row.duration_ns += HOUR;
            })
        },
        "children_outside_parents: warn, 1",
    ),
    (
        "move_an_event_before_the_start",
        "none",
        |bench| bench.try_alter_cold(|rows| move_an_event(rows).map(drop)),
        "events_outside_spans: warn, 1",
    ),
    (
        "move_an_event_of_a_text_that_ends_badly",
        "none",
        |bench| bench.try_alter_cold(|rows| move_an_event(rows).map(|row| row.events.push(']'))),
        "invalid_json: 1",
    ),
    (
        "start_in_1970",
        "none",
        |bench| {
            change_root(bench, |row| {
                row.start_time = 7;
                row.duration_ns = row.end_time - 7;
            })
        },
        "times_out_of_range: warn, 1",
    ),
    (
        "end_in_2200",
        "none",
        |bench| {
            change_root(bench, |row| {
                row.end_time = 7_258_118_400_000_000_000;
                row.duration_ns = row.end_time - row.start_time;
            })
        },
        "times_out_of_range: warn, 1",
    ),
    (
        "shorten_a_span_id",
        "none",
        |bench| change_leaf(bench, |row| row.span_id.truncate(7)),
        "malformed_ids: 1",
    ),
    (
        "write_an_id_in_upper_case",
        "none",
        |bench| change_leaf(bench, |row| "ABCDEF0123456789".clone_into(&mut row.span_id)),
        "malformed_ids: 1",
    ),
    (
        "an_object_for_events",
        "none",
        |bench| change_leaf(bench, |row| "{}".clone_into(&mut row.events)),
        "invalid_json: 1",
    ),
    ("cut_json", "none", |bench| change_leaf(bench, |row| row.attributes.truncate(20)), "invalid_json: 1"),
    (
        "double_a_key_of_an_app",
        "none",
        |bench| {
            change_leaf(bench, |row| {
                row.attributes = row.attributes.replacen('{', "{\"junjo.span_type\":\"node\",", 1);
            })
        },
        "duplicate_json_keys: 1",
    ),
    (
        "space_out_json_of_an_app",
        "none",
        |bench| change_leaf(bench, |row| row.attributes = row.attributes.replace(",\"", ", \"")),
        "noncanonical_events: warn, 1",
    ),
    (
        "leave_the_loss_counter_out_of_an_event",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let row = rows.iter_mut().find(|row| row.events.len() > 2)?;
                row.events = row.events.replace(",\"droppedAttributesCount\":0", "");
                Some(())
            })
        },
        "noncanonical_events: warn, 1; page_breaking_rows: warn, 1",
    ),
    ("store_all_kinds_as_null", "none", |bench| set_null(bench, "span_kind", 0..usize::MAX), "null_values"),
    ("store_a_name_as_null", "none", |bench| set_null(bench, "name", 3..4), "null_values: 1"),
    ("store_a_start_as_null", "none", |bench| set_null(bench, "start_time", 3..4), "null_values: 1"),
    ("store_a_count_as_null", "none", |bench| set_null(bench, "dropped_links_count", 3..4), "null_values: 1"),
    ("store_a_state_as_null", "none", |bench| set_null(bench, "trace_state", 3..4), ""),
];

/// Of rows that do not say whether a parent is remote.
pub(super) const OF_SCHEMA_1: &[Damage] = &[
    ("lose_the_root_of_an_older_trace", "none", lose_the_root, "rootless_traces: 1"),
    // Runs of a legacy workflow share one id, so that a stored one proves nothing of the next.
    (
        "name_a_parent_of_an_older_trace_that_is_nowhere",
        "none",
        name_a_parent_that_is_nowhere,
        "unresolved_parents: warn, 1",
    ),
];

fn lose_the_root(bench: &Bench) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        rows.remove(root(rows)?);
        Some(())
    })
}

pub(crate) fn name_a_parent_that_is_nowhere(bench: &Bench) -> anyhow::Result<()> {
    change_leaf(bench, |row| row.parent_span_id = Some(NOWHERE.to_owned()))
}

/// Below a span, as one of a library that says nothing of an owner.
pub(super) fn hang_open(row: &mut Row, parent: &str) {
    "{}".clone_into(&mut row.attributes);
    row.parent_span_id = Some(parent.to_owned());
}

fn change_leaf(bench: &Bench, change: impl FnOnce(&mut Row)) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| a_leaf(rows).map(change))
}

pub(super) fn change_root(bench: &Bench, change: impl FnOnce(&mut Row)) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| a_root(rows).map(change))
}

pub(super) fn root(rows: &[Row]) -> Option<usize> {
    rows.iter().position(|row| row.parent_span_id.is_none())
}

/// A row with a parent and without children.
pub(super) fn leaf(rows: &[Row]) -> Option<usize> {
    let has_children =
        |parent: &Row| rows.iter().any(|row| row.parent_span_id.as_ref() == Some(&parent.span_id));
    rows.iter().position(|row| row.parent_span_id.is_some() && !has_children(row))
}

pub(super) fn a_leaf(rows: &mut [Row]) -> Option<&mut Row> {
    let leaf = leaf(rows)?;
    rows.get_mut(leaf)
}

pub(super) fn a_root(rows: &mut [Row]) -> Option<&mut Row> {
    let root = root(rows)?;
    rows.get_mut(root)
}

/// A row of another service than the first leaf's.
pub(super) fn other(rows: &[Row]) -> Option<Row> {
    let leaf = leaf(rows)?;
    rows.iter().find(|row| row.service_name != rows[leaf].service_name).cloned()
}

/// Two children of the first root become each other's parents.
pub(super) fn make_a_cycle(rows: &mut [Row]) -> Option<()> {
    let upper = leaf(rows)?;
    let parent = rows[upper].parent_span_id.clone();
    let lower = (upper + 1..rows.len()).find(|row| rows[*row].parent_span_id == parent)?;
    rows[upper].parent_span_id = Some(rows[lower].span_id.clone());
    rows[lower].parent_span_id = Some(rows[upper].span_id.clone());
    Some(())
}

/// The first trace ends now, and its root is not there yet.
fn drop_young_root(rows: &mut Vec<Row>) -> Option<()> {
    let root = rows.remove(root(rows)?);
    let then = i64::try_from(unix_nanos()).ok()? - i64::try_from(HALF_AN_HOUR.as_nanos()).ok()?;
    for row in rows.iter_mut().filter(|row| row.trace_id == root.trace_id) {
        let shift = then - root.end_time;
        (row.start_time, row.end_time) = (row.start_time + shift, row.end_time + shift);
        "[]".clone_into(&mut row.events);
    }
    Some(())
}

fn share_an_instance(rows: &mut [Row]) -> Option<()> {
    let instance = |row: &Row| {
        let resource: Value = serde_json::from_str(&row.resource_attributes).ok()?;
        resource["service.instance.id"].as_str().map(str::to_owned)
    };
    let (other, mine) = (other(rows)?, rows[leaf(rows)?].clone());
    let (theirs, ours) = (instance(&other)?, instance(&mine)?);
    for row in rows.iter_mut().filter(|row| row.service_name == other.service_name) {
        row.resource_attributes = row.resource_attributes.replace(&theirs, &ours);
    }
    Some(())
}

fn move_an_event(rows: &mut [Row]) -> Option<&mut Row> {
    let row = rows.iter_mut().find(|row| row.events.len() > 2)?;
    let events: Value = serde_json::from_str(&row.events).ok()?;
    let time = events[0]["timeUnixNano"].as_str()?;
    row.events = row.events.replace(time, &(row.start_time - 1).to_string());
    Some(row)
}

/// Some rows of the cold file lack a value of a column.
pub(crate) fn set_null(bench: &Bench, name: &str, rows: Range<usize>) -> anyhow::Result<()> {
    let batch = columns::batch(&bench.cold_rows()?, bench.schema)?;
    let nulled = |(field, array): (&FieldRef, &ArrayRef)| -> anyhow::Result<(Field, ArrayRef)> {
        if field.name() != name {
            return Ok((field.as_ref().clone(), Arc::clone(array)));
        }
        let is_null = (0..array.len()).map(|row| Some(rows.contains(&row))).collect::<BooleanArray>();
        Ok((field.as_ref().clone().with_nullable(true), nullif(array, &is_null)?))
    };
    let (fields, arrays): (Vec<_>, Vec<_>) = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(nulled)
        .collect::<anyhow::Result<Vec<_>>>()?
        .into_iter()
        .unzip();
    let changed = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays);
    write_batch(&bench.cold_file()?, &changed.context("no such column of the kind")?)
}
