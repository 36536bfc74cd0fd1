//! Rows that are stored more than once: in one file, in several, in both tiers.

use std::fs;

use anyhow::Context;

use super::Damage;
use crate::proof::{bench::Bench, rows::write_parquet};

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
];

pub(crate) fn copy_the_cold_file(bench: &Bench) -> anyhow::Result<()> {
    fs::copy(bench.cold_file()?, bench.beside(1)?)?;
    Ok(())
}

/// The folder of the copy ends as the studio's own does.
pub(crate) fn back_up_the_cold_file(bench: &Bench) -> anyhow::Result<()> {
    let cold = bench.cold_file()?;
    let root = bench.folder.path().join("spans/parquet");
    let copy = root.join("backup").join(cold.strip_prefix(&root)?);
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
