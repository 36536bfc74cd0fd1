//! Spans as an SDK records them, for the profiles that need all of OTLP.
//!
//! A profile builds a tree of drafts; [`record`] gives every span its ids, its parent and the run's
//! tags. Positions are those of a walk that visits children, in their order, before their parent:
//! the order in which spans end. A draft's expected row is made by the general mapping.

use std::collections::VecDeque;

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
    /// It and all below it end after the root.
    pub(crate) outlives_root: bool,
    /// Sent by the service that the workflow's own one calls.
    pub(crate) by_peer: bool,
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
    /// Sent by the service that the workflow's own one calls.
    pub(crate) by_peer: bool,
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
        Self { scope: Scope::junjo(), span, children: Vec::new(), outlives_root: false, by_peer: false }
    }

    /// Spans in this draft, itself included.
    fn count(&self) -> u32 {
        1 + self.children.iter().map(Self::count).sum::<u32>()
    }

    /// With its ids and tags.
    fn recorded(self, position: u32, parent: Option<u32>, place: &Place<'_>) -> Recorded {
        let Self { scope, mut span, by_peer, .. } = self;
        let mut attributes = tags(place, position, by_peer);
        attributes.append(&mut span.attributes);
        span.attributes = attributes;
        span.trace_id = place.trace_id().to_vec();
        span.span_id = place.span_id(position).to_vec();
        span.parent_span_id = parent.map(|parent| place.span_id(parent).to_vec()).unwrap_or_default();
        Recorded { scope, span, by_peer }
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

/// All spans of a workflow by position: children before parents, what outlives the root behind it.
pub(crate) fn record(root: Draft, place: &Place<'_>) -> Vec<Recorded> {
    let count = root.count();
    let mut order = Order { ended: Vec::with_capacity(count as usize), late: VecDeque::new(), next: 0 };
    order.end(root, None);
    while let Some((draft, parent)) = order.late.pop_front() {
        order.end(draft, Some(parent));
    }
    let mut positions = vec![0; count as usize];
    for (position, ended) in order.ended.iter().enumerate() {
        positions[ended.number as usize] = position as u32;
    }
    let recorded = |Ended { number, parent, draft }: Ended| {
        let parent = parent.map(|parent: u32| positions[parent as usize]);
        draft.recorded(positions[number as usize], parent, place)
    };
    order.ended.into_iter().map(recorded).collect()
}

/// The order in which spans end.
struct Order {
    ended: Vec<Ended>,
    /// What ends after all that came before, with the number of its parent.
    late: VecDeque<(Draft, u32)>,
    next: u32,
}

/// A span with a number for it and its parent's.
struct Ended {
    number: u32,
    parent: Option<u32>,
    draft: Draft,
}

impl Order {
    fn end(&mut self, mut draft: Draft, parent: Option<u32>) {
        let number = self.next;
        self.next += 1;
        for child in std::mem::take(&mut draft.children) {
            if child.outlives_root {
                self.late.push_back((child, number));
            } else {
                self.end(child, Some(number));
            }
        }
        self.ended.push(Ended { number, parent, draft });
    }
}

/// The witnesses that every span of a run carries besides its ids.
fn tags(place: &Place<'_>, position: u32, by_peer: bool) -> Vec<KeyValue> {
    let mut tags = Vec::with_capacity(24);
    tags.extend([
        pair("e2e.run", place.run.to_string()),
        pair("e2e.service", if by_peer { place.peer } else { place.service }),
        pair("e2e.span", i64::from(position)),
        pair("e2e.workflow", place.workflow.cast_signed()),
    ]);
    tags
}
