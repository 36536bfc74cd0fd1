//! One run of an agent: its span, from admission to its end (`junjo-telemetry`, section 2.5).
//!
//! The body of a run asks the model and calls tools until it has an output, or stops. Whatever it
//! comes to, the run's counts, usage and state are on the agent's span in the end.

use std::ops::Range;

use serde_json::Value;

use super::{definition::Agent, state::AgentStore};
use crate::traffic::{
    dice::NanoId,
    junjo::{
        executable::{Executable, Kind},
        payload::{slot, to_json},
        raised::Raised,
        sdk::Sdk,
    },
    recorded::pair,
};

/// The time between two steps of a run, in nanoseconds.
const STEP: Range<u64> = 10_000..60_000;

/// A run that has not ended.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) sdk: &'a mut Sdk,
    pub(super) agent: &'static Agent,
    pub(super) id: NanoId,
    pub(super) store: AgentStore,
    /// How many operations there have been.
    pub(super) operations: i64,
}

/// Why a run has no output.
#[derive(Debug)]
pub(super) struct Stop {
    /// The termination reason.
    pub(super) reason: &'static str,
    pub(super) raised: Raised,
}

/// Runs an agent.
pub(super) fn execute(
    sdk: &mut Sdk,
    agent: &'static Agent,
    input: &Value,
    body: impl FnOnce(&mut Run<'_>) -> Result<Value, Stop>,
) {
    let executable = Executable {
        kind: Kind::Agent,
        definition_id: sdk.dice.nano_id(),
        runtime_id: sdk.dice.nano_id(),
        structural_id: &agent.structural_id,
        graph_id: None,
    };
    sdk.open_executable(agent.declared.name, executable);
    let store = AgentStore::new(input, sdk);
    let mut run = Run { sdk, agent, id: executable.runtime_id, store, operations: 0 };
    run.describe_start(input);
    let ended = body(&mut run);
    run.step();
    match ended {
        Ok(output) => run.succeed(&output),
        Err(stop) => run.stop(stop),
    }
    run.step();
    run.describe_end();
    run.sdk.close();
}

impl Run<'_> {
    pub(super) fn step(&mut self) {
        self.sdk.pass(STEP);
    }

    fn succeed(&mut self, output: &Value) {
        self.store.succeed(self.sdk, output);
        self.sdk.span().attributes.extend(slot("junjo.agent.output", &to_json(output)));
        self.describe_outcome("completed", "final_output");
    }

    fn stop(&mut self, Stop { reason, raised }: Stop) {
        let outcome = match raised {
            Raised::Failure(_) => "failed",
            Raised::Cancellation(_) => "cancelled",
        };
        self.store.stop(self.sdk, reason);
        self.sdk.mark(&mut Err(raised));
        self.describe_outcome(outcome, reason);
    }

    fn describe_start(&mut self, input: &Value) {
        let Agent { declared, snapshot, .. } = self.agent;
        let state = self.store.json();
        let span = self.sdk.span();
        span.attributes.extend([
            pair("junjo.agent.key", declared.key),
            pair("junjo.agent.name", declared.name),
            pair("junjo.agent.runtime_id", self.id.as_str()),
            pair("junjo.agent.limit.model_requests", declared.limits.model_requests),
            pair("junjo.agent.limit.tool_calls", declared.limits.tool_calls),
            pair("junjo.agent.state.available", true),
            pair("junjo.agent.store.id", self.store.id()),
            pair("junjo.store.revision.start", 0_i64),
        ]);
        span.attributes.extend(slot("junjo.agent.definition_snapshot", snapshot));
        span.attributes.extend(slot("junjo.agent.input", &to_json(input)));
        span.attributes.extend(slot("junjo.agent.state.start", &state));
    }

    fn describe_outcome(&mut self, outcome: &str, reason: &str) {
        self.sdk.span().attributes.push(pair("junjo.agent.outcome", outcome));
        self.sdk.span().attributes.push(pair("junjo.agent.termination_reason", reason));
    }

    fn describe_end(&mut self) {
        let store = &self.store;
        let state = store.json();
        let span = self.sdk.span();
        span.attributes.extend([
            pair("junjo.agent.operation.count", self.operations),
            pair("junjo.agent.model_request.count", store.count("model_request_count")),
            pair("junjo.agent.tool_call.requested_count", store.count("tool_call_requested_count")),
            pair("junjo.agent.tool_call.admitted_count", store.count("tool_call_admitted_count")),
            pair("junjo.agent.tool_call.started_count", store.count("tool_call_started_count")),
            pair("junjo.agent.tool_call.completed_count", store.count("tool_call_completed_count")),
            pair("junjo.agent.usage", to_json(store.get("usage"))),
            pair("junjo.store.revision.end", store.revision()),
            pair("junjo.store.transition.count", store.transitions()),
            pair("junjo.store.reconstructable", true),
        ]);
        span.attributes.extend(slot("junjo.agent.state.end", &state));
    }
}
