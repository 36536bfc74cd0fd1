//! What is sent at once: ranges of streams, in the order of their workflows.
//!
//! A unit ends where its batching says; it is due when its last workflow arrives. With straddling
//! traces the plan is read several times: each phase sends one part of those traces, and
//! the first everything else as well.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range, sync::Arc};

use super::straddle::Straddle;
use crate::traffic::plan::Plan;

/// How spans are gathered into exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Batching {
    /// An export for each workflow.
    Workflow,
    /// Batches of this many spans, whichever workflows they belong to.
    Spans(u32),
}

/// A contiguous range of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unit {
    /// The number of the workflow that its last span belongs to: units come in this order.
    pub(crate) last_workflow: u64,
    pub(crate) stream: usize,
    pub(crate) first: u64,
    pub(crate) count: u32,
}

/// The units of one phase.
#[derive(Debug)]
pub(crate) struct Units {
    plan: Arc<Plan>,
    batching: Batching,
    straddle: Option<Straddle>,
    phase: u32,
    /// By stream: where the part of it that is to be sent begins, and where it ends.
    begins: Vec<u64>,
    ends: Vec<u64>,
    /// The lowest number of a workflow in any of them.
    first_workflow: u64,
    next: BinaryHeap<Reverse<Unit>>,
}

impl Units {
    pub(crate) fn new(
        plan: Arc<Plan>,
        batching: Batching,
        parts: Vec<Range<u64>>,
        straddle: Option<Straddle>,
        phase: u32,
    ) -> Self {
        let bounds = parts.iter().map(|part| (part.start, part.end));
        let (starts, ends) = bounds.unzip();
        let begins = parts.iter().enumerate().filter(|(_, part)| !part.is_empty());
        let first_workflow = begins.map(|(stream, part)| plan.place_in(stream, part.start).workflow).min();
        let mut units = Self {
            plan,
            batching,
            straddle,
            phase,
            begins: starts,
            ends,
            first_workflow: first_workflow.unwrap_or_default(),
            next: BinaryHeap::new(),
        };
        for (stream, part) in parts.into_iter().enumerate() {
            let first = units.following(stream, part.start);
            units.next.extend(first.map(Reverse));
        }
        units
    }

    /// By stream: what was handed out so far.
    pub(crate) fn handed_out(&self) -> Vec<Range<u64>> {
        let mut ends = self.ends.clone();
        self.next.iter().for_each(|Reverse(unit)| ends[unit.stream] = unit.first);
        self.begins.iter().copied().zip(ends).map(|(begin, end)| begin..end).collect()
    }

    /// What comes next.
    pub(crate) fn peek(&self) -> Option<&Unit> {
        self.next.peek().map(|Reverse(unit)| unit)
    }

    /// The number of the first workflow of this shard: what its arrivals are counted from.
    pub(crate) fn first_workflow(&self) -> u64 {
        self.first_workflow
    }

    /// Whether these are parts of traces that an earlier phase began.
    pub(crate) fn is_of_later_parts(&self) -> bool {
        self.phase > 0
    }

    /// What of a unit is sent in this phase: ranges by first ordinal and count.
    pub(crate) fn ranges(&self, unit: &Unit) -> Vec<(u64, u32)> {
        match self.straddle {
            Some(straddle) if self.phase == 0 => straddle.kept(&self.plan, unit),
            _ => vec![(unit.first, unit.count)],
        }
    }

    /// The unit that begins at an ordinal or, in a later phase, the next part that is due in it.
    fn following(&self, stream: usize, first: u64) -> Option<Unit> {
        let end = self.ends[stream];
        if self.phase > 0 {
            let straddle = self.straddle?;
            return straddle.next_part(&self.plan, self.phase, stream, first, end);
        }
        if first >= end {
            return None;
        }
        let unit_end = match self.batching {
            Batching::Workflow => self.plan.ordinals(self.plan.place_in(stream, first).workflow).end,
            Batching::Spans(count) => (first + u64::from(count)).min(end),
        };
        let last_workflow = self.plan.place_in(stream, unit_end - 1).workflow;
        Some(Unit { last_workflow, stream, first, count: (unit_end - first) as u32 })
    }
}

impl Iterator for Units {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let Reverse(unit) = self.next.pop()?;
        let after = self.following(unit.stream, unit.first + u64::from(unit.count));
        self.next.extend(after.map(Reverse));
        Some(unit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{ledger::shard::Shard, testing::plan};

    /// How often each slot is sent over all phases and shards.
    fn sent(
        plan: &Arc<Plan>,
        batching: Batching,
        shards: u32,
        straddle: Option<Straddle>,
    ) -> Result<Vec<u32>, TestCaseError> {
        let mut sent = vec![0; plan.spans() as usize];
        for index in 1..=shards {
            for phase in 0..straddle.map_or(1, |_| Straddle::PHASES) {
                let parts = Shard { index, of: shards }.parts(plan);
                let mut units = Units::new(Arc::clone(plan), batching, parts, straddle, phase);
                let mut last = 0;
                while let Some(unit) = units.next() {
                    prop_assert!(unit.last_workflow >= last);
                    last = unit.last_workflow;
                    for (first, count) in units.ranges(&unit) {
                        plan.slots(unit.stream, first, count).for_each(|slot| sent[slot as usize] += 1);
                    }
                }
            }
        }
        Ok(sent)
    }

    proptest! {
        #[test]
        fn every_span_is_in_one_unit(
            services in 1..6_usize, workflows in 1..40_u64, collectors in proptest::option::of(1..3_u32),
            batch in proptest::option::of(1..600_u32), shards in 1..5_u32, share in proptest::option::of(0.0..1.0),
        ) {
            let collectors = collectors.map(|collectors| collectors.min(services as u32));
            let plan = Arc::new(plan("getting-started=2,minimal=1", collectors, services, workflows));
            let batching = batch.map_or(Batching::Workflow, Batching::Spans);
            let straddle = share.map(|share| Straddle::new(share, 7));
            prop_assert!(sent(&plan, batching, shards, straddle)?.iter().all(|times| *times == 1));
        }
    }

    #[test]
    fn a_batch_ends_at_its_size_and_a_workflow_at_its_root() {
        let plan = Arc::new(plan("getting-started", None, 2, 3));
        let units = |batching| {
            let units = Units::new(Arc::clone(&plan), batching, Shard::WHOLE.parts(&plan), None, 0);
            units.map(|unit| (unit.stream, unit.first, unit.count, unit.last_workflow)).collect::<Vec<_>>()
        };
        assert_eq!(
            units(Batching::Workflow),
            [(0, 0, 5, 0), (1, 0, 5, 1), (0, 5, 5, 2), (1, 5, 5, 3), (0, 10, 5, 4), (1, 10, 5, 5)]
        );
        assert_eq!(units(Batching::Spans(8)), [(0, 0, 8, 2), (1, 0, 8, 3), (0, 8, 7, 4), (1, 8, 7, 5)]);
    }
}
