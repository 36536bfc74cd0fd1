//! The pass over all traces, and what comes of it.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use datafusion::{
    arrow::{
        array::{AsArray, BooleanArray},
        compute::filter_record_batch,
    },
    catalog::TableProvider,
    common::Result,
    error::DataFusionError,
};

use super::{
    agents,
    difference::{self, Difference, Differences},
    evaluations,
    graph::{self, Known, Look},
    identity, plugin,
    span::{Era, Kind},
    state::{self, Setting, Store, Transition},
    status,
    strays::{NewStrays, Strays},
    trace::{Ancestor, MAX_SPANS, Trace, each_trace},
};
use crate::{
    contract::digest::hash,
    judge::{
        facts::Facts,
        interner::Interner,
        junjo::{key::Key, records::Records},
        spool::Spool,
    },
    store::lazy_table::{Batches, lazy_table},
};

/// Owners of members in another trace that are remembered: the first by their digests, whichever worker came first.
const MAX_DISPLACED: usize = 1_000_000;

/// What is analysed, and what is known of it.
pub(crate) struct Input<'a> {
    pub(crate) records: &'a Records,
    pub(crate) facts: &'a Facts,
    pub(crate) names: &'a Interner,
    /// Spans that ended before this had the time to be stored. Unix nanoseconds.
    pub(crate) settled_before: i64,
    /// Bytes that each kind of notes may hold.
    pub(crate) budget: usize,
}

/// How much there was to look at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) executions: u64,
    pub(crate) graphs: u64,
    pub(crate) stores: u64,
    pub(crate) agents: u64,
    pub(crate) evaluations: u64,
    pub(crate) plugin_spans: u64,
}

/// What differs in the executions of a store.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) counts: Counts,
    differences: Arc<Spool>,
    /// Digests of executions that spans in other traces name as theirs: what they lack is not missing.
    displaced: Arc<BTreeSet<u64>>,
}

/// What the workers add to.
struct Shared<'a> {
    input: &'a Input<'a>,
    differences: Arc<Spool>,
    state: Mutex<State>,
}

struct State {
    counts: Counts,
    strays: Strays,
    displaced: BTreeSet<u64>,
}

/// What one bucket adds.
#[derive(Default)]
struct OfBucket {
    counts: Counts,
    out: Differences,
    strays: NewStrays,
    displaced: BTreeSet<u64>,
}

pub(crate) fn analyse(input: &Input<'_>) -> Result<Analysis> {
    let shared = Shared {
        input,
        differences: Arc::new(Spool::new(difference::schema(), input.budget)),
        state: Mutex::new(State {
            counts: Counts::default(),
            strays: Strays::new(input.budget),
            displaced: BTreeSet::new(),
        }),
    };
    if input.records.count() > 0 {
        shared.work()?;
    }
    let Shared { differences, state, .. } = shared;
    let State { counts, strays, displaced } = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    strays.settle(|found| differences.push(found.batch(input.names)?))?;
    Ok(Analysis { counts, differences, displaced: Arc::new(displaced) })
}

impl Analysis {
    /// The table `execution_differences`.
    pub(crate) fn differences(&self) -> Arc<dyn TableProvider> {
        let (spool, displaced) = (Arc::clone(&self.differences), Arc::clone(&self.displaced));
        lazy_table(difference::schema(), move || {
            let displaced = Arc::clone(&displaced);
            let batches = spool.batches()?.map(move |batch| {
                let batch = batch?;
                if displaced.is_empty() {
                    return Ok(batch);
                }
                let column = |name: &str| batch.column_by_name(name).map(AsArray::as_string_view);
                let (Some(kinds), Some(ids)) = (column("kind"), column("runtime_id")) else {
                    return Ok(batch);
                };
                let keeps = kinds.iter().zip(ids).map(|(kind, id)| {
                    let is_displaced = id.is_some_and(|id| displaced.contains(&digest(id)));
                    Some(!(kind == Some("missing_executions") && is_displaced))
                });
                Ok(filter_record_batch(&batch, &keeps.collect::<BooleanArray>())?)
            });
            Ok(Box::new(batches) as Batches)
        })
    }
}

fn digest(runtime_id: &str) -> u64 {
    hash(runtime_id.as_bytes())
}

impl Shared<'_> {
    fn work(&self) -> Result<()> {
        let next = AtomicUsize::new(Facts::ALL.start);
        let work = || -> Result<()> {
            let (mut known, mut room) = (Known::default(), Vec::new());
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= Facts::ALL.end {
                    return Ok(());
                }
                self.bucket(index, &mut known, &mut room)?;
            }
        };
        thread::scope(|scope| {
            let others: Vec<_> = (1..self.input.facts.jobs.get()).map(|_| scope.spawn(work)).collect();
            let mine = work();
            let theirs = others
                .into_iter()
                .map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            theirs.fold(mine, Result::and)
        })
    }

    fn bucket(&self, index: usize, known: &mut Known, room: &mut Vec<u8>) -> Result<()> {
        let Input { records, facts, .. } = self.input;
        let mut family = None;
        records.each_part(index, room, |bytes| {
            let family = match &family {
                Some(family) => Arc::clone(family),
                None => Arc::clone(family.insert(facts.family(index)?)),
            };
            let mut of_bucket = OfBucket::default();
            each_trace(records, bytes, &family, |trace, is_too_large| {
                if is_too_large {
                    of_bucket.counts.executions += 1;
                    let difference = Difference::new("too_large").about("trace");
                    of_bucket.out.add(
                        &trace.spans[0],
                        true,
                        difference.between(Some(MAX_SPANS), None::<usize>),
                    );
                } else {
                    of_bucket.trace(trace, known, self.input.settled_before);
                }
                Ok(())
            })?;
            self.take(of_bucket).map_err(io::Error::other)
        })?;
        Ok(())
    }

    fn take(&self, new: OfBucket) -> Result<(), DataFusionError> {
        self.differences.push(new.out.batch(self.input.names)?)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.strays.take(new.strays)?;
        state.displaced.extend(new.displaced);
        while state.displaced.len() > MAX_DISPLACED {
            state.displaced.pop_last();
        }
        let Counts { executions, graphs, stores, agents, evaluations, plugin_spans } = &mut state.counts;
        *executions += new.counts.executions;
        *graphs += new.counts.graphs;
        *stores += new.counts.stores;
        *agents += new.counts.agents;
        *evaluations += new.counts.evaluations;
        *plugin_spans += new.counts.plugin_spans;
        Ok(())
    }
}

impl OfBucket {
    fn trace(&mut self, trace: &Trace<'_>, known: &mut Known, settled_before: i64) {
        let mut look = Look { known, out: &mut self.out, settled_before };
        let mut lacks_spans = false;
        for index in trace.flows() {
            self.counts.graphs += u64::from(trace.spans[index].era != Era::Legacy);
            lacks_spans |= graph::look_at_flow(trace, index, &mut look);
        }
        let mut operations: HashMap<&str, Vec<usize>> = HashMap::new();
        for index in trace.of_kind(Kind::Operation) {
            let agent = trace.spans[index].text(Key::AgentRuntimeId).unwrap_or_default();
            operations.entry(agent).or_default().push(index);
        }
        for index in trace.of_kind(Kind::Agent) {
            self.counts.agents += 1;
            let mut mine =
                trace.spans[index].runtime_id().and_then(|id| operations.remove(id)).unwrap_or_default();
            // One that names another agent is not missing here.
            let below =
                trace.children[index].iter().filter(|child| trace.spans[**child].kind == Kind::Operation);
            mine.extend(below);
            mine.sort_unstable();
            mine.dedup();
            lacks_spans |= agents::look_at(trace, index, &mine, &mut look);
        }
        for (index, span) in trace.spans.iter().enumerate() {
            identity::look_at(trace, index, &mut look);
            status::look_at(trace, index, &mut look);
            match span.kind {
                Kind::Evaluation => {
                    self.counts.evaluations += 1;
                    evaluations::look_at(trace, index, &mut look);
                }
                Kind::Plugin => {
                    self.counts.plugin_spans += 1;
                    plugin::look_at(trace, index, &mut look);
                }
                kind => self.counts.executions += u64::from(kind.is_executable()),
            }
            let absent_owner = span.parent_runtime_id().filter(|id| trace.executions(id).is_empty());
            if let Some(owner) = absent_owner.filter(|_| span.kind.is_executable()) {
                lacks_spans |= trace.ancestors[index] == Ancestor::Unknown;
                self.displaced.insert(digest(owner));
            }
        }
        let setting = Setting {
            lacks_spans,
            is_blind: trace.is_blind,
            drops_events: trace.spans.iter().any(|span| span.head.dropped_events > 0),
        };
        self.stores(trace, setting, settled_before);
    }

    /// Replays the stores whose transitions are all here, and sets aside what waits for other traces.
    fn stores(&mut self, trace: &Trace<'_>, setting: Setting, settled_before: i64) {
        let mut owners: HashMap<&str, usize> = HashMap::new();
        for (index, span) in trace.spans.iter().enumerate() {
            let Some(id) = span.store_id().filter(|_| span.kind.is_executable()) else { continue };
            if owners.insert(id, index).is_some() {
                let difference = Difference::new("store_owners").about(format!("store {id}"));
                self.out.add(span, true, difference);
            }
        }
        let mut transitions: HashMap<&str, Vec<(usize, Transition<'_>)>> = HashMap::new();
        for (index, span) in trace.spans.iter().enumerate() {
            for event in span.state_events() {
                // Events of SDKs up to 0.64 have no sequence: nothing of them can be told.
                let of_contract_2 =
                    [Key::TransitionSequence, Key::RevisionBefore, Key::RevisionAfter, Key::PatchMode];
                if !of_contract_2.iter().any(|key| event.members.has(*key)) {
                    continue;
                }
                let Some(transition) = Transition::of(span, event) else { continue };
                let owner = owners.get(transition.store_id);
                if owner.is_some_and(|owner| trace.spans[*owner].era != Era::Contract2) {
                    continue;
                }
                transitions.entry(transition.store_id).or_default().push((index, transition));
            }
        }
        for (id, index) in &owners {
            let span = &trace.spans[*index];
            if span.era != Era::Contract2 {
                continue;
            }
            let Some(store) = Store::of(span) else { continue };
            self.counts.stores += 1;
            let mut found = transitions.remove(id).unwrap_or_default();
            found.sort_by_key(|(_, transition)| (transition.sequence, transition.time));
            let settled = span.head.end_time < settled_before;
            let mine: Vec<Transition<'_>> = found.iter().map(|(_, transition)| *transition).collect();
            if mine.iter().any(|transition| !transition.carrier_is_junjo) {
                let difference = Difference::new("known_defect").about("B3");
                self.out.add(
                    span,
                    settled,
                    difference.because("the studio ignores events on spans of other libraries"),
                );
            }
            if state::is_whole(&store, &mine) {
                self.strays_whole(&store);
            } else {
                self.strays.add_owner(span, &store, setting, settled);
                for (carrier, transition) in &found {
                    self.strays.add_transition(&trace.spans[*carrier], transition);
                }
                continue;
            }
            for (place, difference) in state::judge(&store, &mine, setting) {
                let at = place.map_or(*index, |place| found[place].0);
                self.out.add(&trace.spans[at], settled, difference);
            }
        }
        for (carrier, transition) in transitions.into_values().flatten() {
            self.strays.add_transition(&trace.spans[carrier], &transition);
        }
    }

    fn strays_whole(&mut self, store: &Store<'_>) {
        self.strays.note_whole(store.id);
    }
}
