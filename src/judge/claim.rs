//! Which span of a known run a stored row claims to be.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use super::{
    expectation::{Derived, Expectation, Recorded},
    tally::{Evidence, Tally},
};
use crate::{
    ledger::expected::SpanIds,
    traffic::{
        ids::{self, RunId, SpanId, TraceId},
        plan::SpanPlace,
    },
};

/// A run whose folder is at hand.
#[derive(Debug)]
pub(crate) struct KnownRun {
    pub(crate) run: RunId,
    pub(crate) expectation: Arc<Expectation>,
    /// Whether the run must be in the store.
    wanted: bool,
    tally: OnceLock<Tally>,
}

/// All runs that rows may belong to.
#[derive(Debug, Default)]
pub(crate) struct KnownRuns {
    pub(crate) runs: Vec<KnownRun>,
    /// Those whose ids tell the run.
    by_id: BTreeMap<RunId, usize>,
    recorded: Vec<usize>,
    /// Held while a row is given to one of several spans with its ids.
    choosing: Mutex<()>,
}

/// What a row's ids say of the runs with a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    Planned {
        run: usize,
        slot: u64,
        place: SpanPlace,
    },
    /// No planned span. `run` is the run that its trace id names, which may be one we know.
    Unclaimed {
        run: Option<RunId>,
    },
}

/// A span of a run, by slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) run: usize,
    pub(crate) slot: u64,
}

/// The recorded span that a row counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Assigned {
    Counted {
        span: Slot,
        /// Whether the row is as the span was sent.
        as_sent: bool,
    },
    /// One of these, from which it differs: to be decided when all rows are known.
    Contested(Vec<Slot>),
}

impl KnownRun {
    pub(crate) fn new(run: RunId, expectation: Arc<Expectation>, wanted: bool) -> Self {
        Self { run, expectation, wanted, tally: OnceLock::new() }
    }

    /// A byte for each span, made when the first is asked for.
    pub(crate) fn tally(&self) -> &Tally {
        self.tally.get_or_init(|| Tally::new(self.expectation.spans()))
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// Whether any of its spans was found more than once.
    fn repeats(&self) -> bool {
        let tally = self.tally();
        (0..tally.len()).any(|slot| tally.get(slot).found() > 1)
    }

    /// Whether the sweep met a span of this run more than once.
    pub(crate) fn has_repeated(&self) -> bool {
        self.was_seen() && self.repeats()
    }

    /// Whether the sweep met a row of this run.
    pub(crate) fn was_seen(&self) -> bool {
        self.tally.get().is_some()
    }

    /// Copies of a span that were met.
    fn found(&self, slot: u64) -> u8 {
        self.tally.get().map_or(0, |tally| tally.get(slot).found())
    }

    /// Whether its ids are those of its source, so that a row under them may be of that.
    pub(crate) fn keeps_ids(&self) -> bool {
        matches!(&*self.expectation, Expectation::Recorded(Recorded { keeps_ids: true, .. }))
    }
}

impl KnownRuns {
    pub(crate) fn new(runs: impl IntoIterator<Item = KnownRun>) -> Self {
        let runs: Vec<_> = runs.into_iter().collect();
        let (mut by_id, mut recorded) = (BTreeMap::new(), Vec::new());
        for (index, run) in runs.iter().enumerate() {
            match &*run.expectation {
                Expectation::Derived(_) => drop(by_id.insert(run.run, index)),
                Expectation::Recorded(_) => recorded.push(index),
            }
        }
        Self { runs, by_id, recorded, choosing: Mutex::default() }
    }

    pub(crate) fn knows(&self, run: RunId) -> bool {
        self.by_id.contains_key(&run)
    }

    /// A row says that it is of a run, and is none of its spans: the run was met all the same.
    pub(crate) fn meet(&self, run: RunId) {
        if let Some(known) = self.by_id.get(&run) {
            self.runs[*known].tally();
        }
    }

    /// Whether a row of a run with a plan may be a recorded span, too.
    pub(super) fn may_share_ids(&self) -> bool {
        self.recorded.iter().any(|run| self.runs[*run].keeps_ids())
    }

    /// Reads the ids as the store has them: lower-case hex, if they are well formed.
    ///
    /// The span id decides, under the run that the trace id names, else under every known run: a row
    /// whose trace id was damaged is still known by its span id.
    pub(crate) fn claim(&self, trace_id: &str, span_id: &str) -> Claim {
        let trace: Option<TraceId> = id_bytes(trace_id);
        let named = trace.and_then(ids::claimed_trace).map(|claim| claim.run);
        let known = named.and_then(|run| self.by_id.get(&run)).copied();
        let span: Option<SpanId> = id_bytes(span_id);
        let planned = span.and_then(|span| {
            let traced = known.and_then(|run| self.planned(run, span));
            traced.or_else(|| self.by_id.values().find_map(|run| self.planned(*run, span)))
        });
        planned.unwrap_or(Claim::Unclaimed { run: named })
    }

    fn planned(&self, run: usize, span: SpanId) -> Option<Claim> {
        let Expectation::Derived(Derived { plan, .. }) = &*self.runs[run].expectation else { return None };
        let named = ids::claimed_span(plan.outline.run, span)?;
        let (slot, place) = plan.locate(named.workflow, named.position)?;
        Some(Claim::Planned { run, slot, place })
    }

    /// Whether a run with a plan has a span with this id.
    pub(super) fn has_span(&self, run: RunId, span: u64) -> bool {
        let known = self.by_id.get(&run);
        known.is_some_and(|run| self.planned(*run, span.to_be_bytes()).is_some())
    }

    /// The known run of an id.
    pub(super) fn known(&self, run: RunId) -> Option<&KnownRun> {
        self.runs.iter().find(|known| known.run == run)
    }

    /// The recorded spans with these ids: several where a source has a span twice, or replays kept its ids.
    pub(super) fn recorded(&self, trace_id: &str, span_id: &str) -> Vec<Slot> {
        if self.recorded.is_empty() {
            return Vec::new();
        }
        let ids = SpanIds::of_hex(trace_id, span_id);
        let span = id_bytes(span_id).map(u64::from_be_bytes);
        let of_run = |run: &usize| {
            let found = match &*self.runs[*run].expectation {
                Expectation::Recorded(recorded) => recorded.find(ids, span),
                Expectation::Derived(_) => &[],
            };
            let run = *run;
            found.iter().map(move |slot| Slot { run, slot: u64::from(*slot) })
        };
        self.recorded.iter().flat_map(of_run).collect()
    }

    /// All spans with these ids, of either kind of run.
    pub(crate) fn spans_with(&self, trace_id: &str, span_id: &str) -> Vec<Slot> {
        let planned = match self.claim(trace_id, span_id) {
            Claim::Planned { run, slot, .. } => Some(Slot { run, slot }),
            Claim::Unclaimed { .. } => None,
        };
        planned.into_iter().chain(self.recorded(trace_id, span_id)).collect()
    }

    /// Gives a row to one of the recorded spans with its ids. None where it is rather what `planned` says, or of the
    /// source of a replay that kept its ids.
    ///
    /// Of a span that was sent several times, each copy counts for one with equal values and the fewest copies. Rows
    /// with equal values may change places, so that their order does not matter.
    pub(super) fn count_recorded(
        &self,
        spans: &[Slot],
        planned: Option<Slot>,
        evidence: Option<Evidence>,
        mut is_as_sent: impl FnMut(&Recorded, u64) -> bool,
    ) -> Option<Assigned> {
        let is_better = |span: &Slot, as_sent: bool| {
            let run = &self.runs[span.run];
            let Some(planned) = planned else { return as_sent || run.wanted || !run.keeps_ids() };
            let others = !self.runs[planned.run].wanted;
            run.wanted && (others || (as_sent && self.copies(*span) < self.copies(planned)))
        };
        let as_sent: Vec<bool> = spans
            .iter()
            .map(|span| match &*self.runs[span.run].expectation {
                Expectation::Recorded(recorded) => is_as_sent(recorded, span.slot),
                Expectation::Derived(_) => false,
            })
            .collect();
        let is_contested = spans.len() > 1 || planned.is_some();
        let _choosing = is_contested.then(|| self.choosing.lock().unwrap_or_else(PoisonError::into_inner));
        let candidates = || {
            let pairs = spans.iter().zip(&as_sent);
            pairs.filter(|(span, as_sent)| is_better(span, **as_sent))
        };
        let as_it_was_sent = candidates().filter(|(_, as_sent)| **as_sent).map(|(span, _)| *span);
        if let Some(span) = self.fewest(as_it_was_sent) {
            self.count(span, evidence, false);
            return Some(Assigned::Counted { span, as_sent: true });
        }
        let differing: Vec<Slot> = candidates().map(|(span, _)| *span).collect();
        if is_contested {
            return (!differing.is_empty()).then_some(Assigned::Contested(differing));
        }
        let span = self.choose(differing, evidence)?;
        Some(Assigned::Counted { span, as_sent: false })
    }

    /// Counts a row that differs from all of these spans for one of them.
    pub(super) fn choose(
        &self,
        spans: impl IntoIterator<Item = Slot>,
        evidence: Option<Evidence>,
    ) -> Option<Slot> {
        let span = self.fewest(spans)?;
        self.count(span, evidence, true);
        Some(span)
    }

    /// The first of the spans with the fewest copies, of the runs that must be in the store if any is of one.
    fn fewest(&self, spans: impl IntoIterator<Item = Slot>) -> Option<Slot> {
        let rank = |span: &Slot| (!self.runs[span.run].wanted, self.copies(*span), span.run, span.slot);
        spans.into_iter().min_by_key(rank)
    }

    fn copies(&self, span: Slot) -> u8 {
        self.runs[span.run].found(span.slot)
    }

    fn count(&self, span: Slot, evidence: Option<Evidence>, altered: bool) {
        if let Some(evidence) = evidence {
            self.runs[span.run].tally().count(span.slot, evidence, altered);
        }
    }
}

/// A well-formed id as its bytes: lower-case hex of just that length.
pub(super) fn id_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let well_formed = text.len() == 2 * N && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut bytes = [0; N];
    well_formed.then(|| const_hex::decode_to_slice(text, &mut bytes).ok())??;
    Some(bytes)
}
