//! One small root span with four attributes, for raw throughput.
//!
//! The shape of the span that the studio's own benchmark sends (`junjo-telemetry`, section 9).

use super::{
    dice::Dice,
    ids::RunIdText,
    place::Place,
    planned::{Attribute, PlannedSpan, Value},
};

const NAME: &str = "benchmark-span";

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

    fn attributes(&self, position: u32) -> Vec<Attribute<'_>> {
        vec![
            ("e2e.run", Value::Text(self.run.as_str())),
            ("e2e.service", Value::Text(self.place.service)),
            ("e2e.span", Value::Int(position.into())),
            ("e2e.workflow", Value::Int(self.place.workflow.cast_signed())),
        ]
    }
}
