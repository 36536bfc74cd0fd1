//! Damage to cold files and segments as files: bytes, names, places, files that are gone or too many.

use std::{
    fs::{self, File, OpenOptions},
    path::Path,
    time::Duration,
};

use anyhow::Context;
use datafusion::arrow::ipc::writer::StreamWriter;

use super::{Damage, columns::write_foreign};
use crate::{
    contract::schema::Schema,
    proof::{
        bench::Bench,
        rows::{raise_least_trace_id, write_parquet},
    },
};

const HOUR: Duration = Duration::from_hours(1);

pub(super) const DAMAGES: &[Damage] = &[
    ("delete_cold_file", "first", |bench| Ok(fs::remove_file(bench.cold_file()?)?), "lost_spans: 20"),
    ("truncate_cold_file", "latest", |bench| truncate(&bench.cold_file()?), "unreadable_files: 1"),
    (
        "truncate_cold_file_of_the_run",
        "first",
        |bench| truncate(&bench.cold_file()?),
        "unproven_spans: inconclusive, 20; unreadable_files: 1",
    ),
    (
        "empty_cold_file",
        "first",
        |bench| Ok(fs::write(bench.cold_file()?, "")?),
        "unproven_spans: inconclusive, 20; empty_files: 1",
    ),
    (
        "truncate_segment",
        "latest",
        |bench| truncate(&bench.segment_file()?),
        "unproven_spans: inconclusive, 20; torn_segments: 1; wedged_wal: 1",
    ),
    (
        "truncate_the_segment_beside_a_young_temp_file",
        "none",
        |bench| {
            truncate(&bench.segment_file()?)?;
            bench.add_temp_file(Duration::ZERO)
        },
        "torn_segments: 1; wedged_wal: 1",
    ),
    ("cut_end_marker", "latest", |bench| cut(&bench.segment_file()?, 8), "torn_segments: 1"),
    (
        "empty_segment",
        "latest",
        |bench| Ok(fs::write(bench.segment_file()?, "")?),
        "unproven_spans: inconclusive, 20; empty_files: 1; wedged_wal: 1",
    ),
    (
        "delete_segment",
        "latest",
        |bench| Ok(fs::remove_file(bench.segment_file()?)?),
        "lost_spans: 20; snapshot_differs_from_wal: 20",
    ),
    (
        "delete_everything",
        "latest",
        |bench| {
            fs::remove_file(bench.segment_file()?)?;
            Ok(fs::remove_file(bench.cold_file()?)?)
        },
        "lost_spans: 20; snapshot_differs_from_wal: 20",
    ),
    (
        "upgrade_with_segments_left",
        "latest",
        mix_eras,
        "stale_hot_snapshot: info, 1; wedged_wal: 1; mixed_schemas: 1",
    ),
    ("leave_an_old_temp_file", "latest", |bench| bench.add_temp_file(HOUR), "leftover_temp_files: warn, 1"),
    ("leave_a_young_temp_file", "latest", |bench| bench.add_temp_file(Duration::ZERO), ""),
    ("move_a_cold_file_to_another_day", "latest", move_to_another_day, "misplaced_cold_files: warn, 1"),
    (
        "rename_a_cold_file",
        "latest",
        |bench| Ok(fs::rename(bench.cold_file()?, bench.cold_file()?.with_file_name("copy.parquet"))?),
        "misplaced_cold_files: warn, 1",
    ),
    (
        "misplace_an_unreadable_file",
        "latest",
        |bench| write_foreign(&bench.cold_file()?.with_file_name("copy.parquet")),
        "unreadable_files: 1; misplaced_cold_files: warn, 1",
    ),
    (
        "misplace_an_empty_file",
        "latest",
        |bench| Ok(fs::write(bench.cold_file()?.with_file_name("copy.parquet"), "")?),
        "empty_files: 1; misplaced_cold_files: warn, 1",
    ),
    ("put_a_foreign_file_beside", "latest", foreign_beside, "unreadable_files: 1"),
    ("write_a_segment_without_a_row", "latest", segment_without_a_row, "empty_files: 1"),
    ("write_a_cold_file_without_a_row", "none", cold_file_without_a_row, "empty_files: 1"),
    ("flip_a_bit_in_a_footer_statistic", "latest", flip_a_statistic, "false_statistics: 1"),
    (
        "append_a_byte_to_the_segment",
        "latest",
        |bench| {
            let mut bytes = fs::read(bench.segment_file()?)?;
            bytes.push(0);
            Ok(fs::write(bench.segment_file()?, bytes)?)
        },
        "torn_segments: 1",
    ),
];

/// The second half of a file is gone.
pub(crate) fn truncate(file: &Path) -> anyhow::Result<()> {
    cut(file, fs::metadata(file)?.len() / 2)
}

fn cut(file: &Path, bytes: u64) -> anyhow::Result<()> {
    let handle = OpenOptions::new().write(true).open(file)?;
    Ok(handle.set_len(handle.metadata()?.len() - bytes)?)
}

pub(crate) fn foreign_beside(bench: &Bench) -> anyhow::Result<()> {
    write_foreign(&bench.beside(1)?)
}

/// A further segment, with a schema and its end marker alone.
pub(crate) fn segment_without_a_row(bench: &Bench) -> anyhow::Result<()> {
    let segment = File::create(bench.segment_file()?.with_file_name("batch_1895466683733889754_0009.ipc"))?;
    Ok(StreamWriter::try_new(segment, &bench.schema.stored())?.finish()?)
}

pub(crate) fn cold_file_without_a_row(bench: &Bench) -> anyhow::Result<()> {
    write_parquet(&bench.beside(1)?, &[], bench.schema)
}

/// The least trace id of the cold file is stated as another.
pub(crate) fn flip_a_statistic(bench: &Bench) -> anyhow::Result<()> {
    let rows = bench.cold_rows()?;
    write_parquet(&bench.cold_file()?, &rows, bench.schema)?;
    let least = rows.iter().map(|row| &row.trace_id).min().context("no row")?;
    raise_least_trace_id(&bench.cold_file()?, least)
}

/// The WAL of a studio that was upgraded: an older segment before a newer one.
pub(crate) fn mix_eras(bench: &Bench) -> anyhow::Result<()> {
    let [cold, segment] = bench.of_other_era()?;
    let name = match bench.schema {
        Schema::V1 => "batch_1895466683733889754_0009.ipc",
        Schema::V2 => "batch_1695466683733889754_0009.ipc",
    };
    fs::copy(segment, bench.segment_file()?.with_file_name(name))?;
    if bench.schema == Schema::V2 {
        fs::copy(cold, bench.beside(0)?)?;
    }
    Ok(())
}

fn move_to_another_day(bench: &Bench) -> anyhow::Result<()> {
    let cold = bench.cold_file()?;
    let (day, name) = (cold.parent().context("no folder")?, cold.file_name().context("no name")?);
    let other = if day.ends_with("day=01") { "day=02" } else { "day=01" };
    let other = day.with_file_name(other);
    fs::create_dir(&other)?;
    Ok(fs::rename(&cold, other.join(name))?)
}
