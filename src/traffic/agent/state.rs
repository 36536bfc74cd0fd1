//! The private store of one agent run: its state, and the only ways in which it changes.
//!
//! Names of fields and actions are the SDK's (`junjo-telemetry`, sections 2.5 and 2.6).

use serde_json::{Value, json};

use super::message::{Answer, Call, Tokens, input_message};
use crate::traffic::{
    junjo::{
        sdk::Sdk,
        store::{Store, StoreClass},
    },
    profile::Telemetry,
};

static CLASS: StoreClass = StoreClass {
    name: "AgentStore",
    fields: &[
        "input",
        "history",
        "transcript",
        "model_iteration",
        "model_request_count",
        "tool_call_requested_count",
        "tool_call_admitted_count",
        "tool_call_started_count",
        "tool_call_completed_count",
        "usage",
        "admitted_tool_call_ids",
        "pending_tool_call_ids",
        "completed_tool_call_ids",
        "final_output_available",
        "final_output",
        "terminal_reason",
    ],
};

#[derive(Debug)]
pub(super) struct AgentStore {
    store: Store,
}

impl AgentStore {
    pub(super) fn new(input: &Value, sdk: &mut Sdk) -> Self {
        let state = json!({
            "input": input,
            "history": [],
            "transcript": [input_message(input)],
            "model_iteration": 0,
            "model_request_count": 0,
            "tool_call_requested_count": 0,
            "tool_call_admitted_count": 0,
            "tool_call_started_count": 0,
            "tool_call_completed_count": 0,
            "usage": { "v": 1, "modelResponses": 0, "fields": {} },
            "admitted_tool_call_ids": [],
            "pending_tool_call_ids": [],
            "completed_tool_call_ids": [],
            "final_output_available": false,
            "final_output": null,
            "terminal_reason": null,
        });
        Self { store: Store::new(&CLASS, state, sdk) }
    }

    pub(super) fn id(&self) -> &str {
        self.store.id.as_str()
    }

    pub(super) fn revision(&self) -> i64 {
        self.store.revision
    }

    pub(super) fn transitions(&self) -> i64 {
        self.store.transitions
    }

    /// The state as JSON text.
    pub(super) fn json(&self) -> String {
        self.store.json(Telemetry::Current)
    }

    pub(super) fn get(&self, field: &str) -> &Value {
        self.store.get(field)
    }

    /// A field that is a whole number.
    pub(super) fn count(&self, field: &str) -> i64 {
        self.get(field).as_i64().expect("what is counted is a whole number")
    }

    pub(super) fn start_model(&mut self, sdk: &mut Sdk) {
        let update = json!({
            "model_iteration": self.count_with("model_iteration", 1),
            "model_request_count": self.count_with("model_request_count", 1),
        });
        self.store.set_state(sdk, "record_model_start", update);
    }

    pub(super) fn take_response(&mut self, sdk: &mut Sdk, answer: &Answer, tokens: &Tokens) {
        let mut update = json!({ "usage": self.usage_with(tokens) });
        if let Answer::ToolCalls { calls, .. } = answer {
            update["transcript"] = self.list_with("transcript", [answer.message()]);
            update["tool_call_requested_count"] =
                json!(self.count_with("tool_call_requested_count", calls.len()));
        }
        self.store.set_state(sdk, "record_model_response", update);
    }

    pub(super) fn admit(&mut self, sdk: &mut Sdk, calls: &[Call]) {
        let ids = || calls.iter().map(|call| json!(call.id));
        let update = json!({
            "tool_call_admitted_count": self.count_with("tool_call_admitted_count", calls.len()),
            "admitted_tool_call_ids": self.list_with("admitted_tool_call_ids", ids()),
            "pending_tool_call_ids": self.list_with("pending_tool_call_ids", ids()),
        });
        self.store.set_state(sdk, "admit_tool_batch", update);
    }

    pub(super) fn start_tool(&mut self, sdk: &mut Sdk) {
        let update = json!({ "tool_call_started_count": self.count_with("tool_call_started_count", 1) });
        self.store.set_state(sdk, "record_tool_started", update);
    }

    pub(super) fn take_result(&mut self, sdk: &mut Sdk, call: &Call, result: &Value) {
        let pending = self.list("pending_tool_call_ids").filter(|id| *id != call.id.as_str());
        let update = json!({
            "transcript": self.list_with("transcript", [call.result_message(result)]),
            "pending_tool_call_ids": pending.collect::<Vec<_>>(),
            "completed_tool_call_ids": self.list_with("completed_tool_call_ids", [json!(call.id)]),
            "tool_call_completed_count": self.count_with("tool_call_completed_count", 1),
        });
        self.store.set_state(sdk, "record_tool_result", update);
    }

    pub(super) fn succeed(&mut self, sdk: &mut Sdk, output: &Value) {
        let said = Answer::Final(output.clone()).message();
        let update = json!({
            "transcript": self.list_with("transcript", [said]),
            "final_output_available": true,
            "final_output": output,
            "terminal_reason": "final_output",
        });
        self.store.set_state(sdk, "commit_success", update);
    }

    pub(super) fn stop(&mut self, sdk: &mut Sdk, reason: &str) {
        self.store.set_state(sdk, "set_terminal_reason", json!({ "terminal_reason": reason }));
    }

    fn count_with(&self, field: &str, more: usize) -> i64 {
        self.count(field) + (more as u64).cast_signed()
    }

    fn list(&self, field: &str) -> impl Iterator<Item = &Value> {
        self.get(field).as_array().into_iter().flatten()
    }

    fn list_with(&self, field: &str, more: impl IntoIterator<Item = Value>) -> Value {
        self.list(field).cloned().chain(more).collect()
    }

    /// The sums over all responses so far and one more.
    fn usage_with(&self, tokens: &Tokens) -> Value {
        let mut usage = self.get("usage").clone();
        raise(&mut usage["modelResponses"], 1);
        for (name, count) in tokens {
            let field = &mut usage["fields"][name];
            raise(&mut field["sum"], *count);
            raise(&mut field["observations"], 1);
        }
        usage
    }
}

/// Adds to a number; a null is none yet.
fn raise(number: &mut Value, by: u64) {
    *number = json!(number.as_u64().unwrap_or_default() + by);
}
