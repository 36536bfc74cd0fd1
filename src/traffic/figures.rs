//! What the workflows of a profile are like, as numbers.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::{
    export::{EncodedResource, Encoder},
    ids::RunId,
    mix::Mix,
    plan::{Outline, Plan, Unplannable},
    profile::{Profile, Telemetry},
};

/// Means over the first workflows of a service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    pub(crate) spans: f64,
    /// Of an export of the workflow alone.
    pub(crate) bytes: f64,
    pub(crate) events: f64,
}

/// Enough to have every profile's variants, and nearly all of what varies besides.
const WORKFLOWS: u64 = 150;

impl Figures {
    pub(crate) fn of(profile: Profile) -> Result<Self, Unplannable> {
        let plan = plan_of(profile, WORKFLOWS)?;
        let resources = EncodedResource::all(&plan);
        let mut encoder = Encoder::new(&plan, &resources);
        let (mut bytes, mut events) = (0, 0);
        let mut export = Vec::new();
        for workflow in 0..plan.workflows() {
            let ordinals = plan.ordinals(workflow);
            export.clear();
            encoder.write(0, ordinals.start, (ordinals.end - ordinals.start) as u32, &mut export);
            bytes += export.len();
            events += events_in(&export);
        }
        let mean = |sum: u64| sum as f64 / plan.workflows() as f64;
        Ok(Self { spans: mean(plan.spans()), bytes: mean(bytes as u64), events: mean(events) })
    }
}

/// One service that runs workflows of one profile.
pub(crate) fn plan_of(profile: Profile, workflows: u64) -> Result<Plan, Unplannable> {
    Plan::new(Outline {
        run: RunId::from_bits(0),
        seed: 0,
        services: vec!["service".to_owned()],
        workflows_per_service: workflows,
        base_time: 1_795_346_058_000_000_000,
        mix: Mix::only(profile),
        telemetry: Telemetry::Current,
        collectors: None,
    })
}

fn events_in(export: &[u8]) -> u64 {
    let request = ExportTraceServiceRequest::decode(export).expect("an export of ours is a request");
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| &scope.spans).map(|span| span.events.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_what_is_sent() {
        let figures = Figures::of(Profile::GettingStarted).unwrap();
        assert_eq!((figures.spans as u64, figures.events as u64), (5, 1));
        assert!((6_000.0..8_000.0).contains(&figures.bytes), "{figures:?}");
        assert_eq!(Figures::of(Profile::Minimal).unwrap().spans as u64, 1);
    }
}
