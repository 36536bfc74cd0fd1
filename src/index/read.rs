//! The rows of an index, with types.
//!
//! Both forms are read: studio 0.82 has a table more than those before it. Traces are kept as one number per file; the
//! pairs of trace and file stay in the copy and are read from it when a statement asks for them.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use chrono::{DateTime, NaiveDateTime};
use rusqlite::{Connection, Row};

use super::copy::{Copied, PrivateCopy, Proof, copy};
use crate::judge::index_keys::{KeySet, digest, digest_of_pair};

/// The studio's index, or why there is nothing to read.
#[derive(Debug)]
pub(crate) enum IndexState {
    /// There is none, or none that a studio has filled.
    Absent(String),
    /// It is there, and nothing is known of what it says.
    Unreadable(String),
    Read(Arc<Index>),
}

/// All that an index says, but for its pairs of trace and file.
#[derive(Debug)]
pub(crate) struct Index {
    /// In the order in which they were indexed.
    pub(crate) files: Vec<IndexedFile>,
    /// By file, then by name.
    pub(crate) services: Vec<IndexedService>,
    pub(crate) failed: Vec<FailedFile>,
    /// Digests of services and traces with a span of a language model, in order.
    pub(crate) llm_traces: Vec<u64>,
    /// Whether it has the table that studio 0.82 added.
    pub(crate) has_agents: bool,
    /// When its files were last written to, in Unix nanoseconds.
    pub(crate) written_at: Option<i64>,
    copy: Mutex<PrivateCopy>,
}

/// A row of `parquet_files`. Times are Unix nanoseconds; none where the text is no time that fits.
#[derive(Debug, Clone)]
pub(crate) struct IndexedFile {
    pub(crate) id: i64,
    /// As the backend sees it.
    pub(crate) path: String,
    pub(crate) first_start: Option<i64>,
    pub(crate) last_end: Option<i64>,
    pub(crate) rows: i64,
    pub(crate) size: i64,
    pub(crate) indexed_at: Option<i64>,
    /// Of `trace_files`.
    pub(crate) traces: KeySet,
}

/// What the index says of a service in one file.
#[derive(Debug, Clone)]
pub(crate) struct IndexedService {
    /// Its place in [`Index::files`].
    pub(crate) file: u32,
    pub(crate) name: Arc<str>,
    /// The same for all rows with this name.
    pub(crate) number: u32,
    /// None where `file_services` has no such row.
    pub(crate) spans: Option<i64>,
    pub(crate) has_workflows: bool,
    pub(crate) has_agents: bool,
}

/// A row of `failed_parquet_files`: the studio never tries it again.
#[derive(Debug, Clone)]
pub(crate) struct FailedFile {
    pub(crate) path: String,
    pub(crate) error_type: String,
    pub(crate) error_message: String,
    pub(crate) size: Option<i64>,
    pub(crate) failed_at: Option<i64>,
}

/// A pair of `trace_files`.
#[derive(Debug)]
pub(crate) struct IndexedTrace {
    pub(crate) trace_id: String,
    /// A place in [`Index::files`]; none for a file that is not indexed.
    pub(crate) file: Option<u32>,
    pub(crate) is_llm: bool,
}

pub(crate) fn read(database: Option<&Path>) -> IndexState {
    let Some(database) = database else {
        return IndexState::Absent("an index is read beside a whole store, in a folder".to_owned());
    };
    let name = "the studio's index (sqlite/metadata.db)";
    match copy(database, Proof::Whole) {
        Copied::Absent(why) => IndexState::Absent(format!("no {name}: {why}", name = &name[4..])),
        Copied::Unreadable(why) => IndexState::Unreadable(why),
        Copied::Copy(copy) => match Index::of(copy) {
            Ok(Some(index)) => IndexState::Read(Arc::new(index)),
            Ok(None) => IndexState::Absent(format!("{name} has no tables of a studio")),
            Err(err) => IndexState::Unreadable(format!("its tables have no known form: {err}")),
        },
    }
}

impl Index {
    /// None where the tables of a studio are not there.
    fn of(copy: PrivateCopy) -> rusqlite::Result<Option<Self>> {
        let connection = &copy.connection;
        if !has_table(connection, "parquet_files")? {
            return Ok(None);
        }
        let has_agents = has_table(connection, "agent_files")?;
        let mut files = files(connection)?;
        let places: HashMap<i64, u32> = files.iter().map(|file| file.id).zip(0..).collect();
        note_traces(connection, &mut files, &places)?;
        let services = services(connection, &places, has_agents)?;
        let since_epoch = copy.written_at.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Ok(Some(Self {
            services,
            failed: failed(connection)?,
            llm_traces: llm_traces(connection)?,
            has_agents,
            written_at: since_epoch.and_then(|since| i64::try_from(since.as_nanos()).ok()),
            files,
            copy: Mutex::new(copy),
        }))
    }

    /// The place in [`Index::files`] of a file by its id.
    fn place(&self, id: i64) -> Option<u32> {
        self.files.binary_search_by_key(&id, |file| file.id).ok().map(|place| place as u32)
    }

    /// The services of a file, by name.
    pub(crate) fn services_of(&self, file: u32) -> &[IndexedService] {
        let from = self.services.partition_point(|service| service.file < file);
        let length = self.services[from..].partition_point(|service| service.file == file);
        &self.services[from..from + length]
    }

    pub(crate) fn has_llm_trace(&self, digest: u64) -> bool {
        self.llm_traces.binary_search(&digest).is_ok()
    }

    /// Pairs of trace and file behind a row of their table, and where to go on.
    pub(crate) fn traces(&self, behind: i64, at_most: usize) -> rusqlite::Result<(Vec<IndexedTrace>, i64)> {
        let copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        let sql = "SELECT t.rowid, t.trace_id, t.file_id, \
                   EXISTS (SELECT 1 FROM file_services s JOIN llm_traces l ON l.service_name = s.service_name \
                           WHERE s.file_id = t.file_id AND l.trace_id = t.trace_id) \
                   FROM trace_files t WHERE t.rowid > ?1 ORDER BY t.rowid LIMIT ?2";
        let mut statement = copy.connection.prepare(sql)?;
        let limit = i64::try_from(at_most).unwrap_or(i64::MAX);
        let mut last = behind;
        let rows = statement.query_map((behind, limit), |row| {
            last = row.get(0)?;
            let file = self.place(row.get(2)?);
            Ok(IndexedTrace { trace_id: text(row, 1)?, file, is_llm: row.get(3)? })
        })?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok((rows, last))
    }

    /// The traces of one file.
    pub(crate) fn traces_of(&self, file: u32) -> rusqlite::Result<Vec<String>> {
        let copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = copy.connection.prepare("SELECT trace_id FROM trace_files WHERE file_id = ?1")?;
        let id = self.files.get(file as usize).map(|file| file.id);
        let rows = statement.query_map([id], |row| text(row, 0))?;
        rows.collect()
    }

    /// The files whose rows of a trace a page would read.
    pub(crate) fn files_of(&self, trace_id: &str) -> rusqlite::Result<Vec<u32>> {
        let copy = self.copy.lock().unwrap_or_else(PoisonError::into_inner);
        let mut statement = copy.connection.prepare("SELECT file_id FROM trace_files WHERE trace_id = ?1")?;
        let ids =
            statement.query_map([trace_id], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        Ok(ids.into_iter().filter_map(|id| self.place(id)).collect())
    }

    /// When it last indexed a file or gave one up.
    pub(crate) fn last_work(&self) -> Option<i64> {
        let indexed = self.files.iter().filter_map(|file| file.indexed_at);
        indexed.chain(self.failed.iter().filter_map(|file| file.failed_at)).max()
    }
}

pub(super) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
    connection.query_row(sql, [name], |row| row.get::<_, i64>(0)).map(|count| count > 0)
}

/// A text, whatever its bytes are.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = match row.get_ref(column)? {
        rusqlite::types::ValueRef::Text(bytes) | rusqlite::types::ValueRef::Blob(bytes) => bytes,
        _ => &[],
    };
    Ok(String::from_utf8_lossy(bytes).into_owned())
}

fn files(connection: &Connection) -> rusqlite::Result<Vec<IndexedFile>> {
    let sql = "SELECT file_id, file_path, min_time, max_time, row_count, size_bytes, indexed_at \
               FROM parquet_files ORDER BY file_id";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(IndexedFile {
            id: row.get(0)?,
            path: text(row, 1)?,
            first_start: moment(&text(row, 2)?),
            last_end: moment(&text(row, 3)?),
            rows: row.get(4)?,
            size: row.get(5)?,
            indexed_at: second(&text(row, 6)?),
            traces: KeySet::default(),
        })
    })?;
    rows.collect()
}

fn note_traces(
    connection: &Connection,
    files: &mut [IndexedFile],
    places: &HashMap<i64, u32>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT file_id, trace_id FROM trace_files")?;
    let mut rows = statement.query([])?;
    // Traces of a file are neighbours.
    let mut last = None;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let place = match last {
            Some((of, place)) if of == id => place,
            _ => places.get(&id).copied(),
        };
        last = Some((id, place));
        if let Some(file) = place.and_then(|place| files.get_mut(place as usize)) {
            let digest = row.get_ref(1)?.as_str().map(digest);
            file.traces.add(digest.unwrap_or_default());
        }
    }
    Ok(())
}

fn services(
    connection: &Connection,
    places: &HashMap<i64, u32>,
    has_agents: bool,
) -> rusqlite::Result<Vec<IndexedService>> {
    let mut names: HashMap<String, (Arc<str>, u32)> = HashMap::new();
    let mut services: Vec<IndexedService> = Vec::new();
    let tables = [
        ("SELECT file_id, service_name, span_count FROM file_services", true),
        ("SELECT file_id, service_name, 0 FROM workflow_files", true),
        ("SELECT file_id, service_name, 1 FROM agent_files", has_agents),
    ];
    for (number, (sql, _)) in tables.iter().enumerate().filter(|(_, (_, exists))| *exists) {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let Some(file) = places.get(&row.get(0)?).copied() else { continue };
            let name = text(row, 1)?;
            let next = names.len() as u32;
            let (name, service) = match names.get(&name) {
                Some(known) => known.clone(),
                None => names.entry(name.clone()).or_insert_with(|| (name.into(), next)).clone(),
            };
            let spans = if number == 0 { Some(row.get(2)?) } else { None };
            services.push(IndexedService {
                file,
                name,
                number: service,
                spans,
                has_workflows: number == 1,
                has_agents: number == 2,
            });
        }
    }
    services.sort_by(|a, b| a.file.cmp(&b.file).then_with(|| a.name.cmp(&b.name)));
    services.dedup_by(|next, kept| {
        let same = next.file == kept.file && next.number == kept.number;
        if same {
            kept.spans = kept.spans.or(next.spans);
            kept.has_workflows |= next.has_workflows;
            kept.has_agents |= next.has_agents;
        }
        same
    });
    services.shrink_to_fit();
    Ok(services)
}

fn failed(connection: &Connection) -> rusqlite::Result<Vec<FailedFile>> {
    let sql = "SELECT file_path, error_type, error_message, file_size, failed_at \
               FROM failed_parquet_files ORDER BY file_path";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        Ok(FailedFile {
            path: text(row, 0)?,
            error_type: text(row, 1)?,
            error_message: text(row, 2)?,
            size: row.get(3)?,
            failed_at: second(&text(row, 4)?),
        })
    })?;
    rows.collect()
}

fn llm_traces(connection: &Connection) -> rusqlite::Result<Vec<u64>> {
    let mut statement = connection.prepare("SELECT service_name, trace_id FROM llm_traces")?;
    let mut rows = statement.query([])?;
    let mut digests = Vec::new();
    while let Some(row) = rows.next()? {
        if let (Ok(service), Ok(trace)) = (row.get_ref(0)?.as_str(), row.get_ref(1)?.as_str()) {
            digests.push(digest_of_pair(service, trace));
        }
    }
    digests.sort_unstable();
    Ok(digests)
}

/// `2026-11-23T20:44:43.583789+00:00`, as Python writes it.
fn moment(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok()?.timestamp_nanos_opt()
}

/// `2026-11-23 20:44:43`, which SQLite writes in UTC.
pub(super) fn second(text: &str) -> Option<i64> {
    let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    parsed.and_utc().timestamp_nanos_opt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        assert_eq!(moment("1970-01-01T00:00:01.000002+00:00"), Some(1_000_002_000));
        assert_eq!(moment("1970-01-01T00:00:01+00:00"), Some(1_000_000_000));
        assert_eq!(moment("9999-01-01T00:00:00+00:00"), None);
        assert_eq!(second("1970-01-01 00:00:01"), Some(1_000_000_000));
        assert_eq!(second("1970-01-01T00:00:01"), None);
    }
}
