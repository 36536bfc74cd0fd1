//! Parents that lie in another trace than their children.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    fact::{Fact, Id},
    facts::Facts,
    interner::Symbol,
    malformed_ids::IdForm,
    trace_bucket::Relations,
};

/// Absent parents of a bucket that are looked for: 25 MB where all of them are found. A store that lacks more has lost
/// whole files, which shows there. Whatever the memory limit, so that it decides nothing.
const LOOKED_FOR: usize = 1 << 12;

/// The row of a span that another trace names as a parent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) trace: u128,
    pub(crate) trace_form: IdForm,
    pub(crate) file: Symbol,
    pub(crate) row_number: u32,
}

/// By the id of a parent that its child's trace lacks: where it lies instead.
#[derive(Debug, Default)]
pub(crate) struct CrossTraceParents(HashMap<u64, Found>);

impl CrossTraceParents {
    /// Looks through all traces, and counts them.
    pub(crate) fn look(facts: &Facts) -> io::Result<(Self, u64)> {
        let traces = AtomicU64::new(0);
        let absent = Mutex::new(HashSet::new());
        facts.each(Facts::ALL, |_, family| {
            traces.fetch_add(family.traces.len() as u64, Ordering::Relaxed);
            let lacking =
                family.facts.iter().zip(&family.kin).filter(|(fact, kin)| lacks_parent(fact, **kin));
            let parents = lacking.map(|(fact, _)| fact.parent).take(LOOKED_FOR);
            absent.lock().unwrap_or_else(PoisonError::into_inner).extend(parents);
        })?;
        let (traces, absent) =
            (traces.into_inner(), absent.into_inner().unwrap_or_else(PoisonError::into_inner));
        if absent.is_empty() {
            return Ok((Self::default(), traces));
        }
        let found = Mutex::new(HashMap::new());
        facts.each(Facts::ALL, |_, family| {
            let known = |fact: &&Fact| {
                fact.marks.id_form(Id::Span) == IdForm::WellFormed && absent.contains(&fact.span)
            };
            for fact in family.facts.iter().filter(known) {
                let trace_form = fact.marks.id_form(Id::Trace);
                let here =
                    Found { trace: fact.trace, trace_form, file: fact.file, row_number: fact.row_number };
                // Of several, always the same, whatever the order of the buckets.
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                let kept: &mut Found = found.entry(fact.span).or_insert(here);
                if (here.file, here.row_number) < (kept.file, kept.row_number) {
                    *kept = here;
                }
            }
        })?;
        Ok((Self(found.into_inner().unwrap_or_else(PoisonError::into_inner)), traces))
    }

    /// Where the parent of a row lies that its own trace lacks.
    pub(crate) fn parent_of(&self, fact: &Fact, kin: Relations) -> Option<Found> {
        if self.0.is_empty() || !lacks_parent(fact, kin) {
            return None;
        }
        self.0.get(&fact.parent).copied()
    }
}

fn lacks_parent(fact: &Fact, kin: Relations) -> bool {
    kin.trace != Relations::NONE
        && kin.parent == Relations::NONE
        && fact.marks.id_form(Id::Parent) == IdForm::WellFormed
}
