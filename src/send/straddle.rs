//! Traces that are sent in parts, so that one lies in several files and tiers.
//!
//! A share of the workflows, drawn from the run's seed, is cut into two or three parts. What
//! separates the parts is a flush or time: all first parts are sent before any second one.

use super::unit::Unit;
use crate::traffic::{dice::Dice, plan::Plan};

/// Sets these draws apart from those that make a workflow.
const SALT: u64 = 0x7374_7261_6464_6c65;

/// Which traces straddle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Straddle {
    /// The number of workflows in 2^32.
    share: u64,
    seed: u64,
}

impl Straddle {
    /// The most parts that a trace is sent in.
    pub(crate) const PHASES: u32 = 3;

    /// `share` is a fraction of the workflows.
    pub(crate) fn new(share: f64, seed: u64) -> Self {
        Self { share: (share.clamp(0.0, 1.0) * 4_294_967_296.0) as u64, seed: seed ^ SALT }
    }

    /// The positions at which the second and the third part of a workflow begin; beyond its end
    /// where it has no such part.
    fn cuts(&self, workflow: u64, spans: u32) -> [u32; 2] {
        let mut dice = Dice::at(self.seed, workflow);
        if spans < 2 || dice.below(1 << 32) >= self.share {
            return [spans, spans];
        }
        let second = 1 + dice.below(u64::from(spans) - 1) as u32;
        let rest = u64::from(spans - second);
        let third =
            if rest > 1 && dice.below(2) == 0 { second + 1 + dice.below(rest - 1) as u32 } else { spans };
        [second, third]
    }

    /// What of a unit is not put off to a later phase.
    pub(crate) fn kept(&self, plan: &Plan, unit: &Unit) -> Vec<(u64, u32)> {
        let end = unit.first + u64::from(unit.count);
        let mut kept: Vec<(u64, u32)> = Vec::new();
        let mut ordinal = unit.first;
        while ordinal < end {
            let place = plan.place_in(unit.stream, ordinal);
            let ordinals = plan.ordinals(place.workflow);
            let [second, _] = self.cuts(place.workflow, (ordinals.end - ordinals.start) as u32);
            let stop = (ordinals.start + u64::from(second)).min(end);
            if stop > ordinal {
                let count = (stop - ordinal) as u32;
                match kept.last_mut() {
                    Some((first, kept)) if *first + u64::from(*kept) == ordinal => *kept += count,
                    _ => kept.push((ordinal, count)),
                }
            }
            ordinal = ordinals.end;
        }
        kept
    }

    /// The part that is due in a phase after the first, of the next workflow from an ordinal on.
    pub(crate) fn next_part(
        &self,
        plan: &Plan,
        phase: u32,
        stream: usize,
        mut ordinal: u64,
        end: u64,
    ) -> Option<Unit> {
        while ordinal < end {
            let workflow = plan.place_in(stream, ordinal).workflow;
            let ordinals = plan.ordinals(workflow);
            let spans = (ordinals.end - ordinals.start) as u32;
            let [second, third] = self.cuts(workflow, spans);
            let (from, to) = if phase == 1 { (second, third) } else { (third, spans) };
            let first = ordinals.start + u64::from(from);
            if from < to && first >= ordinal {
                return Some(Unit { last_workflow: workflow, stream, first, count: to - from });
            }
            ordinal = ordinals.end;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_workflows_straddle_as_asked_for() {
        let cut = |share: f64| {
            let straddle = Straddle::new(share, 1);
            (0..10_000).filter(|workflow| straddle.cuts(*workflow, 5) != [5, 5]).count()
        };
        assert_eq!((cut(0.0), cut(1.0)), (0, 10_000));
        assert!((900..1_100).contains(&cut(0.1)));
        let straddle = Straddle::new(1.0, 1);
        assert!((0..1_000).all(|workflow| straddle.cuts(workflow, 1) == [1, 1]));
        assert!((0..1_000).any(|workflow| straddle.cuts(workflow, 5)[1] < 5));
    }
}
