//! Makes the plan small that broke a promise.
//!
//! Delta debugging with a head start: the faults that the losses were laid to are tried alone first, then faults are
//! left out one by one, then traffic. Every candidate is an experiment of its own.

use std::time::{Duration, Instant};

use super::{experiment::Outcome, promises::Promise};
use crate::ledger::chaos::{ChaosPlan, Nemesis, Step};

/// Experiments for one promise, and the time after which no further one begins.
const MOST: usize = 12;
const PATIENCE: Duration = Duration::from_mins(2);

/// How often a suspect is tried alone: some faults do not come in time each time.
const TRIES: usize = 2;

/// Rates that are tried for less, in workflows per second.
const RATES: [&str; 2] = ["5/s", "20/s"];

/// Smaller crowds that are tried where answers are missing.
const CROWDS: [usize; 4] = [10, 20, 35, 50];

/// Time for the first spans to be acked, and for a segment to come about on its timer, in milliseconds.
const ACKS: u64 = 1_000;
const SEGMENTS: u64 = 4_500;

/// Exports go on so long after the last fault, in milliseconds.
const TAIL: u64 = 500;

/// The smallest plan that was found to break a promise, and what it came to.
#[derive(Debug)]
pub(crate) struct Story {
    pub(crate) promise: Promise,
    pub(crate) outcome: Outcome,
    pub(crate) experiments: usize,
}

/// None where no smaller plan broke it again. `attempt` carries out a plan, or says by none that there is no time left.
pub(crate) async fn shrink(
    promise: Promise,
    outcome: &Outcome,
    mut attempt: impl AsyncFnMut(&ChaosPlan) -> anyhow::Result<Option<Outcome>>,
) -> anyhow::Result<Option<Story>> {
    let mut story: Option<Story> = None;
    let mut experiments = 0;
    let mut steps = outcome.plan.steps.clone();
    let suspects = outcome.suspects(promise).into_iter().map(|number| vec![outcome.plan.steps[number]]);
    let mut candidates: Vec<Vec<Step>> = suspects.collect();
    candidates.dedup_by_key(|steps| steps[0].nemesis);
    candidates.truncate(2);
    candidates = candidates.iter().flat_map(|alone| vec![alone.clone(); TRIES]).rev().collect();
    let began = Instant::now();
    // Suspects alone; then, from all of them, ever fewer.
    let mut left_out = 0;
    while experiments < MOST && began.elapsed() < PATIENCE {
        let candidate = match candidates.pop() {
            Some(candidate) => candidate,
            None if steps.len() > 1 && left_out < steps.len() => without(&steps, left_out),
            None => break,
        };
        let plan = compressed(&outcome.plan, &candidate);
        experiments += 1;
        let Some(tried) = attempt(&plan).await? else { return Ok(story) };
        if tried.breaks(promise) {
            steps = candidate;
            candidates.clear();
            left_out = 0;
            story = Some(Story { promise, outcome: tried, experiments });
        } else if candidates.is_empty() && steps.len() > 1 && candidate.len() + 1 == steps.len() {
            left_out += 1;
        }
    }
    let Some(mut smallest) = story else { return Ok(None) };
    let plan = smallest.outcome.plan.clone();
    let slower = RATES.map(|rate| ChaosPlan { rate: rate.to_owned(), ..plan.clone() });
    experiments += take_first(promise, &mut smallest.outcome, &slower, &mut attempt).await?;
    if promise == Promise::Answers {
        let plan = smallest.outcome.plan.clone();
        let fewer = CROWDS.iter().filter(|crowd| **crowd < plan.crowd);
        let fewer: Vec<_> = fewer.map(|crowd| ChaosPlan { crowd: *crowd, ..plan.clone() }).collect();
        experiments += take_first(promise, &mut smallest.outcome, &fewer, &mut attempt).await?;
    }
    Ok(Some(Story { experiments, ..smallest }))
}

/// Takes the outcome of the first of these plans that breaks a promise, too; how many were tried comes back.
async fn take_first(
    promise: Promise,
    smallest: &mut Outcome,
    plans: &[ChaosPlan],
    attempt: &mut impl AsyncFnMut(&ChaosPlan) -> anyhow::Result<Option<Outcome>>,
) -> anyhow::Result<usize> {
    for (number, plan) in plans.iter().enumerate() {
        let Some(tried) = attempt(plan).await? else { return Ok(number + 1) };
        if tried.breaks(promise) {
            *smallest = tried;
            return Ok(number + 1);
        }
    }
    Ok(plans.len())
}

fn without(steps: &[Step], number: usize) -> Vec<Step> {
    let mut fewer = steps.to_vec();
    fewer.remove(number);
    fewer
}

/// The same faults as soon after each other as they mean anything, and no traffic beyond them.
fn compressed(plan: &ChaosPlan, steps: &[Step]) -> ChaosPlan {
    let mut at_ms = 0;
    let steps = steps.iter().map(|step| {
        at_ms += if needs_segments(step.nemesis) { SEGMENTS } else { ACKS };
        let moved = Step { at_ms, ..*step };
        at_ms += step.for_ms;
        moved
    });
    let steps: Vec<Step> = steps.collect();
    ChaosPlan { steps, duration_ms: at_ms + TAIL, ..plan.clone() }
}

fn needs_segments(nemesis: Nemesis) -> bool {
    matches!(
        nemesis,
        Nemesis::KillInFlush
            | Nemesis::KillInDeletes
            | Nemesis::KillInSnapshot
            | Nemesis::Upgrade
            | Nemesis::PowerLoss
            | Nemesis::TornSegment
            | Nemesis::EmptySegment
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_plan_keeps_its_faults_in_order_and_ends_after_them() {
        let step = |at_ms, nemesis, for_ms| Step { at_ms, nemesis, for_ms };
        let plan = ChaosPlan {
            version: ChaosPlan::VERSION,
            seed: 7,
            rate: "100/s".to_owned(),
            duration_ms: 60_000,
            crowd: ChaosPlan::CROWD,
            steps: Vec::new(),
        };
        let steps = [step(9_000, Nemesis::Sigterm, 300), step(40_000, Nemesis::TornSegment, 0)];
        let small = compressed(&plan, &steps);
        assert_eq!(small.steps, [step(1_000, Nemesis::Sigterm, 300), step(5_800, Nemesis::TornSegment, 0)]);
        assert_eq!((small.duration_ms, small.seed), (6_300, 7));
        assert_eq!(without(&steps, 0), [steps[1]]);
    }
}
