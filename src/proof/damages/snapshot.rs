//! Damage to the hot snapshot.

use std::fs;

use super::{
    Damage,
    columns::write_foreign,
    copies::{flush, flush_without_deleting},
    files::truncate,
};

pub(super) const DAMAGES: &[Damage] = &[
    ("flush_and_keep_the_snapshot", "latest", flush, "stale_hot_snapshot: info, 1"),
    ("remove_the_snapshot", "latest", |bench| Ok(fs::remove_file(bench.snapshot())?), ""),
    (
        "change_the_snapshot",
        "latest",
        |bench| bench.alter_snapshot(|rows| rows[3].name.push('x')),
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "copy_one_row_over_the_snapshot",
        "latest",
        |bench| bench.alter_snapshot(|rows| *rows = vec![rows[3].clone(); 159]),
        "snapshot_differs_from_wal: 158; stale_hot_snapshot: info, 1",
    ),
    (
        "lose_one_row_of_the_snapshot_and_double_another",
        "latest",
        |bench| bench.alter_snapshot(|rows| rows[3] = rows[4].clone()),
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "change_the_snapshot_of_rows_in_both_tiers",
        "latest",
        |bench| {
            flush_without_deleting(bench)?;
            bench.alter_snapshot(|rows| rows[3].name.push('x'))
        },
        "overlapping_spans: warn, 20; snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "change_the_snapshot_of_flushed_rows",
        "latest",
        |bench| {
            flush(bench)?;
            bench.alter_snapshot(|rows| rows[3].name.push('x'))
        },
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "double_the_snapshot_of_flushed_rows",
        "latest",
        |bench| {
            flush(bench)?;
            bench.alter_snapshot(|rows| rows.push(rows[3].clone()))
        },
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    ("empty_the_snapshot", "latest", |bench| bench.alter_snapshot(Vec::clear), "stale_hot_snapshot: info, 1"),
    (
        "change_the_snapshot_beside_an_unreadable_file",
        "latest",
        |bench| {
            write_foreign(&bench.beside(2)?)?;
            bench.alter_snapshot(|rows| rows[3].name.push('x'))
        },
        "unreadable_files: 1; snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "change_the_snapshot_of_flushed_rows_beside_an_unreadable_file",
        "latest",
        |bench| {
            flush(bench)?;
            write_foreign(&bench.beside(2)?)?;
            bench.alter_snapshot(|rows| rows[3].name.push('x'))
        },
        "unreadable_files: 1; snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "cut_the_snapshot_where_no_cold_file_is",
        "none",
        |bench| {
            fs::remove_file(bench.cold_file()?)?;
            truncate(&bench.snapshot())
        },
        "unreadable_files: 1",
    ),
    (
        "take_all_columns_of_the_snapshot_where_no_cold_file_is",
        "none",
        |bench| {
            fs::remove_file(bench.cold_file()?)?;
            write_foreign(&bench.snapshot())
        },
        "unreadable_files: 1",
    ),
];
