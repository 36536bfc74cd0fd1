//! How fast one core makes a profile's traffic ready to send.
//!
//! Beside our encoder, and in turns with it, the same spans are built as owned OTLP messages and encoded
//! with prost, each from nothing: that is what a client without an encoder of its own does. A busy
//! machine slows both.

use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::KeyValue,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use prost::Message;

use crate::traffic::{
    export::{EncodedResource, Encoder},
    figures::plan_of,
    getting_started,
    plan::{Plan, Unplannable},
    planned::{Attribute, FLAGS, KIND_INTERNAL, PlannedSpan, Value},
    profile::{Profile, Telemetry},
    recorded::{Scope, pair},
    workflow::Workflow,
};

/// Spans in an export, as the SDK's exporter has them.
const BATCH: u32 = 512;

/// More spans than are made while it is measured.
const SPANS: u64 = 1 << 28;

/// How fast traffic was made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Speed {
    spans: u64,
    bytes: u64,
    took: Duration,
}

impl Speed {
    pub(crate) fn spans_per_second(&self) -> f64 {
        self.spans as f64 / self.took.as_secs_f64().max(1e-9)
    }

    pub(crate) fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Counts what `make` makes of one batch.
    fn count(&mut self, make: impl FnOnce() -> Vec<u8>) {
        let began = Instant::now();
        let export = make();
        self.took += began.elapsed();
        self.spans += u64::from(BATCH);
        self.bytes += export.len() as u64;
    }
}

/// One profile's traffic, made in both ways.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) encoder: Speed,
    pub(crate) messages: Speed,
}

impl Measured {
    /// How many times as fast the encoder is.
    pub(crate) fn ratio(&self) -> f64 {
        self.encoder.spans_per_second() / self.messages.spans_per_second().max(1e-9)
    }
}

/// Makes batches for `time` in all.
pub(crate) fn measure(profile: Profile, time: Duration) -> Result<Measured, Unplannable> {
    let most =
        (0..profile.variants()).map(|variant| profile.shape(Telemetry::Current, variant).spans()).max();
    let plan = plan_of(profile, SPANS / u64::from(most.unwrap_or(1)))?;
    let resources = EncodedResource::all(&plan);
    let mut exports = Exports::new(&plan, &resources);
    let mut messages = Messages::new(&plan);
    // One-time work, and the first export's own cost, are not part of the speed.
    exports.next();
    messages.next();
    let mut measured = Measured { encoder: Speed::default(), messages: Speed::default() };
    while measured.encoder.took + measured.messages.took < time {
        measured.encoder.count(|| exports.next());
        measured.messages.count(|| messages.next());
    }
    Ok(measured)
}

/// Exports as they are sent.
struct Exports<'p> {
    encoder: Encoder<'p>,
    first: u64,
    /// Bytes of the last one.
    len: usize,
}

impl<'p> Exports<'p> {
    fn new(plan: &'p Plan, resources: &'p [EncodedResource]) -> Self {
        Self { encoder: Encoder::new(plan, resources), first: 0, len: 0 }
    }

    fn next(&mut self) -> Vec<u8> {
        let mut export = Vec::with_capacity(self.len + self.len / 8);
        self.encoder.write(0, self.first, BATCH, &mut export);
        self.first += u64::from(BATCH);
        self.len = export.len();
        export
    }
}

/// The same exports, from owned messages.
struct Messages<'p> {
    plan: &'p Plan,
    resource: Resource,
    schema_url: &'static str,
    workflow: u64,
    /// Spans that were built beyond the last export, by their instrumentation: none is Junjo's.
    spans: Vec<(Option<Scope>, Span)>,
}

impl<'p> Messages<'p> {
    fn new(plan: &'p Plan) -> Self {
        let resource = plan.resource(0);
        Self {
            plan,
            resource: resource.message,
            schema_url: resource.schema_url,
            workflow: 0,
            spans: Vec::new(),
        }
    }

    fn next(&mut self) -> Vec<u8> {
        let batch = BATCH as usize;
        while self.spans.len() < batch {
            self.spans.extend(owned(self.plan.workflow(self.workflow)));
            self.workflow += 1;
        }
        let mut last = None;
        let mut scope_spans: Vec<ScopeSpans> = Vec::new();
        for (scope, span) in self.spans.drain(..batch) {
            match scope_spans.last_mut() {
                Some(spans) if last.as_ref() == Some(&scope) => spans.spans.push(span),
                _ => {
                    let Scope { scope: instrumentation, schema_url } =
                        scope.clone().unwrap_or_else(Scope::junjo);
                    let spans = vec![span];
                    scope_spans.push(ScopeSpans { scope: Some(instrumentation), spans, schema_url });
                    last = Some(scope);
                }
            }
        }
        let resource_spans = ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans,
            schema_url: self.schema_url.to_owned(),
        };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
    }
}

/// A workflow's spans as an SDK holds them.
fn owned(workflow: Workflow<'_>) -> Vec<(Option<Scope>, Span)> {
    match workflow {
        Workflow::GettingStarted(workflow) => {
            (0..getting_started::SPANS).map(|position| (None, message(&workflow.span(position)))).collect()
        }
        Workflow::Minimal(workflow) => vec![(None, message(&workflow.span(0)))],
        Workflow::Recorded(recording) => {
            recording.into_spans().into_iter().map(|recorded| (Some(recorded.scope), recorded.span)).collect()
        }
    }
}

fn message(span: &PlannedSpan<'_>) -> Span {
    let events = span.events.iter().map(|event| Event {
        time_unix_nano: event.time,
        name: event.name.to_owned(),
        attributes: pairs(&event.attributes),
        dropped_attributes_count: 0,
    });
    Span {
        trace_id: span.trace_id.to_vec(),
        span_id: span.span_id.to_vec(),
        parent_span_id: span.parent_span_id.map(|id| id.to_vec()).unwrap_or_default(),
        name: span.name.to_owned(),
        kind: KIND_INTERNAL,
        start_time_unix_nano: span.start_time,
        end_time_unix_nano: span.end_time,
        attributes: pairs(&span.attributes),
        events: events.collect(),
        status: Some(Status::default()),
        flags: FLAGS,
        ..Span::default()
    }
}

fn pairs(attributes: &[Attribute<'_>]) -> Vec<KeyValue> {
    let owned = |(key, value): &Attribute<'_>| match value {
        Value::Text(text) => pair(key, *text),
        Value::Int(number) => pair(key, *number),
        Value::Bool(flag) => pair(key, *flag),
    };
    attributes.iter().map(owned).collect()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn both_ways_make_the_same_bytes() {
        for profile in Profile::value_variants() {
            let plan = plan_of(*profile, 2_000).unwrap();
            let resources = EncodedResource::all(&plan);
            let (mut exports, mut messages) = (Exports::new(&plan, &resources), Messages::new(&plan));
            for _ in 0..3 {
                assert!(exports.next() == messages.next(), "{}", profile.name());
            }
        }
    }

    #[test]
    fn what_is_measured_has_a_speed() {
        let measured = measure(Profile::Minimal, Duration::from_millis(10)).unwrap();
        assert!(measured.encoder.spans_per_second() > 1_000.0);
        assert!(measured.messages.bytes_per_second() > 1_000.0);
        assert!(measured.ratio() > 0.0);
    }
}
