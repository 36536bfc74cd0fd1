//! The provider on a store of both schemas, with names that URLs would change.
//!
//! Partition values, the virtual row number and missing columns are young in DataFusion, and a wrong
//! row number would point at innocent rows: every combination of partitions and pushdown is asked.

use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{
            ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt32Array,
        },
        datatypes::DataType,
        ipc::writer::StreamWriter,
        util::pretty::pretty_format_batches,
    },
    parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties},
    prelude::SessionContext,
};
use futures::TryStreamExt;

use super::*;
use crate::{
    base::memory::Limits,
    contract::{row::Row, schema::Schema},
    store::{
        bytes::FileBytes,
        footer::footer,
        inventory::list,
        layout::{Layout, Tier},
        session::session,
    },
    testing::{raise_least_trace_id, write_in_groups},
};

const GROUP: usize = 100;
const ROWS: usize = 8 * GROUP - 30;
const SEGMENT_ROWS: usize = 50;

/// Rows whose `duration_ns` is the row number that they are to get.
fn batch(schema: Schema, file: &str, first: usize, rows: usize) -> RecordBatch {
    let schema = schema.stored();
    let range = first..first + rows;
    let column = |field: &Arc<datafusion::arrow::datatypes::Field>| -> ArrayRef {
        let numbers = range.clone().map(|row| i64::try_from(row).unwrap());
        match field.data_type() {
            DataType::Utf8 => Arc::new(StringArray::from_iter_values(
                range.clone().map(|row| format!("{file} {row} {}", field.name())),
            )),
            DataType::Int8 => {
                Arc::new(Int8Array::from_iter_values(numbers.map(|row| i8::try_from(row % 5).unwrap())))
            }
            DataType::Int64 => Arc::new(Int64Array::from_iter_values(numbers)),
            DataType::UInt32 => {
                Arc::new(UInt32Array::from_iter_values(range.clone().map(|row| u32::try_from(row).unwrap())))
            }
            _ => Arc::new(TimestampNanosecondArray::from_iter_values(numbers).with_timezone("UTC")),
        }
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect()).unwrap()
}

fn write_parquet(path: &Path, schema: Schema, name: &str) {
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_max_row_group_row_count(Some(GROUP))
        .build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), schema.stored(), Some(properties)).unwrap();
    writer.write(&batch(schema, name, 0, ROWS)).unwrap();
    assert_eq!(writer.close().unwrap().num_row_groups(), 8);
}

/// One segment of two batches.
fn write_segment(path: &Path, schema: Schema, name: &str) {
    let mut writer = StreamWriter::try_new(File::create(path).unwrap(), &schema.stored()).unwrap();
    writer.write(&batch(schema, name, 0, 20)).unwrap();
    writer.write(&batch(schema, name, 20, SEGMENT_ROWS - 20)).unwrap();
    writer.finish().unwrap();
}

/// Three cold files and two segments of both schemas, under names that URLs would change.
fn mixed_store() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("a b%20#1 ü").tempdir().unwrap();
    let day = dir.path().join("parquet/year=2026");
    fs::create_dir_all(&day).unwrap();
    fs::create_dir_all(dir.path().join("wal")).unwrap();
    write_parquet(&day.join("a %41#2.parquet"), Schema::V2, "a");
    write_parquet(&day.join("b ü.parquet"), Schema::V1, "b");
    write_parquet(&dir.path().join("parquet/c.parquet"), Schema::V2, "c");
    write_segment(&dir.path().join("wal/batch_1_0001.ipc"), Schema::V1, "d");
    write_segment(&dir.path().join("wal/batch_2_0002.ipc"), Schema::V2, "e");
    dir
}

fn files(dir: &Path) -> Vec<FoundFile> {
    let layout = Layout::find(Some(dir)).unwrap();
    Tier::ALL.iter().flat_map(|tier| list(&layout, *tier).files).collect()
}

fn context(partitions: usize) -> SessionContext {
    session(Limits { memory: 64 << 20, partitions, batch_rows: 128 }).unwrap()
}

async fn ask(context: &SessionContext, sql: &str) -> String {
    let rows = context.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&rows).unwrap().to_string()
}

#[tokio::test]
async fn every_row_knows_its_file_and_number() {
    let dir = mixed_store();
    for (partitions, pushdown) in [(1, false), (1, true), (4, false), (4, true)] {
        let context = context(partitions);
        context.register_table("stored_spans", stored_spans(files(dir.path()))).unwrap();
        ask(&context, &format!("SET datafusion.execution.parquet.pushdown_filters = {pushdown}")).await;
        ask(&context, "SET datafusion.optimizer.repartition_file_min_size = 0").await;
        let case = format!("{partitions} partitions, pushdown {pushdown}");

        let by_file = "SELECT tier, file, count(*) AS n, min(row_number) AS first, max(row_number) AS last,
                sum(CASE WHEN links IS NULL THEN 1 ELSE 0 END) AS no_links,
                sum(CASE WHEN row_number = duration_ns THEN 0 ELSE 1 END) AS wrong
            FROM stored_spans GROUP BY tier, file ORDER BY file";
        let found = ask(&context, by_file).await;
        insta::allow_duplicates! { insta::assert_snapshot!(found, @r"
            +------+-----------------------------------+-----+-------+------+----------+-------+
            | tier | file                              | n   | first | last | no_links | wrong |
            +------+-----------------------------------+-----+-------+------+----------+-------+
            | cold | parquet/c.parquet                 | 770 | 0     | 769  | 0        | 0     |
            | cold | parquet/year=2026/a %41#2.parquet | 770 | 0     | 769  | 0        | 0     |
            | cold | parquet/year=2026/b ü.parquet     | 770 | 0     | 769  | 770      | 0     |
            | wal  | wal/batch_1_0001.ipc              | 50  | 0     | 49   | 50       | 0     |
            | wal  | wal/batch_2_0002.ipc              | 50  | 0     | 49   | 0        | 0     |
            +------+-----------------------------------+-----+-------+------+----------+-------+
            "); }

        let counts = [
            ("row_number <> duration_ns", 0),
            ("links IS NULL", ROWS + SEGMENT_ROWS),
            ("links IS NOT NULL AND tier = 'cold'", 2 * ROWS),
            ("links IS NULL AND trace_flags IS NULL AND trace_state IS NULL AND file LIKE '%b ü%'", ROWS),
            ("row_number % 7 = 3 AND row_number <> duration_ns", 0),
            ("row_number >= 700", 3 * (ROWS - 700)),
            ("file = 'parquet/year=2026/a %41#2.parquet' AND row_number BETWEEN 95 AND 104", 10),
            ("span_id = 'c 437 span_id' AND row_number = 437", 1),
            ("span_id = 'e 33 span_id' AND row_number = 33 AND tier = 'wal'", 1),
            ("duration_ns > 250 AND row_number <> duration_ns", 0),
        ];
        for (predicate, expected) in counts {
            let sql = format!("SELECT count(*) = {expected} AS ok FROM stored_spans WHERE {predicate}");
            assert!(ask(&context, &sql).await.contains("true"), "{case}: {predicate}");
        }

        for (sql, expected) in [
            ("SELECT count(*) AS n FROM stored_spans", 3 * ROWS + 2 * SEGMENT_ROWS),
            (
                "SELECT count(*) AS n FROM (SELECT file, row_number FROM stored_spans GROUP BY file, row_number)",
                2410,
            ),
            ("SELECT count(*) AS n FROM (SELECT file, tier FROM stored_spans LIMIT 2400)", 2400),
            (
                "SELECT sum(row_number) AS n FROM (SELECT row_number FROM stored_spans WHERE tier = 'wal')",
                50 * 49,
            ),
        ] {
            let found = ask(&context, sql).await;
            assert!(found.contains(&format!("| {expected} ")), "{case}: {sql}: {found}");
        }

        let joined = "SELECT count(*) AS n, sum(CASE WHEN a.row_number = b.row_number AND a.file = b.file THEN 0 ELSE 1 END) AS wrong
            FROM stored_spans a JOIN stored_spans b ON a.span_id = b.span_id AND a.trace_id = b.trace_id
            WHERE b.duration_ns % 2 = 1";
        let found = ask(&context, joined).await;
        insta::allow_duplicates! { insta::assert_snapshot!(found, @r"
            +------+-------+
            | n    | wrong |
            +------+-------+
            | 1205 | 0     |
            +------+-------+
            "); }
    }
}

#[tokio::test]
async fn one_file_is_scanned_in_order_and_only_the_columns_asked_for() {
    let dir = mixed_store();
    let context = context(1);
    for file in files(dir.path()).into_iter().filter(|file| file.kind == Kind::Parquet) {
        let footer = footer(&FileBytes::of_path(file.place.local().unwrap()).unwrap()).unwrap();
        let scan = |columns: &'static [&'static str]| {
            scan_parquet(&file, &footer, columns, None, context.task_ctx()).unwrap()
        };
        let mut narrow = scan(&["row_number", "duration_ns", "file"]);
        let batches: Vec<RecordBatch> = (&mut narrow.stream).try_collect().await.unwrap();
        let numbers = |batch: &RecordBatch, column: usize| {
            batch.column(column).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
        };
        let found: Vec<i64> = batches.iter().flat_map(|batch| numbers(batch, 0)).collect();
        assert!(found.iter().copied().eq((0_i64..).take(found.len())), "{}", file.shown);
        assert_eq!(
            found,
            batches.iter().flat_map(|batch| numbers(batch, 1)).collect::<Vec<_>>(),
            "{}",
            file.shown
        );

        let mut wide = scan(&["span_id", "attributes", "events", "resource_attributes"]);
        while wide.stream.try_next().await.unwrap().is_some() {}
        assert!(narrow.bytes_scanned() > 0 && narrow.bytes_scanned() < wide.bytes_scanned());
    }
}

/// The rows that were asked for and no others, and less of the file than all of its rows take.
#[tokio::test]
async fn some_rows_of_a_file_are_read_without_the_groups_of_others() {
    let dir = mixed_store();
    let context = context(1);
    let columns = ["row_number", "duration_ns", "attributes"];
    for file in files(dir.path()).into_iter().filter(|file| file.kind == Kind::Parquet) {
        let footer = footer(&FileBytes::of_path(file.place.local().unwrap()).unwrap()).unwrap();
        let scan =
            |rows: &[u64]| scan_parquet_rows(&file, &footer, &columns, rows, context.task_ctx()).unwrap();
        let mut all = scan(&(0..ROWS as u64).collect::<Vec<_>>());
        let whole: Vec<RecordBatch> = (&mut all.stream).try_collect().await.unwrap();
        assert_eq!(whole.iter().map(RecordBatch::num_rows).sum::<usize>(), ROWS);

        let wanted = [0, 7, 99, 100, 350, ROWS as u64 - 1];
        let mut some = scan(&wanted);
        let batches: Vec<RecordBatch> = (&mut some.stream).try_collect().await.unwrap();
        for column in 0..2 {
            let numbers = |batch: &RecordBatch| {
                batch.column(column).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
            };
            let found: Vec<i64> = batches.iter().flat_map(numbers).collect();
            assert_eq!(found, wanted.map(u64::cast_signed), "{}", file.shown);
        }
        assert!(some.bytes_scanned() < all.bytes_scanned(), "{}", file.shown);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_name_that_is_no_text_is_read_all_the_same() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let dir = tempfile::tempdir().unwrap();
    let cold = dir.path().join("parquet");
    fs::create_dir(&cold).unwrap();
    write_parquet(&cold.join(OsStr::from_bytes(b"\xff .parquet")), Schema::V2, "a");
    let context = context(1);
    context.register_table("stored_spans", stored_spans(files(dir.path()))).unwrap();
    assert!(ask(&context, "SELECT count(*) AS n FROM stored_spans").await.contains(&ROWS.to_string()));
}

#[tokio::test]
async fn nothing_stored_is_an_empty_table() {
    let context = context(1);
    context.register_table("stored_spans", stored_spans(vec![])).unwrap();
    assert!(
        ask(&context, "SELECT count(*) = 0 AS ok FROM stored_spans WHERE links IS NULL")
            .await
            .contains("true")
    );
}

#[tokio::test]
async fn a_missing_cold_file_is_an_error_and_a_missing_segment_was_flushed() {
    let dir = mixed_store();
    let files = files(dir.path());
    let segment = files.iter().find(|file| file.kind == Kind::Segment).unwrap().clone();
    let cold = files.iter().find(|file| file.kind == Kind::Parquet).unwrap().clone();
    fs::remove_file(segment.place.local().unwrap()).unwrap();
    fs::remove_file(cold.place.local().unwrap()).unwrap();
    let context = context(1);
    context.register_table("flushed", stored_spans(vec![segment])).unwrap();
    let rows = context.sql("SELECT span_id FROM flushed").await.unwrap().collect().await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);

    context.register_table("gone", stored_spans(vec![cold.clone()])).unwrap();
    let error =
        context.sql("SELECT span_id FROM gone").await.unwrap().collect().await.unwrap_err().to_string();
    assert!(error.contains("No such file") && error.contains(&cold.shown), "{error}");
}

/// A filter, and the threshold that a sorted head sets while it runs.
#[tokio::test]
async fn a_false_statistic_hides_nothing_unless_it_is_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.parquet");
    let row = |id: &str| Row { trace_id: id.repeat(16), ..Row::default() };
    let rows = [row("aa"), row("ab"), row("ac"), row("ad")];
    write_in_groups(&path, &rows, Schema::V2, 2);
    let bytes = fs::read(&path).unwrap();
    let least = "ac".repeat(16);
    raise_least_trace_id(&path, &least);
    assert_ne!(fs::read(&path).unwrap(), bytes);
    let file = list(&Layout::find(Some(&path)).unwrap(), Tier::Cold).files;
    let context = context(1);
    for (name, statistics) in [("wary", Statistics::Ignored), ("trusting", Statistics::Trusted)] {
        context.register_table(name, stored_spans_by(file.clone(), statistics)).unwrap();
    }
    let count = async |sql: String| {
        let batches = context.sql(&sql).await.unwrap().collect().await.unwrap();
        batches.iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    let by_id = |table: &str| format!("SELECT name FROM {table} WHERE trace_id = '{least}'");
    assert_eq!((count(by_id("wary")).await, count(by_id("trusting")).await), (1, 0));
    let top = "SELECT trace_id FROM wary ORDER BY trace_id DESC LIMIT 3".to_owned();
    assert_eq!(count(top).await, 3);
}

#[tokio::test]
async fn a_damaged_file_is_an_error_with_its_name_and_a_reason_without() {
    let dir = mixed_store();
    let file = files(dir.path()).remove(0);
    let length = fs::metadata(file.place.local().unwrap()).unwrap().len();
    File::options().write(true).open(file.place.local().unwrap()).unwrap().set_len(length - 1).unwrap();
    let context = context(1);
    context.register_table("cut", stored_spans(vec![file.clone()])).unwrap();
    let error = context.sql("SELECT span_id FROM cut").await.unwrap().collect().await.unwrap_err();
    assert!(error.to_string().contains(&file.shown), "{error}");
    assert_eq!(
        problem_of(&error).to_string(),
        "the file does not end in `PAR1`: it was cut, or never finished"
    );
}
