//! What checks of files say of each damage: rows, causes and values.

use std::fs;

use datafusion::arrow::datatypes::DataType;
use serde_json::{Value, json};

use super::bench::Bench;
use crate::{
    contract::schema::Schema,
    judge::judgement::Depth,
    proof::damages,
    testing::{parquet_rows, write_parquet},
};

const STORE: (&str, Schema) = ("getting-started/studio-0.82.1", Schema::V2);

fn bench() -> Bench {
    Bench::of(STORE.0, STORE.1)
}

/// Some cells of every sample of a check.
async fn told(bench: &Bench, check: &str, columns: &[&str]) -> Vec<Vec<Value>> {
    let samples = bench.samples("latest", check).await;
    let cells = |sample: &Value| columns.iter().map(|column| sample[*column].clone()).collect();
    samples.iter().map(cells).collect()
}

#[tokio::test]
async fn a_false_statistic_is_told_beside_the_value() {
    let bench = bench();
    damages::files::flip_a_statistic(&bench).unwrap();
    let least = parquet_rows(&bench.cold(), STORE.1).into_iter().map(|row| row.trace_id).min().unwrap();
    let stated = format!("z{}", &least[1..]);
    let columns = ["tier", "row_group_index", "column_name", "statistic", "expected", "actual"];
    assert_eq!(
        told(&bench, "false_statistics", &columns).await,
        [[json!("cold"), json!(0), json!("trace_id"), json!("min"), json!(least), json!(stated)]]
    );
}

/// Less than all values prove nothing of a statistic.
#[tokio::test]
async fn statistics_are_not_judged_by_structure_alone() {
    let bench = bench();
    damages::files::flip_a_statistic(&bench).unwrap();
    let report = bench.audit_at(Depth::Structure).await;
    let one = report.checked.iter().find(|one| one.check.id == "false_statistics").unwrap();
    assert_eq!(one.verdict.name(), "skipped");
}

#[tokio::test]
async fn each_row_too_many_of_a_snapshot_has_its_cause() {
    let causes = async |damage: fn(&Bench)| {
        let bench = bench();
        damage(&bench);
        told(&bench, "snapshot_differs_from_wal", &["tier", "row_number", "cause"]).await
    };
    let one = |row: u64, cause: &str| [[json!("hot"), json!(row), json!(cause)]];
    let changed = causes(|bench| bench.change_snapshot(|rows| rows[3].name.push('x')));
    assert_eq!(changed.await, one(3, "changed_in_wal"));
    let changed = causes(|bench| {
        damages::copies::flush(bench).unwrap();
        bench.change_snapshot(|rows| rows[3].name.push('x'));
    });
    assert_eq!(changed.await, one(3, "changed_in_cold"));
    let doubled = causes(|bench| bench.change_snapshot(|rows| rows.push(rows[3].clone())));
    assert_eq!(doubled.await, one(20, "extra_copy"));
    let made_up = causes(|bench| {
        bench.change_snapshot(|rows| rows[3].span_id = "00000000000000aa".to_owned());
    });
    assert_eq!(made_up.await, one(3, "nowhere"));
}

/// A row may be in the cold file that does not read.
#[tokio::test]
async fn a_row_of_the_snapshot_is_not_made_up_while_a_file_is_unread() {
    let bench = bench();
    damages::copies::flush(&bench).unwrap();
    let flushed = bench.cold().with_file_name("20261123_235959_00000001.parquet");
    damages::files::truncate(&flushed).unwrap();
    assert_eq!(bench.samples("none", "snapshot_differs_from_wal").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_wrong_type_is_named_with_the_column() {
    let bench = bench();
    damages::columns::store_as(&bench, "duration_ns", &DataType::Float64).unwrap();
    assert_eq!(
        told(&bench, "unreadable_files", &["tier", "rows_read", "problem"]).await,
        [[json!("cold"), json!(20), json!("column `duration_ns` is of type Float64, not Int64")]]
    );
}

#[tokio::test]
async fn a_null_is_named_with_its_row_and_column() {
    let bench = Bench::of("studio-0.82.1", Schema::V2);
    bench.set_null("status_code", 7..8);
    let samples = bench.samples("none", "null_values").await;
    let [sample] = &samples[..] else { panic!("{samples:?}") };
    let cells = [&sample["tier"], &sample["row_number"], &sample["column_name"]];
    assert_eq!(cells, [&json!("cold"), &json!(7), &json!("status_code")]);
}

/// Row groups that a batch crosses, and texts that the writer cut, have true statistics.
#[tokio::test]
async fn true_statistics_of_many_row_groups_are_silent() {
    let bench = bench();
    let mut rows = parquet_rows(&bench.cold(), STORE.1);
    let keys = |row: usize| format!("{{\"a\":\"{}{row}\"}}", "ü".repeat(70));
    rows.iter_mut().enumerate().for_each(|(place, row)| row.attributes = keys(place));
    let copy = bench.cold().with_file_name("20261123_235959_00000001.parquet");
    write_parquet(&copy, &rows, STORE.1);
    crate::testing::write_in_groups(&bench.cold(), &rows, STORE.1, 3);
    assert_eq!(bench.samples("none", "false_statistics").await, Vec::<Value>::new());
    crate::testing::write_in_pages(&bench.cold(), &rows, STORE.1, 3);
    assert_eq!(bench.samples("none", "false_statistics").await, Vec::<Value>::new());
    fs::remove_file(copy).unwrap();
}
