//! The items of a `RunConcurrent` at work (`junjo-telemetry`, sections 2.3, 2.4 and 2.8).
//!
//! Items start together, in the order of their declaration, and end in the order in which the
//! profile runs them. The first failure is the group's; what ends after it was cancelled by it.

use std::ops::Range;

use serde_json::Value;

use super::{
    flow::Flow,
    raised::{NodeResult, Raised},
    store::StoreClass,
};

/// The time from the start of one item to that of the next, in nanoseconds.
const STAGGER: u64 = 9_000;

/// The time from the end of one item to that of the next, at least.
const GAP: Range<u64> = 2_000..20_000;

/// A `RunConcurrent` whose items run.
#[derive(Debug)]
pub(crate) struct Group<'f, 'a> {
    pub(crate) flow: &'f mut Flow<'a>,
    node: usize,
    began: u64,
    last_end: u64,
    outcome: NodeResult,
}

impl<'f, 'a> Group<'f, 'a> {
    pub(super) fn new(flow: &'f mut Flow<'a>, node: usize) -> Self {
        let now = flow.sdk.now;
        Self { flow, node, began: now, last_end: now, outcome: Ok(()) }
    }

    /// Runs an item that is a node.
    pub(crate) fn node(&mut self, item: usize, service: impl FnOnce(&mut Flow<'_>) -> NodeResult) {
        self.item(item, |flow| flow.run_node(item, service));
    }

    /// Runs an item that is a subflow.
    pub(crate) fn subflow(
        &mut self,
        item: usize,
        class: &'static StoreClass,
        state: Value,
        body: impl FnOnce(&mut Flow<'_>) -> NodeResult,
    ) {
        self.item(item, |flow| flow.run_subflow(item, class, state, body).map(|_| ()));
    }

    /// Runs an item that is a `RunConcurrent` itself.
    pub(crate) fn concurrently(&mut self, item: usize, body: impl FnOnce(&mut Group<'_, '_>)) {
        self.item(item, |flow| flow.run_group(item, body));
    }

    fn item(&mut self, item: usize, run: impl FnOnce(&mut Flow<'_>) -> NodeResult) {
        let before = self.flow.items(self.node).iter().take_while(|other| **other != item).count();
        self.flow.sdk.now = self.began + STAGGER * before as u64;
        let outcome = run(self.flow);
        self.end_after_the_last();
        if !matches!(self.outcome, Err(Raised::Failure(_))) && outcome.is_err() {
            self.outcome = outcome;
        }
    }

    /// An item that has done its work earlier than one before it still ends later.
    fn end_after_the_last(&mut self) {
        let sdk = &mut *self.flow.sdk;
        if sdk.now <= self.last_end {
            sdk.now = self.last_end;
            sdk.pass(GAP);
            let now = sdk.now;
            sdk.last_child().expect("an item leaves a span").end_time_unix_nano = now;
        }
        self.last_end = sdk.now;
    }

    pub(super) fn finish(self) -> NodeResult {
        self.flow.sdk.now = self.last_end;
        self.outcome
    }
}

/// What an item that a failed one takes with it raises.
pub(crate) fn sibling_failed() -> NodeResult {
    Err(Raised::Cancellation("sibling_failed"))
}
