//! An index at a glance: how many files it has, and which of a few traces it names, without the rest of it.

use std::path::Path;

use rusqlite::Row;

use super::{
    copy::{Copied, PrivateCopy, Proof, copy},
    read::{has_table, second, text},
};

/// What there is of an index.
#[derive(Debug)]
pub(crate) enum Glance {
    Absent,
    /// It is there, and nothing is known of what it says.
    Unreadable,
    Read(Overview),
}

/// The figures of an index, and a copy to ask.
#[derive(Debug)]
pub(crate) struct Overview {
    pub(crate) files: u64,
    /// Files that it gave up.
    pub(crate) failed: u64,
    /// When it last indexed a file or gave one up, in Unix nanoseconds.
    pub(crate) last_work: Option<i64>,
    copy: PrivateCopy,
}

pub(crate) fn glance(database: Option<&Path>) -> Glance {
    match database.map(|database| copy(database, Proof::AsAsked)) {
        None | Some(Copied::Absent(_)) => Glance::Absent,
        Some(Copied::Unreadable(_)) => Glance::Unreadable,
        Some(Copied::Copy(copy)) => match Overview::of(copy) {
            Ok(Some(overview)) => Glance::Read(overview),
            Ok(None) => Glance::Absent,
            Err(_) => Glance::Unreadable,
        },
    }
}

impl Overview {
    /// None where the tables of a studio are not there.
    fn of(copy: PrivateCopy) -> rusqlite::Result<Option<Self>> {
        let connection = &copy.connection;
        if !has_table(connection, "parquet_files")? {
            return Ok(None);
        }
        let counted = |table: &str, at: &str| {
            let sql = format!("SELECT count(*), coalesce(max({at}), '') FROM {table}");
            connection.query_row(&sql, [], |row| Ok((count(row)?, second(&text(row, 1)?))))
        };
        let (files, indexed) = counted("parquet_files", "indexed_at")?;
        let (failed, given_up) = counted("failed_parquet_files", "failed_at")?;
        Ok(Some(Self { files, failed, last_work: indexed.max(given_up), copy }))
    }

    /// Whether it names a file for each of these traces.
    pub(crate) fn names(&self, traces: &[String]) -> rusqlite::Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM trace_files JOIN parquet_files USING (file_id) WHERE trace_id = ?1)";
        let mut statement = self.copy.connection.prepare(sql)?;
        for trace in traces {
            if !statement.query_row([trace], |row| row.get::<_, bool>(0))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Spans of a service in all files that it has.
    pub(crate) fn spans_of(&self, service: &str) -> rusqlite::Result<u64> {
        let sql = "SELECT coalesce(sum(span_count), 0) FROM file_services WHERE service_name = ?1";
        self.copy.connection.query_row(sql, [service], count)
    }
}

/// The first column: SQLite has no number without a sign.
fn count(row: &Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(|count| u64::try_from(count).unwrap_or_default())
}
