//! Spans as an SDK records them, for the profiles that need all of OTLP.
//!
//! A profile builds a tree of drafts; [`record`] gives every span its ids, its parent and the run's
//! tags. Positions are those of a walk that visits children, in their order, before their parent:
//! the order in which spans end. A draft's expected row is made by the general mapping.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value},
    trace::v1::{Span, Status},
};

use super::{
    place::Place,
    planned::{FLAGS, KIND_INTERNAL, SCOPE},
};

/// A span before it has its ids and tags, and those below it.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) scope: Scope,
    pub(crate) span: Span,
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
        let span = Span {
            name: name.into(),
            kind: KIND_INTERNAL,
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            status: Some(Status::default()),
            flags: FLAGS,
            ..Span::default()
        };
        Self { scope: Scope::junjo(), span, children: Vec::new() }
    }

    /// Spans in this draft, itself included.
    fn count(&self) -> u32 {
        1 + self.children.iter().map(Self::count).sum::<u32>()
    }
}

/// A value of one of the kinds that instrumentation commonly sets.
#[derive(Debug, Clone)]
pub(crate) struct Plain(any_value::Value);

macro_rules! plain {
    ($($from:ty => $kind:ident),*) => {
        $(impl From<$from> for Plain {
            fn from(value: $from) -> Self {
                Self(any_value::Value::$kind(value.into()))
            }
        })*
    };
}

plain!(&str => StringValue, String => StringValue, i64 => IntValue, bool => BoolValue, f64 => DoubleValue);

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
    let Draft { scope, mut span, .. } = draft;
    let mut attributes = tags(place, position);
    attributes.append(&mut span.attributes);
    span.attributes = attributes;
    span.trace_id = place.trace_id().to_vec();
    span.span_id = place.span_id(position).to_vec();
    span.parent_span_id = parent.map(|parent| place.span_id(parent).to_vec()).unwrap_or_default();
    spans.push(Recorded { scope, span });
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
