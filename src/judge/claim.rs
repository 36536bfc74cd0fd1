//! Which planned span a stored row claims to be.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use super::{replayed::left_behind::Replayed, tally::Tally};
use crate::{
    contract::mapping::ResourceFacts,
    traffic::{
        ids::{self, RunId, SpanId, TraceId},
        plan::{Plan, SpanPlace},
    },
};

/// A run whose manifest is at hand.
#[derive(Debug)]
pub(crate) struct KnownRun {
    pub(crate) plan: Plan,
    /// By service: its resource's part of a row.
    pub(crate) resources: Vec<ResourceFacts>,
    tally: OnceLock<Tally>,
}

/// All runs that rows may belong to.
#[derive(Debug, Default)]
pub(crate) struct KnownRuns {
    pub(crate) runs: Vec<KnownRun>,
    by_id: BTreeMap<RunId, usize>,
    /// What replays left behind.
    pub(crate) replayed: Arc<Replayed>,
}

/// What a row's ids say.
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

impl KnownRun {
    pub(crate) fn new(plan: Plan) -> Self {
        let resources = (0..plan.outline.services.len())
            .map(|service| ResourceFacts::of(Some(&plan.resource(service).message)));
        Self { resources: resources.collect(), plan, tally: OnceLock::new() }
    }

    /// A byte for each planned span, made when the first is asked for.
    pub(crate) fn tally(&self) -> &Tally {
        self.tally.get_or_init(|| Tally::new(self.plan.spans()))
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
}

impl KnownRuns {
    pub(crate) fn new(plans: impl IntoIterator<Item = Plan>) -> Self {
        let runs: Vec<_> = plans.into_iter().map(KnownRun::new).collect();
        let by_id = runs.iter().enumerate().map(|(index, run)| (run.plan.outline.run, index)).collect();
        Self { runs, by_id, replayed: Arc::default() }
    }

    pub(crate) fn with_replayed(self, replayed: Arc<Replayed>) -> Self {
        Self { replayed, ..self }
    }

    pub(crate) fn knows(&self, run: RunId) -> bool {
        self.by_id.contains_key(&run)
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
            traced.or_else(|| (0..self.runs.len()).find_map(|run| self.planned(run, span)))
        });
        planned.unwrap_or(Claim::Unclaimed { run: named })
    }

    fn planned(&self, run: usize, span: SpanId) -> Option<Claim> {
        let plan = &self.runs[run].plan;
        let named = ids::claimed_span(plan.outline.run, span)?;
        let (slot, place) = plan.locate(named.workflow, named.position)?;
        Some(Claim::Planned { run, slot, place })
    }
}

/// A well-formed id as its bytes: lower-case hex of just that length.
pub(super) fn id_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let well_formed = text.len() == 2 * N && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let mut bytes = [0; N];
    well_formed.then(|| const_hex::decode_to_slice(text, &mut bytes).ok())??;
    Some(bytes)
}
