//! Stores beside an index, what is done to either, and all checks that fire.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use rusqlite::Connection;

use super::{
    bench::{Bench, fired},
    structure,
};
use crate::{
    audit::verdict::Overall,
    contract::{row::Row, schema::Schema},
    proof::damages,
    standin::indexer::Indexer,
    testing::{files, fixture, parquet_rows, write_parquet},
};

/// A name, the store, what is done to it, and all that fires without a run.
pub(crate) type Case = (&'static str, (&'static str, Schema), fn(&Bench), &'static str);

/// Three services with workflows, in two cold files and a segment.
pub(crate) const STORE: (&str, Schema) = ("studio-0.82.1", Schema::V2);
const OLDER: (&str, Schema) = ("studio-0.80.0", Schema::V1);

pub(crate) const CASES: &[Case] = &[
    ("a_healthy_index", STORE, index, ""),
    ("a_healthy_older_index", OLDER, index, ""),
    (
        "forget_a_file",
        STORE,
        |bench| {
            index(bench);
            edit(bench, "DELETE FROM parquet_files WHERE file_path LIKE '%30f27668%'");
        },
        "unindexed_files: 1",
    ),
    ("a_folder_tmp", STORE, into_tmp, "misplaced_cold_files: warn, 1; unindexed_files: 1"),
    ("a_file_that_waits", STORE, |bench| with_a_file_of_age(bench, 165), "waiting_files: info, 1"),
    ("a_recent_file", STORE, |bench| with_a_file_of_age(bench, 60), ""),
    ("a_copy_of_a_young_store", STORE, at_rest, "undecided_files: inconclusive, 1"),
    ("a_damaged_index", STORE, damage, "unreadable_index: inconclusive, 1"),
    ("a_file_that_was_not_whole", STORE, index_a_file_that_is_not_whole, "given_up_files: 1"),
    (
        "attributes_that_are_no_object",
        STORE,
        |bench| {
            bench.change_cold(|rows| rows[0].attributes = "[1]".to_owned());
            index(bench);
        },
        "invalid_json: 1; given_up_files: 1",
    ),
    (
        "a_locked_index",
        STORE,
        |bench| {
            index(bench);
            edit(
                bench,
                "INSERT INTO failed_parquet_files (file_path, error_type, error_message)
                 SELECT file_path, 'OperationalError', 'database is locked' FROM parquet_files LIMIT 1;
                 DELETE FROM parquet_files WHERE file_path IN (SELECT file_path FROM failed_parquet_files);",
            );
        },
        "given_up_files: 1",
    ),
    (
        "change_a_file",
        STORE,
        |bench| {
            index(bench);
            bench.change_cold(|rows| rows.iter_mut().for_each(|row| row.name.push_str(" again")));
        },
        "changed_files: 1",
    ),
    (
        "lack_a_trace",
        STORE,
        |bench| {
            index(bench);
            edit(bench, "DELETE FROM trace_files WHERE rowid = (SELECT min(rowid) FROM trace_files)");
        },
        "missing_index_entries: 1",
    ),
    (
        "lack_a_service",
        STORE,
        |bench| {
            index(bench);
            edit(bench, "DELETE FROM file_services WHERE rowid = (SELECT min(rowid) FROM file_services)");
        },
        "missing_index_entries: 1",
    ),
    (
        "lack_a_list_of_workflows",
        STORE,
        |bench| {
            index(bench);
            edit(bench, "DELETE FROM workflow_files WHERE rowid = (SELECT min(rowid) FROM workflow_files)");
        },
        "missing_index_entries: 1",
    ),
    (
        "delete_an_indexed_file",
        STORE,
        |bench| {
            index(bench);
            fs::remove_file(bench.cold()).unwrap();
        },
        "vanished_files: warn, 1",
    ),
    (
        "take_the_index_of_another_store",
        STORE,
        |bench| {
            index(bench);
            edit(bench, "UPDATE parquet_files SET file_path = replace(file_path, 'year=2026', 'year=2025')");
        },
        "foreign_index: 1",
    ),
    (
        "mount_the_store_elsewhere",
        STORE,
        |bench| {
            index(bench);
            edit(
                bench,
                "UPDATE parquet_files SET file_path = '/app/' || substr(file_path, instr(file_path, 'year='))
                 WHERE file_path LIKE '%30f27668%'",
            );
        },
        "several_index_folders: warn, 1",
    ),
    (
        "read_another_folder",
        STORE,
        |bench| {
            index(bench);
            edit(bench, "DELETE FROM parquet_files");
        },
        "unread_folder: 1",
    ),
    ("write_many_files", STORE, |bench| many_files(bench, 0), "cut_lists: info, 1"),
    ("write_late_spans", STORE, |bench| many_files(bench, 1), "cut_lists: info, 1; unlisted_files: warn, 1"),
    (
        "upgrade_the_backend",
        OLDER,
        |bench| {
            index(bench);
            drop(Indexer::open(bench.folder.path(), Schema::V2).unwrap());
        },
        "mixed_schemas: 1",
    ),
    (
        "write_zeros_for_no_parent",
        STORE,
        |bench| bench.change_cold(|rows| root(rows).parent_span_id = Some("0".repeat(16))),
        "unlisted_traces: warn, 1",
    ),
    (
        "send_no_service",
        STORE,
        |bench| bench.change_cold(|rows| rows.iter_mut().for_each(without_service)),
        "unnamed_services: warn, 1",
    ),
    (
        "name_no_event",
        STORE,
        |bench| {
            bench.change_cold(|rows| {
                let row = rows.iter_mut().find(|row| row.events.contains("\"name\":\"")).unwrap();
                let at = row.events.find("\"name\":\"").unwrap() + "\"name\":\"".len();
                let end = at + row.events[at..].find('"').unwrap();
                row.events.replace_range(at..end, "");
            });
        },
        "page_breaking_rows: warn, 1",
    ),
    (
        "call_a_model_in_another_service",
        STORE,
        |bench| bench.change_cold(|rows| call_a_model(rows)),
        "mixed_service_traces: info, 1; shared_instances: info, 1; llm_elsewhere: info, 1",
    ),
    (
        "write_spaces_into_a_workflow",
        STORE,
        |bench| {
            bench.change_cold(|rows| {
                let (from, to) = ("\"junjo.span_type\":\"workflow\"", "\"junjo.span_type\": \"workflow\"");
                let row = rows.iter_mut().find(|row| row.attributes.contains(from)).unwrap();
                row.attributes = row.attributes.replace(from, to);
            });
        },
        "noncanonical_events: warn, 1; unsearchable_executions: warn, 1",
    ),
];

/// The same of a store with rows of every profile, held against all of its runs.
pub(crate) const OF_PROFILES: &[structure::Case] = &[
    ("a_healthy_index_of_every_profile", index, ""),
    (
        "lack_the_list_of_agents",
        |bench| {
            index(bench);
            edit(bench, "DELETE FROM agent_files");
        },
        "unlisted_agents: warn, 2",
    ),
    (
        "index_before_the_upgrade",
        |bench| {
            Indexer::open(bench.folder.path(), Schema::V1).unwrap().catch_up().unwrap();
            index(bench);
        },
        "unlisted_agents: warn, 2",
    ),
    (
        "lack_a_trace_of_a_model",
        |bench| {
            index(bench);
            edit(bench, "DELETE FROM llm_traces WHERE rowid = (SELECT min(rowid) FROM llm_traces)");
        },
        "missing_index_entries: 1",
    ),
];

pub(crate) fn index(bench: &Bench) {
    Indexer::open(bench.folder.path(), bench.schema).unwrap().catch_up().unwrap();
}

fn database(bench: &Bench) -> PathBuf {
    bench.folder.path().join("sqlite/metadata.db")
}

pub(crate) fn edit(bench: &Bench, sql: &str) {
    let connection = Connection::open(database(bench)).unwrap();
    connection.pragma_update(None, "foreign_keys", "ON").unwrap();
    connection.execute_batch(sql).unwrap();
}

fn root(rows: &mut [Row]) -> &mut Row {
    rows.iter_mut().find(|row| row.parent_span_id.is_none()).unwrap()
}

fn without_service(row: &mut Row) {
    row.service_name = String::new();
    row.resource_attributes = "{}".to_owned();
}

/// A leaf is of another service, which was called over the network.
fn call_a_model(rows: &mut [Row]) {
    let is_parent = |id: &str| rows.iter().any(|row| row.parent_span_id.as_deref() == Some(id));
    let leaf = rows.iter().position(|row| row.parent_span_id.is_some() && !is_parent(&row.span_id)).unwrap();
    let row = &mut rows[leaf];
    row.trace_flags = 0x300;
    row.resource_attributes = row.resource_attributes.replace(&row.service_name, "a model's");
    row.service_name = "a model's".to_owned();
    row.attributes = "{\"gen_ai.provider.name\":\"a provider\"}".to_owned();
}

fn into_tmp(bench: &Bench) {
    let file = bench.cold();
    let folder = bench.folder.path().join("spans/parquet/tmp");
    fs::create_dir(&folder).unwrap();
    fs::rename(&file, folder.join(file.file_name().unwrap())).unwrap();
    index(bench);
}

/// A cold file that was flushed so many seconds ago, and is not indexed.
fn with_a_file_of_age(bench: &Bench, seconds: i64) {
    index(bench);
    let file = bench.cold();
    edit(bench, "DELETE FROM parquet_files WHERE file_path LIKE '%30f27668%'");
    let flushed: DateTime<Utc> = Utc::now() - chrono::TimeDelta::seconds(seconds);
    let place = flushed.format("year=%Y/month=%m/day=%d/%Y%m%d_%H%M%S_00000001.parquet").to_string();
    let place = bench.folder.path().join("spans/parquet").join(place);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    fs::rename(file, place).unwrap();
}

/// As copied a minute after its last flush, with all times kept.
fn at_rest(bench: &Bench) {
    index(bench);
    edit(
        bench,
        "DELETE FROM parquet_files WHERE file_path LIKE '%00a45fa4%';
         UPDATE parquet_files SET indexed_at = '2026-11-22 11:14:50'",
    );
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_346_120);
    for file in files(bench.folder.path(), "") {
        File::options().write(true).open(file).unwrap().set_modified(at).unwrap();
    }
}

fn damage(bench: &Bench) {
    index(bench);
    edit(bench, "PRAGMA wal_checkpoint(TRUNCATE)");
    let mut bytes = fs::read(database(bench)).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    fs::write(database(bench), bytes).unwrap();
}

fn index_a_file_that_is_not_whole(bench: &Bench) {
    let whole = fs::read(bench.cold()).unwrap();
    damages::files::truncate(&bench.cold()).unwrap();
    index(bench);
    fs::write(bench.cold(), whole).unwrap();
}

/// 25 files of one service, of which so many were written last and hold spans of hours before.
fn many_files(bench: &Bench, late: usize) {
    let folder = bench.cold().parent().unwrap().to_owned();
    let rows = parquet_rows(&bench.cold(), bench.schema);
    let mut row = rows.iter().find(|row| row.parent_span_id.is_none()).unwrap().clone();
    for file in files(&bench.folder.path().join("spans"), "") {
        fs::remove_file(file).unwrap();
    }
    row.parent_span_id = None;
    let (start, end) = (row.start_time, row.end_time);
    for number in 0..25_usize {
        let back = if number >= 25 - late { 6 * 3_600_000_000_000 } else { 0 };
        let ahead = i64::try_from(number).unwrap() * 1_000_000_000 - back;
        (row.start_time, row.end_time) = (start + ahead, end + ahead);
        row.trace_id = format!("{:032x}", 0xabc_0000 + number);
        row.span_id = format!("{:016x}", 0xdef_0000 + number);
        row.events = "[]".to_owned();
        let name = format!("20261122_1115{number:02}_00000001.parquet");
        write_parquet(&folder.join(name), std::slice::from_ref(&row), bench.schema);
    }
    index(bench);
}

/// What is wholly gone is found as what is gone in part.
#[tokio::test]
async fn wholesale_losses_of_the_index_are_found() {
    let tables = ["trace_files", "file_services", "workflow_files"];
    for table in tables {
        let bench = Bench::of(STORE.0, STORE.1);
        index(&bench);
        edit(&bench, &format!("DELETE FROM {table}"));
        let report = bench.audit("none").await;
        assert_eq!(report.overall, Overall::Fail, "{table}");
        assert!(fired(&report).starts_with("missing_index_entries: "), "{table}: {}", fired(&report));
    }
}

#[tokio::test]
async fn without_an_index_its_checks_are_skipped_with_the_reason() {
    for make in [|_: &Path| {}, |path| fs::write(path, "").unwrap()] as [fn(&Path); 2] {
        let bench = Bench::of(STORE.0, STORE.1);
        fs::create_dir(bench.folder.path().join("sqlite")).unwrap();
        make(&database(&bench));
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
    let bytes = || fs::read(database(&bench)).unwrap();
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
        let made = rows_of(&database(&bench), has_agents);
        let real = fixture("index").join(name).join("metadata.db");
        fs::remove_dir_all(bench.folder.path().join("sqlite")).unwrap();
        fs::create_dir(bench.folder.path().join("sqlite")).unwrap();
        fs::copy(&real, database(&bench)).unwrap();
        assert_eq!(made, rows_of(&database(&bench), has_agents), "{name}");
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
