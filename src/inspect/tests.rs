use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use datafusion::arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    compute::cast,
    datatypes::{DataType, TimeUnit},
};
use insta::assert_snapshot;
use tempfile::TempDir;

use super::*;
use crate::{
    base::memory::Limits,
    contract::{columns, schema::Schema},
    report::{inspect as report, inspect::Look},
    store::session,
    testing::{copy_tree, files, fixture, parquet_rows, write_batch},
    text::paint::{Color, Paint},
};

const SESSION: Limits = Limits { memory: 64 << 20, partitions: 1, batch_rows: 1_024 };

/// 2026-11-22T11:15:01Z, 40 s after the newest file of the golden store of 0.82.1.
const NOW: u64 = 1_795_346_101_000_000_000;

/// A copy whose snapshot was written a second after the newest segment.
fn golden(studio: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let spans = dir.path().join("spans");
    copy_tree(&fixture(studio).join("spans"), &spans);
    let written = SystemTime::UNIX_EPOCH + Duration::from_nanos(NOW - 39_000_000_000);
    File::options()
        .write(true)
        .open(spans.join("hot_snapshot.parquet"))
        .unwrap()
        .set_modified(written)
        .unwrap();
    (dir, spans)
}

async fn look_at(spans: &Path) -> Inspection {
    let layout = Layout::find(Some(spans)).unwrap();
    inspect(&layout, &session::session(SESSION).unwrap().task_ctx()).await.unwrap()
}

fn printed(inspection: &Inspection, width: usize, limit: usize) -> String {
    let paint = Paint::for_stdout(Color::Never);
    let mut out = Vec::new();
    report::print(&mut out, inspection, &Look { paint, width: Some(width), limit, now: NOW }).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.lines().all(|line| line.chars().count() <= width || !line.contains(' ')), "{width}: {text}");
    text.replace(&inspection.store.display().to_string(), "SPANS")
}

/// The lines of an inventory that tell of the WAL and of damage.
async fn told(spans: &Path) -> String {
    let text = printed(&look_at(spans).await, 300, 9);
    let told = |line: &&str| ["flush  ", "damaged", "snapshot"].iter().any(|label| line.starts_with(label));
    text.lines().filter(told).collect::<Vec<_>>().join("\n")
}

fn segment(spans: &Path) -> PathBuf {
    files(&spans.join("wal"), ".ipc").swap_remove(0)
}

#[tokio::test]
async fn a_golden_store_is_listed_at_80_columns() {
    let (_dir, spans) = golden("studio-0.82.1");
    let text = printed(&look_at(&spans).await, 80, 9);
    assert_snapshot!(text, @"
    store    SPANS
    cold     2 cold files: 117 rows, 89.8 kB
    wal      1 WAL segment: 42 rows, 123.8 kB
    hot      1 hot snapshot: 42 rows, 38.0 kB
    wal age  oldest segment 39.5 s ago, newest 39.5 s ago
    flushed  2026-11-22T11:14:21.010Z, 40.0 s ago
    flush    the next would write 42 rows of 1 segment (123.8 kB) into one cold file
             due at 26.2 MB (now 0.5 %) or 1 h 0 min after the last, by the studio's
             defaults
    snapshot 42 rows, current: the WAL has as many, written 39.0 s ago
    not read pages of Parquet files other than `service_name`: `e2e-store audit`
             reads them

    cold
    parquet/year=2026/month=11/day=22/
    - file 20261122_111418_30f27668.parquet  health ok  schema 2  rows 84  groups 1
      first span 2026-11-22T11:14:18.601Z  spans last 25.7 ms  size 65.9 kB
      ratio 3.6  services brave-red-panda, clever-blue-whale, gentle-green-tree
    - file 20261122_111421_00a45fa4.parquet  health ok  schema 2  rows 33  groups 1
      first span 2026-11-22T11:14:19.162Z  spans last 1.7 s  size 23.9 kB
      ratio 4.7  services orders-full, agent-ok, orders-fail and 3 more

    wal
    wal/
    - file batch_1795346061456921668_0003.ipc  health ok  schema 2  rows 42
      groups 1  first span 2026-11-22T11:14:21.302Z  spans last 9.4 ms
      size 123.8 kB  services brave-red-panda, clever-blue-whale

    hot
    - file hot_snapshot.parquet  health ok  schema 2  rows 42  groups 1
      first span 2026-11-22T11:14:21.302Z  spans last 9.4 ms  size 38.0 kB
      ratio 3.4  services brave-red-panda, clever-blue-whale
    ");
}

#[tokio::test]
async fn a_golden_store_is_listed_at_200_columns() {
    let (_dir, spans) = golden("studio-0.80.0");
    let text = printed(&look_at(&spans).await, 200, 9);
    assert_snapshot!(text, @"
    store    SPANS
    cold     1 cold file: 48 rows, 15.7 kB
    wal      1 WAL segment: 8 rows, 12.7 kB
    hot      1 hot snapshot: 8 rows, 7.7 kB
    wal age  oldest segment 35.6 s ago, newest 35.6 s ago
    flushed  2026-11-22T11:14:25.034Z, 36.0 s ago
    flush    the next would write 8 rows of 1 segment (12.7 kB) into one cold file
             due at 26.2 MB (now 0 %) or 1 h 0 min after the last, by the studio's defaults
    snapshot 8 rows, current: the WAL has as many, written 39.0 s ago
    not read pages of Parquet files other than `service_name`: `e2e-store audit` reads them

    cold
    parquet/year=2026/month=11/day=22/
    file                              health  schema  rows  groups  first span                spans last     size  ratio  services
    20261122_111425_021164c5.parquet  ok           1    48       1  2026-11-22T11:14:23.564Z       1.3 s  15.7 kB    3.4  legacy-alpha, legacy-beta

    wal
    wal/
    file                                health  schema  rows  groups  first span                spans last     size  ratio  services
    batch_1795346065404657582_0003.ipc  ok           1     8       1  2026-11-22T11:14:25.264Z      4.6 ms  12.7 kB         legacy-gamma

    hot
    file                  health  schema  rows  groups  first span                spans last    size  ratio  services
    hot_snapshot.parquet  ok           1     8       1  2026-11-22T11:14:25.264Z      4.6 ms  7.7 kB    2.4  legacy-gamma
    ");
}

#[tokio::test]
async fn lists_are_capped_and_say_so() {
    let (_dir, spans) = golden("profiles/studio-0.82.1");
    let text = printed(&look_at(&spans).await, 120, 2);
    assert!(text.contains("7 files before these: --limit 9 lists all"), "{text}");
    assert!(text.contains("cold     9 cold files: 513 rows"), "{text}");
    assert_eq!(text.matches("- file 2026").count(), 2, "{text}");
}

#[tokio::test]
async fn a_torn_segment_is_where_the_next_flush_fails() {
    let (_dir, spans) = golden("studio-0.82.1");
    let bytes = fs::read(segment(&spans)).unwrap();
    fs::write(segment(&spans), &bytes[..bytes.len() / 2]).unwrap();
    assert_snapshot!(told(&spans).await, @"
    flush    the next would FAIL at wal/batch_1795346061456921668_0003.ipc: the message claims 121216 bytes of a body, 59332 are left (at byte 1280); 1 segment waits
    snapshot 42 rows, freshness unknown: it or the WAL is damaged, written 39.0 s ago
    damaged  wal/batch_1795346061456921668_0003.ipc: the message claims 121216 bytes of a body, 59332 are left (at byte 1280)
    ");
}

#[tokio::test]
async fn an_empty_segment_is_where_the_next_flush_fails() {
    let (_dir, spans) = golden("studio-0.82.1");
    fs::write(spans.join("wal/batch_1795346060000000000_0002.ipc"), "").unwrap();
    assert_snapshot!(told(&spans).await, @"
    flush    the next would FAIL at wal/batch_1795346060000000000_0002.ipc: the file is empty; 2 segments wait
    snapshot 42 rows, freshness unknown: it or the WAL is damaged, written 39.0 s ago
    damaged  wal/batch_1795346060000000000_0002.ipc: the file is empty
    ");
}

#[tokio::test]
async fn a_segment_of_an_older_studio_is_where_the_next_flush_fails() {
    let (_dir, spans) = golden("studio-0.82.1");
    let (_old_dir, old) = golden("studio-0.80.0");
    fs::copy(segment(&old), spans.join("wal/batch_1795346000000000000_0001.ipc")).unwrap();
    assert_snapshot!(told(&spans).await, @"
    flush    the next would FAIL at wal/batch_1795346000000000000_0001.ipc: it is of schema 1, left by studio 0.80 or 0.81, and the studio that runs now writes schema 2; 2 segments wait
    snapshot 42 rows, behind: the WAL has 50 rows, written 39.0 s ago
    ");
}

#[tokio::test]
async fn bytes_behind_the_end_of_a_segment_stop_no_flush() {
    let (_dir, spans) = golden("studio-0.82.1");
    let mut bytes = fs::read(segment(&spans)).unwrap();
    bytes.push(0);
    fs::write(segment(&spans), bytes).unwrap();
    let inspection = look_at(&spans).await;
    assert!(matches!(inspection.wal.next_flush, wal::NextFlush::Writes { rows: 42, .. }), "{inspection:?}");
    assert!(!inspection.is_sound());
}

#[tokio::test]
async fn a_segment_without_its_end_is_flushed_and_told() {
    let (_dir, spans) = golden("studio-0.82.1");
    let bytes = fs::read(segment(&spans)).unwrap();
    fs::write(segment(&spans), &bytes[..bytes.len() - 8]).unwrap();
    assert_snapshot!(told(&spans).await, @"
    flush    the next would write 42 rows of 1 segment (123.8 kB) into one cold file
    snapshot 42 rows, current: the WAL has as many, written 39.0 s ago
    damaged  wal/batch_1795346061456921668_0003.ipc: no end-of-stream marker: the segment is cut short
    ");
}

#[tokio::test]
async fn a_flushed_wal_leaves_a_stale_snapshot() {
    let (_dir, spans) = golden("studio-0.82.1");
    fs::remove_file(segment(&spans)).unwrap();
    assert_snapshot!(told(&spans).await, @"
    flush    the next would write nothing: the WAL is empty
    snapshot 42 rows, stale: the WAL has 0 rows now, the others were flushed since, written 39.0 s ago
    ");
}

#[tokio::test]
async fn a_cut_cold_file_leftovers_and_what_is_no_file_are_told() {
    let (_dir, spans) = golden("studio-0.82.1");
    let cold = files(&spans.join("parquet"), ".parquet");
    fs::write(&cold[0], &fs::read(&cold[0]).unwrap()[..9_000]).unwrap();
    fs::write(cold[1].with_extension("parquet.tmp"), "PAR1").unwrap();
    fs::write(spans.join("wal/note.txt"), "hello").unwrap();
    let inspection = look_at(&spans).await;
    let text = printed(&inspection, 300, 9);
    assert_snapshot!(text.lines().skip(1).take(3).collect::<Vec<_>>().join("\n"), @"
    cold     2 cold files: 33 rows, 32.9 kB; 1 damaged; 1 file that the studio never reads, 4 B
    wal      1 WAL segment: 42 rows, 123.8 kB; 1 file that the studio never reads, 5 B
    hot      1 hot snapshot: 42 rows, 38.0 kB
    ");
    assert_snapshot!(told(&spans).await, @"
    flush    the next would write 42 rows of 1 segment (123.8 kB) into one cold file
    snapshot 42 rows, current: the WAL has as many, written 39.0 s ago
    damaged  parquet/year=2026/month=11/day=22/20261122_111418_30f27668.parquet: the file does not end in `PAR1`: it was cut, or never finished
    ");
    assert!(!inspection.is_sound());
    let json = serde_json::to_value(&inspection).unwrap();
    assert_eq!(
        (&json["files"][0]["health"], &json["files"][0]["rows"]),
        (&"unreadable".into(), &serde_json::Value::Null)
    );
    assert_eq!(json["wal"]["next_flush"]["outcome"], "writes");
}

/// A file of another program's, and times in another unit.
#[tokio::test]
async fn a_file_whose_columns_are_not_a_studios_is_damaged_and_tells_no_times() {
    let (_dir, spans) = golden("studio-0.82.1");
    let cold = files(&spans.join("parquet"), ".parquet");
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    write_batch(&cold[0], &RecordBatch::try_from_iter([("id", numbers)]).unwrap());
    let batch = columns::batch(&parquet_rows(&cold[1], Schema::V2), Schema::V2).unwrap();
    let milliseconds = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let schema = batch.schema();
    let arrays = schema.fields().iter().zip(batch.columns()).map(|(field, array)| {
        let is_time = matches!(field.data_type(), DataType::Timestamp(..));
        let array = if is_time { cast(array, &milliseconds).unwrap() } else { Arc::clone(array) };
        (field.name().clone(), array)
    });
    write_batch(&cold[1], &RecordBatch::try_from_iter(arrays.collect::<Vec<_>>()).unwrap());
    let inspection = look_at(&spans).await;
    let cold: Vec<_> = inspection.of_tier(Tier::Cold).collect();
    assert_eq!(cold.iter().map(|file| file.health).collect::<Vec<_>>(), [Health::Unreadable; 2]);
    assert_eq!(
        cold.iter().map(|file| (file.first_start, file.last_end)).collect::<Vec<_>>(),
        [(None, None); 2]
    );
    assert_eq!(cold.iter().map(|file| file.rows).collect::<Vec<_>>(), [None, Some(33)]);
    let Some(FileProblem::Columns(faults)) = &cold[1].problem else { panic!("{:?}", cold[1].problem) };
    let wrong: Vec<_> = faults.wrong_types.iter().map(|wrong| wrong.column).collect();
    assert_eq!(wrong, ["start_time", "end_time"]);
    assert!(!inspection.is_sound());
}

#[test]
fn a_flush_is_overdue_by_size_or_age() {
    let wal = |bytes, oldest, last_flush| Wal {
        segments: 1,
        rows: 1,
        bytes,
        oldest: Some(oldest),
        newest: Some(oldest),
        last_flush,
        next_flush: NextFlush::Nothing,
        growth: None,
    };
    let ago = |seconds: u64| (NOW - seconds * 1_000_000_000).cast_signed();
    assert_eq!(wal(1, ago(3_600), None).overdue(NOW), None);
    assert_eq!(wal(30 << 20, ago(1), None).overdue(NOW), Some(wal::Overdue::Size));
    let late = wal::Overdue::Age(Duration::from_secs(400));
    assert_eq!(wal(1, ago(4_000), None).overdue(NOW), Some(late));
    assert_eq!(wal(1, ago(4_000), Some(ago(5_000))).overdue(NOW), Some(late));
    // A flush that came between left the segment there, and its hour began anew.
    assert_eq!(wal(1, ago(4_000), Some(ago(10))).overdue(NOW), None);
}
