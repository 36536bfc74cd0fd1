//! Times of rows that no known run sent, at the bounds of what is sound and beyond them.

use super::{
    Damage, HOUR,
    executions::{events, set, set_events},
    structure::{a_leaf, change_root, leaf},
};
use crate::{contract::row::Row, proof::bench::Bench};

/// 2000-01-01: before, no span was ever sent.
const LEAST: i64 = 946_684_800_000_000_000;

pub(super) const DAMAGES: &[Damage] = &[
    ("end_at_the_start", "none", |bench| with_leaf(bench, |row, _| last(row, 0)), ""),
    (
        "end_at_the_start_and_before_an_event",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let row = rows.iter_mut().find(|row| row.events.len() > 2)?;
                let mut all = events(row)?;
                for event in &mut all {
                    event["timeUnixNano"] = (row.start_time - 1).to_string().into();
                }
                set_events(row, all);
                row.end_time = row.start_time;
                row.duration_ns = 0;
                Some(())
            })
        },
        "events_outside_spans: warn, 1",
    ),
    (
        "end_before_the_start_and_an_event",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let row = rows.iter_mut().find(|row| row.events.len() > 2)?;
                (row.start_time, row.end_time) = (row.end_time, row.start_time);
                row.duration_ns = -row.duration_ns;
                Some(())
            })
        },
        "inverted_intervals: 1",
    ),
    (
        "start_with_the_parent",
        "none",
        |bench| with_leaf(bench, |row, parent| between(row, parent.start_time, row.end_time)),
        "",
    ),
    (
        "end_with_the_parent",
        "none",
        |bench| with_leaf(bench, |row, parent| between(row, row.start_time, parent.end_time)),
        "",
    ),
    (
        "start_before_the_parent",
        "none",
        |bench| with_leaf(bench, |row, parent| between(row, parent.start_time - 1, row.end_time)),
        "children_outside_parents: warn, 1",
    ),
    (
        "last_no_time_before_the_parent",
        "none",
        |bench| with_leaf(bench, |row, parent| between(row, parent.start_time - 1, parent.start_time - 1)),
        "children_outside_parents: warn, 1",
    ),
    (
        "end_before_the_start_and_after_the_parent",
        "none",
        |bench| with_leaf(bench, |row, parent| between(row, parent.end_time + 2, parent.end_time + 1)),
        "inverted_intervals: 1",
    ),
    (
        "outlive_a_parent_that_does_not_run_it",
        "none",
        |bench| {
            with_leaf(bench, |row, parent| {
                between(row, row.start_time, parent.end_time + HOUR);
                "{}".clone_into(&mut row.attributes);
            })
        },
        "",
    ),
    (
        "outlive_a_parent_that_does_not_wait",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                let row = a_leaf(rows)?;
                between(row, row.start_time, row.end_time + HOUR);
                set(row, "junjo.span_type", "workflow")
            })
        },
        "",
    ),
    (
        "end_a_root_at_its_start",
        "none",
        |bench| change_root(bench, |row| last(row, 0)),
        "children_outside_parents: warn",
    ),
    (
        "end_a_root_before_its_start",
        "none",
        |bench| change_root(bench, |row| last(row, -1)),
        "inverted_intervals: 1",
    ),
    (
        "start_at_zero",
        "none",
        |bench| change_root(bench, |row| between(row, 0, row.end_time)),
        "times_out_of_range: warn, 1; page_breaking_rows: warn, 1",
    ),
    (
        "end_at_zero",
        "none",
        |bench| change_root(bench, |row| between(row, row.start_time, 0)),
        "inverted_intervals: 1; times_out_of_range: warn, 1; page_breaking_rows: warn, 1",
    ),
    (
        "end_in_1970",
        "none",
        |bench| change_root(bench, |row| between(row, row.start_time, 7)),
        "inverted_intervals: 1; times_out_of_range: warn, 1",
    ),
    ("start_in_2000", "none", |bench| change_root(bench, |row| between(row, LEAST, row.end_time)), ""),
    (
        "end_in_2000",
        "none",
        |bench| change_root(bench, |row| between(row, row.start_time, LEAST)),
        "inverted_intervals: 1",
    ),
    (
        "end_within_a_day_from_now",
        "none",
        |bench| change_root(bench, |row| between(row, row.start_time, in_an_hour())),
        "",
    ),
];

fn in_an_hour() -> i64 {
    i64::try_from(crate::base::clock::unix_nanos()).map_or(i64::MAX, |now| now + HOUR)
}

fn between(row: &mut Row, start: i64, end: i64) {
    (row.start_time, row.end_time) = (start, end);
    row.duration_ns = end - start;
    "[]".clone_into(&mut row.events);
}

fn last(row: &mut Row, nanos: i64) {
    between(row, row.start_time, row.start_time + nanos);
}

/// The first leaf, and its parent as it is.
fn with_leaf(bench: &Bench, change: fn(&mut Row, &Row)) -> anyhow::Result<()> {
    bench.try_alter_cold(|rows| {
        let leaf = rows[leaf(rows)?].clone();
        let is_parent =
            |row: &&Row| row.trace_id == leaf.trace_id && leaf.parent_span_id.as_ref() == Some(&row.span_id);
        let parent = rows.iter().find(is_parent)?.clone();
        change(a_leaf(rows)?, &parent);
        Some(())
    })
}
