//! Ways to read and write files of a store that the auditor does not use, so that both cannot make the same mistake.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context;
use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, Int64Type},
        ipc::{reader::StreamReader, writer::StreamWriter},
    },
    parquet::{
        arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReader},
        basic::Compression,
        file::properties::{WriterProperties, WriterPropertiesBuilder},
    },
};

use crate::contract::{columns, row::Row, schema::Schema};

/// Copies a folder with everything in it.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &copy)?;
        } else {
            fs::copy(entry.path(), copy)?;
        }
    }
    Ok(())
}

/// The files below a folder whose names end so, sorted, without links.
pub(crate) fn files(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending)?);
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The rows of a Parquet file that has exactly the columns of `schema`.
pub(crate) fn parquet_rows(file: &Path, schema: Schema) -> anyhow::Result<Vec<Row>> {
    let reader = ParquetRecordBatchReader::try_new(File::open(file)?, 1024)?;
    rows(&reader.collect::<Result<Vec<_>, _>>()?, schema)
}

/// The rows of a whole segment.
pub(crate) fn segment_rows(file: &Path, schema: Schema) -> anyhow::Result<Vec<Row>> {
    let reader = StreamReader::try_new(File::open(file)?, None)?;
    rows(&reader.collect::<Result<Vec<_>, _>>()?, schema)
}

/// Replaces a Parquet file by one that holds `rows`.
pub(crate) fn write_parquet(file: &Path, rows: &[Row], schema: Schema) -> anyhow::Result<()> {
    write_batch(file, &columns::batch(rows, schema)?)
}

/// Replaces a segment by one that holds a batch.
pub(crate) fn write_stream(file: &Path, batch: &RecordBatch) -> anyhow::Result<()> {
    let mut writer = StreamWriter::try_new(File::create(file)?, &batch.schema())?;
    writer.write(batch)?;
    Ok(writer.finish()?)
}

/// Replaces a Parquet file by one that holds a batch.
pub(crate) fn write_batch(file: &Path, batch: &RecordBatch) -> anyhow::Result<()> {
    write_with(file, batch, compressed())
}

/// How a studio compresses.
pub(crate) fn compressed() -> WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::LZ4_RAW)
}

pub(crate) fn write_with(
    file: &Path,
    batch: &RecordBatch,
    properties: WriterPropertiesBuilder,
) -> anyhow::Result<()> {
    let mut writer = ArrowWriter::try_new(File::create(file)?, batch.schema(), Some(properties.build()))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(())
}

/// States another minimum of `trace_id` in the footer of a file that this module wrote.
pub(crate) fn raise_least_trace_id(file: &Path, least: &str) -> anyhow::Result<()> {
    let mut bytes = fs::read(file)?;
    // The last one in the file is that of the last row group's statistics.
    let at = bytes.windows(least.len()).rposition(|window| window == least.as_bytes());
    bytes[at.context("the file has no such statistic")?] = b'z';
    Ok(fs::write(file, bytes)?)
}

fn rows(batches: &[RecordBatch], schema: Schema) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for batch in batches {
        anyhow::ensure!(
            batch.schema().fields() == schema.stored().fields(),
            "other columns than those of a studio"
        );
        for index in 0..batch.num_rows() {
            rows.push(stored_row(batch, index)?);
        }
    }
    Ok(rows)
}

fn stored_row(batch: &RecordBatch, index: usize) -> anyhow::Result<Row> {
    let maybe = |name: &str| -> anyhow::Result<Option<String>> {
        let Some(column) = batch.column_by_name(name) else { return Ok(None) };
        let text = cast(column, &DataType::Utf8)?;
        Ok(text.is_valid(index).then(|| text.as_string::<i32>().value(index).to_owned()))
    };
    let text = |name: &str| maybe(name).map(Option::unwrap_or_default);
    let long = |name: &str| -> anyhow::Result<i64> {
        let Some(column) = batch.column_by_name(name) else { return Ok(0) };
        Ok(cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().value(index))
    };
    let byte = |name: &str| Ok::<_, anyhow::Error>(i8::try_from(long(name)?)?);
    let count = |name: &str| Ok::<_, anyhow::Error>(u32::try_from(long(name)?)?);
    Ok(Row {
        span_id: text("span_id")?,
        trace_id: text("trace_id")?,
        parent_span_id: maybe("parent_span_id")?,
        service_name: text("service_name")?,
        name: text("name")?,
        span_kind: byte("span_kind")?,
        start_time: long("start_time")?,
        end_time: long("end_time")?,
        duration_ns: long("duration_ns")?,
        status_code: byte("status_code")?,
        status_message: maybe("status_message")?,
        attributes: text("attributes")?,
        events: text("events")?,
        links: text("links")?,
        trace_flags: count("trace_flags")?,
        trace_state: maybe("trace_state")?,
        dropped_attributes_count: count("dropped_attributes_count")?,
        dropped_events_count: count("dropped_events_count")?,
        dropped_links_count: count("dropped_links_count")?,
        resource_attributes: text("resource_attributes")?,
        resource_dropped_attributes_count: count("resource_dropped_attributes_count")?,
    })
}
