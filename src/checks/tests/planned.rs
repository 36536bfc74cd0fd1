//! Damage to rows that a run sent, to files, and to ledgers.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    compute::cast,
    datatypes::{DataType, FieldRef, TimeUnit},
    ipc::writer::StreamWriter,
};

use super::bench::Bench;
use crate::{
    contract::{columns, row::Row, schema::Schema},
    ledger::writer::LedgerWriter,
    testing::{files, fixture, parquet_rows, raise_least_trace_id, segment_rows, write_batch, write_parquet},
};

const HOUR: Duration = Duration::from_hours(1);

pub(crate) const STORES: [(&str, Schema); 2] =
    [("getting-started/studio-0.80.0", Schema::V1), ("getting-started/studio-0.82.1", Schema::V2)];

/// A name, the run to hold against (`first` is the one in the cold file, `latest` the one in the segment
/// and every other that the store has rows of), what is done to the store, and all that fires.
pub(crate) type Case = (&'static str, &'static str, fn(&Bench), &'static str);

pub(crate) const CASES: &[Case] = &[
    ("nothing", "latest", |_| {}, ""),
    ("nothing, without runs", "none", |_| {}, ""),
    ("delete_cold_file", "first", |bench| fs::remove_file(bench.cold()).unwrap(), "lost_spans: 20"),
    ("truncate_cold_file", "latest", |bench| truncate(&bench.cold()), "unreadable_files: 1"),
    (
        "truncate_cold_file_of_the_run",
        "first",
        |bench| truncate(&bench.cold()),
        "unproven_spans: inconclusive, 20; unreadable_files: 1",
    ),
    (
        "empty_cold_file",
        "first",
        |bench| fs::write(bench.cold(), "").unwrap(),
        "unproven_spans: inconclusive, 20; empty_files: 1",
    ),
    (
        "truncate_segment",
        "latest",
        |bench| truncate(&bench.segment()),
        "unproven_spans: inconclusive, 20; torn_segments: 1; wedged_wal: 1",
    ),
    ("cut_end_marker", "latest", |bench| cut(&bench.segment(), 8), "torn_segments: 1"),
    (
        "empty_segment",
        "latest",
        |bench| fs::write(bench.segment(), "").unwrap(),
        "unproven_spans: inconclusive, 20; empty_files: 1; wedged_wal: 1",
    ),
    (
        "delete_segment",
        "latest",
        |bench| fs::remove_file(bench.segment()).unwrap(),
        "lost_spans: 20; snapshot_differs_from_wal: 20",
    ),
    (
        "delete_everything",
        "latest",
        |bench| {
            fs::remove_file(bench.segment()).unwrap();
            fs::remove_file(bench.cold()).unwrap();
        },
        "lost_spans: 20; snapshot_differs_from_wal: 20",
    ),
    ("drop_a_leaf", "latest", |bench| bench.change_cold(|rows| drop(rows.remove(0))), "lost_spans: 1"),
    (
        "drop_a_root",
        "latest",
        |bench| bench.change_cold(|rows| drop(rows.remove(4))),
        "lost_spans: 1; orphan_spans: 4",
    ),
    (
        "move_a_row_to_another_service",
        "latest",
        |bench| bench.change_cold(|rows| swap_service_name(rows)),
        "polluted_service_name: 1",
    ),
    (
        "move_a_row_to_another_resource",
        "latest",
        |bench| bench.change_cold(|rows| swap_resource(rows)),
        "polluted_resource: 1",
    ),
    (
        "give_a_row_other_tags",
        "latest",
        |bench| bench.change_cold(|rows| swap_tags(rows)),
        "polluted_attributes: 1",
    ),
    (
        "without_runs_move_a_row_to_another_service",
        "none",
        |bench| bench.change_cold(|rows| swap_service_name(rows)),
        "polluted_service_name: 1",
    ),
    (
        "without_runs_move_a_row_to_another_resource",
        "none",
        |bench| bench.change_cold(|rows| swap_resource(rows)),
        "polluted_resource: 1",
    ),
    (
        "without_runs_give_a_row_other_tags",
        "none",
        |bench| bench.change_cold(|rows| swap_tags(rows)),
        "polluted_attributes: 1",
    ),
    ("double_a_key", "latest", |bench| bench.change_cold(|rows| double_a_key(rows)), "altered_spans: 1"),
    ("rename_a_column", "latest", |bench| rename_column(bench, "attributes"), "unreadable_files: 1"),
    (
        "rename_a_tag_column",
        "none",
        |bench| rename_column(bench, "service_name"),
        "unreadable_files: 1; polluted_service_name: 20",
    ),
    ("rename_a_span", "latest", |bench| bench.change_cold(|rows| rows[1].name.push('x')), "altered_spans: 1"),
    (
        "shift_a_start_by_a_nanosecond",
        "latest",
        |bench| bench.change_cold(|rows| rows[1].start_time += 1),
        "altered_spans: 1",
    ),
    (
        "change_a_parent",
        "latest",
        |bench| bench.change_cold(|rows| rows[1].parent_span_id = None),
        "orphan_spans: 1",
    ),
    (
        "drop_an_event",
        "latest",
        |bench| bench.change_cold(|rows| rows[1].events = "[]".to_owned()),
        "altered_spans: 1",
    ),
    (
        "break_json",
        "latest",
        |bench| bench.change_cold(|rows| rows[2].attributes.truncate(9)),
        "altered_spans: 1",
    ),
    (
        "turn_an_int_into_a_float",
        "latest",
        |bench| {
            bench.change_cold(|rows| {
                rows[2].attributes =
                    rows[2].attributes.replace("contract_version\":2", "contract_version\":2.0");
            });
        },
        "altered_spans: 1",
    ),
    (
        "space_json_out",
        "latest",
        |bench| bench.change_cold(|rows| rows[2].attributes = rows[2].attributes.replace(',', ", ")),
        "",
    ),
    (
        "damage_a_trace_id",
        "latest",
        |bench| bench.change_cold(|rows| flip(&mut rows[0].trace_id)),
        "altered_spans: 1",
    ),
    (
        "damage_a_span_id",
        "latest",
        |bench| bench.change_cold(|rows| flip(&mut rows[0].span_id)),
        "lost_spans: 1; unexpected_spans: 1",
    ),
    (
        "store_a_row_twice",
        "latest",
        |bench| bench.change_cold(|rows| rows.push(rows[3].clone())),
        "duplicate_spans: 1",
    ),
    (
        "without_runs_store_a_row_twice",
        "none",
        |bench| bench.change_cold(|rows| rows.push(rows[3].clone())),
        "duplicate_spans: 1",
    ),
    ("copy_cold_file", "latest", copy_the_cold_file, "duplicate_spans: 20"),
    (
        "upgrade_with_segments_left",
        "latest",
        mix_eras,
        "stale_hot_snapshot: info, 1; wedged_wal: 1; mixed_schemas: 1",
    ),
    ("flush_without_deleting", "latest", flush_without_deleting, "overlapping_spans: warn, 20"),
    (
        "refuse_what_is_stored",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"rejected\",\"code\":\"UNAVAILABLE\"", 1)
            });
        },
        "ledger_contradicts_results: 1; refused_but_stored: 5",
    ),
    (
        "take_more_than_was_said",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"partial\",\"rejected_spans\":2", 1)
            });
        },
        "ledger_contradicts_results: 1; partial_success_broken: 1",
    ),
    (
        "reject_more_than_was_sent",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| {
                text.replacen("\"outcome\":\"acked\"", "\"outcome\":\"partial\",\"rejected_spans\":9", 1)
            });
        },
        "ledger_contradicts_results: 1; partial_success_broken: 1",
    ),
    (
        "store_both_attempts",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            bench.change_cold(|rows| store_five_again(rows, 1));
        },
        "retry_duplicates: info, 5",
    ),
    ("store_the_second_of_two_attempts", "latest", |bench| retry_exports(bench, &["indeterminate"]), ""),
    (
        "store_both_attempts_in_two_files",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            let first = parquet_rows(&bench.cold(), bench.schema)[..5].to_vec();
            let copy = bench.cold().with_file_name("20261123_235959_00000001.parquet");
            write_parquet(&copy, &first, bench.schema);
        },
        "retry_duplicates: info, 5",
    ),
    (
        "store_a_refused_attempt",
        "latest",
        |bench| {
            retry_exports(bench, &["rejected"]);
            bench.change_cold(|rows| store_five_again(rows, 1));
        },
        "duplicate_spans: 5",
    ),
    (
        "store_more_copies_than_attempts",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate", "rejected"]);
            bench.change_cold(|rows| store_five_again(rows, 2));
        },
        "duplicate_spans: 5",
    ),
    (
        "store_both_attempts_unequally",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            bench.change_cold(|rows| {
                store_five_again(rows, 1);
                rows.last_mut().unwrap().name.push('x');
            });
        },
        "conflicting_duplicates: 1; retry_duplicates: info, 4; altered_spans: 1",
    ),
    (
        "store_both_attempts_with_the_same_change",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            bench.change_cold(|rows| {
                rows[0].name.push('x');
                store_five_again(rows, 1);
            });
        },
        "retry_duplicates: info, 5; altered_spans: 2",
    ),
    (
        "forget_an_export",
        "latest",
        |bench| bench.edit_ledger(1, |text| without_lines(text, "\"export\":2,")),
        "ledger_contradicts_results: 1; unexpected_spans: 5",
    ),
    (
        "kill_the_generator_before_an_answer",
        "latest",
        |bench| {
            bench.edit_ledger(1, |text| without_lines(text, "export_ended"));
        },
        "ledger_contradicts_results: 1; recovered_spans: info, 20",
    ),
    ("leave_an_old_temp_file", "latest", |bench| bench.leave_temp_file(HOUR), "leftover_temp_files: warn, 1"),
    ("leave_a_young_temp_file", "latest", |bench| bench.leave_temp_file(Duration::ZERO), ""),
    (
        "move_a_cold_file_to_another_day",
        "latest",
        |bench| {
            let day = bench.cold().parent().unwrap().with_file_name("day=01");
            fs::create_dir(&day).unwrap();
            fs::rename(bench.cold(), day.join(bench.cold().file_name().unwrap())).unwrap();
        },
        "misplaced_cold_files: warn, 1",
    ),
    (
        "back_up_a_cold_file_inside_the_store",
        "latest",
        back_up_the_cold_file,
        "duplicate_spans: 20; misplaced_cold_files: warn, 1",
    ),
    (
        "rename_a_cold_file",
        "latest",
        |bench| fs::rename(bench.cold(), bench.cold().with_file_name("copy.parquet")).unwrap(),
        "misplaced_cold_files: warn, 1",
    ),
    ("flush_and_keep_the_snapshot", "latest", flush, "stale_hot_snapshot: info, 1"),
    ("remove_the_snapshot", "latest", |bench| fs::remove_file(bench.snapshot()).unwrap(), ""),
    (
        "change_the_snapshot",
        "latest",
        |bench| bench.change_snapshot(|rows| rows[3].name.push('x')),
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "copy_one_row_over_the_snapshot",
        "latest",
        |bench| bench.change_snapshot(|rows| *rows = vec![rows[3].clone(); 159]),
        "snapshot_differs_from_wal: 158; stale_hot_snapshot: info, 1",
    ),
    (
        "lose_one_row_of_the_snapshot_and_double_another",
        "latest",
        |bench| bench.change_snapshot(|rows| rows[3] = rows[4].clone()),
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "change_the_snapshot_of_rows_in_both_tiers",
        "latest",
        |bench| {
            flush_without_deleting(bench);
            bench.change_snapshot(|rows| rows[3].name.push('x'));
        },
        "overlapping_spans: warn, 20; snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "change_the_snapshot_of_flushed_rows",
        "latest",
        |bench| {
            flush(bench);
            bench.change_snapshot(|rows| rows[3].name.push('x'));
        },
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "double_the_snapshot_of_flushed_rows",
        "latest",
        |bench| {
            flush(bench);
            bench.change_snapshot(|rows| rows.push(rows[3].clone()));
        },
        "snapshot_differs_from_wal: 1; stale_hot_snapshot: info, 1",
    ),
    (
        "cut_the_snapshot_where_no_cold_file_is",
        "none",
        |bench| {
            fs::remove_file(bench.cold()).unwrap();
            truncate(&bench.snapshot());
        },
        "unreadable_files: 1",
    ),
    (
        "take_all_columns_of_the_snapshot_where_no_cold_file_is",
        "none",
        |bench| {
            fs::remove_file(bench.cold()).unwrap();
            write_foreign(&bench.snapshot());
        },
        "unreadable_files: 1",
    ),
    ("put_a_foreign_file_beside", "latest", foreign_beside, "unreadable_files: 1"),
    ("write_a_segment_without_a_row", "latest", segment_without_a_row, "empty_files: 1"),
    ("write_a_cold_file_without_a_row", "none", cold_file_without_a_row, "empty_files: 1"),
    ("flip_a_bit_in_a_footer_statistic", "latest", flip_a_statistic, "false_statistics: 1"),
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
            store_as(bench, "start_time", &milliseconds);
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
            let file = bench.segment();
            let batch = columns::batch(&segment_rows(&file, bench.schema), bench.schema).unwrap();
            write_segment(&file, &with_type(&batch, "duration_ns", &DataType::Float64));
        },
        "torn_segments: 1",
    ),
    (
        "store_kinds_of_the_snapshot_as_floats",
        "latest",
        |bench| {
            let batch = columns::batch(&parquet_rows(&bench.snapshot(), bench.schema), bench.schema).unwrap();
            write_batch(&bench.snapshot(), &with_type(&batch, "span_kind", &DataType::Float64));
        },
        "unreadable_files: 1",
    ),
    (
        "append_a_byte_to_the_segment",
        "latest",
        |bench| {
            let mut bytes = fs::read(bench.segment()).unwrap();
            bytes.push(0);
            fs::write(bench.segment(), bytes).unwrap();
        },
        "torn_segments: 1",
    ),
    ("store_names_as_large_text", "latest", |bench| store_as(bench, "name", &DataType::LargeUtf8), ""),
    (
        "lose_what_was_just_acked",
        "latest",
        lose_what_was_just_acked,
        "pending_spans: inconclusive, 20; snapshot_differs_from_wal: 20",
    ),
];

/// A cause of duplicates, the run to hold against, what is done, and how many spans are duplicated by it.
pub(crate) type Duplicates = (&'static str, &'static str, fn(&Bench), u64);

pub(crate) const DUPLICATES: &[Duplicates] = &[
    ("within_file", "latest", |bench| bench.change_cold(|rows| store_five_again(rows, 1)), 5),
    ("within_file", "none", |bench| bench.change_cold(|rows| store_five_again(rows, 1)), 5),
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
            retry_exports(bench, &["rejected"]);
            bench.change_cold(|rows| store_five_again(rows, 1));
        },
        5,
    ),
    (
        // Two attempts do not explain a third copy.
        "within_file",
        "latest",
        |bench| {
            retry_exports(bench, &["indeterminate"]);
            bench.change_cold(|rows| store_five_again(rows, 2));
        },
        5,
    ),
];

fn copy_the_cold_file(bench: &Bench) {
    let copy = bench.cold().with_file_name("20261123_235959_00000001.parquet");
    fs::copy(bench.cold(), copy).unwrap();
}

/// The folder of the copy ends as the studio's own does.
fn back_up_the_cold_file(bench: &Bench) {
    let cold = bench.cold();
    let root = bench.folder.path().join("spans/parquet");
    let copy = root.join("backup").join(cold.strip_prefix(&root).unwrap());
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::copy(cold, copy).unwrap();
}

fn copy_the_segment(bench: &Bench) {
    let segment = bench.segment();
    let (name, _) = segment.file_name().unwrap().to_str().unwrap().split_once('_').unwrap();
    fs::copy(&segment, segment.with_file_name(format!("{name}_1995466683733889754_0009.ipc"))).unwrap();
}

/// A flush that wrote every row of the segment so often.
fn flush_copies(bench: &Bench, copies: usize) {
    let rows = segment_rows(&bench.segment(), bench.schema);
    let rows: Vec<Row> = std::iter::repeat_n(rows, copies).flatten().collect();
    write_parquet(&bench.cold().with_file_name("20261123_235959_00000001.parquet"), &rows, bench.schema);
}

fn reflush_without_deleting(bench: &Bench) {
    flush_without_deleting(bench);
    let rows = segment_rows(&bench.segment(), bench.schema);
    write_parquet(&bench.cold().with_file_name("20261123_235959_00000002.parquet"), &rows, bench.schema);
}

fn flush_doubled_segments(bench: &Bench) {
    flush_without_deleting(bench);
    copy_the_segment(bench);
}

pub(crate) fn truncate(file: &Path) {
    let size = fs::metadata(file).unwrap().len();
    cut(file, size / 2);
}

pub(crate) fn cut(file: &Path, bytes: u64) {
    let handle = fs::OpenOptions::new().write(true).open(file).unwrap();
    handle.set_len(handle.metadata().unwrap().len() - bytes).unwrap();
}

pub(crate) fn other_row(rows: &[Row]) -> Row {
    rows.iter().find(|row| row.service_name != rows[0].service_name).unwrap().clone()
}

pub(crate) fn swap_service_name(rows: &mut [Row]) {
    rows[0].service_name = other_row(rows).service_name;
}

pub(crate) fn swap_resource(rows: &mut [Row]) {
    // Run, instance and name differ in one column: a row has one finding for each key.
    let (mine, other) = (rows[0].service_name.clone(), other_row(rows).service_name);
    rows[0].resource_attributes = rows[0].resource_attributes.replace(&mine, &other);
}

pub(crate) fn swap_tags(rows: &mut [Row]) {
    let (mine, other) = (rows[0].service_name.clone(), other_row(rows).service_name);
    rows[0].attributes = rows[0].attributes.replace(&mine, &other);
}

pub(crate) fn double_a_key(rows: &mut [Row]) {
    rows[2].attributes = rows[2].attributes.replacen('{', "{\"e2e.run\":\"0\",", 1);
}

pub(crate) fn rename_column(bench: &Bench, name: &str) {
    bench.change_columns(|field, array| {
        let renamed = field.clone().with_name(format!("{name}x"));
        (field.name() == name).then(|| (renamed, Arc::clone(array)))
    });
}

/// Stores a column of the cold file as another type.
pub(crate) fn store_as(bench: &Bench, name: &str, data_type: &DataType) {
    let batch = columns::batch(&parquet_rows(&bench.cold(), bench.schema), bench.schema).unwrap();
    write_batch(&bench.cold(), &with_type(&batch, name, data_type));
}

fn with_type(batch: &RecordBatch, name: &str, data_type: &DataType) -> RecordBatch {
    let schema = batch.schema();
    let column = |(field, array): (&FieldRef, &ArrayRef)| {
        let array = if field.name() == name { cast(array, data_type).unwrap() } else { Arc::clone(array) };
        (field.name().clone(), array)
    };
    RecordBatch::try_from_iter(schema.fields().iter().zip(batch.columns()).map(column)).unwrap()
}

fn write_segment(file: &Path, batch: &RecordBatch) {
    let mut writer = StreamWriter::try_new(File::create(file).unwrap(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

/// A Parquet file of somebody else's, without any column of a span.
pub(crate) fn write_foreign(file: &Path) {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    write_batch(file, &RecordBatch::try_from_iter([("id", numbers)]).unwrap());
}

pub(crate) fn foreign_beside(bench: &Bench) {
    write_foreign(&beside(bench));
}

/// A further cold file, of the same day.
fn beside(bench: &Bench) -> PathBuf {
    let cold = bench.cold();
    let day = &cold.file_name().unwrap().to_str().unwrap()[..8];
    cold.with_file_name(format!("{day}_235959_00000001.parquet"))
}

/// A further segment, with a schema and its end marker alone.
pub(crate) fn segment_without_a_row(bench: &Bench) {
    let segment = File::create(bench.segment().with_file_name("batch_1895466683733889754_0009.ipc")).unwrap();
    StreamWriter::try_new(segment, &bench.schema.stored()).unwrap().finish().unwrap();
}

pub(crate) fn cold_file_without_a_row(bench: &Bench) {
    write_parquet(&beside(bench), &[], bench.schema);
}

/// The least trace id of the cold file is stated as another.
pub(crate) fn flip_a_statistic(bench: &Bench) {
    let rows = parquet_rows(&bench.cold(), bench.schema);
    write_parquet(&bench.cold(), &rows, bench.schema);
    raise_least_trace_id(&bench.cold(), rows.iter().map(|row| &row.trace_id).min().unwrap());
}

/// Changes a hex id by one bit.
pub(crate) fn flip(id: &mut String) {
    let first = u8::from_str_radix(&id[..1], 16).unwrap() ^ 1;
    id.replace_range(..1, &format!("{first:x}"));
}

/// The WAL of a studio that was upgraded: an older segment before a newer one.
pub(crate) fn mix_eras(bench: &Bench) {
    let (other, name) = match bench.schema {
        Schema::V1 => (STORES[1].0, "batch_1895466683733889754_0009.ipc"),
        Schema::V2 => (STORES[0].0, "batch_1695466683733889754_0009.ipc"),
    };
    let segment = files(&fixture(other).join("spans/wal"), ".ipc").remove(0);
    fs::copy(segment, bench.segment().with_file_name(name)).unwrap();
    if bench.schema == Schema::V2 {
        let older = files(&fixture(other).join("spans/parquet"), ".parquet").remove(0);
        let name = older.file_name().unwrap();
        let day = bench.folder.path().join("spans/parquet/year=2026/month=11/day=23");
        fs::copy(&older, day.join(name)).unwrap();
    }
}

pub(crate) fn flush_without_deleting(bench: &Bench) {
    let rows = segment_rows(&bench.segment(), bench.schema);
    write_parquet(&bench.cold().with_file_name("20261123_235959_00000001.parquet"), &rows, bench.schema);
}

pub(crate) fn flush(bench: &Bench) {
    flush_without_deleting(bench);
    fs::remove_file(bench.segment()).unwrap();
}

fn without_lines(text: &str, about: &str) -> String {
    text.split_inclusive('\n').filter(|line| !line.contains(about)).collect()
}

/// Writes into the ledger of the run in the cold file that every export was tried again, after attempts that
/// ended so.
pub(crate) fn retry_exports(bench: &Bench, ended: &[&str]) {
    let retries = |export: &str| {
        let line = |(outcome, attempt): (&&str, u32)| {
            let ended = format!(r#""outcome":"{outcome}","code":"UNAVAILABLE""#);
            format!(r#"{{"event":"export_retried","export":{export},"attempt":{attempt},"at":1,{ended}}}"#)
                + "\n"
        };
        ended.iter().zip(2..).map(line).collect::<String>()
    };
    bench.edit_ledger(0, |text| {
        let with_retries = |line: &str| match line.strip_prefix(r#"{"event":"export_started","export":"#) {
            Some(rest) => format!("{line}{}", retries(rest.split(',').next().unwrap())),
            None => line.to_owned(),
        };
        text.split_inclusive('\n').map(with_retries).collect()
    });
}

/// So many further copies of the first five rows.
pub(crate) fn store_five_again(rows: &mut Vec<Row>, copies: usize) {
    for _ in 0..copies {
        rows.extend_from_within(..5);
    }
}

pub(crate) fn lose_what_was_just_acked(bench: &Bench) {
    fs::remove_file(bench.segment()).unwrap();
    let ledger = bench.ledger(1);
    fs::remove_file(&ledger).unwrap();
    let writer = LedgerWriter::create(&ledger).unwrap();
    let now = crate::base::clock::unix_nanos();
    for export in 0..4 {
        let (stream, first) = ((export % 2) as u32, export / 2 * 5);
        let acked = crate::wire::outcome::ExportOutcome::Acked;
        writer
            .append(&crate::ledger::entry::Entry::ExportStarted { export, stream, first, count: 5, at: now })
            .unwrap();
        writer.append(&crate::ledger::entry::Entry::ExportEnded { export, at: now, outcome: acked }).unwrap();
    }
}
