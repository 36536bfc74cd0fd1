//! The catalogue of tables: what the checks' SQL and `sql` may read, each table one value.
//!
//! Sessions, `.tables`, `.schema`, completion and the documents read it. A table is made when a statement that
//! names it is planned, so a statement pays for what it reads: nothing is listed, read or swept for others. Tables
//! whose rows are cheap and some of whose columns are not say so by [`Column::swept`]; these wait for the scan.

use std::sync::Arc;

use datafusion::{arrow::datatypes::SchemaRef, catalog::TableProvider, common::Result};
use futures::future::BoxFuture;

use super::sources::Sources;
use crate::base::arrays::{self, Kind};

mod index;
mod junjo;
mod planned;
mod runs;
mod store;
mod unplanned;

/// A table: its name, what a row is, its columns, what it is made from, and how.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) needs: Needs,
    columns: &'static [&'static [Column]],
    make: for<'s> fn(&'s Arc<Sources>) -> Making<'s>,
}

type Making<'s> = BoxFuture<'s, Result<Arc<dyn TableProvider>>>;

/// A column: its name, type and meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) about: &'static str,
    /// Whether it needs a sweep in a table that does not.
    pub(crate) swept: bool,
}

/// What a table's rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// The files of the store as a statement meets them.
    Listing,
    /// Manifests and ledgers.
    Ledger,
    /// The last audit, as it was saved with its run.
    SavedAudit,
    /// A sweep of the whole store, held against its runs; once, and again when files have changed.
    Sweep,
    /// A sweep that keeps what rows say of Junjo's executions.
    Records,
}

impl Needs {
    /// For lists; empty for what every store has.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Listing => "",
            Self::Ledger => "runs",
            Self::SavedAudit => "a saved audit",
            Self::Sweep | Self::Records => "a sweep",
        }
    }
}

impl Table {
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static Column> + use<> {
        self.columns.iter().copied().flatten()
    }

    pub(crate) fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns().find(|column| column.name == name)
    }

    /// All columns are nullable: a promise would let the optimiser answer without looking.
    pub(crate) fn schema(&self) -> SchemaRef {
        let columns: Vec<_> = self.columns().map(|column| (column.name, column.kind)).collect();
        arrays::schema(&columns)
    }

    pub(super) async fn make(&self, sources: &Arc<Sources>) -> Result<Arc<dyn TableProvider>> {
        (self.make)(sources).await
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({})", self.name)
    }
}

/// All tables, in the order in which they are listed.
pub(crate) fn tables() -> impl Iterator<Item = &'static Table> {
    [store::TABLES, runs::TABLES, planned::TABLES, unplanned::TABLES, junjo::TABLES, index::TABLES]
        .into_iter()
        .flatten()
}

pub(crate) fn table(name: &str) -> Option<&'static Table> {
    tables().find(|table| table.name == name)
}

/// All names, for hints.
pub(crate) fn names() -> String {
    tables().map(|table| table.name).collect::<Vec<_>>().join(", ")
}

/// Tables under the names that they had before.
const RENAMED: [(&str, &str); 6] = [
    ("facts", "unplanned_rows"),
    ("trace_facts", "unplanned_traces"),
    ("sightings", "planned_copies"),
    ("copies", "duplicated_spans"),
    ("strays", "unplannable_rows"),
    ("swept_files", "files"),
];

/// What a table of the past is called now.
pub(crate) fn renamed(old: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(name, _)| *name == old).map(|(_, new)| *new)
}

/// What to do about a name that no table has.
pub(crate) fn hint(missing: &str) -> String {
    match renamed(missing) {
        Some(new) => format!("the table is called `{new}` now"),
        None => format!("the tables are: {}", names()),
    }
}

const fn text(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Text, about, swept: false }
}

const fn number(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Number, about, swept: false }
}

const fn flag(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Flag, about, swept: false }
}

const fn time(name: &'static str, about: &'static str) -> Column {
    Column { name, kind: Kind::Time, about, swept: false }
}

impl Column {
    const fn of(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    const fn swept(mut self) -> Self {
        self.swept = true;
        self
    }
}

/// Where a stored row is.
const ADDRESS: &[Column] = &[
    text("tier", "tier of the row: cold (Parquet file), wal (segment) or hot (snapshot, a copy)"),
    text("file", "its file, relative to the spans folder"),
    number("row_number", "its position in the file, from 0"),
];

const IDS: &[Column] = &[
    text("trace_id", "lower-case hex, 32 digits if the sender follows OTLP"),
    text("span_id", "lower-case hex, 16 digits if the sender follows OTLP"),
];

/// A span as the studio stores it.
const SPAN: &[Column] = &[
    text("span_id", "lower-case hex, 16 digits if the sender follows OTLP"),
    text("trace_id", "lower-case hex, 32 digits if the sender follows OTLP"),
    text("parent_span_id", "span id of the parent; null for a root"),
    text("service_name", "the first service.name of the resource if it is text, else empty"),
    text("name", "name of the span"),
    number("span_kind", "0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer")
        .of(Kind::Int8),
    time("start_time", "UTC, in nanoseconds"),
    time("end_time", "UTC, in nanoseconds"),
    number("duration_ns", "end less start, as the studio stored it"),
    number("status_code", "0 unset, 1 ok, 2 error").of(Kind::Int8),
    text("status_message", "null if it was empty"),
    text("attributes", "JSON object; attributes ->> 'key' or attr(attributes, 'key') reads one"),
    text(
        "events",
        "JSON array of {name, timeUnixNano, attributes}; unnest(json_get_array(events)) gives one row each",
    ),
    text("links", "JSON array; null in files of schema 1"),
    number("trace_flags", "OTLP flags: 256 says that bit 512 (remote parent) is known; null in schema 1")
        .of(Kind::UInt32),
    text("trace_state", "W3C trace state; null if it was empty, and in schema 1"),
    number("dropped_attributes_count", "attributes that the sender dropped; null in schema 1")
        .of(Kind::UInt32),
    number("dropped_events_count", "events that the sender dropped; null in schema 1").of(Kind::UInt32),
    number("dropped_links_count", "links that the sender dropped; null in schema 1").of(Kind::UInt32),
    text("resource_attributes", "JSON object of the resource; of repeated keys the last value"),
    number(
        "resource_dropped_attributes_count",
        "resource attributes that the sender dropped; null in schema 1",
    )
    .of(Kind::UInt32),
];

/// A place in a plan.
const PLANNED: &[Column] = &[
    text("run", "id of the run"),
    number("workflow", "number of the workflow in the run, over all services"),
    number("span", "position of the span in its workflow"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_is_given_twice() {
        let names: BTreeSet<_> = tables().map(|table| table.name).collect();
        assert_eq!(names.len(), tables().count());
        for table in tables() {
            let columns: BTreeSet<_> = table.columns().map(|column| column.name).collect();
            assert_eq!(columns.len(), table.columns().count(), "{table:?}");
        }
    }

    #[test]
    fn what_was_renamed_is_there_under_its_new_name_alone() {
        for (old, new) in RENAMED {
            assert!(table(old).is_none() && table(new).is_some(), "{old}");
        }
    }
}
