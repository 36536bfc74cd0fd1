//! Rows that differ from each of several recorded spans with their ids, and count for one of them.
//!
//! Which one depends on how many other rows the spans have. It is decided when all files were read, in the order of
//! files and rows, so that it does not depend on who read what first.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use super::{
    claim::{KnownRuns, Slot},
    differing::{DifferingRow, DifferingRows, RowPlace},
    evidence::Address,
    tally::Evidence,
};

/// One such row, and the spans that it may be.
#[derive(Debug)]
pub(crate) struct ContestedRow {
    pub(crate) candidates: Vec<Candidate>,
    /// Of no span yet.
    pub(crate) row: DifferingRow,
}

/// A span that a row may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) span: Slot,
    /// Whether the row would be in scope as this span.
    pub(crate) in_scope: bool,
}

/// All such rows of a sweep, their values beyond memory.
#[derive(Debug)]
pub(crate) struct ContestedRows {
    rows: DifferingRows,
    claims: Mutex<Vec<Claimant>>,
}

#[derive(Debug)]
struct Claimant {
    address: Address,
    candidates: Vec<Candidate>,
    place: RowPlace,
}

impl ContestedRows {
    pub(crate) fn new(budget: usize) -> Self {
        Self { rows: DifferingRows::new(budget), claims: Mutex::default() }
    }

    pub(super) fn push(&self, rows: &[ContestedRow]) -> io::Result<()> {
        for ContestedRow { candidates, row } in rows {
            let (address, candidates) = (row.address.clone(), candidates.clone());
            let claimant = Claimant { address, candidates, place: self.rows.keep(row)? };
            self.claims.lock().unwrap_or_else(PoisonError::into_inner).push(claimant);
        }
        Ok(())
    }

    /// Counts each row for one of its spans, the first of those with the fewest rows; `take` gets it with that span,
    /// and whether it is in scope.
    pub(super) fn settle<E: From<io::Error>>(
        &self,
        runs: &KnownRuns,
        mut take: impl FnMut(DifferingRow, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut claims = std::mem::take(&mut *self.claims.lock().unwrap_or_else(PoisonError::into_inner));
        claims.sort_by(|one, other| one.address.cmp(&other.address));
        for Claimant { address, candidates, place } in claims {
            let spans = candidates.iter().map(|candidate| candidate.span);
            let Some(span) = runs.choose(spans, Evidence::of(address.tier)) else { continue };
            let in_scope = candidates.iter().any(|candidate| candidate.span == span && candidate.in_scope);
            take(DifferingRow { run: span.run, slot: span.slot, ..self.rows.read(place)? }, in_scope)?;
        }
        Ok(())
    }
}
