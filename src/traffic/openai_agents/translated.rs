//! A trace of the OpenAI Agents SDK, translated span by span.
//!
//! Times come as text with microseconds and go through a double, so that they are multiples of 256
//! ns; only the root has the tracer's own. A span is closed when the other SDK has long ended it:
//! that is when an exception is noted.

use chrono::{DateTime, SecondsFormat};
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    trace::v1::{Status, status::StatusCode},
};
use serde_json::{Value, json};

use crate::traffic::{
    dice::Dice,
    junjo::sdk::Sdk,
    recorded::{Scope, pair},
};

const SCHEMA_VERSION: i64 = 1;

/// What the other SDK calls a span.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source {
    Task,
    Agent,
    Turn,
    Generation,
    Function,
    Handoff,
    Guardrail,
    Custom,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Agent => "agent",
            Self::Turn => "turn",
            Self::Generation => "generation",
            Self::Function => "function",
            Self::Handoff => "handoff",
            Self::Guardrail => "guardrail",
            Self::Custom => "custom",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Task => "agents.tracing.span_data.TaskSpanData",
            Self::Agent => "agents.tracing.span_data.AgentSpanData",
            Self::Turn => "agents.tracing.span_data.TurnSpanData",
            Self::Generation => "agents.tracing.span_data.GenerationSpanData",
            Self::Function => "agents.tracing.span_data.FunctionSpanData",
            Self::Handoff => "agents.tracing.span_data.HandoffSpanData",
            Self::Guardrail => "agents.tracing.span_data.GuardrailSpanData",
            Self::Custom => "agents.tracing.span_data.CustomSpanData",
        }
    }
}

/// What there is to say of a span when it ends.
#[derive(Debug, Default)]
pub(super) struct Translated {
    pub(super) data: Value,
    pub(super) attributes: Vec<KeyValue>,
    /// What the other SDK notes as an error: a message and data.
    pub(super) error: Option<Value>,
    /// The message of an exception that passes through the span.
    pub(super) raised: Option<String>,
}

/// A trace that is being recorded.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    pub(super) sdk: &'a mut Sdk,
    /// Requests of models so far.
    pub(super) requests: i64,
    id: String,
    /// The ids of the open spans in the other SDK.
    open: Vec<String>,
}

impl<'a> Trace<'a> {
    pub(super) fn record(sdk: &'a mut Sdk, name: &str, run: impl FnOnce(&mut Trace<'_>)) {
        open(sdk, &format!("invoke_workflow {name}"));
        let started = micros(sdk.now);
        let id = format!("trace_{}", hex(&mut sdk.dice, 32));
        let mut trace = Trace { sdk, requests: 0, id: id.clone(), open: Vec::new() };
        trace.step();
        run(&mut trace);
        trace.step();
        let sdk = trace.sdk;
        let data = json!({
            "ended_at": iso(micros(sdk.now)),
            "group_id": null,
            "metadata": null,
            "name": name,
            "source_class": "agents.tracing.traces.TraceImpl",
            "started_at": iso(started),
            "trace_id": id,
            "tracing_api_key_configured": false,
        });
        sdk.span().attributes.extend([
            pair("gen_ai.operation.name", "invoke_workflow"),
            pair("gen_ai.workflow.name", name),
            pair("junjo.openai_agents.schema_version", SCHEMA_VERSION),
            pair("junjo.openai_agents.trace.id", id.as_str()),
            pair("junjo.openai_agents.trace.data", data.to_string()),
        ]);
        sdk.close();
    }

    fn step(&mut self) {
        self.sdk.pass(20_000..200_000);
    }

    pub(super) fn span(&mut self, source: Source, name: &str, work: impl FnOnce(&mut Self) -> Translated) {
        self.step();
        let started = micros(self.sdk.now);
        open(self.sdk, name);
        self.sdk.span().start_time_unix_nano = nanos(started);
        let id = format!("span_{}", hex(&mut self.sdk.dice, 24));
        let parent = self.open.last().cloned();
        self.open.push(id.clone());
        let Translated { data, mut attributes, error, raised } = work(self);
        self.open.pop();
        self.step();
        let ended = micros(self.sdk.now);
        let message = raised.clone().or_else(|| Some(error.as_ref()?["message"].as_str()?.to_owned()));
        let data = json!({
            "data": data,
            "ended_at": iso(ended),
            "error": error,
            "parent_span_id": parent,
            "source_class": source.class(),
            "source_type": source.name(),
            "span_id": id,
            "started_at": iso(started),
            "trace_id": self.id,
            "trace_metadata": null,
            "tracing_api_key_configured": false,
        });
        attributes.extend([
            pair("junjo.openai_agents.schema_version", SCHEMA_VERSION),
            pair("junjo.openai_agents.span.type", source.name()),
            pair("junjo.openai_agents.source.trace_id", self.id.as_str()),
            pair("junjo.openai_agents.source.span_id", id.as_str()),
        ]);
        attributes.extend(parent.map(|parent| pair("junjo.openai_agents.source.parent_span_id", parent)));
        attributes.push(pair("junjo.openai_agents.span.data", data.to_string()));
        let span = self.sdk.span();
        span.attributes.append(&mut attributes);
        span.status = Some(match message {
            Some(message) => Status { code: StatusCode::Error.into(), message },
            None => Status::default(),
        });
        self.sdk.pass(400_000..2_400_000);
        if let Some(message) = raised {
            let stacktrace = format!(
                "Traceback (most recent call last):\n  File \"/app/tools.py\", line 18, in run\nRuntimeError: {message}\n"
            );
            let exception = vec![
                pair("exception.type", "RuntimeError"),
                pair("exception.message", message),
                pair("exception.stacktrace", stacktrace),
                pair("exception.escaped", "False"),
            ];
            self.sdk.event("exception", exception);
        }
        self.sdk.close();
        self.sdk.last_child().expect("it has just ended").end_time_unix_nano = nanos(ended);
    }
}

fn open(sdk: &mut Sdk, name: &str) {
    sdk.open(name);
    sdk.set_scope(Scope::named("junjo.plugins.openai_agents", ""));
}

fn hex(dice: &mut Dice, digits: usize) -> String {
    format!("{:016x}{:016x}", dice.roll(), dice.roll())[..digits].to_owned()
}

fn micros(nanos: u64) -> u64 {
    nanos / 1_000
}

/// As the plugin reads a time back: `int(datetime.timestamp() * 1e9)`.
fn nanos(micros: u64) -> u64 {
    (micros as f64 / 1e6 * 1e9) as u64
}

/// `datetime.isoformat()`: no fraction where there is none.
fn iso(micros: u64) -> String {
    let format = if micros.is_multiple_of(1_000_000) { SecondsFormat::Secs } else { SecondsFormat::Micros };
    let time = DateTime::from_timestamp_micros(micros.cast_signed()).unwrap_or_default();
    time.to_rfc3339_opts(format, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seen in a store of SDK 0.68.0.
    #[test]
    fn a_time_that_went_through_a_double_is_the_one_that_the_plugin_stores() {
        assert_eq!(nanos(1_795_908_263_852_259), 1_795_908_263_852_258_816);
        assert_eq!(iso(1_795_908_263_852_259), "2026-11-28T23:24:23.852259+00:00");
        assert_eq!(iso(1_795_908_263_000_000), "2026-11-28T23:24:23+00:00");
    }
}
