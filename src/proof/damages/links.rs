//! Parents that are gone, of another trace, in a cycle or across a process, in the trace of a lost root and in others.

use super::{
    Damage,
    absences::{Age, make_of_age},
    structure::{NOWHERE, a_leaf, a_root, change_root, hang_open, leaf, root},
};
use crate::{contract::row::Row, proof::bench::Bench};

/// The parent runs in another process.
const REMOTE: u32 = 0x300;

pub(super) const DAMAGES: &[Damage] = &[
    (
        "write_zeros_for_no_parent_twice",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let row = a_root(rows)?;
                row.parent_span_id = Some("0".repeat(16));
                let copy = row.clone();
                rows.push(copy);
                Some(())
            })
        },
        "duplicate_spans: 1; unlisted_traces: warn, 1",
    ),
    (
        "write_zeros_for_both_ids",
        "none",
        |bench| {
            with_leaf(bench, Age::Days, |row, _| {
                row.span_id = "0".repeat(16);
                row.parent_span_id = Some("0".repeat(16));
            })
        },
        "malformed_ids: 1; several_roots: info, 1; unlisted_traces: warn, 1",
    ),
    (
        "hang_a_remote_leaf_nowhere",
        "none",
        |bench| {
            with_leaf(bench, Age::Days, |row, _| {
                row.trace_flags = REMOTE;
                row.parent_span_id = Some(NOWHERE.to_owned());
            })
        },
        "remote_parents: info, 1",
    ),
    (
        "hang_a_remote_open_leaf_nowhere",
        "none",
        |bench| {
            with_leaf(bench, Age::Days, |row, _| {
                row.trace_flags = REMOTE;
                hang_open(row, NOWHERE);
            })
        },
        "remote_parents: info, 1",
    ),
    (
        "say_of_a_root_that_its_parent_is_remote",
        "none",
        |bench| change_root(bench, |row| row.trace_flags = REMOTE),
        "",
    ),
    (
        "lose_the_root_of_other_spans",
        "none",
        |bench| with_lost_root(bench, Age::Days, |rows, lost, _| forget_owners(rows, lost)),
        "unresolved_parents: warn",
    ),
    (
        "lose_the_young_root_of_other_spans",
        "none",
        |bench| with_lost_root(bench, Age::Young, |rows, lost, _| forget_owners(rows, lost)),
        "running_parents: info",
    ),
    (
        "hang_a_leaf_below_another_trace",
        "none",
        |bench| with_leaf(bench, Age::Days, |row, other| row.parent_span_id = Some(other.span_id.clone())),
        "parent_in_other_trace: 1",
    ),
    (
        "hang_an_open_leaf_below_another_trace",
        "none",
        |bench| with_leaf(bench, Age::Days, |row, other| hang_open(row, &other.span_id)),
        "parent_in_other_trace: 1",
    ),
    (
        "hang_a_young_open_leaf_below_another_trace",
        "none",
        |bench| with_leaf(bench, Age::Young, |row, other| hang_open(row, &other.span_id)),
        "parent_in_other_trace: 1",
    ),
    (
        "hang_a_remote_leaf_below_another_trace",
        "none",
        |bench| {
            with_leaf(bench, Age::Days, |row, other| {
                row.trace_flags = REMOTE;
                hang_open(row, &other.span_id);
            })
        },
        "parent_in_other_trace: 1",
    ),
    (
        "lose_a_root_beside_another",
        "none",
        |bench| with_lost_root(bench, Age::Days, beside_another),
        "orphan_spans",
    ),
    (
        "lose_a_root_of_hours_ago_beside_another",
        "none",
        |bench| with_lost_root(bench, Age::Hours, beside_another),
        "unresolved_parents: warn",
    ),
    (
        "lose_a_young_root_beside_another",
        "none",
        |bench| with_lost_root(bench, Age::Young, beside_another),
        "running_parents: info",
    ),
    (
        "lose_a_root_beside_a_remote_orphan",
        "none",
        |bench| {
            with_lost_root(bench, Age::Days, |rows, lost, _| {
                rows.push(plain(lost, 1, Some(NOWHERE), REMOTE));
            })
        },
        "orphan_spans; remote_parents: info, 1; unlisted_traces: warn, 1",
    ),
    (
        "lose_a_root_beside_a_cycle",
        "none",
        |bench| with_lost_root(bench, Age::Days, |rows, lost, _| add_a_cycle(rows, lost)),
        "parent_cycles: 2",
    ),
    (
        "lose_a_root_and_hang_a_span_below_another_trace",
        "none",
        |bench| {
            with_lost_root(bench, Age::Days, |rows, lost, other| {
                rows.push(plain(lost, 1, Some(&other.span_id), 0x100));
            })
        },
        "parent_in_other_trace: 1",
    ),
    (
        "lose_a_young_root_with_a_remote_caller",
        "none",
        |bench| with_lost_root(bench, Age::Young, |rows, lost, _| call_remotely(rows, lost)),
        "",
    ),
    (
        "lose_a_root_with_a_remote_caller_beside_a_cycle",
        "none",
        |bench| {
            with_lost_root(bench, Age::Days, |rows, lost, _| {
                call_remotely(rows, lost);
                add_a_cycle(rows, lost);
            })
        },
        "parent_cycles: 2; remote_parents: info",
    ),
    (
        "lose_a_root_with_a_remote_caller_and_hang_a_span_below_another_trace",
        "none",
        |bench| {
            with_lost_root(bench, Age::Days, |rows, lost, other| {
                call_remotely(rows, lost);
                rows.push(plain(lost, 1, Some(&other.span_id), 0x100));
            })
        },
        "parent_in_other_trace: 1; remote_parents: info",
    ),
];

/// Of rows that do not say whether a parent is remote.
pub(super) const OF_SCHEMA_1: &[Damage] = &[
    (
        "lose_a_root_of_an_older_trace_beside_another",
        "none",
        |bench| with_lost_root(bench, Age::Days, beside_another),
        "orphan_spans",
    ),
    (
        "lose_a_root_of_an_older_trace_of_hours_ago_beside_another",
        "none",
        |bench| with_lost_root(bench, Age::Hours, beside_another),
        "unresolved_parents: warn",
    ),
    (
        "lose_a_young_root_of_an_older_trace_beside_another",
        "none",
        |bench| with_lost_root(bench, Age::Young, beside_another),
        "running_parents: info",
    ),
    (
        "lose_the_root_of_an_older_trace_of_hours_ago",
        "none",
        |bench| with_lost_root(bench, Age::Hours, |_, _, _| {}),
        "unresolved_parents: warn",
    ),
    (
        "hang_an_open_leaf_of_an_older_trace_nowhere",
        "none",
        |bench| with_leaf(bench, Age::Days, |row, _| hang_open(row, NOWHERE)),
        "unresolved_parents: warn, 1",
    ),
    (
        "hang_a_young_open_leaf_of_an_older_trace_nowhere",
        "none",
        |bench| with_leaf(bench, Age::Young, |row, _| hang_open(row, NOWHERE)),
        "running_parents: info, 1",
    ),
    (
        "lose_the_root_of_an_older_trace_of_other_spans",
        "none",
        |bench| with_lost_root(bench, Age::Days, |rows, lost, _| forget_owners(rows, lost)),
        "remote_parents: info",
    ),
    (
        "lose_the_root_of_a_young_older_trace_of_other_spans",
        "none",
        |bench| with_lost_root(bench, Age::Young, |rows, lost, _| forget_owners(rows, lost)),
        "",
    ),
];

/// The first leaf, whose trace is of an age, and a root of another trace.
fn with_leaf(bench: &Bench, age: Age, change: fn(&mut Row, &Row)) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let trace = rows[leaf(rows)?].trace_id.clone();
        let other = root_of_another(rows, &trace)?;
        change(a_leaf(rows)?, &other);
        make_of_age(rows, &[trace], age).ok()
    })
}

/// Without the first root, whose trace is of an age, changed with it and a root of another trace at hand.
fn with_lost_root(bench: &Bench, age: Age, change: fn(&mut Vec<Row>, &Row, &Row)) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let lost = rows.remove(root(rows)?);
        let other = root_of_another(rows, &lost.trace_id)?;
        change(rows, &lost, &other);
        make_of_age(rows, &[lost.trace_id], age).ok()
    })
}

fn root_of_another(rows: &[Row], trace: &str) -> Option<Row> {
    rows.iter().find(|row| row.parent_span_id.is_none() && row.trace_id != trace).cloned()
}

/// A span of another library's in the same trace.
fn plain(like: &Row, number: u64, parent: Option<&str>, flags: u32) -> Row {
    Row {
        span_id: format!("{:016x}", 0xabcd_0000 + number),
        parent_span_id: parent.map(str::to_owned),
        attributes: "{}".to_owned(),
        events: "[]".to_owned(),
        trace_flags: flags,
        ..like.clone()
    }
}

fn beside_another(rows: &mut Vec<Row>, lost: &Row, _: &Row) {
    rows.push(plain(lost, 1, None, lost.trace_flags));
}

fn add_a_cycle(rows: &mut Vec<Row>, lost: &Row) {
    for number in [1, 2] {
        let parent = format!("{:016x}", 0xabcd_0000_u64 + 3 - number);
        rows.push(plain(lost, number, Some(&parent), lost.trace_flags));
    }
}

fn call_remotely(rows: &mut [Row], lost: &Row) {
    for row in rows.iter_mut().filter(|row| row.parent_span_id.as_ref() == Some(&lost.span_id)) {
        row.trace_flags = REMOTE;
    }
}

fn forget_owners(rows: &mut [Row], lost: &Row) {
    for row in rows.iter_mut().filter(|row| row.trace_id == lost.trace_id) {
        "{}".clone_into(&mut row.attributes);
    }
}
