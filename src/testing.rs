//! What tests share: fixtures, and ways to read and write rows that the auditor does not use.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, Int64Type},
        ipc::reader::StreamReader,
    },
    parquet::{
        arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReader},
        basic::Compression,
        file::properties::{WriterProperties, WriterPropertiesBuilder},
    },
};

use crate::{
    contract::{columns, row::Row, schema::Schema},
    traffic::{
        ids::RunId,
        plan::{Outline, Plan},
        profile::Telemetry,
    },
};

pub(crate) mod replayed;
pub(crate) mod rest;
pub(crate) mod trial;

/// A folder of `fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// A plan of a mix of profiles.
pub(crate) fn plan(mix: &str, collectors: Option<u32>, services: usize, workflows_per_service: u64) -> Plan {
    let outline = Outline {
        run: RunId::from_bits(7),
        seed: 7,
        services: (0..services).map(|service| format!("service-{service}")).collect(),
        workflows_per_service,
        base_time: 1_795_346_058_000_000_000,
        mix: mix.parse().unwrap(),
        telemetry: Telemetry::Current,
        collectors,
    };
    Plan::new(outline).unwrap()
}

/// Copies a folder with everything in it.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let copy = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &copy);
        } else {
            fs::copy(entry.path(), copy).unwrap();
        }
    }
}

/// The files below a folder whose names end so, sorted.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The rows of a Parquet file that has exactly the columns of `schema`.
pub(crate) fn parquet_rows(file: &Path, schema: Schema) -> Vec<Row> {
    let reader = ParquetRecordBatchReader::try_new(File::open(file).unwrap(), 1024).unwrap();
    rows(&reader.map(Result::unwrap).collect::<Vec<_>>(), schema)
}

/// The rows of a whole segment.
pub(crate) fn segment_rows(file: &Path, schema: Schema) -> Vec<Row> {
    let reader = StreamReader::try_new(File::open(file).unwrap(), None).unwrap();
    rows(&reader.map(Result::unwrap).collect::<Vec<_>>(), schema)
}

/// Replaces a Parquet file by one that holds `rows`.
pub(crate) fn write_parquet(file: &Path, rows: &[Row], schema: Schema) {
    write_batch(file, &columns::batch(rows, schema).unwrap());
}

/// As [`write_parquet`], with so many rows in each row group.
pub(crate) fn write_in_groups(file: &Path, rows: &[Row], schema: Schema, group: usize) {
    let properties = compressed().set_max_row_group_row_count(Some(group));
    write_with(file, &columns::batch(rows, schema).unwrap(), properties);
}

/// As [`write_parquet`], with so many rows in each page.
pub(crate) fn write_in_pages(file: &Path, rows: &[Row], schema: Schema, page: usize) {
    let properties = compressed().set_data_page_row_count_limit(page).set_write_batch_size(page);
    write_with(file, &columns::batch(rows, schema).unwrap(), properties);
}

/// As [`write_parquet`], so that texts lie in the file as they are.
pub(crate) fn write_uncompressed(file: &Path, rows: &[Row], schema: Schema) {
    let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED);
    write_with(file, &columns::batch(rows, schema).unwrap(), properties);
}

/// Replaces a Parquet file by one that holds a batch.
pub(crate) fn write_batch(file: &Path, batch: &RecordBatch) {
    write_with(file, batch, compressed());
}

fn compressed() -> WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::LZ4_RAW)
}

/// States another minimum of `trace_id` in the footer of a file that this module wrote.
pub(crate) fn raise_least_trace_id(file: &Path, least: &str) {
    let mut bytes = fs::read(file).unwrap();
    // The last one in the file is that of the last row group's statistics.
    let at = bytes.windows(least.len()).rposition(|window| window == least.as_bytes()).unwrap();
    bytes[at] = b'z';
    fs::write(file, bytes).unwrap();
}

fn write_with(file: &Path, batch: &RecordBatch, properties: WriterPropertiesBuilder) {
    let properties = properties.build();
    let mut writer =
        ArrowWriter::try_new(File::create(file).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn rows(batches: &[RecordBatch], schema: Schema) -> Vec<Row> {
    let rows_of = |batch: &RecordBatch| {
        assert_eq!(batch.schema().fields(), schema.stored().fields());
        (0..batch.num_rows()).map(|index| stored_row(batch, index)).collect::<Vec<_>>()
    };
    batches.iter().flat_map(rows_of).collect()
}

fn stored_row(batch: &RecordBatch, index: usize) -> Row {
    let maybe = |name| {
        let text = cast(batch.column_by_name(name)?, &DataType::Utf8).unwrap();
        text.is_valid(index).then(|| text.as_string::<i32>().value(index).to_owned())
    };
    let text = |name| maybe(name).unwrap_or_default();
    let number = |name| {
        let column = batch.column_by_name(name)?;
        Some(cast(column, &DataType::Int64).unwrap().as_primitive::<Int64Type>().value(index))
    };
    let long = |name| number(name).unwrap();
    let byte = |name| i8::try_from(long(name)).unwrap();
    let count = |name| u32::try_from(number(name).unwrap_or_default()).unwrap();
    Row {
        span_id: text("span_id"),
        trace_id: text("trace_id"),
        parent_span_id: maybe("parent_span_id"),
        service_name: text("service_name"),
        name: text("name"),
        span_kind: byte("span_kind"),
        start_time: long("start_time"),
        end_time: long("end_time"),
        duration_ns: long("duration_ns"),
        status_code: byte("status_code"),
        status_message: maybe("status_message"),
        attributes: text("attributes"),
        events: text("events"),
        links: text("links"),
        trace_flags: count("trace_flags"),
        trace_state: maybe("trace_state"),
        dropped_attributes_count: count("dropped_attributes_count"),
        dropped_events_count: count("dropped_events_count"),
        dropped_links_count: count("dropped_links_count"),
        resource_attributes: text("resource_attributes"),
        resource_dropped_attributes_count: count("resource_dropped_attributes_count"),
    }
}
