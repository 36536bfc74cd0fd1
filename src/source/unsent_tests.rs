//! Rows that are no spans: named one by one, as often as they are met, and never dropped in silence.

use std::{fs, path::Path, sync::Arc};

use tempfile::TempDir;

use super::{
    chunk::{SourceNotes, UnsentSpan},
    run::{self, Produced, SourceSummary},
};
use crate::{
    contract::{row::Row, schema::Schema},
    ledger::replay::Options,
    testing::{copy_tree, files, fixture, parquet_rows, write_parquet},
};

fn options() -> Options {
    Options { pace: "max".to_owned(), loops: 1, ..Options::default() }
}

fn golden(schema: Schema) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let name = if schema == Schema::V1 { "studio-0.80.0" } else { "studio-0.82.1" };
    copy_tree(&fixture(name), folder.path());
    folder
}

fn change_cold(folder: &Path, schema: Schema, change: impl FnOnce(&mut Vec<Row>)) {
    let file = files(&folder.join("spans/parquet"), ".parquet").remove(0);
    let mut rows = parquet_rows(&file, schema);
    change(&mut rows);
    write_parquet(&file, &rows, schema);
}

/// What is planned of a source, and what is made of it.
async fn planned_and_made(folder: &Path, options: Options, fresh_ids: bool) -> (u64, SourceNotes, Produced) {
    let surveyed = run::prepare(folder, options, fresh_ids).await.unwrap();
    let planned = surveyed.spans();
    let SourceSummary { survey, recipe, .. } = surveyed;
    let made = run::make(Arc::new(recipe), |_| Ok(())).await.unwrap();
    (planned, survey.notes, made)
}

/// A column that is to be named, and a damage that keeps a row from being a span.
type Damage = (&'static str, fn(&mut Row));

const DAMAGES: [Damage; 10] = [
    ("attributes", |row| row.attributes = "{".to_owned()),
    ("attributes", |row| row.attributes.clear()),
    ("events", |row| row.events = "{}".to_owned()),
    ("events", |row| row.events = r#"[{"made up":1}]"#.to_owned()),
    ("resource_attributes", |row| row.resource_attributes = "[]".to_owned()),
    ("trace_id", |row| row.trace_id = "no hex".to_owned()),
    ("span_id", |row| row.span_id.push('g')),
    ("parent_span_id", |row| row.parent_span_id = Some("xyz".to_owned())),
    ("attributes", |row| row.attributes = r#"{"a":1e999}"#.to_owned()),
    ("attributes", |row| row.attributes.push('x')),
];

#[tokio::test]
async fn a_row_that_cannot_be_sent_is_named_and_the_plan_knows_it() {
    for schema in [Schema::V1, Schema::V2] {
        let whole = planned_and_made(golden(schema).path(), options(), false).await;
        assert!(whole.2.is_all_of(whole.0), "{:?}", whole.2.notes);
        for (column, damage) in DAMAGES {
            for all in [false, true] {
                let folder = golden(schema);
                let mut damaged = 0;
                change_cold(folder.path(), schema, |rows| {
                    for row in rows.iter_mut().skip(3).take(if all { usize::MAX } else { 1 }) {
                        damage(row);
                        damaged += 1;
                    }
                });
                let (planned, survey, made) = planned_and_made(folder.path(), options(), false).await;
                assert_eq!((planned, survey.unsent.total), (whole.0 - damaged, damaged), "{column}");
                assert_eq!((made.spans, &made.notes.unsent), (planned, &survey.unsent), "{column}");
                assert!(!made.is_all_of(planned) && !survey.is_whole(), "{column}");
                let UnsentSpan { file, number, why } = &survey.unsent.first[0];
                assert!(
                    file.starts_with("parquet/") && why.contains(&format!("`{column}`")),
                    "{file}: {why}"
                );
                assert_eq!(*number, 3);
                assert_eq!(survey.unsent.first.len() as u64, damaged.min(20));
            }
        }
    }
}

/// A copy that is a span stands for one that is none.
#[tokio::test]
async fn a_damaged_copy_does_not_take_the_place_of_a_good_one() {
    let folder = golden(Schema::V2);
    let whole = planned_and_made(folder.path(), options(), false).await.0;
    let file = files(&folder.path().join("spans/parquet"), ".parquet").remove(0);
    // Sorts after the other, and is read after it.
    fs::copy(&file, file.with_file_name("20991231_235959_00000001.parquet")).unwrap();
    change_cold(folder.path(), Schema::V2, |rows| rows[3].attributes.clear());
    let (planned, survey, made) = planned_and_made(folder.path(), options(), false).await;
    assert_eq!((planned, made.spans, survey.unsent.total), (whole, whole, 1));
}

/// What nobody asked for is no loss, whatever is wrong with it.
#[tokio::test]
async fn a_damaged_row_that_was_not_asked_for_is_left_out_and_no_more() {
    let folder = golden(Schema::V2);
    let mut service = String::new();
    change_cold(folder.path(), Schema::V2, |rows| {
        rows[3].trace_id.clear();
        rows[3].trace_id.push('x');
        service.clone_from(&rows[3].service_name);
    });
    let of_another = Options { services: [format!("not {service}")].into(), ..options() };
    let (planned, survey, _) = planned_and_made(folder.path(), of_another, false).await;
    assert_eq!((planned, survey.unsent.total), (0, 0));
    let of_it = Options { services: [service].into(), ..options() };
    assert_eq!(planned_and_made(folder.path(), of_it, false).await.1.unsent.total, 1);
}

/// Ids that cannot be renewed are sent as they are, or named.
#[tokio::test]
async fn an_id_that_cannot_be_renewed_is_named() {
    let folder = golden(Schema::V2);
    change_cold(folder.path(), Schema::V2, |rows| rows[3].span_id = "0000000000000000".to_owned());
    let kept = planned_and_made(folder.path(), options(), false).await;
    assert!(kept.2.is_all_of(kept.0));
    let (planned, survey, made) = planned_and_made(folder.path(), options(), true).await;
    assert_eq!((planned, survey.unsent.total), (kept.0 - 1, 1));
    assert_eq!((made.spans, survey.unsent.first[0].number), (planned, 3));
}
