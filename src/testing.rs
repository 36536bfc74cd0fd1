//! What tests share: fixtures, and the ways of the proof to read and write rows, which have to succeed here.

use std::path::{Path, PathBuf};

use datafusion::{
    arrow::array::RecordBatch,
    parquet::{
        basic::Compression,
        file::properties::{WriterProperties, WriterPropertiesBuilder},
    },
};

use serde_json::Value;

use crate::{
    audit::report::AuditReport,
    contract::{columns, row::Row, schema::Schema},
    proof::rows,
    report::format::{self, ReportFormat, View},
    traffic::{
        ids::RunId,
        plan::{Outline, Plan},
        profile::Telemetry,
    },
};

pub(crate) mod engine;
pub(crate) mod replayed;
pub(crate) mod rest;

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

/// All that a report says but times and what came of a cache.
pub(crate) fn findings_json(report: &AuditReport) -> Value {
    let view = View { limit: Some(usize::MAX), ..View::FILE };
    let bytes = format::render(ReportFormat::Json, report, view).unwrap();
    let mut json: Value = serde_json::from_slice(&bytes).unwrap();
    json.as_object_mut().unwrap().remove("cache");
    json["coverage"]["took"] = 0.into();
    for run in json["coverage"]["runs"].as_array_mut().unwrap() {
        run["barrier"]["text"] = "".into();
    }
    leave_out_ages(&mut json["checks"]);
    json
}

/// Of two audits one is later.
fn leave_out_ages(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(leave_out_ages),
        Value::Object(members) => {
            members.remove("age_seconds");
            members.values_mut().for_each(leave_out_ages);
        }
        _ => {}
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    rows::copy_tree(from, to).unwrap();
}

/// The files below a folder whose names end so, sorted.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    rows::files(folder, ending).unwrap()
}

/// The rows of a Parquet file that has exactly the columns of `schema`.
pub(crate) fn parquet_rows(file: &Path, schema: Schema) -> Vec<Row> {
    rows::parquet_rows(file, schema).unwrap()
}

/// The rows of a whole segment.
pub(crate) fn segment_rows(file: &Path, schema: Schema) -> Vec<Row> {
    rows::segment_rows(file, schema).unwrap()
}

/// Replaces a Parquet file by one that holds `rows`.
pub(crate) fn write_parquet(file: &Path, rows: &[Row], schema: Schema) {
    crate::proof::rows::write_parquet(file, rows, schema).unwrap();
}

/// As [`write_parquet`], with so many rows in each row group.
pub(crate) fn write_in_groups(file: &Path, rows: &[Row], schema: Schema, group: usize) {
    let properties = rows::compressed().set_max_row_group_row_count(Some(group));
    write_with(file, rows, schema, properties);
}

/// As [`write_parquet`], with so many rows in each page.
pub(crate) fn write_in_pages(file: &Path, rows: &[Row], schema: Schema, page: usize) {
    let properties = rows::compressed().set_data_page_row_count_limit(page).set_write_batch_size(page);
    write_with(file, rows, schema, properties);
}

/// As [`write_parquet`], so that texts lie in the file as they are.
pub(crate) fn write_uncompressed(file: &Path, rows: &[Row], schema: Schema) {
    let properties = WriterProperties::builder().set_compression(Compression::UNCOMPRESSED);
    write_with(file, rows, schema, properties);
}

/// Replaces a Parquet file by one that holds a batch.
pub(crate) fn write_batch(file: &Path, batch: &RecordBatch) {
    rows::write_batch(file, batch).unwrap();
}

fn write_with(file: &Path, rows: &[Row], schema: Schema, properties: WriterPropertiesBuilder) {
    rows::write_with(file, &columns::batch(rows, schema).unwrap(), properties).unwrap();
}

/// States another minimum of `trace_id` in the footer of a file that this module wrote.
pub(crate) fn raise_least_trace_id(file: &Path, least: &str) {
    rows::raise_least_trace_id(file, least).unwrap();
}
