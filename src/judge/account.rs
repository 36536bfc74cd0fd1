//! How many spans of a run had which fate, counted once for all who ask.

use std::ops::AddAssign;

use super::{
    claim::KnownRun,
    expectation::{Derived, Expectation},
    tally::{Fate, State, Tally},
};
use crate::{
    ledger::history::{Export, History},
    traffic::plan::Plan,
    wire::outcome::ExportOutcome,
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

/// The account of each service of a run, whose tally has its fates; a last one of spans whose service nobody
/// recorded, where there are any.
pub(crate) fn of_services(run: &KnownRun, history: &History) -> Vec<Account> {
    let mut accounts = match &*run.expectation {
        Expectation::Derived(Derived { plan, .. }) => {
            (0..plan.outline.services.len()).map(|service| of_service(plan, run.tally(), service)).collect()
        }
        Expectation::Recorded(_) => of_recorded(run),
    };
    for export in &history.exports {
        // An export may be of several services, and nobody says whose spans were refused.
        let Some(first) = run.expectation.slots_of(export).next() else { continue };
        let unknown = accounts.len().saturating_sub(1);
        accounts[run.expectation.service(first).unwrap_or(unknown)].add_export(export);
    }
    accounts
}

fn of_recorded(run: &KnownRun) -> Vec<Account> {
    let unknown = run.expectation.services().len();
    let mut accounts = vec![Account::default(); unknown + 1];
    let tally = run.tally();
    for slot in 0..tally.len() {
        let state = tally.get(slot);
        if state.fate() != Fate::OutOfScope {
            let account = &mut accounts[run.expectation.service(slot).unwrap_or(unknown)];
            account.planned += 1;
            account.add(state);
        }
    }
    if unknown > 0 && accounts[unknown] == Account::default() {
        accounts.pop();
    }
    accounts
}

fn of_service(plan: &Plan, tally: &Tally, service: usize) -> Account {
    let mut account = Account { workflows: plan.outline.workflows_per_service, ..Account::default() };
    for turn in 0..plan.outline.workflows_per_service {
        let mut whole = true;
        for state in plan.slots_of(plan.workflow_at(service, turn)).map(|slot| tally.get(slot)) {
            if state.fate() == Fate::OutOfScope {
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
        if let ExportOutcome::Partial { rejected_spans } = export.outcome {
            let rejected = u64::from(rejected_spans.min(export.count));
            self.partial_exports += 1;
            self.rejected += rejected;
            self.acked += u64::from(export.count) - rejected;
        }
    }

    fn add(&mut self, state: State) {
        let found = state.found() > 0;
        self.found += u64::from(found);
        match state.fate() {
            Fate::NotStarted => self.not_started += 1,
            Fate::Rejected => self.rejected += 1,
            Fate::Indeterminate => self.indeterminate += 1,
            // Only the export knows how many of it were taken; what is out of scope is nobody's.
            Fate::Partial | Fate::OutOfScope => {}
            acked @ (Fate::Durable | Fate::Pending | Fate::Unread) => {
                self.acked += 1;
                self.missing += u64::from(!found);
                self.settled += u64::from(found || acked == Fate::Durable);
            }
        }
    }
}
