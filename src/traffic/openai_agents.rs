//! Runs of the OpenAI Agents SDK as Junjo's plugin records them, from SDK 0.67 on.
//!
//! `invoke_workflow` ⊃ `task` ⊃ `invoke_agent` ⊃ `turn` ⊃ model, tool, handoff or guardrail. Five
//! stories take turns: a tool that runs a Junjo workflow, a tool that raises, a handoff, a guardrail
//! that trips, and an agent inside a Junjo node. Models are fixtures.

use std::sync::LazyLock;

use serde_json::{Value, json};

mod translated;

use self::translated::{Source, Trace, Translated};
use super::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    junjo::{
        flow::Definition,
        raised::NodeResult,
        sdk::{self, Sdk},
        store::StoreClass,
    },
    place::Place,
    recorded::{Recorded, pair},
};

/// The longest that a run takes, in nanoseconds.
pub(crate) const LONGEST: u64 = 200_000_000;

pub(crate) const VARIANTS: u32 = STORIES.len() as u32;

const MODEL: &str = "offline";

type Story = fn(&mut Sdk);

const STORIES: [Story; 5] =
    [ask_for_a_forecast, ask_for_a_broken_tool, hand_over, trip_a_guardrail, run_in_a_node];

static FORECAST: Declaration = Declaration {
    nodes: &[Node::Class("MeasureNode"), Node::Class("ForecastNode")],
    edges: &[(0, 1, None)],
    source: 0,
    sinks: &[1],
};
static REPORT: Declaration =
    Declaration { nodes: &[Node::Class("ReportNode")], edges: &[], source: 0, sinks: &[0] };

static FORECAST_GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&FORECAST));
static REPORT_GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&REPORT));

static STORE: StoreClass = StoreClass { name: "WeatherStore", fields: &["place", "text"] };

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    sdk::record(place, dice, STORIES[place.variant as usize])
}

fn ask_for_a_forecast(sdk: &mut Sdk) {
    run_agent(sdk, "Forecaster", &["forecast"], |trace| {
        trace.turn("Forecaster", 1, |trace| {
            chat(trace);
            trace.tool("forecast", |sdk| {
                let definition =
                    Definition { name: "Forecast Workflow", graph: &FORECAST_GRAPH, store: &STORE };
                sdk.workflow(&definition, json!({ "place": "Zürich", "text": null }), |flow| {
                    flow.idle_node(0)?;
                    flow.node(1, |flow| {
                        flow.set_state("set_text", json!({ "text": "rain" }));
                        Ok(())
                    })
                })
                .ok();
                Ok("rain")
            });
            None
        });
        trace.turn("Forecaster", 2, |trace| {
            chat(trace);
            None
        });
        None
    });
}

fn ask_for_a_broken_tool(sdk: &mut Sdk) {
    run_agent(sdk, "Forecaster", &["measure"], |trace| {
        trace.turn("Forecaster", 1, |trace| {
            chat(trace);
            trace.tool("measure", |sdk| {
                sdk.pass(100_000..900_000);
                Err("the sensor is down")
            });
            None
        });
        let error = "Error running tool measure: the sensor is down";
        Some(json!({ "message": "Error in agent run", "data": { "error": error } }))
    });
}

fn hand_over(sdk: &mut Sdk) {
    run_workflow(sdk, |trace| {
        trace.agent("Reception", &[], |trace| {
            trace.turn("Reception", 1, |trace| {
                chat(trace);
                let data = json!({ "from_agent": "Reception", "to_agent": "Forecaster" });
                trace.span(Source::Handoff, "handoff Reception to Forecaster", |trace| {
                    trace.pass();
                    Translated { data, ..Translated::default() }
                });
                None
            });
            None
        });
        trace.agent("Forecaster", &[], |trace| {
            trace.turn("Forecaster", 2, |trace| {
                chat(trace);
                None
            });
            None
        });
    });
}

fn trip_a_guardrail(sdk: &mut Sdk) {
    run_agent(sdk, "Guarded", &[], |trace| {
        trace.span(Source::Custom, "custom prepare", |trace| {
            trace.pass();
            Translated { data: json!({ "data": { "n": 1 }, "name": "prepare" }), ..Translated::default() }
        });
        trace.turn("Guarded", 1, |trace| {
            trace.span(Source::Guardrail, "guardrail only_weather", |trace| {
                trace.pass();
                Translated {
                    data: json!({ "name": "only_weather", "triggered": true }),
                    ..Translated::default()
                }
            });
            Some(
                json!({ "message": "Guardrail tripwire triggered", "data": { "guardrail": "only_weather" } }),
            )
        });
        None
    });
}

fn run_in_a_node(sdk: &mut Sdk) {
    let definition = Definition { name: "Report Workflow", graph: &REPORT_GRAPH, store: &STORE };
    let write = |sdk: &mut Sdk| -> NodeResult {
        run_agent(sdk, "Writer", &[], |trace| {
            trace.turn("Writer", 1, |trace| {
                chat(trace);
                None
            });
            None
        });
        Ok(())
    };
    sdk.workflow(&definition, json!({ "place": "Bern", "text": null }), |flow| {
        flow.node(0, |flow| {
            write(flow.sdk)?;
            flow.set_state("set_text", json!({ "text": "sunny" }));
            Ok(())
        })
    })
    .ok();
}

/// One agent, for all of a workflow.
fn run_agent(sdk: &mut Sdk, name: &str, tools: &[&str], work: impl FnOnce(&mut Trace<'_>) -> Option<Value>) {
    run_workflow(sdk, |trace| trace.agent(name, tools, work));
}

fn run_workflow(sdk: &mut Sdk, work: impl FnOnce(&mut Trace<'_>)) {
    Trace::record(sdk, "Agent workflow", |trace| {
        trace.span(Source::Task, "task Agent workflow", |trace| {
            work(trace);
            let data =
                json!({ "metadata": null, "name": "Agent workflow", "usage": usage(trace.requests, true) });
            Translated { data, attributes: tokens(trace.requests), ..Translated::default() }
        });
    });
}

/// A request of the model.
fn chat(trace: &mut Trace<'_>) {
    trace.requests += 1;
    trace.span(Source::Generation, &format!("chat {MODEL}"), |trace| {
        trace.sdk.pass(2_000_000..20_000_000);
        let mut attributes = tokens(1);
        attributes.extend([
            pair("gen_ai.operation.name", "chat"),
            pair("gen_ai.request.model", MODEL),
            pair("junjo.model.fixture", true),
        ]);
        let data = json!({
            "input": [{ "content": "Wie wird das Wetter?", "role": "user" }],
            "model": MODEL,
            "model_config": { "junjo.model.fixture": true },
            "output": [{ "role": "assistant" }],
            "usage": { "input_tokens": READ, "output_tokens": WRITTEN },
        });
        Translated { data, attributes, error: None, raised: None }
    });
}

/// Tokens of each request.
const READ: i64 = 12;
const WRITTEN: i64 = 3;

fn tokens(requests: i64) -> Vec<opentelemetry_proto::tonic::common::v1::KeyValue> {
    vec![
        pair("gen_ai.usage.input_tokens", requests * READ),
        pair("gen_ai.usage.output_tokens", requests * WRITTEN),
    ]
}

/// The sums over some requests, as a task counts them or as a turn does.
fn usage(requests: i64, of_task: bool) -> Value {
    let mut usage = json!({
        "cache_write_input_tokens": 0,
        "cached_input_tokens": 0,
        "input_tokens": requests * READ,
        "output_tokens": requests * WRITTEN,
    });
    if of_task {
        usage["requests"] = json!(requests);
        usage["total_tokens"] = json!(requests * (READ + WRITTEN));
    }
    usage
}

impl Trace<'_> {
    fn pass(&mut self) {
        self.sdk.pass(50_000..400_000);
    }

    /// `work` returns the error that the agent's SDK notes, if any.
    fn agent(&mut self, name: &str, tools: &[&str], work: impl FnOnce(&mut Self) -> Option<Value>) {
        self.span(Source::Agent, &format!("invoke_agent {name}"), |trace| {
            let error = work(trace);
            let attributes =
                vec![pair("gen_ai.agent.name", name), pair("gen_ai.operation.name", "invoke_agent")];
            let data = json!({
                "handoffs": [],
                "metadata": null,
                "name": name,
                "output_type": "str",
                "tools": tools,
            });
            Translated { data, attributes, error, raised: None }
        });
    }

    fn turn(&mut self, agent: &str, number: i64, work: impl FnOnce(&mut Self) -> Option<Value>) {
        self.span(Source::Turn, &format!("turn {number} {agent}"), |trace| {
            let before = trace.requests;
            let error = work(trace);
            let requests = trace.requests - before;
            let used = if requests == 0 { Value::Null } else { usage(requests, false) };
            let data = json!({ "agent_name": agent, "metadata": null, "turn": number, "usage": used });
            let attributes = if requests == 0 { Vec::new() } else { tokens(requests) };
            Translated { data, attributes, error, raised: None }
        });
    }

    /// `work` returns the tool's output, or what it raises.
    fn tool(&mut self, name: &str, work: impl FnOnce(&mut Sdk) -> Result<&'static str, &'static str>) {
        self.span(Source::Function, &format!("execute_tool {name}"), |trace| {
            let ended = work(trace.sdk);
            let attributes = vec![
                pair("gen_ai.operation.name", "execute_tool"),
                pair("gen_ai.tool.name", name),
                pair("gen_ai.tool.type", "function"),
            ];
            let data = json!({ "input": "{}", "mcp_data": null, "name": name, "output": ended.ok() });
            let raised = ended.err();
            let error = raised.map(|text| {
                json!({ "message": "Error running tool", "data": { "error": text, "tool_name": name } })
            });
            let raised = raised.map(|text| format!("Error running tool {name}: {text}"));
            Translated { data, attributes, error, raised }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{
        junjo::tests::trace::{Seen, Trace as Recorded},
        profile::{Profile, Telemetry},
    };

    fn trace(variant: u32, seed: u64) -> Recorded {
        Recorded::of(Profile::OpenaiAgents, variant, Telemetry::Current, seed, 0)
    }

    fn of_the_plugin(trace: &Recorded) -> impl Iterator<Item = &Seen> {
        trace.spans.iter().filter(|seen| seen.has("junjo.openai_agents.source.span_id"))
    }

    #[test]
    fn the_data_of_a_span_repeats_its_times_and_the_ids_of_its_source() {
        for (variant, seed) in (0..VARIANTS).flat_map(|variant| (0..30).map(move |seed| (variant, seed))) {
            let trace = trace(variant, seed);
            trace.check_keys();
            for seen in of_the_plugin(&trace) {
                let data = seen.json("junjo.openai_agents.span.data");
                let at = |key: &str| {
                    chrono::DateTime::parse_from_rfc3339(data[key].as_str().unwrap())
                        .unwrap()
                        .timestamp_micros()
                };
                for (time, key) in [
                    (seen.span.start_time_unix_nano, "started_at"),
                    (seen.span.end_time_unix_nano, "ended_at"),
                ] {
                    assert!((time.cast_signed() - at(key) * 1_000).abs() < 256);
                }
                assert_eq!(data["span_id"], seen.text("junjo.openai_agents.source.span_id"));
                let parent = trace.parent(seen).unwrap();
                let of_parent = parent.attributes.get("junjo.openai_agents.source.span_id");
                assert_eq!(seen.attributes.get("junjo.openai_agents.source.parent_span_id"), of_parent);
                assert_eq!(&data["parent_span_id"], of_parent.unwrap_or(&Value::Null));
                assert!(parent.span.start_time_unix_nano <= seen.span.start_time_unix_nano);
                assert!(seen.span.end_time_unix_nano <= parent.span.end_time_unix_nano);
            }
        }
    }

    #[test]
    fn an_exception_is_noted_after_the_end_of_its_span() {
        let trace = trace(1, 7);
        let raised: Vec<_> = of_the_plugin(&trace).filter(|seen| !seen.span.events.is_empty()).collect();
        let [tool] = raised[..] else { panic!("{raised:?}") };
        assert_eq!(tool.span.name, "execute_tool measure");
        assert!(tool.span.events[0].time_unix_nano > tool.span.end_time_unix_nano);
        let failed: Vec<_> =
            trace.spans.iter().filter(|seen| seen.status().0 == 2).map(|seen| &seen.span.name[..]).collect();
        assert_eq!(failed, ["execute_tool measure", "invoke_agent Forecaster"]);
    }

    #[test]
    fn a_workflow_in_a_tool_names_no_executable_above_it() {
        let trace = trace(0, 7);
        let workflow = trace.spans.iter().find(|seen| seen.kind() == "workflow").unwrap();
        assert_eq!(trace.parent(workflow).unwrap().span.name, "execute_tool forecast");
        assert!(!workflow.attributes.keys().any(|key| key.starts_with("junjo.parent")));
    }
}
