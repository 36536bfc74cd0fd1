//! The stand-in's indexer: fills `sqlite/metadata.db` as the backend's does, its blind spots included.
//!
//! Files are known by their paths and read once; at most ten a cycle. One that fails is recorded and never tried
//! again, one that changed is not read again, and nothing is removed but at the start. Schema 1 has no table of agents.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use chrono::DateTime;
use datafusion::{
    arrow::{
        array::{Array, AsArray, RecordBatch},
        compute::cast,
        datatypes::{DataType, Int64Type},
    },
    parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder,
};
use rusqlite::{Connection, TransactionBehavior, params};
use serde_json::{Map, Value};
use tokio::{task, time};

use super::{
    faults::{Faults, files::IndexAct},
    folder,
};
use crate::contract::schema::Schema;

/// As the backend's settings are by default.
const POLL: Duration = Duration::from_secs(30);
const BATCH: usize = 10;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS parquet_files (
    file_id INTEGER PRIMARY KEY AUTOINCREMENT, file_path TEXT NOT NULL UNIQUE,
    min_time TEXT NOT NULL, max_time TEXT NOT NULL, row_count INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
    indexed_at TEXT NOT NULL DEFAULT (datetime('now')));
CREATE TABLE IF NOT EXISTS trace_files (
    trace_id TEXT NOT NULL, file_id INTEGER NOT NULL REFERENCES parquet_files(file_id) ON DELETE CASCADE,
    PRIMARY KEY (trace_id, file_id));
CREATE TABLE IF NOT EXISTS file_services (
    file_id INTEGER NOT NULL REFERENCES parquet_files(file_id) ON DELETE CASCADE, service_name TEXT NOT NULL,
    span_count INTEGER NOT NULL DEFAULT 0, min_time TEXT, max_time TEXT, PRIMARY KEY (file_id, service_name));
CREATE TABLE IF NOT EXISTS llm_traces (
    service_name TEXT NOT NULL, trace_id TEXT NOT NULL, PRIMARY KEY (service_name, trace_id));
CREATE TABLE IF NOT EXISTS workflow_files (
    service_name TEXT NOT NULL, file_id INTEGER NOT NULL REFERENCES parquet_files(file_id) ON DELETE CASCADE,
    PRIMARY KEY (service_name, file_id));
CREATE TABLE IF NOT EXISTS failed_parquet_files (
    file_path TEXT PRIMARY KEY, error_type TEXT NOT NULL, error_message TEXT NOT NULL, file_size INTEGER,
    failed_at TEXT NOT NULL DEFAULT (datetime('now')), retry_count INTEGER NOT NULL DEFAULT 1);
";

const AGENT_TABLE: &str = "
CREATE TABLE IF NOT EXISTS agent_files (
    service_name TEXT NOT NULL, file_id INTEGER NOT NULL REFERENCES parquet_files(file_id) ON DELETE CASCADE,
    PRIMARY KEY (service_name, file_id));
";

/// An index that is written to.
#[derive(Debug)]
pub(crate) struct Indexer {
    connection: Connection,
    cold: PathBuf,
    schema: Schema,
    faults: Arc<Faults>,
    /// What a fault keeps from being indexed.
    missed: BTreeSet<PathBuf>,
}

/// Why a file could not be indexed, as the backend would record it.
struct Failure {
    class: &'static str,
    text: String,
}

impl Failure {
    fn unreadable(err: impl std::fmt::Display) -> Self {
        Self { class: "ArrowInvalid", text: err.to_string() }
    }
}

impl Indexer {
    /// Opens the index of a data directory, makes its tables, and forgets files that are gone.
    pub(crate) fn open(root: &Path, schema: Schema) -> anyhow::Result<Self> {
        Self::with_faults(root, schema, Arc::new(Faults::new(&[], 0)))
    }

    pub(super) fn with_faults(root: &Path, schema: Schema, faults: Arc<Faults>) -> anyhow::Result<Self> {
        let folder = root.join("sqlite");
        folder::make_folder(&folder)?;
        let connection = Connection::open(folder.join("metadata.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(TABLES)?;
        if schema == Schema::V2 {
            connection.execute_batch(AGENT_TABLE)?;
        }
        let cold = root.join("spans/parquet");
        for path in paths(&connection, "parquet_files")?.iter().filter(|path| !Path::new(path).exists()) {
            connection.execute("DELETE FROM parquet_files WHERE file_path = ?1", [path])?;
        }
        Ok(Self { connection, cold, schema, faults, missed: BTreeSet::new() })
    }

    /// One cycle of the poller: how many files it took, well or not.
    pub(crate) fn cycle(&mut self) -> anyhow::Result<usize> {
        let mut known = paths(&self.connection, "parquet_files")?;
        known.extend(paths(&self.connection, "failed_parquet_files")?);
        let mut found = Vec::new();
        scan(&self.cold, &mut found)?;
        found.retain(|path| {
            !known.contains(&path.to_string_lossy().into_owned()) && !self.missed.contains(path)
        });
        found.truncate(BATCH);
        let mut taken = 0;
        for path in &found {
            let acts = self.faults.index(path);
            if acts.contains(&IndexAct::Miss) {
                self.missed.insert(path.clone());
                continue;
            }
            if acts.contains(&IndexAct::Lag) {
                continue;
            }
            taken += 1;
            let size = fs::metadata(path).map_or(0, |metadata| metadata.len().cast_signed());
            let mut contents = Contents::read(path);
            if let (true, Ok(contents)) = (acts.contains(&IndexAct::Double), &mut contents) {
                contents.double();
            }
            let indexed = contents.and_then(|contents| self.index(path, size, &contents));
            if let Err(Failure { class, text }) = indexed {
                self.connection.execute(
                    "INSERT OR REPLACE INTO failed_parquet_files (file_path, error_type, error_message, file_size) \
                     VALUES (?1, ?2, ?3, ?4)",
                    params![path.to_string_lossy(), class, text, size],
                )?;
            }
        }
        Ok(taken)
    }

    /// Cycles until nothing is left.
    pub(crate) fn catch_up(&mut self) -> anyhow::Result<()> {
        while self.cycle()? > 0 {}
        Ok(())
    }

    fn index(&mut self, path: &Path, size: i64, contents: &Contents) -> Result<(), Failure> {
        let failed = |err: rusqlite::Error| Failure {
            class: "OperationalError",
            text: err.to_string().to_lowercase(),
        };
        let has_agents = self.schema == Schema::V2;
        let change =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let write = || -> rusqlite::Result<()> {
            change.execute(
                "INSERT INTO parquet_files (file_path, min_time, max_time, row_count, size_bytes) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
                params![path.to_string_lossy(), contents.first, contents.last, contents.rows, size],
            )?;
            let id = change.last_insert_rowid();
            for trace in &contents.traces {
                change.execute("INSERT OR IGNORE INTO trace_files VALUES (?1, ?2)", params![trace, id])?;
            }
            for (name, service) in &contents.services {
                change.execute(
                    "INSERT OR REPLACE INTO file_services VALUES (?1, ?2, ?3, ?4, ?5)",
                    params![id, name, service.spans, service.first, service.last],
                )?;
                for trace in &service.llm {
                    change
                        .execute("INSERT OR IGNORE INTO llm_traces VALUES (?1, ?2)", params![name, trace])?;
                }
                let lists =
                    [("workflow_files", service.workflows), ("agent_files", service.agents && has_agents)];
                for (table, _) in lists.iter().filter(|(_, listed)| *listed) {
                    let sql = format!("INSERT OR IGNORE INTO {table} VALUES (?1, ?2)");
                    change.execute(&sql, params![name, id])?;
                }
            }
            Ok(())
        };
        write().map_err(failed)?;
        change.commit().map_err(failed)
    }
}

/// Polls for ever.
pub(super) async fn poll(indexer: Arc<Mutex<Indexer>>) -> anyhow::Result<()> {
    loop {
        time::sleep(POLL).await;
        let indexer = Arc::clone(&indexer);
        // The backend only logs a cycle that fails.
        task::spawn_blocking(move || cycle(&indexer)).await?.ok();
    }
}

pub(super) fn cycle(indexer: &Mutex<Indexer>) -> anyhow::Result<usize> {
    indexer.lock().unwrap_or_else(PoisonError::into_inner).cycle()
}

fn paths(connection: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = connection.prepare(&format!("SELECT file_path FROM {table}"))?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// All Parquet files below a folder, but for those in folders called `tmp`.
fn scan(folder: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tmp") {
                scan(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    Ok(())
}

/// What the backend takes from a file.
#[derive(Default)]
struct Contents {
    rows: i64,
    first: String,
    last: String,
    traces: BTreeSet<String>,
    services: BTreeMap<String, Service>,
}

#[derive(Default)]
struct Service {
    spans: i64,
    first: String,
    last: String,
    llm: BTreeSet<String>,
    workflows: bool,
    agents: bool,
}

impl Contents {
    fn read(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(Failure::unreadable)?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(Failure::unreadable)?;
        let mut contents = Self::default();
        for batch in reader.build().map_err(Failure::unreadable)? {
            contents.add(&batch.map_err(Failure::unreadable)?)?;
        }
        if contents.rows == 0 {
            let text = format!("Empty Parquet file: {}", path.display());
            return Err(Failure { class: "ValueError", text });
        }
        Ok(contents)
    }

    /// Counts every span twice.
    fn double(&mut self) {
        self.rows *= 2;
        self.services.values_mut().for_each(|service| service.spans *= 2);
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<(), Failure> {
        let column = |name: &str, kind: &DataType| {
            let found = batch.column_by_name(name);
            let found =
                found.ok_or_else(|| Failure::unreadable(format!("No match for FieldRef.Name({name})")))?;
            cast(found, kind).map_err(Failure::unreadable)
        };
        let texts = ["trace_id", "service_name", "attributes"].map(|name| column(name, &DataType::Utf8));
        let [traces, services, attributes] = texts;
        let (traces, services, attributes) = (traces?, services?, attributes?);
        let [traces, services, attributes] = [&traces, &services, &attributes].map(AsArray::as_string::<i32>);
        let (starts, ends) = (column("start_time", &DataType::Int64)?, column("end_time", &DataType::Int64)?);
        let (starts, ends) = (starts.as_primitive::<Int64Type>(), ends.as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            if [traces, services].iter().any(|texts| texts.is_null(row))
                || starts.is_null(row)
                || ends.is_null(row)
            {
                return Err(Failure { class: "TypeError", text: "unexpected None".to_owned() });
            }
            let (first, last) = (iso(starts.value(row)), iso(ends.value(row)));
            let attributes = parsed(attributes.is_valid(row).then(|| attributes.value(row)))?;
            let (trace, service) = (traces.value(row), services.value(row));
            self.rows += 1;
            widen(&mut self.first, &mut self.last, &first, &last);
            self.traces.insert(trace.to_owned());
            let service = self.services.entry(service.to_owned()).or_default();
            service.spans += 1;
            widen(&mut service.first, &mut service.last, &first, &last);
            let span_type = attributes.get("junjo.span_type").and_then(Value::as_str);
            service.workflows |= span_type == Some("workflow");
            service.agents |= span_type == Some("agent");
            let is_llm = attributes.get("openinference.span.kind").and_then(Value::as_str) == Some("LLM")
                || ["gen_ai.provider.name", "gen_ai.operation.name"]
                    .iter()
                    .any(|key| attributes.get(*key).is_some_and(is_truthy));
            if is_llm {
                service.llm.insert(trace.to_owned());
            }
        }
        Ok(())
    }
}

/// JSON that does not parse counts as nothing; JSON that is no object fails the file.
fn parsed(attributes: Option<&str>) -> Result<Map<String, Value>, Failure> {
    match attributes.filter(|text| !text.is_empty()).map(serde_json::from_str) {
        None | Some(Err(_)) => Ok(Map::new()),
        Some(Ok(Value::Object(members))) => Ok(members),
        Some(Ok(_)) => {
            let text = "'list' object has no attribute 'get'".to_owned();
            Err(Failure { class: "AttributeError", text })
        }
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// As Python's `isoformat`: microseconds, cut, and left out where they are 0.
fn iso(nanos: i64) -> String {
    let at = DateTime::from_timestamp_nanos(nanos.div_euclid(1_000).saturating_mul(1_000));
    let form = if at.timestamp_subsec_nanos() == 0 {
        "%Y-%m-%dT%H:%M:%S+00:00"
    } else {
        "%Y-%m-%dT%H:%M:%S%.6f+00:00"
    };
    at.format(form).to_string()
}

/// Texts of this form are in the order of their times, but for one without a fraction; the backend compares times.
fn widen(first: &mut String, last: &mut String, start: &str, end: &str) {
    let at = |text: &str| DateTime::parse_from_rfc3339(text).ok();
    if first.is_empty() || at(start) < at(first) {
        start.clone_into(first);
    }
    if last.is_empty() || at(end) > at(last) {
        end.clone_into(last);
    }
}
