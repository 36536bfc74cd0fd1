//! Agents: what an agent counted, its operations against each other, and the fingerprint of its definition.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    definition::ToolDefinition,
    difference::Difference,
    graph::Look,
    span::{Era, Outcome, Span, counted},
    state::are_equal,
    trace::Trace,
};
use crate::judge::junjo::key::Key;

/// Looks at an agent; true where operations of it are known to be missing.
pub(crate) fn look_at(trace: &Trace<'_>, index: usize, operations: &[usize], look: &mut Look<'_>) -> bool {
    let agent = &trace.spans[index];
    if agent.era != Era::Contract2 || !agent.head.has_attributes {
        return false;
    }
    let mut operations: Vec<&Span<'_>> = operations.iter().map(|index| &trace.spans[*index]).collect();
    operations.sort_by_key(|operation| operation.number(Key::OperationSequence));
    own(agent, look);
    definition(agent, &operations, look);
    let is_blind = trace.is_blind || operations.iter().any(|operation| !operation.head.has_attributes);
    match sequence(agent, &operations, is_blind, look) {
        Some(true) => {
            models(agent, &operations, look);
            tools(agent, &operations, look);
            usage(agent, &operations, look);
            false
        }
        Some(false) => true,
        None => false,
    }
}

/// The owner's facts among themselves.
fn own(agent: &Span<'_>, look: &mut Look<'_>) {
    if agent.text(Key::AgentRuntimeId) != agent.runtime_id() {
        let difference = Difference::new("identity").about(Key::AgentRuntimeId.name());
        look.add(agent, difference.between(agent.runtime_id(), agent.text(Key::AgentRuntimeId)));
    }
    let counts = [
        (Key::AgentRequested, "requested"),
        (Key::AgentAdmitted, "admitted"),
        (Key::AgentStarted, "started"),
        (Key::AgentCompleted, "completed"),
    ];
    for pair in counts.windows(2) {
        let (more, less) = (agent.number(pair[0].0), agent.number(pair[1].0));
        if less.is_none() || more.is_none() || less > more {
            let difference = Difference::new("tool_counts").about(format!("{} tool calls", pair[1].1));
            let expected = format!("at most {} {}", number(more), pair[0].1);
            look.add(agent, difference.between(Some(expected), less));
        }
    }
    let (admitted, limit) = (agent.number(Key::AgentAdmitted), agent.number(Key::AgentLimitTools));
    if admitted > limit {
        let difference = Difference::new("tool_counts").about("admitted tool calls");
        look.add(agent, difference.between(Some(format!("at most {}", number(limit))), admitted));
    }
    let expected = match agent.text(Key::AgentReason) {
        Some("final_output") => Outcome::Completed,
        Some("cancelled") => Outcome::Cancelled,
        Some(_) => Outcome::Failed,
        None => {
            look.add(agent, Difference::new("outcome").about(Key::AgentReason.name()).because("absent"));
            return;
        }
    };
    let stated = agent.text(Key::AgentOutcome);
    if stated != Some(expected.name()) {
        look.add(
            agent,
            Difference::new("outcome").about(Key::AgentOutcome.name()).between(Some(expected.name()), stated),
        );
    } else if agent.outcome() != expected {
        let actual = agent.outcome().name();
        look.add(
            agent,
            Difference::new("outcome").about("status").between(Some(expected.name()), Some(actual)),
        );
    }
    state(agent, look);
}

fn number(number: Option<i64>) -> String {
    number.map_or_else(|| "no".to_owned(), |number| number.to_string())
}

/// The counters in the last state are those of the owner.
fn state(agent: &Span<'_>, look: &mut Look<'_>) {
    let Some(Ok(state)) = agent.text(Key::AgentStateEnd).map(serde_json::from_str::<Value>) else { return };
    let counters = [
        (Key::AgentModelRequests, "model_request_count"),
        (Key::AgentRequested, "tool_call_requested_count"),
        (Key::AgentAdmitted, "tool_call_admitted_count"),
        (Key::AgentStarted, "tool_call_started_count"),
        (Key::AgentCompleted, "tool_call_completed_count"),
    ];
    for (key, field) in counters {
        let (stated, held) = (agent.number(key), state.get(field).and_then(Value::as_i64));
        if held.is_some() && held != stated {
            look.add(agent, Difference::new("agent_state").about(key.name()).between(held, stated));
        }
    }
}

/// Whether the operations are 1 to the count, each once; none where that cannot be told.
fn sequence(agent: &Span<'_>, operations: &[&Span<'_>], is_blind: bool, look: &mut Look<'_>) -> Option<bool> {
    let Some(count) = agent.number(Key::AgentOperations) else {
        let difference = Difference::new("operation_sequence").about(Key::AgentOperations.name());
        look.add(agent, difference.because("absent or no number"));
        return None;
    };
    let mut seen: BTreeMap<i64, &Span<'_>> = BTreeMap::new();
    let mut is_sound = true;
    for operation in operations {
        let sequence = operation.number(Key::OperationSequence);
        let is_new = sequence.is_some_and(|sequence| {
            (1..=count).contains(&sequence) && seen.insert(sequence, operation).is_none()
        });
        if !is_new {
            is_sound = false;
            let difference = Difference::new("operation_sequence").about(operation.name);
            look.add(operation, difference.between(Some(format!("one of 1 to {count}, once")), sequence));
        }
    }
    if !is_sound {
        return None;
    }
    if counted(seen.len()) == count {
        return Some(true);
    }
    if is_blind {
        return None;
    }
    let absent: Vec<i64> = (1..=count.min(100_000)).filter(|number| !seen.contains_key(number)).collect();
    let numbers: Vec<String> = absent.iter().take(5).map(ToString::to_string).collect();
    let models = counted(operations.iter().filter(|operation| is_model(operation)).count());
    let absent_models =
        agent.number(Key::AgentModelRequests).map_or(0, |models_stated| models_stated - models);
    let kinds = match (absent_models, counted(absent.len()) - absent_models) {
        (0, tools) => format!("{tools} tool calls"),
        (models, 0) => format!("{models} model requests"),
        (models, tools) => format!("{models} model requests and {tools} tool calls"),
    };
    let difference =
        Difference::new("missing_operations").about(format!("operations {}", numbers.join(", ")));
    look.add(agent, difference.between(Some(count), Some(seen.len())).because(kinds));
    Some(false)
}

fn is_model(operation: &Span<'_>) -> bool {
    operation.text(Key::OperationType) == Some("model_request")
}

fn models(agent: &Span<'_>, operations: &[&Span<'_>], look: &mut Look<'_>) {
    let requests: Vec<_> = operations.iter().filter(|operation| is_model(operation)).collect();
    let stated = agent.number(Key::AgentModelRequests);
    if stated != Some(counted(requests.len())) {
        let difference = Difference::new("operation_count").about(Key::AgentModelRequests.name());
        look.add(agent, difference.between(Some(requests.len()), stated));
    }
    for (request, ordinal) in requests.iter().zip(1..) {
        let stated = request.number(Key::ModelOrdinal);
        if stated != Some(ordinal) {
            let difference = Difference::new("operation_sequence").about(Key::ModelOrdinal.name());
            look.add(request, difference.between(Some(ordinal), stated));
        }
    }
    for operation in operations {
        if operation.text(Key::KeyOfAgent) != agent.text(Key::KeyOfAgent) {
            let difference = Difference::new("identity").about(Key::KeyOfAgent.name());
            look.add(
                operation,
                difference.between(agent.text(Key::KeyOfAgent), operation.text(Key::KeyOfAgent)),
            );
        }
    }
}

/// A tool call as a model asked for it.
struct Call {
    name: String,
    arguments: Value,
    /// Its place among all calls that were asked for, from 1.
    ordinal: i64,
}

/// All calls that models asked for, by their id; none where a response cannot be read.
fn requested_calls(operations: &[&Span<'_>]) -> Option<BTreeMap<String, Call>> {
    let mut calls = BTreeMap::new();
    for operation in operations.iter().filter(|operation| is_model(operation)) {
        if operation.text(Key::ModelResponseType) != Some("tool_calls") {
            continue;
        }
        let response: Value = serde_json::from_str(operation.text(Key::ModelResponse)?).ok()?;
        for call in response.get("calls")?.as_array()? {
            let text = |key: &str| call.get(key).and_then(Value::as_str).map(str::to_owned);
            let (name, arguments) = (text("name")?, call.get("arguments")?.clone());
            let ordinal = counted(calls.len()) + 1;
            calls.insert(text("id")?, Call { name, arguments, ordinal });
        }
    }
    Some(calls)
}

fn tools(agent: &Span<'_>, operations: &[&Span<'_>], look: &mut Look<'_>) {
    let tools: Vec<_> = operations.iter().filter(|operation| !is_model(operation)).collect();
    let completed = tools.iter().filter(|tool| tool.attributes.has(Key::ToolResult)).count();
    let stated = agent.number(Key::AgentCompleted);
    if stated != Some(counted(completed)) {
        let difference = Difference::new("tool_counts").about("completed tool calls");
        look.add(agent, difference.between(Some(completed), stated));
    }
    let Some(calls) = requested_calls(operations) else { return };
    let stated = agent.number(Key::AgentRequested);
    if stated != Some(counted(calls.len())) {
        let difference = Difference::new("tool_counts").about("requested tool calls");
        look.add(agent, difference.between(Some(calls.len()), stated));
    }
    for tool in tools {
        let id = tool.text(Key::ToolCallId).unwrap_or_default();
        let Some(call) = calls.get(id) else {
            look.add(
                tool,
                Difference::new("tool_call")
                    .about(tool.name)
                    .between(Some("a call that a model requested"), Some(id)),
            );
            continue;
        };
        if tool.text(Key::ToolName) != Some(&call.name) {
            let difference = Difference::new("tool_call").about(format!("name of call {id}"));
            look.add(tool, difference.between(Some(&*call.name), tool.text(Key::ToolName)));
        }
        let stated = tool.number(Key::ToolOrdinal);
        if stated != Some(call.ordinal) {
            let difference = Difference::new("tool_call").about(format!("ordinal of call {id}"));
            look.add(tool, difference.between(Some(call.ordinal), stated));
        }
        let Some(arguments) = tool.text(Key::ToolArguments) else { continue };
        let is_same =
            serde_json::from_str::<Value>(arguments).is_ok_and(|stated| are_equal(&stated, &call.arguments));
        if !is_same {
            let difference = Difference::new("tool_call").about(format!("arguments of call {id}"));
            look.add(tool, difference.between(Some(call.arguments.to_string()), Some(arguments)));
        }
    }
}

/// The sums of what the responses used.
fn usage(agent: &Span<'_>, operations: &[&Span<'_>], look: &mut Look<'_>) {
    let Some(Ok(stated)) = agent.text(Key::AgentUsage).map(serde_json::from_str::<Value>) else {
        look.add(agent, Difference::new("usage").about(Key::AgentUsage.name()).because("absent or no JSON"));
        return;
    };
    let mut sums: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for operation in operations.iter().filter(|operation| is_model(operation)) {
        let Some(text) = operation.text(Key::ModelUsage) else { continue };
        let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
            look.add(
                operation,
                Difference::new("usage").about(Key::ModelUsage.name()).because("no JSON object"),
            );
            return;
        };
        for (field, value) in fields.into_iter().filter(|(field, _)| field != "v") {
            let (sum, observations) = sums.entry(field).or_default();
            *sum += value.as_i64().unwrap_or_default();
            *observations += 1;
        }
    }
    let expected: serde_json::Map<String, Value> = sums
        .into_iter()
        .map(|(field, (sum, observations))| (field, json!({"observations": observations, "sum": sum})))
        .collect();
    let expected = Value::Object(expected);
    let actual = stated.get("fields").unwrap_or(&Value::Null);
    if !are_equal(&expected, actual) {
        let difference = Difference::new("usage").about(Key::AgentUsage.name());
        look.add(agent, difference.between(Some(expected), Some(actual)));
    }
}

/// The fingerprints of the agent and of its tools follow from the definition.
fn definition(agent: &Span<'_>, operations: &[&Span<'_>], look: &mut Look<'_>) {
    let definition = agent.text(Key::AgentDefinition).and_then(|text| look.known.definitions.of(text));
    let Some(definition) = definition else {
        look.add(
            agent,
            Difference::new("definition").about("definition snapshot").because("absent or no JSON"),
        );
        return;
    };
    for ToolDefinition { name, stated, expected } in &definition.tools {
        if stated.as_ref().and_then(Value::as_str) != Some(expected) {
            let difference = Difference::new("definition").about(format!("fingerprint of tool {name}"));
            look.add(agent, difference.between(Some(expected), stated.as_ref()));
        }
    }
    let Some(expected) = &definition.expected else { return };
    let in_snapshot = definition.stated.as_ref().and_then(Value::as_str);
    for (what, stated) in [("snapshot", in_snapshot), ("span", agent.text(Key::StructuralId))] {
        if stated != Some(expected) {
            let difference = Difference::new("definition").about(format!("fingerprint in the {what}"));
            look.add(agent, difference.between(Some(&**expected), stated));
        }
    }
    for tool in operations.iter().filter(|operation| !is_model(operation)) {
        let expected = tool.text(Key::ToolName).and_then(|name| definition.tool(name));
        if let (Some(expected), Some(stated)) = (expected, tool.text(Key::ToolStructuralId))
            && expected != stated
        {
            let difference = Difference::new("definition").about("fingerprint of the tool");
            look.add(tool, difference.between(Some(expected), Some(stated)));
        }
    }
}
