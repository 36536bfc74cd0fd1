//! Stores beside an index: what a finding says, what is not opened, and what a real backend made.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::bench::{Bench, fired};
use crate::{
    audit::verdict::Overall,
    contract::schema::Schema,
    testing::{fixture, parquet_rows},
};

/// Three services with workflows, in two cold files and a segment.
pub(crate) const STORE: (&str, Schema) = ("studio-0.82.1", Schema::V2);

pub(crate) fn index(bench: &Bench) {
    bench.index().unwrap();
}

pub(crate) fn edit(bench: &Bench, sql: &str) {
    bench.edit_index(sql).unwrap();
}

#[tokio::test]
async fn without_an_index_its_checks_are_skipped_with_the_reason() {
    for make in [|_: &Path| {}, |path| fs::write(path, "").unwrap()] as [fn(&Path); 2] {
        let bench = Bench::of(STORE.0, STORE.1);
        fs::create_dir(bench.folder.path().join("sqlite")).unwrap();
        make(&bench.database());
        let report = bench.audit("none").await;
        assert_eq!((fired(&report).as_str(), report.overall), ("", Overall::Pass));
        let family: Vec<_> = report.checked.iter().filter(|one| one.check.family == "index").collect();
        assert!(family.iter().all(|one| one.verdict.name() == "skipped"), "{family:?}");
    }
}

/// A finding names the spans that are out of sight.
#[tokio::test]
async fn a_finding_has_the_file_its_services_and_its_traces() {
    let bench = Bench::of(STORE.0, STORE.1);
    index(&bench);
    edit(&bench, "DELETE FROM parquet_files WHERE file_path LIKE '%30f27668%'");
    let rows = parquet_rows(&bench.cold(), STORE.1);
    let samples = bench.samples("none", "unindexed_files").await;
    let [sample] = &samples[..] else { panic!("{samples:?}") };
    let mut services: Vec<&str> = rows.iter().map(|row| row.service_name.as_str()).collect();
    services.sort_unstable();
    services.dedup();
    let mut traces: Vec<&str> = rows.iter().map(|row| row.trace_id.as_str()).collect();
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(sample["services"], services.join(", "));
    assert_eq!((&sample["spans"], &sample["traces"]), (&rows.len().into(), &traces.len().into()));
    assert_eq!(sample["cause"], "passed_over");
}

/// Only the index is opened, and nothing is left beside it.
#[tokio::test]
async fn nothing_beside_the_index_is_opened_or_made() {
    let bench = Bench::of(STORE.0, STORE.1);
    index(&bench);
    let folder = bench.folder.path().join("sqlite");
    // Whoever opened it would wait for a writer for ever, or fail.
    assert!(std::process::Command::new("mkfifo").arg(folder.join("junjo.db")).status().unwrap().success());
    let listing = || {
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let bytes = || fs::read(bench.database()).unwrap();
    let before = (listing(), bytes());
    assert_eq!(fired(&bench.audit("none").await), "");
    assert_eq!((listing(), bytes()), before);
}

/// Stores beside the index that the real backend of their era made of them, and the runs to judge.
const REAL: [(&str, Schema, &str); 3] = [
    ("studio-0.82.1", Schema::V2, "none"),
    ("studio-0.80.0", Schema::V1, "none"),
    ("profiles/studio-0.82.1", Schema::V2, "all"),
];

/// The rows of an index without what depends on where and when it was made.
fn rows_of(database: &Path, has_agents: bool) -> Vec<String> {
    let connection = Connection::open(database).unwrap();
    let file = "(SELECT substr(file_path, instr(file_path, 'year=')) FROM parquet_files f WHERE f.file_id = t.file_id)";
    let mut tables = vec![
        ("file_path", "SELECT substr(file_path, instr(file_path, 'year=')) || row_count || ' ' || size_bytes FROM parquet_files".to_owned()),
        ("trace", format!("SELECT trace_id || {file} FROM trace_files t")),
        ("service", format!("SELECT service_name || span_count || {file} FROM file_services t")),
        ("workflow", format!("SELECT service_name || {file} FROM workflow_files t")),
        ("llm", "SELECT service_name || trace_id FROM llm_traces".to_owned()),
    ];
    if has_agents {
        tables.push(("agent", format!("SELECT service_name || {file} FROM agent_files t")));
    }
    let mut rows = Vec::new();
    for (table, sql) in tables {
        let mut statement = connection.prepare(&sql).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.extend(found.map(|row| format!("{table}: {}", row.unwrap())));
    }
    rows.sort();
    rows
}

#[tokio::test]
async fn the_index_of_a_real_backend_is_clean_and_as_the_stand_in_makes_it() {
    for (name, schema, run) in REAL {
        let bench = Bench::of(name, schema);
        index(&bench);
        let has_agents = schema == Schema::V2;
        let made = rows_of(&bench.database(), has_agents);
        let real = fixture("index").join(name).join("metadata.db");
        fs::remove_dir_all(bench.folder.path().join("sqlite")).unwrap();
        fs::create_dir(bench.folder.path().join("sqlite")).unwrap();
        fs::copy(&real, bench.database()).unwrap();
        assert_eq!(made, rows_of(&bench.database(), has_agents), "{name}");
        let report = bench.audit(run).await;
        assert_eq!(fired(&report), "", "{name}");
        let family: Vec<_> = report.checked.iter().filter(|one| one.check.family == "index").collect();
        assert!(family.iter().all(|one| one.verdict.name() == "pass"), "{family:?}");
    }
}

/// Found is not visible.
#[tokio::test]
async fn what_no_page_finds_is_found_and_not_visible() {
    let bench = Bench::of("getting-started/studio-0.82.1", Schema::V2);
    index(&bench);
    let visible = async || {
        let report = bench.audit("all").await;
        report.completeness.iter().map(|service| (service.found, service.visible)).collect::<Vec<_>>()
    };
    assert!(visible().await.iter().all(|(found, visible)| *visible == Some(*found)));
    edit(&bench, "DELETE FROM parquet_files");
    let after = visible().await;
    let (hidden, found): (u64, u64) = after
        .iter()
        .fold((0, 0), |(hidden, all), (found, visible)| (hidden + found - visible.unwrap(), all + found));
    assert_eq!((found, hidden), (40, 20), "{after:?}");
}
