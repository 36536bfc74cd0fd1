//! What a conclusion depends on beside the file that it is of: the runs that its rows were compared with, and what the
//! audit was about.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::{
    base::memory::decode_budget,
    judge::{claim::KnownRuns, expectation::Expectation, scope::Scope},
    traffic::ids::RunId,
};

/// One such state of things. Runs are named by their bits, expectations by digests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Context {
    /// Runs with a plan.
    plans: BTreeMap<u64, u64>,
    /// Replays, and whether each had to be in the store.
    replays: BTreeMap<u64, (u64, bool)>,
    services: Vec<String>,
    from: Option<i64>,
    to: Option<i64>,
    /// What a file might decode to.
    budget: u64,
}

/// Whether a conclusion of one context is one of another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Same,
    /// If none of these runs, which were not known then, has a span that the file has, too.
    Unless(Vec<RunId>),
    No,
}

impl Context {
    pub(crate) fn of(runs: &KnownRuns, scope: &Scope) -> Self {
        let mut context = Self {
            services: scope.services.clone(),
            from: scope.from,
            to: scope.to,
            budget: decode_budget(),
            ..Self::default()
        };
        for known in &runs.runs {
            let (run, digest) = (known.run.bits(), known.expectation.digest());
            match &*known.expectation {
                Expectation::Derived(_) => drop(context.plans.insert(run, digest)),
                Expectation::Recorded(_) => drop(context.replays.insert(run, (digest, known.is_wanted()))),
            }
        }
        context
    }

    /// Whether what was concluded in `then` is what would be concluded now.
    pub(crate) fn fits(&self, then: &Self, entry: &Entry) -> Fit {
        let is_about_the_same = (&self.replays, &self.services, self.from, self.to)
            == (&then.replays, &then.services, then.from, then.to);
        // A file that decoded within less decodes within more.
        if !is_about_the_same || self.budget < then.budget {
            return Fit::No;
        }
        if self.plans == then.plans {
            return Fit::Same;
        }
        let is_other = |run: &u64| self.plans.get(run) != then.plans.get(run);
        let names_one = entry.named_runs.iter().any(|run| self.plans.contains_key(run));
        if entry.is_bound || entry.runs.iter().any(is_other) || names_one {
            return Fit::No;
        }
        let new: BTreeSet<_> = self.plans.keys().copied().filter(is_other).collect();
        if new.is_empty() { Fit::Same } else { Fit::Unless(new.into_iter().map(RunId::from_bits).collect()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_came_or_went_matters_to_the_files_that_it_may_concern() {
        let of =
            |plans: &[(u64, u64)]| Context { plans: plans.iter().copied().collect(), ..Context::default() };
        let then = of(&[(1, 10), (2, 20)]);
        let mut entry = Entry { runs: vec![1], named_runs: vec![9], ..Entry::default() };
        let fits = |now: &[(u64, u64)], entry: &Entry| of(now).fits(&then, entry);
        assert_eq!(fits(&[(1, 10), (2, 20)], &entry), Fit::Same);
        assert_eq!(fits(&[(1, 10)], &entry), Fit::Same);
        assert_eq!(fits(&[(2, 20)], &entry), Fit::No);
        assert_eq!(fits(&[(1, 11), (2, 20)], &entry), Fit::No);
        assert_eq!(fits(&[(1, 10), (2, 21)], &entry), Fit::Unless(vec![RunId::from_bits(2)]));
        assert_eq!(fits(&[(1, 10), (3, 30)], &entry), Fit::Unless(vec![RunId::from_bits(3)]));
        assert_eq!(fits(&[(1, 10), (9, 90)], &entry), Fit::No);
        entry.is_bound = true;
        assert_eq!((fits(&[(1, 10), (2, 20)], &entry), fits(&[(1, 10)], &entry)), (Fit::Same, Fit::No));

        let other = Context { services: vec!["a".to_owned()], ..then.clone() };
        assert_eq!((other.fits(&then, &entry), then.fits(&other, &entry)), (Fit::No, Fit::No));
        let roomy = Context { budget: 1, ..then.clone() };
        assert_eq!((roomy.fits(&then, &entry), then.fits(&roomy, &entry)), (Fit::Same, Fit::No));
    }
}
