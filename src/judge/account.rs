//! How many spans of a run had which fate, counted once for all who ask.

use std::ops::AddAssign;

use super::{
    claim::KnownRun,
    tally::{Standing, State},
};
use crate::{
    ledger::history::{Export, History},
    wire::outcome::Outcome,
};

/// Counts of planned spans. `planned` = acked + rejected + indeterminate + not started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) planned: u64,
    /// Of a partial success, as many as were taken.
    pub(crate) acked: u64,
    /// Acked and found, or absent with a meaning: behind a barrier, and in no file that nobody could read.
    pub(crate) settled: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
    pub(crate) not_started: u64,
    pub(crate) found: u64,
    /// Acked and found nowhere.
    pub(crate) missing: u64,
    pub(crate) workflows: u64,
    /// Workflows of which all spans were found.
    pub(crate) workflows_found: u64,
    pub(crate) partial_exports: u64,
    /// Spans of exports that were tried more than once.
    pub(crate) retried: u64,
}

impl AddAssign<&Account> for Account {
    fn add_assign(&mut self, other: &Account) {
        self.planned += other.planned;
        self.acked += other.acked;
        self.settled += other.settled;
        self.rejected += other.rejected;
        self.indeterminate += other.indeterminate;
        self.not_started += other.not_started;
        self.found += other.found;
        self.missing += other.missing;
        self.workflows += other.workflows;
        self.workflows_found += other.workflows_found;
        self.partial_exports += other.partial_exports;
        self.retried += other.retried;
    }
}

/// The account of each service of a run, whose tally is painted.
pub(crate) fn of_services(run: &KnownRun, history: &History) -> Vec<Account> {
    let mut accounts: Vec<_> =
        (0..run.plan.outline.services.len()).map(|service| of_service(run, service)).collect();
    for export in &history.exports {
        // A collector's export may be of several services, and nobody says whose spans were refused.
        let first = run.plan.place_in(export.stream as usize, export.first);
        accounts[first.service].add_export(export);
    }
    accounts
}

fn of_service(run: &KnownRun, service: usize) -> Account {
    let (plan, tally) = (&run.plan, run.tally());
    let mut account = Account { workflows: plan.outline.workflows_per_service, ..Account::default() };
    for turn in 0..plan.outline.workflows_per_service {
        let mut whole = true;
        for state in plan.slots_of(plan.workflow_at(service, turn)).map(|slot| tally.get(slot)) {
            if state.standing() == Standing::OutOfScope {
                continue;
            }
            account.planned += 1;
            account.add(state);
            whole &= state.found() > 0;
        }
        account.workflows_found += u64::from(whole);
    }
    account
}

impl Account {
    /// Adds what only an export as a whole tells: that it was sent again, and how many of it were taken.
    pub(crate) fn add_export(&mut self, export: &Export) {
        if export.attempts > 1 {
            self.retried += u64::from(export.count);
        }
        if let Outcome::Partial { rejected_spans } = export.outcome {
            let rejected = u64::from(rejected_spans.min(export.count));
            self.partial_exports += 1;
            self.rejected += rejected;
            self.acked += u64::from(export.count) - rejected;
        }
    }

    fn add(&mut self, state: State) {
        let found = state.found() > 0;
        self.found += u64::from(found);
        match state.standing() {
            Standing::NotStarted => self.not_started += 1,
            Standing::Rejected => self.rejected += 1,
            Standing::Indeterminate => self.indeterminate += 1,
            // Only the export knows how many of it were taken; what is out of scope is nobody's.
            Standing::Partial | Standing::OutOfScope => {}
            acked @ (Standing::Durable | Standing::Pending | Standing::Unread) => {
                self.acked += 1;
                self.missing += u64::from(!found);
                self.settled += u64::from(found || acked == Standing::Durable);
            }
        }
    }
}
