//! Draws a schedule of faults from a seed.

use std::time::Duration;

use crate::{
    ledger::chaos::{ChaosPlan, Nemesis, Step},
    traffic::dice::Dice,
};

/// A fault comes about so often, unless there are more kinds of them than that makes room for.
const EVERY: Duration = Duration::from_secs(5);

/// Sets these draws apart from those that make the traffic of the same seed.
const SALT: u64 = 0x6368_616f_735f_706c;

/// No fault lasts longer.
const LONGEST: u64 = 3_000;

/// Every kind comes up before any comes up again; each fault has a slot of its own.
pub(crate) fn draw(seed: u64, kinds: &[Nemesis], duration: Duration, rate: String) -> ChaosPlan {
    let duration_ms = duration.as_millis() as u64;
    let steps = (duration_ms / EVERY.as_millis() as u64).max(kinds.len() as u64);
    let slot = duration_ms / steps.max(1);
    let mut dice = Dice::at(seed ^ SALT, 0);
    let mut round = Vec::new();
    let steps = (0..steps).map(|number| {
        if round.is_empty() {
            round = kinds.to_vec();
        }
        let nemesis = round.swap_remove(dice.below(round.len() as u64) as usize);
        let at_ms = number * slot + slot / 4 + dice.below(slot / 4 + 1);
        let longest = (slot / 3).min(LONGEST);
        // A studio that is started again at once meets other trouble than one that was away.
        let at_once = nemesis != Nemesis::Freeze && dice.below(2) == 0;
        let for_ms = if at_once { 0 } else { longest / 4 + dice.below(longest * 3 / 4 + 1) };
        Step { at_ms, nemesis, for_ms }
    });
    let steps = steps.collect();
    ChaosPlan { version: ChaosPlan::VERSION, seed, rate, duration_ms, steps }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Nemesis; 3] = [Nemesis::Sigterm, Nemesis::Sigkill, Nemesis::Freeze];

    proptest! {
        #[test]
        fn a_schedule_is_a_function_of_its_seed_and_has_every_kind(seed: u64, kinds in 1..=3_usize, seconds in 1..100_u64) {
            let plan = || draw(seed, &ALL[..kinds], Duration::from_secs(seconds), "100/s".to_owned());
            let ChaosPlan { steps, duration_ms, .. } = plan();
            prop_assert_eq!(&steps, &plan().steps);
            for nemesis in &ALL[..kinds] {
                prop_assert!(steps.iter().any(|step| step.nemesis == *nemesis));
            }
            prop_assert!(steps.windows(2).all(|pair| pair[0].at_ms + pair[0].for_ms <= pair[1].at_ms));
            prop_assert!(steps.iter().all(|step| step.at_ms + step.for_ms <= duration_ms));
        }
    }
}
