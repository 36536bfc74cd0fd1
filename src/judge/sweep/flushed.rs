//! The rows of cold files that a hot snapshot has, too.
//!
//! A cold tier may be a thousand times as large as the snapshot: a small bitmap over span ids turns away nearly
//! every row before its ids are read.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use super::{file::RowDigest, snapshot::Copies};

/// One bit for each of so many hashes.
const BITS: usize = 1 << 20;

/// What is looked for, and what was found.
#[derive(Debug, Default)]
pub(crate) struct Flushed {
    /// None while there is no snapshot.
    watched: OnceLock<Watched>,
    met: Mutex<Copies>,
}

#[derive(Debug)]
struct Watched {
    bits: Vec<u64>,
    ids: HashSet<(u128, u64)>,
    spans: HashSet<u64>,
}

impl Flushed {
    /// Looks for these rows from now on. A store has one snapshot.
    pub(super) fn watch(&self, rows: &[RowDigest]) {
        if rows.is_empty() {
            return;
        }
        let mut bits = vec![0; BITS / 64];
        for RowDigest { id: (_, span), .. } in rows {
            let bit = bit_of(*span);
            bits[bit / 64] |= 1 << (bit % 64);
        }
        let ids = rows.iter().map(|row| row.id).collect();
        let spans = rows.iter().map(|row| row.id.1).collect();
        self.watched.set(Watched { bits, ids, spans }).ok();
    }

    /// Whether any row is looked for.
    pub(super) fn is_watching(&self) -> bool {
        self.watched.get().is_some()
    }

    /// Whether a span of this id is looked for, in whatever trace.
    pub(super) fn wants_span(&self, span: u64) -> bool {
        self.watched.get().is_some_and(|watched| watched.spans.contains(&span))
    }

    /// Whether a span of these ids may be looked for.
    pub(super) fn may_want(&self, span: impl FnOnce() -> u64) -> bool {
        self.watched.get().is_some_and(|watched| {
            let bit = bit_of(span());
            watched.bits[bit / 64] >> (bit % 64) & 1 == 1
        })
    }

    /// Whether a span of these ids is looked for.
    pub(super) fn wants(&self, id: (u128, u64)) -> bool {
        self.watched.get().is_some_and(|watched| watched.ids.contains(&id))
    }

    pub(super) fn found(&self, row: RowDigest) {
        self.met().add(row);
    }

    pub(super) fn met(&self) -> MutexGuard<'_, Copies> {
        self.met.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bit_of(span: u64) -> usize {
    (span.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44) as usize
}
