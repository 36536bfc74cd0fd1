//! One workflow of any profile, as sent and as stored.

use prost::Message;

use super::{
    dice::Dice,
    getting_started,
    ids::SpanId,
    minimal, otlp,
    place::Place,
    profile::{Profile, Telemetry},
    recorded::Scope,
    recording::Recording,
    stored,
};
use crate::contract::{loss::Lost, mapping, otlp::Cells, row::Row, schema::Schema};

/// A workflow with everything that its spans are made of.
///
/// The profiles of which many are sent are written straight from borrowed values; the others are
/// OTLP messages.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the large ones are those of which millions are made")]
pub(crate) enum Workflow<'a> {
    GettingStarted(getting_started::Workflow<'a>),
    Minimal(minimal::Workflow<'a>),
    Recorded(Recording<'a>),
}

impl<'a> Workflow<'a> {
    pub(crate) fn new(profile: Profile, place: Place<'a>, dice: Dice) -> Self {
        match (profile, place.telemetry) {
            (Profile::GettingStarted, Telemetry::Current) => {
                Self::GettingStarted(getting_started::Workflow::new(place, dice))
            }
            (Profile::Minimal, _) => Self::Minimal(minimal::Workflow::new(place, dice)),
            _ => Self::Recorded(Recording::new(profile, place, dice)),
        }
    }

    /// By position: the id of the span's parent; none for a root.
    pub(crate) fn parents(&self) -> Vec<Option<SpanId>> {
        match self {
            Self::GettingStarted(workflow) => {
                (0..getting_started::SPANS).map(|position| workflow.span(position).parent_span_id).collect()
            }
            Self::Minimal(workflow) => vec![workflow.span(0).parent_span_id],
            Self::Recorded(recording) => {
                let spans = recording.spans().iter();
                spans.map(|recorded| recorded.span.parent_span_id.as_slice().try_into().ok()).collect()
            }
        }
    }

    /// Appends one span as an OTLP `Span` message, without its tag and length.
    pub(crate) fn write_span(&self, position: u32, out: &mut Vec<u8>) {
        match self {
            Self::GettingStarted(workflow) => otlp::write_span(&workflow.span(position), out),
            Self::Minimal(workflow) => otlp::write_span(&workflow.span(position), out),
            Self::Recorded(recording) => recording.spans()[position as usize].span.encode_raw(out),
        }
    }

    /// Whether the service that it calls sends a span.
    pub(crate) fn is_by_peer(&self, position: u32) -> bool {
        match self {
            Self::GettingStarted(_) | Self::Minimal(_) => false,
            Self::Recorded(recording) => recording.spans()[position as usize].by_peer,
        }
    }

    /// The instrumentation of a span; none for Junjo's own.
    pub(crate) fn scope(&self, position: u32) -> Option<&Scope> {
        match self {
            Self::GettingStarted(_) | Self::Minimal(_) => None,
            Self::Recorded(recording) => Some(&recording.spans()[position as usize].scope),
        }
    }

    /// Overwrites the span's part of a row; what comes from the resource stays.
    pub(crate) fn write_row(&self, position: u32, schema: Schema, row: &mut Row) {
        match self {
            Self::GettingStarted(workflow) => stored::write_row(&workflow.span(position), schema, row),
            Self::Minimal(workflow) => stored::write_row(&workflow.span(position), schema, row),
            Self::Recorded(recording) => {
                mapping::write_span(&recording.spans()[position as usize].span, schema, row);
            }
        }
    }

    /// Whether a row is known to be the one that [`Self::write_row`] writes, what comes from the resource aside. One
    /// that is not known to be so may be it all the same.
    pub(crate) fn is_row(&self, position: u32, schema: Schema, stored: &Cells<'_>) -> bool {
        match self {
            Self::GettingStarted(workflow) => workflow.is_row(position, schema, stored),
            Self::Minimal(workflow) => workflow.is_row(position, schema, stored),
            Self::Recorded(recording) => recording.is_row(position, schema, stored),
        }
    }

    /// What of a span the store cannot hold.
    pub(crate) fn lost(&self, position: u32, schema: Schema) -> Lost {
        match (self, schema) {
            (Self::Recorded(recording), _) => recording.lost(position, schema),
            (Self::GettingStarted(_) | Self::Minimal(_), Schema::V1) => Lost::SCOPE | Lost::NO_COLUMN,
            (Self::GettingStarted(_) | Self::Minimal(_), Schema::V2) => Lost::SCOPE,
        }
    }

    /// What of one attribute the store cannot hold.
    pub(crate) fn lost_of(&self, position: u32, key: &str) -> Lost {
        match self {
            Self::Recorded(recording) => {
                let attributes = &recording.spans()[position as usize].span.attributes;
                let named: Vec<_> = attributes.iter().filter(|pair| pair.key == key).cloned().collect();
                Lost::of_attributes(&named)
            }
            Self::GettingStarted(_) | Self::Minimal(_) => Lost::default(),
        }
    }
}
