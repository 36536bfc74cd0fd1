//! The store that the corpus is about: six cold files of many small row groups and three segments, both schemas.
//!
//! Values repeat within a file and differ between files, so that statistics would prune; a share is null, empty,
//! or not ASCII. Span ids are unique. Times are whole microseconds, as DuckDB has no finer ones with a zone.

use std::{
    fs::{self, File},
    path::Path,
};

use datafusion::{
    arrow::{array::RecordBatch, compute::cast, datatypes::DataType, ipc::writer::StreamWriter},
    parquet::{arrow::ArrowWriter, file::properties::WriterProperties},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::contract::{columns, row::Row, schema::Schema};

const COLD_FILES: usize = 6;
const ROWS_PER_FILE: usize = 170;
const GROUP_ROWS: usize = 37;
const SEGMENTS: usize = 3;
const ROWS_PER_SEGMENT: usize = 40;
const SPANS_PER_TRACE: usize = 7;

const START: i64 = 1_795_000_000_000_000_000;

const NAMES: [&str; 9] =
    ["chat", "tool call", "Workflow", "", "größe", "100% sure", "it's", "a_b", "retry \"now\""];
const SERVICES: [&str; 4] = ["orders", "Shipping", "search", "ünit"];
const MESSAGES: [&str; 4] = ["timeout", "", "refused: 503", "Ärger"];

pub(super) fn write(spans: &Path, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let day = spans.join("parquet/year=2026/month=11/day=22");
    let wal = spans.join("wal");
    fs::create_dir_all(&day).unwrap();
    fs::create_dir_all(&wal).unwrap();
    let mut first = 0;
    for file in 0..COLD_FILES {
        let rows = rows(&mut random, first, ROWS_PER_FILE, file);
        first += ROWS_PER_FILE;
        let schema = if file % 3 == 1 { Schema::V1 } else { Schema::V2 };
        let batch = columns::batch(&rows, schema).unwrap();
        let path = day.join(format!("20261122_1114{file:02}_0000000{file}.parquet"));
        let groups = WriterProperties::builder().set_max_row_group_row_count(Some(GROUP_ROWS)).build();
        write_parquet(&path, &batch, groups);
    }
    for segment in 0..SEGMENTS {
        let rows = rows(&mut random, first, ROWS_PER_SEGMENT, COLD_FILES + segment);
        first += ROWS_PER_SEGMENT;
        let batch = columns::batch(&rows, Schema::V2).unwrap();
        let file = File::create(wal.join(format!("batch_{segment}_000{segment}.ipc"))).unwrap();
        let mut writer = StreamWriter::try_new(file, &batch.schema()).unwrap();
        writer.write(&batch.slice(0, 13)).unwrap();
        writer.write(&batch.slice(13, ROWS_PER_SEGMENT - 13)).unwrap();
        writer.finish().unwrap();
    }
}

/// The rows as the sessions read them, in one plain file.
pub(super) fn write_whole(path: &Path, rows: &RecordBatch) {
    let plain = |name: &str| {
        let column = rows.column_by_name(name).unwrap();
        let text = matches!(column.data_type(), DataType::Dictionary(..) | DataType::Utf8View);
        if text { cast(column, &DataType::Utf8).unwrap() } else { column.clone() }
    };
    let schema = rows.schema();
    let columns = schema.fields().iter().map(|field| (field.name(), plain(field.name()), true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    write_parquet(path, &batch, WriterProperties::default());
}

fn write_parquet(path: &Path, batch: &RecordBatch, properties: WriterProperties) {
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn span_id(index: usize) -> String {
    // Odd, so that it is a permutation.
    format!("{:016x}", (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn rows(random: &mut StdRng, first: usize, count: usize, file: usize) -> Vec<Row> {
    (first..first + count).map(|index| row(random, index, file)).collect()
}

fn row(random: &mut StdRng, index: usize, file: usize) -> Row {
    let root = index - index % SPANS_PER_TRACE;
    let parent = match index % SPANS_PER_TRACE {
        0 => None,
        6 if random.random_bool(0.2) => Some("00000000deadbeef".to_owned()),
        step => Some(span_id(root + random.random_range(0..step))),
    };
    let start =
        START + i64::try_from(index).unwrap_or_default() * 3_000_000 + random.random_range(0..2_000) * 1_000;
    let duration = match random.random_range(0..10) {
        0 => 0,
        1 => random.random_range(1..1_000_000_000_000_i64) / 1_000 * 1_000,
        _ => random.random_range(1..5_000_000_i64) / 1_000 * 1_000,
    };
    Row {
        span_id: span_id(index),
        trace_id: format!(
            "{:032x}",
            (root as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        ),
        parent_span_id: parent,
        service_name: SERVICES[if random.random_bool(0.8) { file % 4 } else { random.random_range(0..4) }]
            .to_owned(),
        name: NAMES[random.random_range(0..NAMES.len())].to_owned(),
        span_kind: if random.random_bool(0.7) { (file % 3) as i8 } else { random.random_range(0..6) },
        start_time: start,
        end_time: start + duration,
        duration_ns: duration,
        status_code: random.random_range(0..3),
        status_message: random.random_bool(0.4).then(|| MESSAGES[random.random_range(0..4)].to_owned()),
        attributes: attributes(random),
        events: "[]".to_owned(),
        links: "[]".to_owned(),
        trace_flags: [0, 1, 257, 769][random.random_range(0..4)],
        trace_state: random.random_bool(0.1).then(|| "vendor=1".to_owned()),
        dropped_attributes_count: u32::from(random.random_bool(0.1)),
        resource_attributes: "{}".to_owned(),
        ..Row::default()
    }
}

fn attributes(random: &mut StdRng) -> String {
    let number = random.random_range(0..10);
    let tool = ["größer", "read", "", "a\\\"b"][random.random_range(0..4)];
    let tokens = random.random_range(0..4_000);
    let ok = random.random_bool(0.5);
    // Some are long, so that the longest of all stands in one row.
    let prompt = "x".repeat(random.random_range(0..300));
    let pairs = [
        (0.8, format!("\"k\":{number}")),
        (0.6, format!("\"tool\":\"{tool}\"")),
        (0.5, format!("\"ok\":{ok}")),
        (0.4, format!("\"llm.tokens\":{tokens}")),
        (0.2, "\"nothing\":null".to_owned()),
        (0.4, format!("\"deep\":{{\"a\":{number},\"b\":\"{tool}\"}}")),
        (0.3, format!("\"prompt\":\"{prompt}\"")),
    ];
    let kept: Vec<String> =
        pairs.into_iter().filter(|(share, _)| random.random_bool(*share)).map(|(_, pair)| pair).collect();
    format!("{{{}}}", kept.join(","))
}
