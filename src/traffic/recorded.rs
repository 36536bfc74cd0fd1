//! Spans as an SDK records them, for the profiles that need all of OTLP.
//!
//! A profile builds a tree of drafts; [`record`] gives every span its ids, its parent and the run's
//! tags. Positions are those of a walk that visits children, in their order, before their parent:
//! the order in which spans end. A draft's expected row is made by the general mapping.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    trace::v1::{
        Span, Status,
        span::{Event, Link},
    },
};

use super::{
    place::Place,
    planned::{FLAGS, KIND_INTERNAL, SCOPE},
};

/// A span before it has its ids. Times are Unix nanoseconds.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) scope: Scope,
    pub(crate) name: String,
    pub(crate) kind: i32,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) events: Vec<Event>,
    pub(crate) links: Vec<Link>,
    pub(crate) status: Option<Status>,
    pub(crate) flags: u32,
    pub(crate) trace_state: String,
    pub(crate) dropped_attributes_count: u32,
    pub(crate) dropped_events_count: u32,
    pub(crate) dropped_links_count: u32,
    pub(crate) children: Vec<Draft>,
}

/// The instrumentation that a span says it is from; the studio does not store it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scope {
    pub(crate) scope: InstrumentationScope,
    pub(crate) schema_url: String,
}

/// A span as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recorded {
    pub(crate) scope: Scope,
    pub(crate) span: Span,
}

impl Scope {
    pub(crate) fn named(name: &str, version: &str) -> Self {
        let scope = InstrumentationScope {
            name: name.to_owned(),
            version: version.to_owned(),
            ..InstrumentationScope::default()
        };
        Self { scope, schema_url: String::new() }
    }

    pub(crate) fn junjo() -> Self {
        Self::named(SCOPE, "")
    }
}

impl Draft {
    /// An internal span of Junjo's scope with an unset status, as the Python SDK makes them.
    pub(crate) fn new(name: impl Into<String>, start: u64, end: u64) -> Self {
        Self {
            scope: Scope::junjo(),
            name: name.into(),
            kind: KIND_INTERNAL,
            start,
            end,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            status: Some(Status::default()),
            flags: FLAGS,
            trace_state: String::new(),
            dropped_attributes_count: 0,
            dropped_events_count: 0,
            dropped_links_count: 0,
            children: Vec::new(),
        }
    }

    pub(crate) fn set(&mut self, key: &str, value: impl Into<Plain>) {
        self.attributes.push(pair(key, value));
    }

    /// Spans in this draft, itself included.
    fn count(&self) -> u32 {
        1 + self.children.iter().map(Self::count).sum::<u32>()
    }
}

/// A value of one of the kinds that instrumentation commonly sets.
#[derive(Debug, Clone)]
pub(crate) struct Plain(any_value::Value);

impl From<&str> for Plain {
    fn from(text: &str) -> Self {
        Self(any_value::Value::StringValue(text.to_owned()))
    }
}

impl From<String> for Plain {
    fn from(text: String) -> Self {
        Self(any_value::Value::StringValue(text))
    }
}

impl From<i64> for Plain {
    fn from(number: i64) -> Self {
        Self(any_value::Value::IntValue(number))
    }
}

impl From<bool> for Plain {
    fn from(flag: bool) -> Self {
        Self(any_value::Value::BoolValue(flag))
    }
}

impl From<f64> for Plain {
    fn from(number: f64) -> Self {
        Self(any_value::Value::DoubleValue(number))
    }
}

/// An attribute of a span or an event.
pub(crate) fn pair(key: &str, value: impl Into<Plain>) -> KeyValue {
    let value = Some(AnyValue { value: Some(value.into().0) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

/// All spans of a workflow by position: children before parents, the root last.
pub(crate) fn record(root: Draft, place: &Place<'_>) -> Vec<Recorded> {
    let mut spans = Vec::with_capacity(root.count() as usize);
    let position = root.count() - 1;
    walk(root, position, None, place, &mut spans);
    spans
}

/// `position` is the draft's own, `parent` its parent's.
fn walk(mut draft: Draft, position: u32, parent: Option<u32>, place: &Place<'_>, spans: &mut Vec<Recorded>) {
    let mut before = spans.len() as u32;
    for child in std::mem::take(&mut draft.children) {
        let child_position = before + child.count() - 1;
        before = child_position + 1;
        walk(child, child_position, Some(position), place, spans);
    }
    let mut attributes = tags(place, position);
    attributes.append(&mut draft.attributes);
    let span = Span {
        trace_id: place.trace_id().to_vec(),
        span_id: place.span_id(position).to_vec(),
        parent_span_id: parent.map(|parent| place.span_id(parent).to_vec()).unwrap_or_default(),
        trace_state: draft.trace_state,
        flags: draft.flags,
        name: draft.name,
        kind: draft.kind,
        start_time_unix_nano: draft.start,
        end_time_unix_nano: draft.end,
        attributes,
        dropped_attributes_count: draft.dropped_attributes_count,
        events: draft.events,
        dropped_events_count: draft.dropped_events_count,
        links: draft.links,
        dropped_links_count: draft.dropped_links_count,
        status: draft.status,
    };
    spans.push(Recorded { scope: draft.scope, span });
}

/// The witnesses that every span of a run carries besides its ids.
fn tags(place: &Place<'_>, position: u32) -> Vec<KeyValue> {
    let mut tags = Vec::with_capacity(24);
    tags.extend([
        pair("e2e.run", place.run.to_string()),
        pair("e2e.service", place.service),
        pair("e2e.span", i64::from(position)),
        pair("e2e.workflow", place.workflow.cast_signed()),
    ]);
    tags
}
