//! The rows that replays left behind, by their ids and digests: so that the sweep knows them when it meets them.

use crate::{
    contract::{
        digest::Digester,
        otlp::Cells,
        row::Cell,
        schema::{Schema, column},
    },
    ledger::expected::{Expectation, IdKey},
};

/// Rows that replays are to have left behind: 32 bytes for each span that was sent.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    judged: Vec<Expectation>,
    /// Of replays that are not judged.
    others: Vec<Expectation>,
}

impl Replayed {
    pub(crate) fn new(mut judged: Vec<Expectation>, mut others: Vec<Expectation>) -> Self {
        judged.sort_unstable();
        others.sort_unstable();
        Self { judged, others }
    }

    fn is_empty(&self) -> bool {
        self.judged.is_empty() && self.others.is_empty()
    }

    /// Whether a row is one of them.
    pub(crate) fn recognise(&self, digester: &mut Digester, cells: &Cells<'_>, schema: Schema) -> Recognised {
        if self.is_empty() {
            return Recognised::No;
        }
        let id = |column: usize| cells[column].and_then(Cell::text).unwrap_or_default();
        let ids = IdKey::of_hex(id(column::TRACE_ID), id(column::SPAN_ID));
        let Some(ids) = ids else { return Recognised::No };
        let [judged, others] = [&self.judged, &self.others].map(|expected| of_ids(expected, ids));
        if judged.is_empty() && others.is_empty() {
            return Recognised::No;
        }
        let digest = digester.stored(cells, schema);
        let is_same = |expected: &Expectation| expected.digests[usize::from(schema == Schema::V2)] == digest;
        if judged.iter().chain(others).any(is_same) {
            Recognised::AsSent
        } else if judged.is_empty() {
            Recognised::No
        } else {
            Recognised::Differing
        }
    }
}

fn of_ids(sorted: &[Expectation], ids: IdKey) -> &[Expectation] {
    let first = sorted.partition_point(|expected| expected.ids < ids);
    let end = sorted[first..].iter().take_while(|expected| expected.ids == ids).count();
    &sorted[first..first + end]
}

/// What a stored row is to replays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// Nothing: it is judged by its structure.
    No,
    /// A span of any of them, with all of its values.
    AsSent,
    /// A span of one that is judged, with other values.
    Differing,
}
