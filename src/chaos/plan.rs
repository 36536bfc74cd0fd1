//! Draws a schedule of faults from a seed.

use std::{path::Path, time::Duration};

use anyhow::Context;

use crate::{
    base::{problem::Problem, regular},
    ledger::chaos::{ChaosPlan, Nemesis, Step},
    traffic::dice::Dice,
};

/// A fault comes about so often, unless there are more kinds of them than that makes room for.
const EVERY: Duration = Duration::from_secs(5);

/// Sets these draws apart from those that make the traffic of the same seed.
const SALT: u64 = 0x6368_616f_735f_706c;

/// No fault lasts longer.
const LONGEST: u64 = 3_000;

/// Reads a plan that a story left.
pub(crate) fn read(path: &Path) -> anyhow::Result<ChaosPlan> {
    let shown = path.display();
    let text = regular::read(path).with_context(|| format!("cannot read plan `{shown}`"))?;
    let hint = "`e2e-store chaos` writes one for each broken promise";
    let plan: ChaosPlan = serde_json::from_slice(&text)
        .map_err(|err| Problem::new(format!("`{shown}` is not a plan of faults"), hint).caused_by(err))?;
    if plan.version != ChaosPlan::VERSION {
        let what = format!("`{shown}` is a plan of version {}, not {}", plan.version, ChaosPlan::VERSION);
        return Err(Problem::new(what, "play it with the e2e-store that made it").into());
    }
    if !plan.steps.is_sorted_by_key(|step| step.at_ms) {
        return Err(Problem::new(
            format!("the faults in `{shown}` are not in the order of their times"),
            hint,
        )
        .into());
    }
    Ok(plan)
}

/// How many slots a kind takes: who was in a crowd may wait for an answer as long as an export may.
fn weight(nemesis: Nemesis) -> u64 {
    if nemesis == Nemesis::Crowd { 3 } else { 1 }
}

fn slots(kinds: &[Nemesis]) -> u64 {
    kinds.iter().map(|kind| weight(*kind)).sum()
}

/// Time for each of these kinds of faults.
pub(crate) fn duration_for(kinds: &[Nemesis]) -> Duration {
    EVERY * slots(kinds).max(6) as u32
}

/// Every kind comes up before any comes up again; each fault has a slot of its own.
pub(crate) fn draw(
    seed: u64,
    kinds: &[Nemesis],
    duration: Duration,
    rate: String,
    crowd: usize,
) -> ChaosPlan {
    let duration_ms = duration.as_millis() as u64;
    let count = if kinds == [Nemesis::Upgrade] { 1 } else { duration_ms / EVERY.as_millis() as u64 };
    let count = count.max(slots(kinds)).max(1);
    let slot = duration_ms / count;
    let longest = (slot / 3).min(LONGEST);
    let mut dice = Dice::at(seed ^ SALT, 0);
    let mut begin = 0;
    let order = order(&mut dice, kinds, count).into_iter();
    let steps = order.map(|nemesis| {
        let at_ms = begin + slot / 4 + dice.below(slot / 4 + 1);
        begin += slot * weight(nemesis);
        // A studio that is started again at once meets other trouble than one that was away.
        let at_once = nemesis.ends_it() && dice.below(2) == 0;
        let drawn = longest / 4 + dice.below(longest * 3 / 4 + 1);
        let for_ms = match nemesis {
            _ if at_once => 0,
            // It takes a while until all wait for each other that will.
            Nemesis::Crowd => longest,
            _ => drawn,
        };
        Step { at_ms, nemesis, for_ms }
    });
    let steps = steps.collect();
    ChaosPlan { version: ChaosPlan::VERSION, seed, rate, duration_ms, crowd, steps }
}

/// Kinds of faults that fill so many slots. What comes after an upgrade would meet another studio, so that is the last.
fn order(dice: &mut Dice, kinds: &[Nemesis], slots: u64) -> Vec<Nemesis> {
    let (last, others): (Vec<_>, Vec<_>) = kinds.iter().partition(|kind| **kind == Nemesis::Upgrade);
    let mut left = slots - last.len() as u64;
    let (mut order, mut round) = (Vec::new(), Vec::new());
    let fits = |kind: &Nemesis, left: u64| weight(*kind) <= left;
    while others.iter().any(|kind| fits(kind, left)) {
        if round.is_empty() {
            round.clone_from(&others);
        }
        round.retain(|kind| fits(kind, left));
        if !round.is_empty() {
            let nemesis = round.swap_remove(dice.below(round.len() as u64) as usize);
            left -= weight(nemesis);
            order.push(nemesis);
        }
    }
    order.extend(last);
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all() -> &'static [Nemesis] {
        clap::ValueEnum::value_variants()
    }

    proptest! {
        #[test]
        fn a_schedule_is_a_function_of_its_seed_and_has_every_kind(seed: u64, kinds in 1..=all().len(), seconds in 1..100_u64) {
            let plan = || draw(seed, &all()[..kinds], Duration::from_secs(seconds), "100/s".to_owned(), 9);
            let ChaosPlan { steps, duration_ms, .. } = plan();
            prop_assert_eq!(&steps, &plan().steps);
            for nemesis in &all()[..kinds] {
                prop_assert!(steps.iter().any(|step| step.nemesis == *nemesis));
            }
            prop_assert!(steps.windows(2).all(|pair| pair[0].at_ms + pair[0].for_ms <= pair[1].at_ms));
            prop_assert!(steps.iter().all(|step| step.at_ms + step.for_ms <= duration_ms));
        }
    }
}
