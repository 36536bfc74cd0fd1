//! The plan of a run: which spans there are, who sends them, in which order.
//!
//! A run is a number of rounds; in one round every service runs one workflow. Workflow `n` belongs
//! to service `n mod services` and is that service's turn `n div services`. A *stream* is what one
//! service's exporter sends; a span's *ordinal* is its place in its stream, and its *slot* its place
//! in the run: streams one after the other.

use super::{
    dice::Dice,
    getting_started::{Place, SPANS, Workflow},
    ids::{self, RunId},
    planned::{Attribute, PlannedSpan, Value},
};

/// The version of the function from a manifest to traffic; a change of any byte needs a new one.
pub(crate) const VERSION: u32 = 1;

/// Spans of one service's successive workflows start this far apart, in nanoseconds.
const ROUND_INTERVAL: u64 = 2_500_000;

/// Everything that a run's traffic depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) run: RunId,
    pub(crate) seed: u64,
    /// Unique names; the index is the stream's number.
    pub(crate) services: Vec<String>,
    pub(crate) workflows_per_service: u64,
    /// When the first workflow starts, in Unix nanoseconds.
    pub(crate) base_time: u64,
}

/// A planned span's place in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanPlace {
    pub(crate) service: usize,
    pub(crate) workflow: u64,
    pub(crate) position: u32,
    /// Its place in its service's stream.
    pub(crate) ordinal: u64,
}

/// The resource of one service's exporter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) service_name: String,
    run: String,
    instance_id: String,
}

impl Resource {
    /// What the Python SDK sends, and the run as a witness.
    pub(crate) fn attributes(&self) -> [Attribute<'_>; 6] {
        [
            ("e2e.run", Value::Text(&self.run)),
            ("service.instance.id", Value::Text(&self.instance_id)),
            ("service.name", Value::Text(&self.service_name)),
            ("telemetry.sdk.language", Value::Text("python")),
            ("telemetry.sdk.name", Value::Text("opentelemetry")),
            ("telemetry.sdk.version", Value::Text("1.45.2")),
        ]
    }
}

impl Plan {
    pub(crate) fn workflows(&self) -> u64 {
        self.workflows_per_service * self.services.len() as u64
    }

    pub(crate) fn spans(&self) -> u64 {
        self.spans_per_stream() * self.services.len() as u64
    }

    pub(crate) fn spans_per_stream(&self) -> u64 {
        self.workflows_per_service * u64::from(SPANS)
    }

    /// How long the planned spans' times reach from the first start, in nanoseconds.
    pub(crate) fn duration(workflows_per_service: u64) -> u64 {
        (workflows_per_service + 1) * ROUND_INTERVAL
    }

    pub(crate) fn service_of(&self, workflow: u64) -> usize {
        (workflow % self.services.len() as u64) as usize
    }

    /// The ordinals of a workflow's spans in its stream: the first, and how many follow each other.
    pub(crate) fn ordinals(&self, workflow: u64) -> (u64, u32) {
        (self.turn(workflow) * u64::from(SPANS), SPANS)
    }

    /// The slot of a stream's first span.
    pub(crate) fn first_slot(&self, service: usize) -> u64 {
        service as u64 * self.spans_per_stream()
    }

    pub(crate) fn workflow(&self, workflow: u64) -> Workflow<'_> {
        let place = Place {
            run: self.run,
            workflow,
            service: &self.services[self.service_of(workflow)],
            turn: self.turn(workflow),
            start_time: self.base_time + self.turn(workflow) * ROUND_INTERVAL,
        };
        Workflow::new(place, Dice::at(self.seed ^ self.run.bits(), workflow))
    }

    /// All spans of a workflow in wire order: children before parents.
    pub(crate) fn spans_of<'w>(workflow: &'w Workflow<'_>) -> impl Iterator<Item = PlannedSpan<'w>> {
        (0..SPANS).map(|position| workflow.span(position))
    }

    pub(crate) fn resource(&self, service: usize) -> Resource {
        let mut dice = Dice::at(self.seed ^ self.run.bits(), ids::MAX_WORKFLOWS + service as u64);
        let (high, low) = (dice.roll(), dice.roll());
        // The version and variant bits of a random UUID.
        let high = high & 0xffff_ffff_ffff_0fff | 0x4000;
        let low = low & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000;
        Resource {
            service_name: self.services[service].clone(),
            run: self.run.to_string(),
            instance_id: format!(
                "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
                high >> 32,
                high >> 16 & 0xffff,
                high & 0xffff,
                low >> 48,
                low & 0xffff_ffff_ffff
            ),
        }
    }

    /// Where the span of a slot below [`Plan::spans`] belongs.
    pub(crate) fn place(&self, slot: u64) -> SpanPlace {
        let service = (slot / self.spans_per_stream()) as usize;
        let ordinal = slot % self.spans_per_stream();
        let turn = ordinal / u64::from(SPANS);
        SpanPlace {
            service,
            workflow: turn * self.services.len() as u64 + service as u64,
            position: (ordinal % u64::from(SPANS)) as u32,
            ordinal,
        }
    }

    /// The slot of a span, if the plan has it.
    pub(crate) fn slot(&self, workflow: u64, position: u32) -> Option<u64> {
        let planned = workflow < self.workflows() && position < SPANS;
        let (first, _) = planned.then(|| self.ordinals(workflow))?;
        Some(self.first_slot(self.service_of(workflow)) + first + u64::from(position))
    }

    /// The slot of a planned span's parent; none for a root.
    pub(crate) fn parent_slot(&self, slot: u64) -> Option<u64> {
        let position = (slot % u64::from(SPANS)) as u32;
        (position != SPANS - 1).then(|| slot + u64::from(SPANS - 1 - position))
    }

    fn turn(&self, workflow: u64) -> u64 {
        workflow / self.services.len() as u64
    }
}
