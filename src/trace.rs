//! One trace out of a store: its rows, wherever they lie, as a tree.
//!
//! Finds the trace by its id column alone, then fetches its rows and no others. Copies of a span become one
//! span with several places. Nothing here is a verdict: a parent that is not stored, a span stored twice or
//! a circle of parents is drawn as it is.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{audit::executions::Mark, store::layout::Tier};

pub(crate) mod fetch;
pub(crate) mod find;
pub(crate) mod findings;
pub(crate) mod otlp;
pub(crate) mod span;
pub(crate) mod state;
pub(crate) mod tree;

use self::{find::Unread, span::Span, state::Store, tree::Line};

/// A trace as it is stored.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) id: String,
    /// By start time.
    pub(crate) spans: Vec<Span>,
    /// The tree from top to bottom.
    pub(crate) lines: Vec<Line>,
    pub(crate) stores: Vec<Store>,
    /// Files of which rows of this trace may be missing here.
    pub(crate) unread: Vec<Unread>,
    /// What an audit finds of Junjo's own evidence, by span id.
    pub(crate) findings: BTreeMap<String, Vec<Mark>>,
    /// The store as it is named to `ui`, where the studio keeps an index of it.
    pub(crate) indexed_store: Option<PathBuf>,
}

/// Where a copy of a span lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The studio shows the copy of the first tier that has one.
    pub(crate) tier: Tier,
    pub(crate) file: String,
    /// From 0 within the file.
    pub(crate) row: u64,
}

impl Trace {
    pub(crate) fn new(id: String, rows: Vec<fetch::StoredRow>, unread: Vec<Unread>) -> Self {
        let spans = span::merge(rows);
        let lines = tree::lines(&spans);
        let stores = state::replay(&spans);
        Self { id, spans, lines, stores, unread, findings: BTreeMap::new(), indexed_store: None }
    }

    /// From the first start to the last end, in Unix nanoseconds; zeros where no span has both.
    pub(crate) fn interval(&self) -> (i64, i64) {
        let start = self.timed().map(|span| span.row.start_time.min(span.row.end_time)).min();
        let end = self.timed().map(|span| span.row.end_time.max(span.row.start_time)).max();
        (start.unwrap_or_default(), end.unwrap_or_default())
    }

    /// The spans whose start and end are known.
    pub(crate) fn timed(&self) -> impl Iterator<Item = &Span> {
        let has_times =
            |span: &&Span| !["start_time", "end_time"].iter().any(|name| span.absent.contains(name));
        self.spans.iter().filter(has_times)
    }
}

#[cfg(test)]
mod tests;
