//! Damage to one agent of Junjo's that completed, with a tool that ran nothing else.

use serde_json::{Value, json};

use super::executions::{Case, add, set, text, tool, with_flow, with_request, with_tool};

pub(crate) const DAMAGES: &[Case] = &[
    (
        "drop_a_tool_call",
        |rows, agent| {
            rows.remove(tool(rows, agent)?);
            Some(())
        },
        "junjo_lost_transitions; junjo_missing_operations",
    ),
    (
        "renumber_a_tool_call",
        |rows, agent| with_tool(rows, agent, |row| set(row, "junjo.agent.operation.sequence", 99)),
        "junjo_operation_order",
    ),
    (
        "renumber_a_model_request",
        |rows, agent| with_request(rows, agent, |row| set(row, "junjo.agent.model_request.ordinal", 99)),
        "junjo_operation_order",
    ),
    (
        "change_an_argument",
        |rows, agent| {
            with_tool(rows, agent, |row| set(row, "junjo.agent.tool.requested_arguments", r#"{"damaged":1}"#))
        },
        "junjo_tool_calls",
    ),
    (
        "change_the_ordinal_of_a_tool_call",
        |rows, agent| with_tool(rows, agent, |row| add(row, "junjo.agent.tool_call.ordinal", 1)),
        "junjo_tool_calls",
    ),
    (
        "change_a_tool_count",
        |rows, agent| with_flow(rows, agent, |row| add(row, "junjo.agent.tool_call.requested_count", 1)),
        "junjo_tool_calls",
    ),
    (
        "change_a_counter_of_the_last_state",
        |rows, agent| {
            with_flow(rows, agent, |row| {
                let key = "junjo.agent.state.end";
                let mut state: Value = serde_json::from_str(&text(row, key)).ok()?;
                let counter = state.get_mut("model_request_count")?;
                *counter = json!(counter.as_i64()? + 1);
                set(row, key, state.to_string())
            })
        },
        "junjo_replays; junjo_tool_calls",
    ),
    (
        "lower_the_limit_of_tool_calls",
        |rows, agent| with_flow(rows, agent, |row| set(row, "junjo.agent.limit.tool_calls", 0)),
        "junjo_tool_calls",
    ),
    (
        "change_the_count_of_model_requests",
        |rows, agent| with_flow(rows, agent, |row| add(row, "junjo.agent.model_request.count", 1)),
        "junjo_operation_order; junjo_tool_calls",
    ),
    (
        "change_the_usage",
        |rows, agent| {
            let usage = r#"{"fields":{"inputTokens":{"observations":1,"sum":1}},"modelResponses":2,"v":1}"#;
            with_flow(rows, agent, |row| set(row, "junjo.agent.usage", usage))
        },
        "junjo_usage",
    ),
    (
        "change_the_definition",
        |rows, agent| {
            with_flow(rows, agent, |row| {
                let key = "junjo.agent.definition_snapshot";
                let mut definition: Value = serde_json::from_str(&text(row, key)).ok()?;
                definition.as_object_mut()?.insert("instructions".to_owned(), json!("Damaged."));
                set(row, key, definition.to_string())
            })
        },
        "junjo_agent_definitions",
    ),
    (
        "change_the_outcome",
        |rows, agent| with_flow(rows, agent, |row| set(row, "junjo.agent.outcome", "failed")),
        "junjo_outcomes",
    ),
    (
        "change_the_key_of_an_operation",
        |rows, agent| with_request(rows, agent, |row| set(row, "junjo.agent.key", "damaged")),
        "junjo_identities",
    ),
    (
        "give_an_operation_to_another_agent",
        |rows, agent| with_tool(rows, agent, |row| set(row, "junjo.agent.runtime_id", "damaged")),
        "junjo_parents",
    ),
];
