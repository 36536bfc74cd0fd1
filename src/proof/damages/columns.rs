//! Damage to the columns of a file: other names, other types, none that a span has.

use std::{path::Path, sync::Arc};

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    compute::cast,
    datatypes::{DataType, FieldRef, TimeUnit},
};

use super::Damage;
use crate::{
    contract::columns,
    proof::{
        bench::Bench,
        rows::{parquet_rows, write_batch, write_stream},
    },
};

pub(super) const DAMAGES: &[Damage] = &[
    ("rename_a_column", "latest", |bench| rename_column(bench, "attributes"), "unreadable_files: 1"),
    (
        "rename_a_tag_column",
        "none",
        |bench| rename_column(bench, "service_name"),
        "unreadable_files: 1; polluted_service_name: 20",
    ),
    (
        "store_durations_with_a_fraction",
        "latest",
        |bench| store_as(bench, "duration_ns", &DataType::Float64),
        "unreadable_files: 1",
    ),
    (
        "store_kinds_as_floats",
        "latest",
        |bench| store_as(bench, "span_kind", &DataType::Float32),
        "unreadable_files: 1",
    ),
    (
        "store_starts_in_milliseconds",
        "latest",
        |bench| {
            let milliseconds = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
            store_as(bench, "start_time", &milliseconds)
        },
        "unreadable_files: 1",
    ),
    (
        "store_names_as_bytes",
        "latest",
        |bench| store_as(bench, "name", &DataType::Binary),
        "unreadable_files: 1",
    ),
    (
        "store_durations_of_the_segment_with_a_fraction",
        "latest",
        |bench| {
            let batch = columns::batch(&bench.segment_rows()?, bench.schema)?;
            write_stream(&bench.segment_file()?, &with_type(&batch, "duration_ns", &DataType::Float64)?)
        },
        "torn_segments: 1",
    ),
    (
        "store_kinds_of_the_snapshot_as_floats",
        "latest",
        |bench| {
            let batch = columns::batch(&parquet_rows(&bench.snapshot(), bench.schema)?, bench.schema)?;
            write_batch(&bench.snapshot(), &with_type(&batch, "span_kind", &DataType::Float64)?)
        },
        "unreadable_files: 1",
    ),
    ("store_names_as_large_text", "latest", |bench| store_as(bench, "name", &DataType::LargeUtf8), ""),
];

/// Renames a column of the cold file.
pub(crate) fn rename_column(bench: &Bench, name: &str) -> anyhow::Result<()> {
    let batch = columns::batch(&bench.cold_rows()?, bench.schema)?;
    let schema = batch.schema();
    let renamed = |(field, array): (&FieldRef, &ArrayRef)| {
        let ending = if field.name() == name { "x" } else { "" };
        (format!("{}{ending}", field.name()), Arc::clone(array))
    };
    let columns = schema.fields().iter().zip(batch.columns()).map(renamed);
    write_batch(&bench.cold_file()?, &RecordBatch::try_from_iter(columns)?)
}

/// Stores a column of the cold file as another type.
pub(crate) fn store_as(bench: &Bench, name: &str, data_type: &DataType) -> anyhow::Result<()> {
    let batch = columns::batch(&bench.cold_rows()?, bench.schema)?;
    write_batch(&bench.cold_file()?, &with_type(&batch, name, data_type)?)
}

fn with_type(batch: &RecordBatch, name: &str, data_type: &DataType) -> anyhow::Result<RecordBatch> {
    let mut columns = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let array = if field.name() == name { cast(array, data_type)? } else { Arc::clone(array) };
        columns.push((field.name().clone(), array));
    }
    Ok(RecordBatch::try_from_iter(columns)?)
}

/// A Parquet file of somebody else's, without any column of a span.
pub(crate) fn write_foreign(file: &Path) -> anyhow::Result<()> {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    write_batch(file, &RecordBatch::try_from_iter([("id", numbers)])?)
}
