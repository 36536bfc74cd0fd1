//! Exports that are to be sent, and when: what a send loop is a stream of.

use std::{
    collections::BTreeSet,
    ops::Range,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::Stream;

use super::{
    schedule::Schedule,
    unit::{Unit, Units},
};
use crate::{
    ledger::expected::ExpectedSpan,
    traffic::{export::EncodedResource, plan::Plan},
    wire::outcome::ExportOutcome,
};

/// One turn of a send loop.
#[derive(Debug)]
pub(crate) struct ScheduledExport {
    pub(crate) stream: usize,
    /// Since the run began; none where it is sent as soon as a slot is free.
    pub(crate) due: Option<Duration>,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    Planned(PlannedExport),
    Recorded(RecordedExport),
}

/// A part of a plan, encoded when it is sent.
#[derive(Debug)]
pub(crate) struct PlannedExport {
    pub(crate) plan: Arc<SentPlan>,
    pub(crate) unit: Unit,
    /// What of the unit is sent, by first ordinal and count: an export each, or several where one is too large.
    pub(crate) ranges: Vec<(u64, u32)>,
}

/// A request that is at hand.
#[derive(Debug)]
pub(crate) struct RecordedExport {
    /// Its number in the ledger.
    pub(crate) number: u64,
    /// The ordinal of its first span.
    pub(crate) first: u64,
    pub(crate) request: Vec<u8>,
    /// Of its spans, in their order.
    pub(crate) expectations: Vec<ExpectedSpan>,
    /// The attempts of an earlier process, and their outcome.
    pub(crate) before: Option<(u32, ExportOutcome)>,
}

/// A plan that is being sent.
#[derive(Debug)]
pub(crate) struct SentPlan {
    pub(crate) plan: Arc<Plan>,
    pub(crate) resources: Vec<EncodedResource>,
    /// The highest number of a workflow of which anything was sent.
    highest_workflow: AtomicU64,
    /// What found no free slot, by stream, first ordinal and the one after the last.
    skipped: Mutex<BTreeSet<(usize, u64, u64)>>,
}

impl SentPlan {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let resources = EncodedResource::all(&plan);
        Self { plan, resources, highest_workflow: AtomicU64::default(), skipped: Mutex::default() }
    }

    pub(crate) fn highest_workflow(&self) -> u64 {
        self.highest_workflow.load(Ordering::Relaxed)
    }

    pub(crate) fn note_sent(&self, unit: &Unit) {
        self.highest_workflow.fetch_max(unit.last_workflow, Ordering::Relaxed);
    }

    pub(crate) fn note_skipped(&self, &Unit { stream, first, count, .. }: &Unit) {
        self.skipped().insert((stream, first, first + u64::from(count)));
    }

    /// Whether a part of a trace belongs to one whose first part found no free slot.
    fn was_skipped(&self, part: &Unit) -> bool {
        let begin = self.plan.ordinals(part.last_workflow).start;
        let skipped = self.skipped();
        let before = skipped.range(..=(part.stream, begin, u64::MAX)).next_back();
        before.is_some_and(|&(stream, _, end)| stream == part.stream && begin < end)
    }

    fn skipped(&self) -> MutexGuard<'_, BTreeSet<(usize, u64, u64)>> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exports of one phase of a plan.
#[derive(Debug)]
pub(crate) struct PlannedExports {
    plan: Arc<SentPlan>,
    units: Units,
    schedule: Option<Schedule>,
}

impl PlannedExports {
    pub(crate) fn new(plan: Arc<SentPlan>, units: Units, schedule: Option<Schedule>) -> Self {
        Self { plan, units, schedule }
    }

    /// By stream: what was handed out so far.
    pub(crate) fn handed_out(&self) -> Vec<Range<u64>> {
        self.units.handed_out()
    }

    fn following(&mut self) -> Option<ScheduledExport> {
        loop {
            // A unit beyond the schedule's end stays where it is: nothing of it counts as handed out.
            let due = match &self.schedule {
                None => None,
                Some(schedule) => {
                    let arrival = self.units.peek()?.last_workflow - self.units.first_workflow();
                    Some(schedule.at(arrival)?)
                }
            };
            let unit = self.units.next()?;
            let ranges = self.units.ranges(&unit);
            if ranges.is_empty() || (self.units.is_of_later_parts() && self.plan.was_skipped(&unit)) {
                continue;
            }
            let planned = PlannedExport { plan: Arc::clone(&self.plan), unit, ranges };
            return Some(ScheduledExport { stream: unit.stream, due, content: Content::Planned(planned) });
        }
    }
}

impl Stream for PlannedExports {
    type Item = anyhow::Result<ScheduledExport>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.following().map(Ok))
    }
}
