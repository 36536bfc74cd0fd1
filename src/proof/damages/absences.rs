//! What is gone beside a file that was not read, or of a trace that may go on: it may be there, or yet come.

use std::{fs, path::Path};

use anyhow::Context;
use chrono::TimeDelta;

use super::{
    Damage, HOUR,
    columns::write_foreign,
    executions::{agents, carrier, leaves, set_events, tool, workflows},
    families::{evaluation_without_a_subject, family_of_three},
    files::foreign_beside,
    structure::{NOWHERE, hang_open},
};
use crate::{
    base::clock::unix_nanos,
    contract::row::Row,
    proof::{
        bench::Bench,
        rows::{parquet_rows, write_parquet},
        store::{aged, set_modified, shift},
    },
};

/// To a store of runs whose segment is gone: its snapshot has rows that are nowhere else.
pub(super) const DAMAGES: &[Damage] = &[
    (
        "delete_the_segment_beside_an_unreadable_file",
        "none",
        |bench| {
            fs::remove_file(bench.segment_file()?)?;
            foreign_beside(bench)
        },
        "unreadable_files: 1",
    ),
    (
        "delete_the_segment_beside_a_closed_folder",
        "none",
        |bench| {
            fs::remove_file(bench.segment_file()?)?;
            close_a_folder(bench)
        },
        "",
    ),
    ("lose_links_beside_a_file_that_is_older_than_the_run", "first", lose_links_of_strangers, ""),
    (
        "close_a_folder_of_the_wal",
        "none",
        |bench| link(bench.folder.path(), &bench.segment_file()?.with_file_name("elsewhere.ipc")),
        "",
    ),
];

/// Lost parents and roots of three traces.
pub(super) const OF_APPS: &[Damage] = &[
    (
        "lose_links",
        "none",
        |bench| lose_links(bench, Age::Days),
        "orphan_spans: 1; rootless_traces: 1; unresolved_parents: warn, 1",
    ),
    (
        "lose_links_of_hours_ago",
        "none",
        |bench| lose_links(bench, Age::Hours),
        "orphan_spans: 1; unresolved_parents: warn",
    ),
    ("lose_young_links", "none", |bench| lose_links(bench, Age::Young), "running_parents: info"),
    (
        "lose_links_beside_an_unreadable_file",
        "none",
        |bench| lose_links(bench, Age::Days).and_then(|()| foreign_beside(bench)),
        "unreadable_files: 1",
    ),
    (
        "lose_links_beside_an_empty_file",
        "none",
        |bench| lose_links(bench, Age::Days).and_then(|()| empty_file_beside(bench)),
        "empty_files: 1",
    ),
    (
        "lose_links_beside_a_torn_segment",
        "none",
        |bench| lose_links(bench, Age::Days).and_then(|()| tear_a_segment(bench)),
        "torn_segments: 1; wedged_wal: 1",
    ),
    (
        "lose_links_beside_a_closed_folder",
        "none",
        |bench| lose_links(bench, Age::Days).and_then(|()| close_a_folder(bench)),
        "",
    ),
    (
        "lose_links_beside_an_unreadable_snapshot",
        "none",
        |bench| lose_links(bench, Age::Days).and_then(|()| write_foreign(&bench.snapshot())),
        "unreadable_files: 1; orphan_spans: 1; rootless_traces: 1; unresolved_parents: warn, 1",
    ),
];

const LOST: &str = "junjo_evaluations; junjo_lost_transitions; junjo_missing_executions; \
                    junjo_missing_operations; junjo_missing_subjects; junjo_unrecorded_transitions";

/// A node with its transition, the transitions of another, a tool call and the subject of an evaluation.
pub(super) const OF_EXECUTIONS: &[Damage] = &[
    ("lose_members_of_executions", "none", |bench| lose_members(bench, Age::Days), LOST),
    (
        "lose_members_of_young_executions",
        "none",
        |bench| lose_members(bench, Age::Young),
        "junjo_evaluations",
    ),
    (
        "lose_members_beside_an_unreadable_file",
        "none",
        |bench| lose_members(bench, Age::Days).and_then(|()| foreign_beside(bench)),
        "unreadable_files: 1; junjo_evaluations",
    ),
    (
        "lose_members_beside_an_empty_file",
        "none",
        |bench| lose_members(bench, Age::Days).and_then(|()| empty_file_beside(bench)),
        "empty_files: 1; junjo_evaluations",
    ),
    (
        "lose_members_beside_a_torn_segment",
        "none",
        |bench| lose_members(bench, Age::Days).and_then(|()| tear_a_segment(bench)),
        "torn_segments: 1; wedged_wal: 1; junjo_evaluations",
    ),
    (
        "lose_members_beside_a_closed_folder",
        "none",
        |bench| lose_members(bench, Age::Days).and_then(|()| close_a_folder(bench)),
        "junjo_evaluations",
    ),
    (
        "lose_members_beside_an_unreadable_snapshot",
        "none",
        |bench| lose_members(bench, Age::Days).and_then(|()| write_foreign(&bench.snapshot())),
        "unreadable_files: 1; junjo_evaluations; junjo_lost_transitions; junjo_missing_executions; \
         junjo_missing_operations; junjo_missing_subjects; junjo_unrecorded_transitions",
    ),
];

fn empty_file_beside(bench: &Bench) -> anyhow::Result<()> {
    Ok(fs::write(bench.beside(1)?, "")?)
}

/// A segment that ends in its first bytes.
fn tear_a_segment(bench: &Bench) -> anyhow::Result<()> {
    let wal = bench.folder.path().join("spans/wal");
    fs::create_dir_all(&wal)?;
    Ok(fs::write(wal.join("batch_1695466683733889754_0009.ipc"), [0xff, 0xff, 0xff, 0xff, 0x10])?)
}

/// A link to a folder among the cold files, which nobody follows.
fn close_a_folder(bench: &Bench) -> anyhow::Result<()> {
    link(bench.folder.path(), &bench.cold_file()?.with_file_name("elsewhere"))
}

#[cfg(unix)]
fn link(folder: &Path, at: &Path) -> anyhow::Result<()> {
    Ok(std::os::unix::fs::symlink(folder, at)?)
}

#[cfg(windows)]
fn link(folder: &Path, at: &Path) -> anyhow::Result<()> {
    Ok(std::os::windows::fs::symlink_dir(folder, at)?)
}

/// The roots of traces with a node that has nothing below it.
fn flows(rows: &[Row]) -> Vec<Row> {
    let is_fit = |row: &&Row| row.parent_span_id.is_none() && !leaves(rows, row).is_empty();
    rows.iter().filter(is_fit).cloned().collect()
}

/// When traces end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    Days,
    Hours,
    /// In some minutes: nothing about them is settled.
    Young,
}

/// As they were days ago, or later.
pub(super) fn make_of_age(rows: &mut [Row], traces: &[String], age: Age) -> anyhow::Result<()> {
    let ahead = match age {
        Age::Days => return Ok(()),
        Age::Hours => -3 * HOUR,
        Age::Young => HOUR / 6,
    };
    let is_hit = |row: &&mut Row| traces.contains(&row.trace_id);
    let end = rows.iter_mut().filter(is_hit).map(|row| row.end_time).max().context("no row")?;
    let by = i64::try_from(unix_nanos())? + ahead - end;
    rows.iter_mut().filter(is_hit).try_for_each(|row| shift(row, by))
}

/// A parent that is lost while its owner is there, one that nobody knows of, and a root.
fn lose_links(bench: &Bench, age: Age) -> anyhow::Result<()> {
    let mut rows = bench.cold_rows()?;
    let traces = lose_links_of(&mut rows).context("no such traces")?;
    make_of_age(&mut rows, &traces, age)?;
    bench.alter_cold(|cold| *cold = rows)
}

/// The traces.
fn lose_links_of(rows: &mut Vec<Row>) -> Option<[String; 3]> {
    let flows: [Row; 3] = flows(rows).first_chunk()?.clone();
    let [orphan, unresolved, rootless] = &flows;
    let lost = *leaves(rows, orphan).first()?;
    rows[lost].parent_span_id = Some(NOWHERE.to_owned());
    let unknown = *leaves(rows, unresolved).first()?;
    hang_open(&mut rows[unknown], NOWHERE);
    rows.retain(|row| (&row.trace_id, &row.span_id) != (&rootless.trace_id, &rootless.span_id));
    Some(flows.map(|flow| flow.trace_id))
}

/// Of traces that no run sent, in the cold file of a run, beside a sound file of days before.
fn lose_links_of_strangers(bench: &Bench) -> anyhow::Result<()> {
    let mut rows = bench.cold_rows()?;
    for row in &mut rows {
        row.trace_id.replace_range(..8, "deadbeef");
        row.span_id.replace_range(..4, "dead");
        if let Some(parent) = &mut row.parent_span_id {
            parent.replace_range(..4, "dead");
        }
    }
    let mut rows = aged(rows)?;
    let mut earlier = rows.iter().find(|row| row.parent_span_id.is_none()).context("no root")?.clone();
    earlier.trace_id.replace_range(..8, "beefdead");
    "[]".clone_into(&mut earlier.events);
    let run = bench.cold_file()?;
    let then = Bench::flushed_at(&run)? - TimeDelta::days(10);
    let file = bench.cold_place(then, 1)?;
    write_parquet(&file, &[earlier], bench.schema)?;
    set_modified(&file, then)?;
    lose_links_of(&mut rows).context("no such traces")?;
    rows.extend(parquet_rows(&run, bench.schema)?);
    write_parquet(&run, &rows, bench.schema)
}

fn lose_members(bench: &Bench, age: Age) -> anyhow::Result<()> {
    let mut rows = bench.cold_rows()?;
    let mut traces = lose_members_of(&mut rows).context("no such executions")?;
    rows.extend(family_of_three(&rows[0], evaluation_without_a_subject()));
    traces.extend(rows.last().map(|row| row.trace_id.clone()));
    make_of_age(&mut rows, &traces, age)?;
    bench.alter_cold(|cold| *cold = rows)
}

/// The traces of the executions.
fn lose_members_of(rows: &mut Vec<Row>) -> Option<Vec<String>> {
    let flows = workflows(rows);
    let losing = flows.first()?.clone();
    let silent = flows.iter().find(|flow| flow.trace_id != losing.trace_id)?.clone();
    let traces = [&losing, &silent].map(|flow| flow.trace_id.clone());
    let agent = agents(rows).into_iter().find(|agent| !traces.contains(&agent.trace_id))?;
    rows.remove(carrier(rows, &losing)?);
    let carrier = carrier(rows, &silent)?;
    set_events(&mut rows[carrier], Vec::new());
    rows.remove(tool(rows, &agent)?);
    Some(traces.into_iter().chain([agent.trace_id]).collect())
}
