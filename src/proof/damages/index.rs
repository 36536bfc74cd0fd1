//! Damage to the index of a studio, and to stores so that its pages do not find what is there.

use std::{
    fs::{self, File},
    time::{Duration, SystemTime},
};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Damage, HOUR,
    files::truncate,
    structure::{a_leaf, change_root},
};
use crate::{
    contract::{row::Row, schema::Schema},
    proof::{
        bench::Bench,
        rows::{files, write_parquet},
    },
    standin::indexer::Indexer,
};

const SECOND: i64 = 1_000_000_000;
/// As finely as an index tells times.
const MICROSECOND: i64 = 1_000;

pub(super) const DAMAGES: &[Damage] = &[
    ("a healthy index", "none", Bench::index, ""),
    (
        "forget_a_file",
        "none",
        |bench| {
            bench.index()?;
            forget(bench)
        },
        "unindexed_files: 1",
    ),
    ("write_into_a_folder_tmp", "none", into_tmp, "misplaced_cold_files: warn, 1; unindexed_files: 1"),
    ("flush_a_file_that_waits", "none", |bench| with_a_file_of_age(bench, 165), "waiting_files: info, 1"),
    ("flush_a_recent_file", "none", |bench| with_a_file_of_age(bench, 60), ""),
    ("copy_a_young_store", "none", at_rest, "undecided_files: inconclusive, 1"),
    ("damage_the_index", "none", damage_the_index, "unreadable_index: inconclusive, 1"),
    ("index_a_file_that_is_not_whole", "none", index_a_file_that_is_not_whole, "given_up_files: 1"),
    (
        "attributes_that_are_no_object",
        "none",
        |bench| {
            bench.alter_cold(|rows| "[1]".clone_into(&mut rows[0].attributes))?;
            bench.index()
        },
        "invalid_json: 1; given_up_files: 1",
    ),
    (
        "lock_the_index",
        "none",
        |bench| {
            bench.index()?;
            bench.edit_index(
                "INSERT INTO failed_parquet_files (file_path, error_type, error_message)
                 SELECT file_path, 'OperationalError', 'database is locked' FROM parquet_files LIMIT 1;
                 DELETE FROM parquet_files WHERE file_path IN (SELECT file_path FROM failed_parquet_files);",
            )
        },
        "given_up_files: 1",
    ),
    (
        "change_an_indexed_file",
        "none",
        |bench| {
            bench.index()?;
            bench.alter_cold(|rows| rows.iter_mut().for_each(|row| row.name.push_str(" again")))
        },
        "changed_files: 1",
    ),
    ("lack_a_trace", "none", |bench| forget_first(bench, "trace_files"), "missing_index_entries: 1"),
    ("lack_a_service", "none", |bench| forget_first(bench, "file_services"), "missing_index_entries: 1"),
    (
        "lack_a_list_of_workflows",
        "none",
        |bench| forget_first(bench, "workflow_files"),
        "missing_index_entries: 1",
    ),
    ("lack_all_traces", "none", |bench| forget_all(bench, "trace_files"), "missing_index_entries"),
    ("lack_all_services", "none", |bench| forget_all(bench, "file_services"), "missing_index_entries"),
    (
        "lack_all_lists_of_workflows",
        "none",
        |bench| forget_all(bench, "workflow_files"),
        "missing_index_entries",
    ),
    (
        "delete_an_indexed_file",
        "none",
        |bench| {
            bench.index()?;
            Ok(fs::remove_file(bench.cold_file()?)?)
        },
        "vanished_files: warn, 1",
    ),
    (
        "take_the_index_of_another_store",
        "none",
        |bench| {
            bench.index()?;
            bench.edit_index("UPDATE parquet_files SET file_path = replace(file_path, 'year=20', 'year=19')")
        },
        "foreign_index: 1",
    ),
    (
        "mount_the_store_elsewhere",
        "none",
        |bench| {
            bench.index()?;
            bench.edit_index(&format!(
                "UPDATE parquet_files SET file_path = '/app/' || substr(file_path, instr(file_path, 'year=')) \
                 WHERE file_path LIKE '%{}'",
                cold_name(bench)?
            ))
        },
        "several_index_folders: warn, 1",
    ),
    ("read_another_folder", "none", |bench| forget_all(bench, "parquet_files"), "unread_folder: 1"),
    ("write_many_files", "none", |bench| many_files(bench, 25, |_| [0, 0]), "cut_lists: info, 1"),
    ("write_twenty_files", "none", |bench| many_files(bench, 20, |_| [0, 0]), ""),
    (
        "write_late_spans",
        "none",
        |bench| many_files(bench, 25, |number| if number == 24 { [-6 * HOUR, -6 * HOUR] } else { [0, 0] }),
        "cut_lists: info, 1; unlisted_files: warn, 1",
    ),
    (
        "write_late_spans_into_the_last_of_twenty_files",
        "none",
        |bench| many_files(bench, 20, |number| if number == 19 { [-6 * HOUR, -6 * HOUR] } else { [0, 0] }),
        "",
    ),
    (
        "write_late_spans_into_the_first_file",
        "none",
        |bench| many_files(bench, 25, |number| if number == 0 { [-6 * HOUR, -6 * HOUR] } else { [0, 0] }),
        "cut_lists: info, 1",
    ),
    (
        "write_spans_that_are_late_by_an_hour",
        "none",
        |bench| many_files(bench, 25, |number| if number == 24 { [-HOUR, -HOUR] } else { [0, 0] }),
        "cut_lists: info, 1",
    ),
    (
        "write_spans_that_are_late_by_two_hours",
        "none",
        |bench| {
            const LATE: i64 = SECOND + 24 * MICROSECOND - 2 * HOUR;
            many_files(bench, 25, |number| if number == 24 { [LATE, LATE] } else { [0, 0] })
        },
        "cut_lists: info, 1",
    ),
    (
        "write_late_spans_into_the_twentieth_file_from_the_end",
        "none",
        |bench| many_files(bench, 25, |number| if number == 5 { [-6 * HOUR, -6 * HOUR] } else { [0, 0] }),
        "cut_lists: info, 1; unlisted_files: warn, 1",
    ),
    (
        "write_spans_that_end_a_day_ahead",
        "none",
        |bench| {
            many_files(bench, 25, |number| {
                if number == 3 { [0, SECOND + 3 * MICROSECOND + 24 * HOUR] } else { [0, 0] }
            })
        },
        "cut_lists: info, 1",
    ),
    (
        "delete_a_file_with_late_spans",
        "none",
        |bench| {
            many_files(bench, 25, |number| if number == 24 { [-6 * HOUR, -6 * HOUR] } else { [0, 0] })?;
            Ok(fs::remove_file(bench.newest_cold_file()?)?)
        },
        "cut_lists: info, 1; vanished_files: warn, 1",
    ),
    (
        "delete_one_of_21_files",
        "none",
        |bench| {
            many_files(bench, 21, |_| [0, 0])?;
            Ok(fs::remove_file(bench.newest_cold_file()?)?)
        },
        "vanished_files: warn, 1",
    ),
    (
        "lack_a_service_of_21_files",
        "none",
        |bench| {
            many_files(bench, 21, |_| [0, 0])?;
            bench.edit_index(
                "DELETE FROM file_services WHERE file_id = (SELECT max(file_id) FROM parquet_files)",
            )
        },
        "missing_index_entries: 1",
    ),
    (
        "write_spans_that_end_ahead",
        "none",
        |bench| many_files(bench, 25, |number| if number == 3 { [0, 30 * HOUR] } else { [0, 0] }),
        "cut_lists: info, 1; unlisted_files: warn, 1",
    ),
    (
        "write_spans_that_end_ahead_into_twenty_files",
        "none",
        |bench| many_files(bench, 20, |number| if number == 3 { [0, 30 * HOUR] } else { [0, 0] }),
        "",
    ),
    (
        "index_a_trace_too_many",
        "none",
        |bench| {
            bench.index()?;
            bench.edit_index(
                "INSERT INTO trace_files SELECT 'abcdefabcdefabcdefabcdefabcdefab', min(file_id) FROM parquet_files;
                 INSERT INTO file_services (service_name, file_id, span_count)
                 SELECT 'of nobody', min(file_id), 1 FROM parquet_files;",
            )
        },
        "",
    ),
    (
        "take_the_index_of_another_store_mounted_elsewhere",
        "none",
        |bench| {
            bench.index()?;
            bench.edit_index(&format!(
                "UPDATE parquet_files SET file_path = replace(file_path, 'year=20', 'year=19');
                 UPDATE parquet_files SET file_path = '/app/' || substr(file_path, instr(file_path, 'year='))
                 WHERE file_path LIKE '%{}'",
                cold_name(bench)?
            ))
        },
        "foreign_index: 1",
    ),
    (
        "write_zeros_for_no_parent",
        "none",
        |bench| change_root(bench, |row| row.parent_span_id = Some("0".repeat(16))),
        "unlisted_traces: warn, 1",
    ),
    (
        "send_no_service",
        "none",
        |bench| bench.alter_cold(|rows| rows.iter_mut().for_each(without_service)),
        "unnamed_services: warn, 1",
    ),
    (
        "name_no_event",
        "none",
        |bench| bench.try_alter_cold(|rows| name_no_event(rows)),
        "page_breaking_rows: warn, 1",
    ),
    (
        "call_a_model_in_another_service",
        "none",
        |bench| bench.try_alter_cold(|rows| call_a_model(rows)),
        "mixed_service_traces: info, 1; shared_instances: info, 1; llm_elsewhere: info, 1",
    ),
    (
        "call_a_model_in_another_service_twice",
        "none",
        |bench| {
            bench.try_alter_cold(|rows| {
                call_a_model(rows)?;
                let copy = rows.iter().find(|row| row.service_name == "a model's")?.clone();
                rows.push(copy);
                Some(())
            })
        },
        "duplicate_spans: 1; mixed_service_traces: info, 1; shared_instances: info, 1; llm_elsewhere: info, 1",
    ),
    (
        "write_spaces_into_a_workflow",
        "none",
        |bench| bench.try_alter_cold(|rows| space_out(rows, "workflow")),
        "noncanonical_events: warn, 1; unsearchable_executions: warn, 1",
    ),
];

pub(super) const OF_SCHEMA_1: &[Damage] = &[
    ("a healthy older index", "none", Bench::index, ""),
    (
        "upgrade_the_backend",
        "none",
        |bench| {
            bench.index()?;
            Indexer::open(bench.folder.path(), Schema::V2).map(drop)
        },
        "mixed_schemas",
    ),
];

/// Of files with agents and models.
pub(super) const OF_EXECUTIONS: &[Damage] = &[
    ("a healthy index of executions", "none", Bench::index, ""),
    ("lack_the_list_of_agents", "none", |bench| forget_all(bench, "agent_files"), "unlisted_agents: warn"),
    (
        "index_before_the_upgrade",
        "none",
        |bench| {
            Indexer::open(bench.folder.path(), Schema::V1)?.catch_up()?;
            bench.index()
        },
        "unlisted_agents: warn",
    ),
    (
        "write_spaces_into_an_agent",
        "none",
        |bench| bench.try_alter_cold(|rows| space_out(rows, "agent")),
        "noncanonical_events: warn, 1; unsearchable_executions: warn, 1",
    ),
    (
        "lack_a_trace_of_a_model",
        "none",
        |bench| forget_first(bench, "llm_traces"),
        "missing_index_entries: 1",
    ),
];

/// The name of the oldest cold file.
fn cold_name(bench: &Bench) -> anyhow::Result<String> {
    let file = bench.cold_file()?;
    let name = file.file_name().and_then(|name| name.to_str());
    Ok(name.context("a cold file without a name")?.to_owned())
}

/// The oldest cold file is not in the index.
fn forget(bench: &Bench) -> anyhow::Result<()> {
    bench.edit_index(&format!("DELETE FROM parquet_files WHERE file_path LIKE '%{}'", cold_name(bench)?))
}

fn forget_first(bench: &Bench, table: &str) -> anyhow::Result<()> {
    bench.index()?;
    bench.edit_index(&format!("DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})"))
}

fn forget_all(bench: &Bench, table: &str) -> anyhow::Result<()> {
    bench.index()?;
    bench.edit_index(&format!("DELETE FROM {table}"))
}

fn into_tmp(bench: &Bench) -> anyhow::Result<()> {
    let file = bench.cold_file()?;
    let folder = bench.folder.path().join("spans/parquet/tmp");
    fs::create_dir(&folder)?;
    fs::rename(&file, folder.join(cold_name(bench)?))?;
    bench.index()
}

/// A cold file that was flushed so many seconds ago, and is not indexed.
fn with_a_file_of_age(bench: &Bench, seconds: i64) -> anyhow::Result<()> {
    bench.index()?;
    forget(bench)?;
    let file = bench.cold_file()?;
    Ok(fs::rename(file, bench.cold_place(Utc::now() - TimeDelta::seconds(seconds), 1)?)?)
}

/// As copied two minutes after the last flush, whose file was not indexed yet, with all times kept.
fn at_rest(bench: &Bench) -> anyhow::Result<()> {
    bench.index()?;
    let newest = bench.newest_cold_file()?;
    let name = newest.file_name().and_then(|name| name.to_str()).context("no name")?;
    let flushed = Bench::flushed_at(&newest)?;
    bench.edit_index(&format!(
        "DELETE FROM parquet_files WHERE file_path LIKE '%{name}';
         UPDATE parquet_files SET indexed_at = '{}'",
        (flushed + TimeDelta::seconds(30)).format("%Y-%m-%d %H:%M:%S")
    ))?;
    let at = SystemTime::from(flushed) + Duration::from_mins(2);
    for file in files(bench.folder.path(), "")? {
        File::options().write(true).open(file)?.set_modified(at)?;
    }
    Ok(())
}

fn damage_the_index(bench: &Bench) -> anyhow::Result<()> {
    bench.index()?;
    bench.edit_index("PRAGMA wal_checkpoint(TRUNCATE)")?;
    let mut bytes = fs::read(bench.database())?;
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    Ok(fs::write(bench.database(), bytes)?)
}

fn index_a_file_that_is_not_whole(bench: &Bench) -> anyhow::Result<()> {
    let whole = fs::read(bench.cold_file()?)?;
    truncate(&bench.cold_file()?)?;
    bench.index()?;
    Ok(fs::write(bench.cold_file()?, whole)?)
}

/// The store holds so many files of one service and nothing else, each a second after the one before: a span in each
/// starts and ends so much later than that.
fn many_files(bench: &Bench, count: i64, later: fn(i64) -> [i64; 2]) -> anyhow::Result<()> {
    let rows = bench.cold_rows()?;
    let mut row = rows.into_iter().find(|row| row.parent_span_id.is_none()).context("no root")?;
    for file in files(&bench.folder.path().join("spans"), "")? {
        fs::remove_file(file)?;
    }
    row.parent_span_id = None;
    "[]".clone_into(&mut row.events);
    // The name of a file tells its second, and the number in it the rest.
    let (start, end) = (row.start_time, row.end_time / SECOND * SECOND + SECOND);
    for number in 0..count {
        let ahead = number * SECOND;
        let [start_later, end_later] = later(number);
        (row.start_time, row.end_time) = (start + ahead + start_later, end + ahead + end_later);
        row.duration_ns = row.end_time - row.start_time;
        row.trace_id = format!("{:032x}", 0x0abc_0000 + number);
        row.span_id = format!("{:016x}", 0x0def_0000 + number);
        let flushed = DateTime::from_timestamp_nanos(end + ahead + SECOND);
        write_parquet(
            &bench.cold_place(flushed, number * MICROSECOND)?,
            std::slice::from_ref(&row),
            bench.schema,
        )?;
    }
    bench.index()
}

fn without_service(row: &mut Row) {
    row.service_name = String::new();
    "{}".clone_into(&mut row.resource_attributes);
}

/// The first execution of a kind is none to who searches its text.
fn space_out(rows: &mut [Row], kind: &str) -> Option<()> {
    let [from, to] = ["", " "].map(|space| format!("\"junjo.span_type\":{space}\"{kind}\""));
    let row = rows.iter_mut().find(|row| row.attributes.contains(&from))?;
    row.attributes = row.attributes.replace(&from, &to);
    Some(())
}

fn name_no_event(rows: &mut [Row]) -> Option<()> {
    let row = rows.iter_mut().find(|row| row.events.contains("\"name\":\""))?;
    let at = row.events.find("\"name\":\"")? + "\"name\":\"".len();
    let end = at + row.events[at..].find('"')?;
    row.events.replace_range(at..end, "");
    Some(())
}

/// A leaf is of another service, which was called over the network.
fn call_a_model(rows: &mut [Row]) -> Option<()> {
    let row = a_leaf(rows)?;
    row.trace_flags = 0x300;
    row.resource_attributes = row.resource_attributes.replace(&row.service_name, "a model's");
    "a model's".clone_into(&mut row.service_name);
    "{\"gen_ai.provider.name\":\"a provider\"}".clone_into(&mut row.attributes);
    Some(())
}
