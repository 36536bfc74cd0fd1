//! Damage to rows that no run sent: a store that the real service wrote of real apps' traffic.

use std::time::Duration;

use datafusion::arrow::datatypes::DataType;
use serde_json::Value;

use super::bench::Bench;
use crate::{
    contract::{row::Row, schema::Schema},
    proof::damages,
    testing::{segment_rows, write_parquet},
};

/// A name, what is done to a store of three services with four workflows of seven spans each, and all that fires
/// without a run.
pub(crate) type Case = (&'static str, fn(&Bench), &'static str);

pub(crate) const STORE: (&str, Schema) = ("studio-0.82.1", Schema::V2);

pub(crate) const CASES: &[Case] = &[
    ("nothing", |_| {}, ""),
    ("drop_a_root", |bench| bench.change_cold(|rows| drop(rows.remove(root(rows)))), "rootless_traces: 1"),
    ("drop_a_root_of_a_young_trace", |bench| bench.change_cold(drop_young_root), "running_parents: info, 6"),
    (
        "leave_a_span_open_below_a_root",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_leaf(rows);
                row.attributes = "{}".to_owned();
                row.parent_span_id = Some("00000000000000aa".to_owned());
            });
        },
        "unresolved_parents: warn, 1",
    ),
    (
        "name_a_parent_that_is_nowhere",
        |bench| bench.change_cold(|rows| a_leaf(rows).parent_span_id = Some("00000000000000aa".to_owned())),
        "orphan_spans: 1",
    ),
    (
        "drop_a_root_with_a_remote_caller",
        |bench| {
            bench.change_cold(|rows| {
                let root = rows.remove(root(rows));
                for row in rows.iter_mut().filter(|row| row.parent_span_id.as_ref() == Some(&root.span_id)) {
                    row.trace_flags = 0x300;
                }
            });
        },
        "remote_parents: info, 6; unlisted_traces: warn, 1",
    ),
    (
        "make_a_leaf_a_root",
        |bench| bench.change_cold(|rows| a_leaf(rows).parent_span_id = None),
        "junjo_parents: 1; several_roots: info, 1",
    ),
    (
        "make_a_span_its_own_parent",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_leaf(rows);
                row.parent_span_id = Some(row.span_id.clone());
            });
        },
        "self_parents: 1",
    ),
    ("make_a_cycle", |bench| bench.change_cold(|rows| make_a_cycle(rows)), "parent_cycles: 2"),
    (
        "damage_the_trace_id_of_a_leaf",
        |bench| bench.change_cold(|rows| flip(&mut a_leaf(rows).trace_id)),
        "parent_in_other_trace: 1",
    ),
    (
        "move_a_row_to_another_service",
        |bench| {
            bench.change_cold(|rows| {
                let other = other(rows);
                a_leaf(rows).service_name = other.service_name;
            });
        },
        "service_mismatch: 1",
    ),
    (
        "move_a_row_and_its_resource_to_another_service",
        |bench| {
            bench.change_cold(|rows| {
                let other = other(rows);
                let row = a_leaf(rows);
                row.service_name = other.service_name;
                row.resource_attributes = other.resource_attributes;
            });
        },
        "child_of_other_service: 1; mixed_service_traces: info, 1",
    ),
    (
        "give_two_services_one_instance",
        |bench| bench.change_cold(|rows| share_an_instance(rows)),
        "shared_instances: info, 1",
    ),
    ("store_a_row_twice", |bench| bench.change_cold(|rows| rows.push(rows[3].clone())), "duplicate_spans: 1"),
    (
        "store_a_row_twice_and_change_one",
        |bench| {
            bench.change_cold(|rows| {
                rows.push(rows[3].clone());
                rows[3].name.push('x');
            });
        },
        "conflicting_duplicates: 1",
    ),
    (
        "flush_without_deleting",
        |bench| {
            let rows = segment_rows(&bench.segment(), bench.schema);
            write_parquet(
                &bench.cold().with_file_name("20261122_235959_00000001.parquet"),
                &rows,
                bench.schema,
            );
        },
        "overlapping_spans: warn, 42",
    ),
    (
        "end_before_the_start",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_leaf(rows);
                (row.start_time, row.end_time) = (row.end_time, row.start_time);
                row.duration_ns = -row.duration_ns;
                row.events = "[]".to_owned();
            });
        },
        "inverted_intervals: 1",
    ),
    (
        "change_a_duration",
        |bench| bench.change_cold(|rows| a_leaf(rows).duration_ns += 1),
        "wrong_durations: 1",
    ),
    (
        "outlive_the_parent",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_leaf(rows);
                row.end_time += 3_600_000_000_000;
                row.duration_ns += 3_600_000_000_000;
            });
        },
        "children_outside_parents: warn, 1",
    ),
    (
        "move_an_event_before_the_start",
        |bench| bench.change_cold(|rows| move_an_event(rows)),
        "events_outside_spans: warn, 1",
    ),
    (
        "start_in_1970",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_root(rows);
                row.start_time = 7;
                row.duration_ns = row.end_time - 7;
            });
        },
        "times_out_of_range: warn, 1",
    ),
    (
        "end_in_2200",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_root(rows);
                row.end_time = 7_258_118_400_000_000_000;
                row.duration_ns = row.end_time - row.start_time;
            });
        },
        "times_out_of_range: warn, 1",
    ),
    (
        "shorten_a_span_id",
        |bench| bench.change_cold(|rows| a_leaf(rows).span_id.truncate(7)),
        "malformed_ids: 1",
    ),
    (
        "write_an_id_in_upper_case",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_leaf(rows);
                row.span_id = "ABCDEF0123456789".to_owned();
            });
        },
        "malformed_ids: 1",
    ),
    (
        "an_object_for_events",
        |bench| bench.change_cold(|rows| a_leaf(rows).events = "{}".to_owned()),
        "invalid_json: 1",
    ),
    ("cut_json", |bench| bench.change_cold(|rows| a_leaf(rows).attributes.truncate(20)), "invalid_json: 1"),
    (
        "double_a_key",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_leaf(rows);
                row.attributes = row.attributes.replacen('{', "{\"junjo.span_type\":\"node\",", 1);
            });
        },
        "duplicate_json_keys: 1",
    ),
    (
        "space_json_out",
        |bench| {
            bench.change_cold(|rows| {
                let row = a_leaf(rows);
                row.attributes = row.attributes.replace(",\"", ", \"");
            });
        },
        "noncanonical_events: warn, 1",
    ),
    (
        "leave_the_loss_counter_out_of_an_event",
        |bench| {
            bench.change_cold(|rows| {
                let row = rows.iter_mut().find(|row| row.events.len() > 2).unwrap();
                row.events = row.events.replace(",\"droppedAttributesCount\":0", "");
            });
        },
        "noncanonical_events: warn, 1; page_breaking_rows: warn, 1",
    ),
    ("store_all_kinds_as_null", |bench| bench.set_null("span_kind", 0..84), "null_values: 84"),
    ("store_a_name_as_null", |bench| bench.set_null("name", 3..4), "null_values: 1"),
    ("store_a_start_as_null", |bench| bench.set_null("start_time", 3..4), "null_values: 1"),
    ("store_a_count_as_null", |bench| bench.set_null("dropped_links_count", 3..4), "null_values: 1"),
    ("store_a_state_as_null", |bench| bench.set_null("trace_state", 3..4), ""),
    (
        "store_durations_with_a_fraction",
        |bench| damages::columns::store_as(bench, "duration_ns", &DataType::Float64).unwrap(),
        "unreadable_files: 1",
    ),
    (
        "put_a_foreign_file_beside",
        |bench| damages::files::foreign_beside(bench).unwrap(),
        "unreadable_files: 1",
    ),
    (
        "flip_a_bit_in_a_footer_statistic",
        |bench| damages::files::flip_a_statistic(bench).unwrap(),
        "false_statistics: 1",
    ),
];

fn root(rows: &[Row]) -> usize {
    rows.iter().position(|row| row.parent_span_id.is_none()).unwrap()
}

fn has_children(rows: &[Row], parent: &Row) -> bool {
    let is_child = |row: &Row| row.parent_span_id.as_ref() == Some(&parent.span_id);
    rows.iter().any(is_child)
}

/// A row with a parent and without children.
fn leaf(rows: &[Row]) -> usize {
    rows.iter().position(|row| row.parent_span_id.is_some() && !has_children(rows, row)).unwrap()
}

fn a_leaf(rows: &mut [Row]) -> &mut Row {
    let leaf = leaf(rows);
    &mut rows[leaf]
}

fn a_root(rows: &mut [Row]) -> &mut Row {
    let root = root(rows);
    &mut rows[root]
}

/// A row of another service than the first leaf's.
fn other(rows: &[Row]) -> Row {
    rows.iter().find(|row| row.service_name != rows[leaf(rows)].service_name).unwrap().clone()
}

fn flip(id: &mut String) {
    let first = u8::from_str_radix(&id[..1], 16).unwrap() ^ 1;
    id.replace_range(..1, &format!("{first:x}"));
}

/// Two children of the first root become each other's parents.
fn make_a_cycle(rows: &mut [Row]) {
    let upper = leaf(rows);
    let parent = rows[upper].parent_span_id.clone();
    let lower = (upper + 1..rows.len()).find(|row| rows[*row].parent_span_id == parent).unwrap();
    rows[upper].parent_span_id = Some(rows[lower].span_id.clone());
    rows[lower].parent_span_id = Some(rows[upper].span_id.clone());
}

/// The first trace ends now, and its root is not there yet.
fn drop_young_root(rows: &mut Vec<Row>) {
    let root = rows.remove(root(rows));
    let now = i64::try_from(crate::base::clock::unix_nanos()).unwrap();
    for row in rows.iter_mut().filter(|row| row.trace_id == root.trace_id) {
        let shift = now - root.end_time - i64::try_from(Duration::from_mins(30).as_nanos()).unwrap();
        (row.start_time, row.end_time) = (row.start_time + shift, row.end_time + shift);
        row.events = "[]".to_owned();
    }
}

fn share_an_instance(rows: &mut [Row]) {
    let instance = |row: &Row| {
        let resource: Value = serde_json::from_str(&row.resource_attributes).unwrap();
        resource["service.instance.id"].as_str().unwrap().to_owned()
    };
    let (other, mine) = (other(rows), rows[leaf(rows)].clone());
    for row in rows.iter_mut().filter(|row| row.service_name == other.service_name) {
        row.resource_attributes = row.resource_attributes.replace(&instance(&other), &instance(&mine));
    }
}

fn move_an_event(rows: &mut [Row]) {
    let row = rows.iter_mut().find(|row| row.events.len() > 2).unwrap();
    let events: Value = serde_json::from_str(&row.events).unwrap();
    let time = events[0]["timeUnixNano"].as_str().unwrap();
    row.events = row.events.replace(time, &(row.start_time - 1).to_string());
}

/// A parent that is nowhere, in a trace with a root.
pub(crate) fn name_an_absent_parent_of_schema_1(bench: &Bench) {
    bench.change_cold(|rows| a_leaf(rows).parent_span_id = Some("00000000000000aa".to_owned()));
}

/// A root that is gone from a file that does not say whether a parent is remote.
pub(crate) fn drop_a_root_of_schema_1(bench: &Bench) {
    bench.change_cold(|rows| drop(rows.remove(root(rows))));
}
