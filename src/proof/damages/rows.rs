//! Damage to rows: values, services, resources, ids, JSON, and rows that are gone.

use super::Damage;
use crate::contract::row::Row;

pub(super) const DAMAGES: &[Damage] = &[
    ("nothing", "latest", |_| Ok(()), ""),
    ("nothing, without runs", "none", |_| Ok(()), ""),
    ("drop_a_leaf", "latest", |bench| bench.alter_cold(|rows| drop(rows.remove(0))), "lost_spans: 1"),
    (
        "drop_a_root",
        "latest",
        |bench| bench.alter_cold(|rows| drop(rows.remove(4))),
        "lost_spans: 1; orphan_spans: 4",
    ),
    (
        "drop_a_root_and_a_leaf",
        "latest",
        |bench| {
            bench.alter_cold(|rows| {
                rows.remove(4);
                rows.remove(0);
            })
        },
        "lost_spans: 2; orphan_spans: 3",
    ),
    (
        "move_a_row_to_another_service",
        "latest",
        |bench| bench.try_alter_cold(|rows| swap_service_name(rows)),
        "polluted_service_name: 1",
    ),
    (
        "move_a_row_to_another_resource",
        "latest",
        |bench| bench.try_alter_cold(|rows| swap_resource(rows)),
        "polluted_resource: 1",
    ),
    (
        "give_a_row_other_tags",
        "latest",
        |bench| bench.try_alter_cold(|rows| swap_tags(rows)),
        "polluted_attributes: 1",
    ),
    (
        "without_runs_move_a_row_to_another_service",
        "none",
        |bench| bench.try_alter_cold(|rows| swap_service_name(rows)),
        "polluted_service_name: 1",
    ),
    (
        "without_runs_move_a_row_to_another_resource",
        "none",
        |bench| bench.try_alter_cold(|rows| swap_resource(rows)),
        "polluted_resource: 1",
    ),
    (
        "without_runs_give_a_row_other_tags",
        "none",
        |bench| bench.try_alter_cold(|rows| swap_tags(rows)),
        "polluted_attributes: 1",
    ),
    ("double_a_key", "latest", |bench| bench.alter_cold(|rows| double_a_key(rows)), "altered_spans: 1"),
    ("rename_a_span", "latest", |bench| bench.alter_cold(|rows| rows[1].name.push('x')), "altered_spans: 1"),
    (
        "shift_a_start_by_a_nanosecond",
        "latest",
        |bench| bench.alter_cold(|rows| rows[1].start_time += 1),
        "altered_spans: 1",
    ),
    (
        "change_a_parent",
        "latest",
        |bench| bench.alter_cold(|rows| rows[1].parent_span_id = None),
        "orphan_spans: 1",
    ),
    (
        "drop_an_event",
        "latest",
        |bench| bench.alter_cold(|rows| "[]".clone_into(&mut rows[1].events)),
        "altered_spans: 1",
    ),
    (
        "break_json",
        "latest",
        |bench| bench.alter_cold(|rows| rows[2].attributes.truncate(9)),
        "altered_spans: 1",
    ),
    (
        "turn_an_int_into_a_float",
        "latest",
        |bench| {
            bench.alter_cold(|rows| {
                rows[2].attributes =
                    rows[2].attributes.replace("contract_version\":2", "contract_version\":2.0");
            })
        },
        "altered_spans: 1",
    ),
    (
        "space_json_out",
        "latest",
        |bench| bench.alter_cold(|rows| rows[2].attributes = rows[2].attributes.replace(',', ", ")),
        "",
    ),
    (
        "damage_a_trace_id",
        "latest",
        |bench| bench.alter_cold(|rows| flip_digit(&mut rows[0].trace_id)),
        "altered_spans: 1",
    ),
    (
        "damage_a_span_id",
        "latest",
        |bench| bench.alter_cold(|rows| flip_digit(&mut rows[0].span_id)),
        "lost_spans: 1; unexpected_spans: 1",
    ),
];

/// The first row of another service than that of the first.
pub(crate) fn other_row(rows: &[Row]) -> Option<Row> {
    rows.iter().find(|row| row.service_name != rows[0].service_name).cloned()
}

pub(crate) fn swap_service_name(rows: &mut [Row]) -> Option<()> {
    rows[0].service_name = other_row(rows)?.service_name;
    Some(())
}

pub(crate) fn swap_resource(rows: &mut [Row]) -> Option<()> {
    // Run, instance and name differ in one column: a row has one finding for each key.
    let (mine, other) = (rows[0].service_name.clone(), other_row(rows)?.service_name);
    rows[0].resource_attributes = rows[0].resource_attributes.replace(&mine, &other);
    Some(())
}

pub(crate) fn swap_tags(rows: &mut [Row]) -> Option<()> {
    let (mine, other) = (rows[0].service_name.clone(), other_row(rows)?.service_name);
    rows[0].attributes = rows[0].attributes.replace(&mine, &other);
    Some(())
}

pub(crate) fn double_a_key(rows: &mut [Row]) {
    rows[2].attributes = rows[2].attributes.replacen('{', "{\"e2e.run\":\"0\",", 1);
}

/// Changes the first digit of a hex id.
pub(crate) fn flip_digit(id: &mut String) {
    let other = if id.starts_with('0') { "1" } else { "0" };
    id.replace_range(..1, other);
}
