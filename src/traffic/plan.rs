//! The plan of a run: which spans there are, who sends them, in which order.
//!
//! A run is a number of rounds; in one round every service runs one workflow. Workflow `n` belongs
//! to service `n mod services` and is that service's turn `n div services`. A *stream* is what one
//! service's exporter sends; a span's *ordinal* is its place in its stream, and its *slot* its place
//! in the run: streams one after the other.

use std::ops::Range;

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

/// Spans that a run may have: an audit keeps a byte for each.
const MAX_SPANS: u64 = 1 << 30;

/// The start of the year 2200 in Unix nanoseconds; the store's times end in 2262.
const LATEST: u64 = 7_258_118_400_000_000_000;

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

/// Why a plan cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unplannable {
    #[error("a run has at least one service and one workflow")]
    Nothing,
    #[error("a run has at most {MAX_SPANS} spans")]
    TooMuch,
    #[error("its times reach beyond the year 2200")]
    TooLate,
    #[error("two services are called `{0}`")]
    SameName(String),
}

impl Plan {
    /// Checks what all else relies on; a plan from a file may be anything.
    pub(crate) fn check(&self) -> Result<(), Unplannable> {
        if self.services.is_empty() || self.workflows_per_service == 0 {
            return Err(Unplannable::Nothing);
        }
        let workflows = self.workflows_per_service.checked_mul(self.services.len() as u64);
        if workflows.and_then(|count| count.checked_mul(SPANS.into())).is_none_or(|spans| spans > MAX_SPANS) {
            return Err(Unplannable::TooMuch);
        }
        if self.base_time.saturating_add(Self::duration(self.workflows_per_service)) > LATEST {
            return Err(Unplannable::TooLate);
        }
        let mut names: Vec<_> = self.services.iter().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Unplannable::SameName(pair[0].clone())),
            None => Ok(()),
        }
    }

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
        workflows_per_service.saturating_add(1).saturating_mul(ROUND_INTERVAL)
    }

    pub(crate) fn service_of(&self, workflow: u64) -> usize {
        (workflow % self.services.len() as u64) as usize
    }

    /// The ordinals of a workflow's spans in its stream: the first, and how many follow each other.
    pub(crate) fn ordinals(&self, workflow: u64) -> (u64, u32) {
        (self.turn(workflow) * u64::from(SPANS), SPANS)
    }

    /// The workflow that a service runs at its turn.
    pub(crate) fn workflow_at(&self, service: usize, turn: u64) -> u64 {
        turn * self.services.len() as u64 + service as u64
    }

    /// The slots of `count` spans of a stream from the ordinal `first` on.
    pub(crate) fn slots(&self, service: usize, first: u64, count: u32) -> Range<u64> {
        let start = self.first_slot(service) + first;
        start..start + u64::from(count)
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
            workflow: self.workflow_at(service, turn),
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
    pub(crate) fn parent_slot(slot: u64) -> Option<u64> {
        let position = (slot % u64::from(SPANS)) as u32;
        (position != SPANS - 1).then(|| slot + u64::from(SPANS - 1 - position))
    }

    fn turn(&self, workflow: u64) -> u64 {
        workflow / self.services.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use proptest::prelude::*;
    use prost::Message;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::{
        span::{mapping, row::Row, schema::Schema},
        traffic::{otlp, stored},
    };

    fn plan(run: u64, seed: u64, services: usize, workflows_per_service: u64) -> Plan {
        Plan {
            run: RunId::from_bits(run),
            seed,
            services: (0..services).map(|service| format!("service-{service}-ü\"")).collect(),
            workflows_per_service,
            base_time: 1_795_346_058_000_000_000,
        }
    }

    fn export(plan: &Plan, number: u64) -> Vec<u8> {
        let workflow = plan.workflow(number);
        let mut bytes = Vec::new();
        otlp::write_export(&plan.resource(plan.service_of(number)), Plan::spans_of(&workflow), &mut bytes);
        bytes
    }

    fn expected_rows(plan: &Plan, number: u64, schema: Schema) -> Vec<Row> {
        let workflow = plan.workflow(number);
        let resource = plan.resource(plan.service_of(number));
        let spans = Plan::spans_of(&workflow).map(|span| {
            let mut row = Row {
                service_name: resource.service_name.clone(),
                resource_attributes: stored::resource_attributes(&resource),
                ..Row::default()
            };
            stored::write_row(&span, schema, &mut row);
            row
        });
        spans.collect()
    }

    proptest! {
        #[test]
        fn what_is_sent_maps_to_what_is_expected(run: u64, seed: u64, services in 1..9_usize, number in 0..400_u64) {
            let plan = plan(run, seed, services, 400);
            let request = ExportTraceServiceRequest::decode(export(&plan, number).as_slice()).unwrap();
            for schema in [Schema::V1, Schema::V2] {
                prop_assert_eq!(mapping::rows(&request.resource_spans, schema), expected_rows(&plan, number, schema));
            }
        }

        #[test]
        fn one_plan_has_one_byte_stream(run: u64, seed: u64, number in 0..40_u64) {
            let (one, other) = (plan(run, seed, 2, 20), plan(run, seed, 2, 20));
            prop_assert_eq!(export(&one, number), export(&other, number));
        }

        #[test]
        fn children_lie_inside_their_parents_and_events_inside_their_spans(seed: u64, number in 0..400_u64) {
            let plan = plan(1, seed, 3, 400);
            let workflow = plan.workflow(number);
            let spans: Vec<_> = Plan::spans_of(&workflow).collect();
            for span in &spans {
                prop_assert!(span.start_time <= span.end_time);
                prop_assert!(span.events.iter().all(|event| (span.start_time..=span.end_time).contains(&event.time)));
                let Some(parent) = spans.iter().find(|other| Some(other.span_id) == span.parent_span_id) else {
                    prop_assert_eq!(span.parent_span_id, None);
                    continue;
                };
                prop_assert!(parent.start_time <= span.start_time && span.end_time <= parent.end_time);
            }
        }

        #[test]
        fn slots_and_places_are_one_to_one(services in 1..9_usize, workflows in 1..50_u64, pick: u64) {
            let plan = plan(1, 2, services, workflows);
            let slot = pick % plan.spans();
            let place = plan.place(slot);
            prop_assert_eq!(plan.slot(place.workflow, place.position), Some(slot));
            prop_assert_eq!(plan.service_of(place.workflow), place.service);
            prop_assert_eq!(plan.first_slot(place.service) + place.ordinal, slot);
            let (first, count) = plan.ordinals(place.workflow);
            prop_assert_eq!(first + u64::from(place.position), place.ordinal);
            prop_assert!(place.position < count);
        }
    }

    #[test]
    fn span_ids_are_unique_and_the_parent_is_where_the_slot_says() {
        let plan = plan(7, 7, 3, 500);
        let mut ids = HashSet::new();
        for number in 0..plan.workflows() {
            let workflow = plan.workflow(number);
            let spans: Vec<_> = Plan::spans_of(&workflow).collect();
            for (position, span) in spans.iter().enumerate() {
                assert!(ids.insert(span.span_id));
                let slot = plan.slot(number, u32::try_from(position).unwrap()).unwrap();
                let parent = Plan::parent_slot(slot).map(|slot| plan.place(slot));
                let parent_id = parent.map(|parent| spans[parent.position as usize].span_id);
                assert_eq!(parent_id, span.parent_span_id);
            }
        }
        assert_eq!(ids.len() as u64, plan.spans());
    }

    #[test]
    fn a_workflow_has_the_attributes_of_the_real_example() {
        let plan = plan(1, 1, 1, 2);
        let counts = |number| {
            let workflow = plan.workflow(number);
            let tags = 4;
            let spans = Plan::spans_of(&workflow);
            spans
                .map(|span| (span.name.to_owned(), span.attributes.len() - tags, span.events.len()))
                .collect::<Vec<_>>()
        };
        let expect = |branch: &str| {
            [
                ("FirstNode", 9, 0),
                ("CountItemsNode", 9, 1),
                (branch, 9, 0),
                ("FinalNode", 9, 0),
                ("Getting Started Example Workflow", 19, 0),
            ]
            .map(|(name, attributes, events)| (name.to_owned(), attributes, events))
        };
        assert_eq!(counts(0), expect("OddItemsNode"));
        assert_eq!(counts(1), expect("EvenItemsNode"));
    }

    #[test]
    fn plan_version_1_makes_these_bytes_for_ever() {
        let plan = plan(0x7f3a_0000_0001, 42, 3, 10);
        let mut digest = Sha256::new();
        (0..plan.workflows()).for_each(|number| digest.update(export(&plan, number)));
        assert_eq!(
            const_hex::encode(digest.finalize()),
            "753052b78c62b3f8acd75c56d540f2aba5cd1b4f5fa0e7695188c10a7f9d53ea"
        );
    }
}
