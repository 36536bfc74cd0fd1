//! A planned span: what will be sent, and what must be found.
//!
//! Borrows all its text from the workflow that made it. Attribute keys are unique and in byte
//! order, so that both encoders write each in one pass.

use super::ids::{SpanId, TraceId};

/// One span of a plan. Times are nanoseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlannedSpan<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent_span_id: Option<SpanId>,
    pub(crate) name: &'a str,
    pub(crate) start_time: u64,
    pub(crate) end_time: u64,
    pub(crate) attributes: Vec<Attribute<'a>>,
    pub(crate) events: Vec<PlannedEvent<'a>>,
}

/// One event of a planned span.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlannedEvent<'a> {
    pub(crate) name: &'a str,
    pub(crate) time: u64,
    pub(crate) attributes: Vec<Attribute<'a>>,
}

pub(crate) type Attribute<'a> = (&'a str, Value<'a>);

/// The kinds of OTLP value that planned traffic uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Int(i64),
    Bool(bool),
}

/// What the Python SDK puts on every span: an internal span, with "the parent is local" known.
pub(crate) const KIND_INTERNAL: i32 = 1;
pub(crate) const FLAGS: u32 = 0x100;

/// The instrumentation scope of Junjo's spans; the studio does not store it.
pub(crate) const SCOPE: &str = "junjo";
