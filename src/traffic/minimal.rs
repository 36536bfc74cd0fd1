//! One small root span with four attributes, for raw throughput.
//!
//! The shape of the span that the studio's own benchmark sends (`junjo-telemetry`, section 9).

use std::sync::LazyLock;

use super::{
    dice::Dice,
    ids::RunIdText,
    place::Place,
    planned::{Attribute, PlannedSpan, Value},
    row_template::{Hex, Holes, MARKED, RowTemplate},
    stored,
};
use crate::contract::{json::needs_no_escape, otlp::Cells, row::Row, schema::Schema};

const NAME: &str = "benchmark-span";

/// By schema.
static ROWS: LazyLock<[RowTemplate; 2]> = LazyLock::new(|| [Schema::V1, Schema::V2].map(template));

fn template(schema: Schema) -> RowTemplate {
    let (workflow, mut row) = (Workflow::new(MARKED, Dice::at(0, 0)), Row::default());
    stored::write_row(&workflow.span(0), schema, &mut row);
    workflow.with_holes(0, |holes| RowTemplate::cut(&row, holes))
}

/// One workflow: its only span.
#[derive(Debug)]
pub(crate) struct Workflow<'a> {
    place: Place<'a>,
    run: RunIdText,
    end_time: u64,
}

impl<'a> Workflow<'a> {
    pub(crate) fn new(place: Place<'a>, mut dice: Dice) -> Self {
        Self { run: place.run.text(), end_time: place.start_time + 1_000 + dice.below(100_000), place }
    }

    pub(crate) fn span(&self, position: u32) -> PlannedSpan<'_> {
        let place = &self.place;
        PlannedSpan {
            trace_id: place.trace_id(),
            span_id: place.span_id(position),
            parent_span_id: None,
            name: NAME,
            start_time: place.start_time,
            end_time: self.end_time,
            attributes: self.attributes(position),
            events: Vec::new(),
        }
    }

    /// Whether a stored row is that of the span; see [`row_template`](super::row_template).
    pub(crate) fn is_row(&self, position: u32, schema: Schema, stored: &Cells<'_>) -> bool {
        let template = &ROWS[usize::from(schema == Schema::V2)];
        needs_no_escape(self.place.service) && self.with_holes(position, |holes| template.is(stored, holes))
    }

    /// What differs between the rows of two workflows.
    fn with_holes<T>(&self, position: u32, of: impl FnOnce(&Holes<'_, 5>) -> T) -> T {
        let place = &self.place;
        let (mut trace, mut span) = (Hex::<16>::new(), Hex::<8>::new());
        let mut workflow = itoa::Buffer::new();
        let times = [place.start_time, self.end_time, self.end_time - place.start_time].map(u64::cast_signed);
        let texts = [
            trace.format(&place.trace_id()).as_bytes(),
            span.format(&place.span_id(position)).as_bytes(),
            self.run.as_str().as_bytes(),
            place.service.as_bytes(),
            workflow.format(place.workflow).as_bytes(),
        ];
        of(&Holes { texts, times })
    }

    fn attributes(&self, position: u32) -> Vec<Attribute<'_>> {
        vec![
            ("e2e.run", Value::Text(self.run.as_str())),
            ("e2e.service", Value::Text(self.place.service)),
            ("e2e.span", Value::Int(position.into())),
            ("e2e.workflow", Value::Int(self.place.workflow.cast_signed())),
        ]
    }
}
