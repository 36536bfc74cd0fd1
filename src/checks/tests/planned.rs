//! Stores of planned runs, and the causes of duplicates in them.

use crate::{
    contract::schema::Schema,
    proof::{
        bench::Bench,
        damages::{
            copies::{
                back_up_the_cold_file, copy_the_cold_file, copy_the_segment, flush_copies,
                flush_doubled_segments, reflush_without_deleting,
            },
            ledger::{retry_exports, store_five_again},
        },
    },
};

/// Written by the services of both eras.
pub(crate) const STORES: [(&str, Schema); 2] =
    [("getting-started/studio-0.80.0", Schema::V1), ("getting-started/studio-0.82.1", Schema::V2)];

/// A cause of duplicates, the run to hold against, what is done, and how many spans are duplicated by it.
pub(crate) type Duplicates = (&'static str, &'static str, fn(&Bench) -> anyhow::Result<()>, u64);

pub(crate) const DUPLICATES: &[Duplicates] = &[
    ("within_file", "latest", |bench| bench.alter_cold(|rows| store_five_again(rows, 1)), 5),
    ("within_file", "none", |bench| bench.alter_cold(|rows| store_five_again(rows, 1)), 5),
    ("copied_file", "latest", back_up_the_cold_file, 20),
    ("copied_file", "none", back_up_the_cold_file, 20),
    ("several_segments", "latest", copy_the_segment, 20),
    ("several_segments", "none", copy_the_segment, 20),
    ("reflushed", "latest", copy_the_cold_file, 20),
    ("reflushed", "none", copy_the_cold_file, 20),
    ("reflushed_and_in_wal", "latest", reflush_without_deleting, 20),
    ("reflushed_and_in_wal", "none", reflush_without_deleting, 20),
    ("within_file_and_in_wal", "latest", |bench| flush_copies(bench, 2), 20),
    ("within_file_and_in_wal", "none", |bench| flush_copies(bench, 2), 20),
    ("doubled_in_wal", "latest", flush_doubled_segments, 20),
    ("doubled_in_wal", "none", flush_doubled_segments, 20),
    (
        "sent_twice",
        "latest",
        |bench| {
            retry_exports(bench, &["rejected"])?;
            bench.alter_cold(|rows| store_five_again(rows, 1))
        },
        5,
    ),
    (
        // Two attempts do not explain a third copy.
        "within_file",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"])?;
            bench.alter_cold(|rows| store_five_again(rows, 2))
        },
        5,
    ),
];
