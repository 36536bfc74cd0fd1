//! An agent's operations: model requests, batches of tool calls, tools (`junjo-telemetry`, section 2.6).
//!
//! Operations are no executables: what a tool runs has the agent as its parent, although its span
//! lies inside the tool's.

use std::ops::Range;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    definition::Agent,
    message::{Answer, CACHED, Call, Tokens},
    run::{Run, Stop},
};
use crate::traffic::{
    dice::Dice,
    junjo::{
        executable::CONTRACT,
        payload::{slot, to_json},
        raised::Raised,
        sdk::Sdk,
    },
    recorded::pair,
};

/// How long a model thinks, in nanoseconds.
const MODEL: Range<u64> = 15_000_000..80_000_000;

/// What a model is asked; its members are in the order of their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelRequest<'r> {
    agent_key: &'static str,
    instructions: &'static str,
    messages: &'r Value,
    ordinal: i64,
    output_schema: &'r Value,
    run_id: &'r str,
    tools: &'r Value,
    v: u32,
}

impl Run<'_> {
    /// Asks the model, which is done: it gives the output.
    pub(super) fn answer(&mut self, output: Value) -> Value {
        self.ask(&Answer::Final(output.clone()));
        output
    }

    /// Asks the model, which wants a batch of tools called; the batch is admitted as a whole or the
    /// run stops.
    pub(super) fn ask_for(&mut self, text: Option<&'static str>, calls: &[Call]) -> Result<(), Stop> {
        self.ask(&Answer::ToolCalls { text, calls });
        self.step();
        let batch = (calls.len() as u64).cast_signed();
        let attempted = self.store.count("tool_call_admitted_count") + batch;
        if attempted > self.agent.declared.limits.tool_calls {
            self.sdk.span().attributes.extend([
                pair("junjo.agent.limit.exceeded", "tool_calls"),
                pair("junjo.agent.limit.attempted_count", attempted),
                pair("junjo.agent.limit.requested_batch_size", batch),
            ]);
            let message = "Agent Tool-call limit rejected the complete requested batch.";
            return Err(Stop {
                reason: "limit_exceeded",
                raised: Raised::of_agent("AgentLimitExceededError", message.to_owned(), None),
            });
        }
        self.store.admit(self.sdk, calls);
        Ok(())
    }

    /// Calls a tool that an admitted batch has; `work` is what it does.
    pub(super) fn call(
        &mut self,
        call: &Call,
        work: impl FnOnce(&mut Sdk) -> Result<Value, Raised>,
    ) -> Result<(), Stop> {
        let ordinal = self.store.count("tool_call_started_count") + 1;
        self.open("tool", format!("tool {}", call.tool));
        let before = self.store.revision();
        self.store.start_tool(self.sdk);
        let span = self.sdk.span();
        span.attributes.extend([
            pair("junjo.agent.tool_call.id", call.id.as_str()),
            pair("junjo.agent.tool_call.ordinal", ordinal),
            pair("junjo.agent.tool.name", call.tool),
            pair("junjo.agent.tool.structural_id", self.agent.tool_ids[call.tool].as_str()),
            pair("junjo.agent.tool.state_revision.before", before),
        ]);
        span.attributes.extend(slot("junjo.agent.tool.requested_arguments", &to_json(&call.requested)));
        span.attributes.extend(slot("junjo.agent.tool.arguments", &to_json(&call.arguments)));
        self.step();
        let ended = match work(self.sdk) {
            Ok(result) => {
                self.take_result(call, &result);
                Ok(())
            }
            Err(raised) => Err(self.give_up(call, raised)),
        };
        self.step();
        self.sdk.close();
        ended
    }

    fn take_result(&mut self, call: &Call, result: &Value) {
        self.store.take_result(self.sdk, call, result);
        let result = to_json(result);
        let span = self.sdk.span();
        span.attributes.push(pair("junjo.agent.tool.result_candidate.available", true));
        span.attributes.extend(slot("junjo.agent.tool.result_candidate", &result));
        span.attributes.extend(slot("junjo.agent.tool.result", &result));
        span.attributes.push(pair("junjo.agent.tool.state_revision.after", self.store.revision()));
    }

    fn give_up(&mut self, call: &Call, raised: Raised) -> Stop {
        let (why, stop) = match raised {
            Raised::Cancellation(_) => ("cancelled", Stop { reason: "cancelled", raised }),
            Raised::Failure(_) => {
                let message = format!("Tool '{}' service failed.", call.tool);
                let raised = raised.by_agent("AgentToolError", message);
                ("service_failed", Stop { reason: "tool_error", raised })
            }
        };
        let span = self.sdk.span();
        span.attributes.push(pair("junjo.agent.tool.result_candidate.available", false));
        span.attributes.push(pair("junjo.agent.tool.result_candidate.unavailable_reason", why));
        self.sdk.mark(&mut Err(stop.raised.clone()));
        stop
    }

    /// A model request from its start to its answer.
    fn ask(&mut self, answer: &Answer<'_>) {
        let ordinal = self.store.count("model_request_count") + 1;
        self.open("model_request", format!("model request {ordinal}"));
        self.store.start_model(self.sdk);
        let request = to_json(&request(self.agent, self.store.get("transcript"), ordinal, self.id.as_str()));
        let model = &self.agent.declared.model;
        let span = self.sdk.span();
        span.attributes.extend([
            pair("junjo.agent.model_request.ordinal", ordinal),
            pair("junjo.agent.model_request.state_revision", self.store.revision()),
            pair("junjo.agent.model.driver_key", model.driver_key),
            pair("junjo.agent.model.provider", model.provider),
            pair("junjo.agent.model.name", model.name),
        ]);
        span.attributes.extend(model.is_fixture.then(|| pair("junjo.model.fixture", true)));
        span.attributes.extend(slot("junjo.agent.model.request", &request));
        self.sdk.pass(MODEL);
        let message = to_json(&answer.message());
        let tokens = tokens(request.len(), message.len(), &mut self.sdk.dice);
        self.store.take_response(self.sdk, answer, &tokens);
        self.sdk.span().attributes.extend(answer_attributes(answer, &tokens));
        self.step();
        self.sdk.close();
    }

    /// Opens the span of an operation.
    fn open(&mut self, operation_type: &str, name: String) {
        self.step();
        self.operations += 1;
        self.sdk.open(name);
        self.sdk.span().attributes.extend([
            pair("junjo.telemetry.contract_version", CONTRACT),
            pair("junjo.agent.operation_type", operation_type),
            pair("junjo.agent.key", self.agent.declared.key),
            pair("junjo.agent.runtime_id", self.id.as_str()),
            pair("junjo.agent.operation.sequence", self.operations),
        ]);
    }
}

/// What the model of an agent is asked.
fn request<'r>(
    agent: &'static Agent,
    messages: &'r Value,
    ordinal: i64,
    run_id: &'r str,
) -> ModelRequest<'r> {
    let Agent { declared, offered_tools, .. } = agent;
    ModelRequest {
        agent_key: declared.key,
        instructions: declared.instructions,
        messages,
        ordinal,
        output_schema: &declared.output_schema,
        run_id,
        tools: offered_tools,
        v: 1,
    }
}

/// Bytes of a request without messages by a run whose id has so many letters; its ordinal has one digit.
pub(super) fn bytes_of_request(agent: &'static Agent, run_id: usize) -> usize {
    to_json(&request(agent, &json!([]), 1, "")).len() + run_id
}

/// About one token for four bytes of a request and of the answer's message; some of those read were cached, at times.
pub(super) fn tokens(request: usize, message: usize, dice: &mut Dice) -> Tokens {
    let read = request as u64 / 4;
    let written = message as u64 / 4 + dice.below(7);
    let mut tokens =
        Tokens::from([("inputTokens", read), ("outputTokens", written), ("totalTokens", read + written)]);
    if dice.below(2) == 0 {
        tokens.insert(CACHED, read / 2);
    }
    tokens
}

fn answer_attributes(answer: &Answer<'_>, tokens: &Tokens) -> Vec<KeyValue> {
    let mut usage = json!(tokens);
    usage["v"] = json!(1);
    let response = to_json(&answer.response(&usage));
    let mut attributes = vec![
        pair("junjo.agent.model.response_candidate.available", true),
        pair("junjo.agent.model.response_type", answer.response_type()),
        pair("junjo.agent.model.usage", to_json(&usage)),
    ];
    attributes.extend(slot("junjo.agent.model.response_candidate", &response));
    attributes.extend(slot("junjo.agent.model.response", &response));
    attributes
}
