//! What holds for every run of the agent, whatever the dice say.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::VARIANTS;
use crate::traffic::{
    junjo::{
        store::apply::apply,
        tests::trace::{Seen, Trace, text},
    },
    profile::{Profile, Telemetry},
};

/// Spans by variant.
const SPANS: [usize; VARIANTS as usize] = [8, 2, 7, 5, 3];

fn run(variant: u32, seed: u64) -> Trace {
    Trace::of(Profile::Agent, variant, Telemetry::Current, seed, 3)
}

impl Trace {
    fn agent(&self) -> &Seen {
        self.spans.last().unwrap()
    }

    /// The agent's operations in the order in which they end.
    fn operations(&self) -> Vec<&Seen> {
        self.spans.iter().filter(|seen| seen.has("junjo.agent.operation_type")).collect()
    }

    fn operations_of(&self, operation_type: &str) -> Vec<&Seen> {
        let mut operations = self.operations();
        operations.retain(|seen| seen.text("junjo.agent.operation_type") == operation_type);
        operations
    }

    /// The changes of the agent's store in the order of their times, with the spans that carry them.
    fn changes(&self) -> Vec<(&Seen, BTreeMap<String, Value>)> {
        let store = self.agent().text("junjo.agent.store.id");
        let events = self
            .spans
            .iter()
            .flat_map(|seen| seen.events("set_state").into_iter().map(move |event| (seen, event)));
        let mut events: Vec<_> =
            events.filter(|(_, (_, attributes))| attributes["junjo.store.id"] == store).collect();
        events.sort_by_key(|(_, (event, _))| event.time_unix_nano);
        events.into_iter().map(|(seen, (_, attributes))| (seen, attributes)).collect()
    }
}

proptest! {
    #[test]
    fn spans_have_their_places_times_and_keys(variant in 0..VARIANTS, seed: u64) {
        let trace = run(variant, seed);
        prop_assert_eq!(trace.spans.len(), SPANS[variant as usize]);
        trace.check_keys();
        trace.check_times();
        let agent = &trace.agent().span;
        prop_assert!(agent.end_time_unix_nano - agent.start_time_unix_nano <= Profile::Agent.longest());
    }

    #[test]
    fn patches_lead_from_the_first_state_to_the_last(variant in 0..VARIANTS, seed: u64) {
        let trace = run(variant, seed);
        let agent = trace.agent();
        let changes = trace.changes();
        let mut state = agent.json("junjo.agent.state.start");
        for (index, (_, change)) in changes.iter().enumerate() {
            prop_assert_eq!(&change["junjo.store.transition.sequence"], &json!(index + 1));
            prop_assert_eq!(&change["junjo.store.revision.before"], &json!(index));
            prop_assert_eq!(&change["junjo.store.revision.after"], &json!(index + 1));
            let patch = serde_json::from_str(text(&change["junjo.state_json_patch"])).unwrap();
            prop_assert_eq!(apply(&mut state, &patch), Ok(()));
        }
        prop_assert_eq!(state, agent.json("junjo.agent.state.end"));
        prop_assert_eq!(&agent.attributes["junjo.store.revision.end"], &json!(changes.len()));
        prop_assert_eq!(&agent.attributes["junjo.store.transition.count"], &json!(changes.len()));
    }

    #[test]
    fn changes_sit_where_the_sdk_makes_them(variant in 0..VARIANTS, seed: u64) {
        let trace = run(variant, seed);
        for (seen, change) in trace.changes() {
            let (kind, revision) = match text(&change["junjo.store.action"]) {
                "record_model_start" => ("model_request", Some(("model_request.state_revision", "after"))),
                "record_model_response" => ("model_request", None),
                "record_tool_started" => ("tool", Some(("tool.state_revision.before", "before"))),
                "record_tool_result" => ("tool", Some(("tool.state_revision.after", "after"))),
                _ => {
                    prop_assert_eq!(seen.kind(), "agent");
                    continue;
                }
            };
            prop_assert_eq!(seen.text("junjo.agent.operation_type"), kind);
            if let Some((key, side)) = revision {
                let revision = &change[&format!("junjo.store.revision.{side}")];
                prop_assert_eq!(&seen.attributes[&format!("junjo.agent.{key}")], revision);
            }
        }
    }

    #[test]
    fn operations_are_children_of_the_agent_in_sequence(variant in 0..VARIANTS, seed: u64) {
        let trace = run(variant, seed);
        let agent = trace.agent();
        for (index, seen) in trace.operations().into_iter().enumerate() {
            prop_assert_eq!(seen.parent, Some(trace.spans.len() - 1));
            prop_assert_eq!(&seen.attributes["junjo.agent.operation.sequence"], &json!(index + 1));
            prop_assert_eq!(seen.text("junjo.agent.runtime_id"), agent.text("junjo.executable_runtime_id"));
            prop_assert!(!seen.has("junjo.span_type"));
        }
    }

    #[test]
    fn counts_are_those_of_the_operations(variant in 0..VARIANTS, seed: u64) {
        let trace = run(variant, seed);
        let (models, tools) = (trace.operations_of("model_request"), trace.operations_of("tool"));
        let count = |what: &str| usize::try_from(trace.agent().number(&format!("junjo.agent.{what}"))).unwrap();
        prop_assert_eq!(count("operation.count"), models.len() + tools.len());
        prop_assert_eq!(count("model_request.count"), models.len());

        let responses = models.iter().map(|model| model.json("junjo.agent.model.response"));
        let requested: Vec<Value> =
            responses.flat_map(|response| response["calls"].as_array().cloned().unwrap_or_default()).collect();
        prop_assert_eq!(count("tool_call.requested_count"), requested.len());
        prop_assert_eq!(count("tool_call.started_count"), tools.len());
        let completed = tools.iter().filter(|tool| tool.has("junjo.agent.tool.result"));
        prop_assert_eq!(count("tool_call.completed_count"), completed.count());
        prop_assert!(count("tool_call.started_count") <= count("tool_call.admitted_count"));
        prop_assert!(count("tool_call.admitted_count") <= count("tool_call.requested_count"));
        prop_assert!(count("tool_call.admitted_count") <= count("limit.tool_calls"));
        for (ordinal, (call, tool)) in requested.iter().zip(tools).enumerate() {
            prop_assert_eq!(&tool.attributes["junjo.agent.tool_call.ordinal"], &json!(ordinal + 1));
            prop_assert_eq!(tool.text("junjo.agent.tool_call.id"), text(&call["id"]));
            prop_assert_eq!(tool.text("junjo.agent.tool.name"), text(&call["name"]));
            prop_assert_eq!(&tool.json("junjo.agent.tool.requested_arguments"), &call["arguments"]);
        }
    }

    #[test]
    fn usage_is_the_sum_of_the_models(variant in 0..VARIANTS, seed: u64) {
        let trace = run(variant, seed);
        let models = trace.operations_of("model_request");
        let mut fields = Map::new();
        for model in &models {
            let usage = model.json("junjo.agent.model.usage");
            for (name, tokens) in usage.as_object().unwrap().iter().filter(|(name, _)| *name != "v") {
                let field = fields.entry(name).or_insert(json!({ "sum": 0, "observations": 0 }));
                field["sum"] = json!(field["sum"].as_u64().unwrap() + tokens.as_u64().unwrap());
                field["observations"] = json!(field["observations"].as_u64().unwrap() + 1);
            }
        }
        let usage = json!({ "v": 1, "modelResponses": models.len(), "fields": fields });
        prop_assert_eq!(&trace.agent().json("junjo.agent.usage"), &usage);
        prop_assert_eq!(&trace.agent().json("junjo.agent.state.end")["usage"], &usage);
    }

    #[test]
    fn what_a_tool_runs_has_the_agent_as_its_parent(seed: u64) {
        for variant in [0, 2] {
            let trace = run(variant, seed);
            let (_, workflow) = trace.flows().next().unwrap();
            prop_assert_eq!(&trace.parent(workflow).unwrap().span.name, "tool quote_shipping");
            prop_assert_eq!(workflow.text("junjo.parent_executable_type"), "agent");
            for id in ["definition_id", "runtime_id", "structural_id"] {
                let parent = workflow.text(&format!("junjo.parent_executable_{id}"));
                prop_assert_eq!(parent, trace.agent().text(&format!("junjo.executable_{id}")));
            }
        }
    }
}

#[test]
fn runs_end_in_different_ways() {
    let ends = (0..VARIANTS).map(|variant| {
        let trace = run(variant, 7);
        let agent = trace.agent();
        let fact = |key: &str| agent.attributes.get(key).map_or("-", text);
        let failed = trace.spans.iter().filter(|seen| seen.status().0 == 2);
        let end = [
            fact("junjo.agent.outcome"),
            fact("junjo.agent.termination_reason"),
            fact("error.type"),
            fact("junjo.cancelled_reason"),
            &failed.map(|seen| seen.span.name.as_str()).collect::<Vec<_>>().join(", "),
        ];
        end.join(" | ").trim_end().to_owned()
    });
    insta::assert_snapshot!(ends.collect::<Vec<_>>().join("\n"), @"
    completed | final_output | - | - |
    completed | final_output | - | - |
    failed | tool_error | AgentToolError | - | PriceParcelNode, Shipping Quote Workflow, tool quote_shipping, Order Desk Agent
    failed | limit_exceeded | AgentLimitExceededError | - | Order Desk Agent
    cancelled | cancelled | - | client disconnected |
    ");
}
