//! Rows that are stored more than once: in one file, in several, in both tiers.

use std::fs;

use anyhow::Context;

use super::Damage;
use crate::{
    contract::row::Row,
    proof::{bench::Bench, rows::write_parquet},
};

pub(super) const DAMAGES: &[Damage] = &[
    (
        "store_a_row_twice",
        "latest",
        |bench| bench.alter_cold(|rows| rows.push(rows[3].clone())),
        "duplicate_spans: 1",
    ),
    (
        "without_runs_store_a_row_twice",
        "none",
        |bench| bench.alter_cold(|rows| rows.push(rows[3].clone())),
        "duplicate_spans: 1",
    ),
    ("copy_cold_file", "latest", copy_the_cold_file, "duplicate_spans: 20"),
    ("flush_without_deleting", "latest", flush_without_deleting, "overlapping_spans: warn, 20"),
    (
        "back_up_a_cold_file_inside_the_store",
        "latest",
        back_up_the_cold_file,
        "duplicate_spans: 20; misplaced_cold_files: warn, 1",
    ),
    (
        "flush_without_deleting_and_change_a_row",
        "latest",
        |bench| {
            let mut rows = bench.segment_rows()?;
            rows[3].name.push('x');
            write_parquet(&bench.beside(1)?, &rows, bench.schema)
        },
        "overlapping_spans: warn, 19; conflicting_duplicates: 1; altered_spans: 1",
    ),
    (
        "back_up_a_cold_file_behind_the_others",
        "latest",
        |bench| back_up(bench, "z"),
        "duplicate_spans: 20; misplaced_cold_files: warn, 1",
    ),
    (
        "copy_the_cold_file_beside_two_misplaced_files",
        "latest",
        |bench| {
            copy_the_cold_file(bench)?;
            for name in ["one.parquet", "two.parquet"] {
                fs::write(bench.cold_file()?.with_file_name(name), "")?;
            }
            Ok(())
        },
        "duplicate_spans: 20; empty_files: 2; misplaced_cold_files: warn, 2",
    ),
    ("copy_the_segment", "latest", copy_the_segment, "duplicate_spans: 20; stale_hot_snapshot: info, 1"),
    ("flush_two_copies", "latest", |bench| flush_copies(bench, 2), "duplicate_spans: 20"),
    ("reflush_without_deleting", "latest", reflush_without_deleting, "duplicate_spans: 20"),
    (
        "flush_doubled_segments",
        "latest",
        flush_doubled_segments,
        "duplicate_spans: 20; stale_hot_snapshot: info, 1",
    ),
];

pub(crate) fn copy_the_cold_file(bench: &Bench) -> anyhow::Result<()> {
    fs::copy(bench.cold_file()?, bench.beside(1)?)?;
    Ok(())
}

/// The folder of the copy ends as the studio's own does.
pub(crate) fn back_up_the_cold_file(bench: &Bench) -> anyhow::Result<()> {
    back_up(bench, "backup")
}

fn back_up(bench: &Bench, folder: &str) -> anyhow::Result<()> {
    let cold = bench.cold_file()?;
    let root = bench.folder.path().join("spans/parquet");
    let copy = root.join(folder).join(cold.strip_prefix(&root)?);
    fs::create_dir_all(copy.parent().context("no folder")?)?;
    fs::copy(cold, copy)?;
    Ok(())
}

/// A flush that ended before it removed its segment.
pub(crate) fn flush_without_deleting(bench: &Bench) -> anyhow::Result<()> {
    write_parquet(&bench.beside(1)?, &bench.segment_rows()?, bench.schema)
}

/// A flush that left the snapshot.
pub(crate) fn flush(bench: &Bench) -> anyhow::Result<()> {
    flush_without_deleting(bench)?;
    Ok(fs::remove_file(bench.segment_file()?)?)
}

pub(crate) fn copy_the_segment(bench: &Bench) -> anyhow::Result<()> {
    let segment = bench.segment_file()?;
    fs::copy(&segment, segment.with_file_name("batch_1995466683733889754_0009.ipc"))?;
    Ok(())
}

/// A flush that wrote every row of the segment so often.
pub(crate) fn flush_copies(bench: &Bench, copies: usize) -> anyhow::Result<()> {
    let rows: Vec<Row> = std::iter::repeat_n(bench.segment_rows()?, copies).flatten().collect();
    write_parquet(&bench.beside(1)?, &rows, bench.schema)
}

pub(crate) fn reflush_without_deleting(bench: &Bench) -> anyhow::Result<()> {
    flush_without_deleting(bench)?;
    write_parquet(&bench.beside(2)?, &bench.segment_rows()?, bench.schema)
}

pub(crate) fn flush_doubled_segments(bench: &Bench) -> anyhow::Result<()> {
    flush_without_deleting(bench)?;
    copy_the_segment(bench)
}
