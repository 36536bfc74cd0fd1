//! The plan of a run: which spans there are, who sends them, in which order.
//!
//! In one round every service runs one workflow. Workflow `n` belongs to service `n mod services`
//! and is that service's turn `n div services`. A *stream* is what one exporter sends: a service's
//! own or, behind collectors, every so-many-th service's, round by round. A span's *ordinal* is its
//! place in its stream, and its *slot* its place in the run: streams one after the other. A workflow
//! may call the next service: what that does is sent in the workflow's stream, too, as by a collector.

use std::ops::Range;

use super::{
    adversarial,
    dice::Dice,
    ids::RunId,
    mix::Mix,
    place::Place,
    profile::{Profile, Shape, Telemetry},
    resource::Resource,
    workflow::Workflow,
};

/// The version of the function from a manifest to traffic; a change of any byte needs a new one.
pub(crate) const VERSION: u32 = 1;

/// Workflows of one service start this far apart, in nanoseconds.
const ROUND_INTERVAL: u64 = 2_500_000;

/// Spans that a run may have: an audit keeps a byte for each.
pub(crate) const MAX_SPANS: u64 = 1 << 30;

/// Workflows that a cycle may have over all services: a plan keeps a number for each.
const MAX_CYCLE: usize = 1 << 22;

/// The start of the year 2200 in Unix nanoseconds; the store's times end in 2262.
const LATEST: u64 = 7_258_118_400_000_000_000;

/// Everything that a run's traffic depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) run: RunId,
    pub(crate) seed: u64,
    /// Unique names.
    pub(crate) services: Vec<String>,
    pub(crate) workflows_per_service: u64,
    /// When the first workflow starts, in Unix nanoseconds.
    pub(crate) base_time: u64,
    pub(crate) mix: Mix,
    pub(crate) telemetry: Telemetry,
    /// How many collectors the services send through; none where each has an exporter of its own.
    pub(crate) collectors: Option<u32>,
}

/// An outline with what it takes to find any span of it at once.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) outline: Outline,
    /// The shapes of a service's successive workflows, over and over.
    cycle: Vec<(Profile, &'static Shape, u32)>,
    streams: Vec<Stream>,
    /// By stream: the slot of its first span; at the end the number of all.
    first_slots: Vec<u64>,
}

/// The order of one stream: rounds of all its services, repeated.
#[derive(Debug, Clone)]
struct Stream {
    /// Every `step`-th service from the first on.
    first_service: usize,
    step: usize,
    services: u64,
    /// By workflow of a cycle: the spans before it; at the end those of the whole cycle.
    before: Vec<u64>,
}

/// A planned span's place in its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanPlace {
    pub(crate) stream: usize,
    /// The one that sends it.
    pub(crate) service: usize,
    pub(crate) workflow: u64,
    pub(crate) position: u32,
    /// Its place in its stream.
    pub(crate) ordinal: u64,
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
    #[error("too many services with too uneven a mix: their order does not fit in memory")]
    TooVaried,
    #[error("two services are called `{0}`")]
    SameName(String),
    #[error("a run has from one collector to as many as services, not {0}")]
    Collectors(u32),
    #[error("`{0}` has no legacy form: SDKs up to 0.62 had neither agents nor evaluations")]
    NoLegacyForm(&'static str),
}

impl Outline {
    /// How long the planned spans' times reach from the first start, in nanoseconds.
    pub(crate) fn duration(&self) -> u64 {
        let longest = self.mix.profiles().map(Profile::longest).max().unwrap_or_default();
        self.workflows_per_service.saturating_add(1).saturating_mul(ROUND_INTERVAL).saturating_add(longest)
    }

    /// Checks what all else relies on; an outline from a file may be anything.
    fn check(&self) -> Result<(), Unplannable> {
        if self.services.is_empty() || self.workflows_per_service == 0 {
            return Err(Unplannable::Nothing);
        }
        if let Some(collectors) = self.collectors
            && !(1..=self.services.len() as u64).contains(&collectors.into())
        {
            return Err(Unplannable::Collectors(collectors));
        }
        if let Some(profile) = self.mix.profiles().find(|profile| !profile.exists_in(self.telemetry)) {
            return Err(Unplannable::NoLegacyForm(profile.name()));
        }
        if self.base_time.saturating_add(self.duration()) > LATEST {
            return Err(Unplannable::TooLate);
        }
        let mut names: Vec<_> = self.services.iter().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Unplannable::SameName(pair[0].clone())),
            None => Ok(()),
        }
    }
}

impl Plan {
    pub(crate) fn new(outline: Outline) -> Result<Self, Unplannable> {
        outline.check()?;
        // Bounds the workflows first: what follows multiplies without a check.
        let workflows = outline.workflows_per_service.checked_mul(outline.services.len() as u64);
        if workflows.is_none_or(|workflows| workflows > MAX_SPANS) {
            return Err(Unplannable::TooMuch);
        }
        let cycle = outline
            .mix
            .cycle()
            .into_iter()
            .map(|(profile, variant)| (profile, profile.shape(outline.telemetry, variant), variant));
        let cycle: Vec<_> = cycle.collect();
        let services = outline.services.len();
        if cycle.len().saturating_mul(services) > MAX_CYCLE {
            return Err(Unplannable::TooVaried);
        }
        let streams = outline.collectors.map_or(services, |collectors| collectors as usize);
        let streams: Vec<_> =
            (0..streams).map(|index| Stream::new(index, streams, services, &cycle)).collect();
        let mut first_slots = vec![0];
        for stream in &streams {
            let spans = stream.ordinal(outline.workflows_per_service * stream.services);
            first_slots.push(first_slots[first_slots.len() - 1] + spans);
        }
        let plan = Self { outline, cycle, streams, first_slots };
        if plan.spans() > MAX_SPANS { Err(Unplannable::TooMuch) } else { Ok(plan) }
    }

    pub(crate) fn workflows(&self) -> u64 {
        self.outline.workflows_per_service * self.outline.services.len() as u64
    }

    pub(crate) fn spans(&self) -> u64 {
        self.first_slots[self.streams.len()]
    }

    pub(crate) fn streams(&self) -> usize {
        self.streams.len()
    }

    pub(crate) fn spans_of_stream(&self, stream: usize) -> u64 {
        self.first_slots[stream + 1] - self.first_slots[stream]
    }

    /// Workflows of one stream in all.
    pub(crate) fn workflows_of_stream(&self, stream: usize) -> u64 {
        self.outline.workflows_per_service * self.streams[stream].services
    }

    /// The ordinal at which a stream's workflow begins, counted in workflows of the stream.
    pub(crate) fn ordinal_of(&self, stream: usize, index: u64) -> u64 {
        self.streams[stream].ordinal(index)
    }

    /// Workflows of a stream whose last span, the root, is among these ordinals.
    pub(crate) fn roots_in(&self, stream: usize, ordinals: Range<u64>) -> u64 {
        let order = &self.streams[stream];
        order.place(ordinals.end).0 - order.place(ordinals.start).0
    }

    pub(crate) fn service_of(&self, workflow: u64) -> usize {
        (workflow % self.outline.services.len() as u64) as usize
    }

    /// The service that a service calls: the next one, which is itself where it is alone.
    pub(crate) fn peer_of(&self, service: usize) -> usize {
        (service + 1) % self.outline.services.len()
    }

    /// The service that sends a span of a workflow.
    pub(crate) fn sender_of(&self, workflow: u64, position: u32) -> usize {
        let service = self.service_of(workflow);
        let (_, shape, _) = self.shape(service, self.turn(workflow));
        if shape.by_peer[position as usize] { self.peer_of(service) } else { service }
    }

    /// The stream that carries a service's spans.
    pub(crate) fn stream_of(&self, service: usize) -> usize {
        service % self.streams.len()
    }

    /// The ordinals of a workflow's spans in its stream, in wire order: children before parents.
    pub(crate) fn ordinals(&self, workflow: u64) -> Range<u64> {
        let service = self.service_of(workflow);
        let stream = &self.streams[self.stream_of(service)];
        let index = self.turn(workflow) * stream.services + (service / stream.step) as u64;
        stream.ordinal(index)..stream.ordinal(index + 1)
    }

    /// The workflow that a service runs at its turn.
    pub(crate) fn workflow_at(&self, service: usize, turn: u64) -> u64 {
        turn * self.outline.services.len() as u64 + service as u64
    }

    /// The slots of `count` spans of a stream from the ordinal `first` on.
    pub(crate) fn slots(&self, stream: usize, first: u64, count: u32) -> Range<u64> {
        let start = self.first_slots[stream] + first;
        start..start + u64::from(count)
    }

    /// The slots of a workflow's spans.
    pub(crate) fn slots_of(&self, workflow: u64) -> Range<u64> {
        let first = self.first_slots[self.stream_of(self.service_of(workflow))];
        let ordinals = self.ordinals(workflow);
        first + ordinals.start..first + ordinals.end
    }

    pub(crate) fn workflow(&self, workflow: u64) -> Workflow<'_> {
        let Outline { run, seed, services, base_time, telemetry, .. } = &self.outline;
        let service = self.service_of(workflow);
        let turn = self.turn(workflow);
        let (profile, _, variant) = self.shape(service, turn);
        let place = Place {
            run: *run,
            workflow,
            service: &services[service],
            peer: &services[self.peer_of(service)],
            turn,
            variant: *variant,
            telemetry: *telemetry,
            start_time: base_time + turn * ROUND_INTERVAL,
        };
        Workflow::new(*profile, place, Dice::at(seed ^ run.bits(), workflow))
    }

    pub(crate) fn resource(&self, service: usize) -> Resource {
        let Outline { run, seed, services, mix, .. } = &self.outline;
        let mut resource = Resource::new(*run, *seed, service, &services[service]);
        if mix.has(Profile::Adversarial) {
            adversarial::resource::make_odd(&mut resource, service);
        }
        resource
    }

    /// Where the span of a slot below [`Plan::spans`] belongs.
    pub(crate) fn place(&self, slot: u64) -> SpanPlace {
        let stream = self.first_slots.partition_point(|first| *first <= slot) - 1;
        self.place_in(stream, slot - self.first_slots[stream])
    }

    /// Where the span of an ordinal of a stream belongs.
    pub(crate) fn place_in(&self, stream: usize, ordinal: u64) -> SpanPlace {
        let order = &self.streams[stream];
        let (index, position) = order.place(ordinal);
        let workflow = self.workflow_at(order.service(index), index / order.services);
        let service = self.sender_of(workflow, position);
        SpanPlace { stream, service, workflow, position, ordinal }
    }

    /// The slot and the place of a span, if the plan has it.
    pub(crate) fn locate(&self, workflow: u64, position: u32) -> Option<(u64, SpanPlace)> {
        if workflow >= self.workflows() {
            return None;
        }
        let ordinals = self.ordinals(workflow);
        let ordinal = ordinals.start + u64::from(position);
        if ordinal >= ordinals.end {
            return None;
        }
        let stream = self.stream_of(self.service_of(workflow));
        let service = self.sender_of(workflow, position);
        let place = SpanPlace { stream, service, workflow, position, ordinal };
        Some((self.first_slots[stream] + ordinal, place))
    }

    /// The slot of a planned span's parent; none for a root.
    pub(crate) fn parent_slot(&self, slot: u64) -> Option<u64> {
        let SpanPlace { workflow, position, .. } = self.place(slot);
        let (_, shape, _) = self.shape(self.service_of(workflow), self.turn(workflow));
        let parent = shape.parents[position as usize]?;
        Some(slot + u64::from(parent) - u64::from(position))
    }

    fn turn(&self, workflow: u64) -> u64 {
        workflow / self.outline.services.len() as u64
    }

    fn shape(&self, service: usize, turn: u64) -> &(Profile, &'static Shape, u32) {
        &self.cycle[in_cycle(service, turn, self.cycle.len())]
    }
}

/// Services begin at different places of the cycle: a round then has workflows of several profiles.
fn in_cycle(service: usize, turn: u64, len: usize) -> usize {
    ((service as u64 + turn) % len as u64) as usize
}

impl Stream {
    fn new(index: usize, step: usize, services: usize, cycle: &[(Profile, &'static Shape, u32)]) -> Self {
        let of_stream: Vec<_> = (index..services).step_by(step).collect();
        let mut before = vec![0];
        for turn in 0..cycle.len() as u64 {
            for service in &of_stream {
                let (_, shape, _) = &cycle[in_cycle(*service, turn, cycle.len())];
                before.push(before[before.len() - 1] + u64::from(shape.spans()));
            }
        }
        Self { first_service: index, step, services: of_stream.len() as u64, before }
    }

    /// Workflows in one cycle.
    fn len(&self) -> u64 {
        self.before.len() as u64 - 1
    }

    fn spans_of_cycle(&self) -> u64 {
        self.before[self.before.len() - 1]
    }

    /// The ordinal of the first span of the workflow at a place of the stream.
    fn ordinal(&self, index: u64) -> u64 {
        index / self.len() * self.spans_of_cycle() + self.before[(index % self.len()) as usize]
    }

    /// The workflow's place in the stream, and the span's position in the workflow.
    fn place(&self, ordinal: u64) -> (u64, u32) {
        let within = ordinal % self.spans_of_cycle();
        let index = self.before.partition_point(|before| *before <= within) - 1;
        let position = (within - self.before[index]) as u32;
        (ordinal / self.spans_of_cycle() * self.len() + index as u64, position)
    }

    fn service(&self, index: u64) -> usize {
        self.first_service + (index % self.services) as usize * self.step
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::ValueEnum;
    use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
    use proptest::prelude::*;
    use prost::Message;
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::{
        contract::{
            mapping::{self, ResourceFacts},
            row::Row,
            schema::Schema,
        },
        traffic::export::{EncodedResource, Encoder},
    };

    fn plan(run: u64, seed: u64, services: usize, workflows_per_service: u64) -> Plan {
        plan_of(Mix::only(Profile::GettingStarted), None, run, seed, services, workflows_per_service)
    }

    fn plan_of(
        mix: Mix,
        collectors: Option<u32>,
        run: u64,
        seed: u64,
        services: usize,
        workflows_per_service: u64,
    ) -> Plan {
        let outline = Outline {
            run: RunId::from_bits(run),
            seed,
            services: (0..services).map(|service| format!("service-{service}-ü\"")).collect(),
            workflows_per_service,
            base_time: 1_795_346_058_000_000_000,
            mix,
            telemetry: Telemetry::Current,
            collectors,
        };
        Plan::new(outline).unwrap()
    }

    fn export(plan: &Plan, number: u64) -> Vec<u8> {
        let resources = EncodedResource::all(plan);
        let ordinals = plan.ordinals(number);
        let count = (ordinals.end - ordinals.start) as u32;
        let mut bytes = Vec::new();
        let stream = plan.stream_of(plan.service_of(number));
        Encoder::new(plan, &resources).write(stream, ordinals.start, count, &mut bytes);
        bytes
    }

    fn expected_rows(plan: &Plan, number: u64, schema: Schema) -> Vec<Row> {
        let workflow = plan.workflow(number);
        let spans = plan.ordinals(number).end - plan.ordinals(number).start;
        let rows = (0..spans as u32).map(|position| {
            let sender = plan.sender_of(number, position);
            let resource = ResourceFacts::of(Some(&plan.resource(sender).message));
            let mut row = Row::default();
            resource.write(schema, &mut row);
            workflow.write_row(position, schema, &mut row);
            row
        });
        rows.collect()
    }

    /// What is sent of a workflow, as messages.
    fn sent(plan: &Plan, number: u64) -> Vec<Span> {
        let request = ExportTraceServiceRequest::decode(export(plan, number).as_slice()).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    /// All profiles, those of several variants and several services among them.
    fn mixed() -> Mix {
        let all = Profile::value_variants().iter().map(|profile| format!("{}=3", profile.name()));
        format!(
            "{},{}",
            "getting-started=7",
            all.filter(|one| !one.starts_with("getting-started")).collect::<Vec<_>>().join(",")
        )
        .parse()
        .unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sent_maps_to_what_is_expected(run: u64, seed: u64, services in 1..9_usize, number in 0..400_u64) {
            for mix in [Mix::only(Profile::GettingStarted), mixed()] {
                let plan = plan_of(mix, None, run, seed, services, 400);
                let request = ExportTraceServiceRequest::decode(export(&plan, number).as_slice()).unwrap();
                for schema in [Schema::V1, Schema::V2] {
                    prop_assert_eq!(mapping::rows(&request.resource_spans, schema), expected_rows(&plan, number, schema));
                }
            }
        }

        #[test]
        fn one_plan_has_one_byte_stream(run: u64, seed: u64, number in 0..40_u64) {
            let (one, other) = (plan_of(mixed(), None, run, seed, 2, 20), plan_of(mixed(), None, run, seed, 2, 20));
            prop_assert_eq!(export(&one, number), export(&other, number));
        }

        #[test]
        fn slots_and_places_are_one_to_one(
            services in 1..9_usize, workflows in 1..50_u64, pick: u64, collectors in proptest::option::of(1..9_u32),
        ) {
            let collectors = collectors.map(|collectors| collectors.min(services as u32));
            let plan = plan_of(mixed(), collectors, 1, 2, services, workflows);
            let slot = pick % plan.spans();
            let place = plan.place(slot);
            prop_assert_eq!(plan.locate(place.workflow, place.position), Some((slot, place)));
            prop_assert_eq!(plan.sender_of(place.workflow, place.position), place.service);
            prop_assert_eq!(plan.stream_of(plan.service_of(place.workflow)), place.stream);
            prop_assert_eq!(plan.slots(place.stream, place.ordinal, 1).start, slot);
            let ordinals = plan.ordinals(place.workflow);
            prop_assert_eq!(ordinals.start + u64::from(place.position), place.ordinal);
            prop_assert!(ordinals.contains(&place.ordinal));
        }

        #[test]
        fn any_range_of_a_stream_carries_its_spans_and_no_others(
            first in 0..900_u64, count in 1..100_u32, collectors in proptest::option::of(1..4_u32),
        ) {
            let plan = plan_of(mixed(), collectors, 3, 4, 4, 1_000);
            let resources = EncodedResource::all(&plan);
            let mut bytes = Vec::new();
            Encoder::new(&plan, &resources).write(0, first, count, &mut bytes);
            let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
            let sent = mapping::rows(&request.resource_spans, Schema::V2);
            let expected = plan.slots(0, first, count).map(|slot| {
                let place = plan.place(slot);
                expected_rows(&plan, place.workflow, Schema::V2)[place.position as usize].clone()
            });
            prop_assert_eq!(sent, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn children_lie_inside_their_parents_and_events_inside_their_spans() {
        let plan = plan_of(mixed(), None, 1, 5, 3, 200);
        for number in 0..plan.workflows() {
            let spans = sent(&plan, number);
            for span in &spans {
                let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
                let profile = plan.shape(plan.service_of(number), plan.turn(number)).0;
                let odd =
                    matches!(profile, Profile::Adversarial | Profile::Background | Profile::OpenaiAgents);
                let events: Vec<_> = span.events.iter().map(|event| event.time_unix_nano).collect();
                assert!(
                    odd || start <= end && events.iter().all(|time| (start..=end).contains(time)),
                    "{span:?}"
                );
                assert!(odd || events.is_sorted(), "{span:?}");
                let Some(parent) = spans.iter().find(|other| other.span_id == span.parent_span_id) else {
                    assert!(span.parent_span_id.is_empty(), "{span:?}");
                    continue;
                };
                assert!(
                    odd || parent.start_time_unix_nano <= start && end <= parent.end_time_unix_nano,
                    "{span:?}"
                );
            }
        }
    }

    #[test]
    fn span_ids_are_unique_and_the_parent_is_where_the_slot_says() {
        let plan = plan_of(mixed(), None, 7, 7, 3, 500);
        let mut ids = HashSet::new();
        for number in 0..plan.workflows() {
            let spans = sent(&plan, number);
            assert_eq!(spans.len() as u64, plan.ordinals(number).end - plan.ordinals(number).start);
            for (position, span) in spans.iter().enumerate() {
                assert!(ids.insert(span.span_id.clone()));
                let (slot, _) = plan.locate(number, u32::try_from(position).unwrap()).unwrap();
                let parent = plan.parent_slot(slot).map(|slot| plan.place(slot));
                let parent_id = parent.map(|parent| spans[parent.position as usize].span_id.clone());
                assert_eq!(parent_id.unwrap_or_default(), span.parent_span_id);
            }
        }
        assert_eq!(ids.len() as u64, plan.spans());
    }

    #[test]
    fn a_workflow_has_the_attributes_of_the_real_example() {
        let plan = plan(1, 1, 1, 2);
        let counts = |number| {
            let tags = 4;
            let spans = sent(&plan, number).into_iter();
            spans.map(|span| (span.name, span.attributes.len() - tags, span.events.len())).collect::<Vec<_>>()
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
