//! The one span that is sent to see where it goes.
//!
//! It belongs to no run that anybody generates: its ids name run `d0c7d0c7d0c7`, its service is
//! `e2e-store-doctor`, and it carries the tags of every span of ours. An audit knows it by its ids.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;

use crate::{
    contract::{mapping, row::Row, schema::Schema},
    traffic::{
        ids::{MAX_WORKFLOWS, RunId},
        place::Place,
        profile::Telemetry,
        recorded::{Draft, Scope, record},
        resource::Resource,
    },
};

/// The run that all probes belong to.
const RUN: u64 = 0xd0c7_d0c7_d0c7;
pub(crate) const SERVICE: &str = "e2e-store-doctor";
const NAME: &str = "e2e-store doctor";

/// A span of a millisecond that ends now.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) trace_id: String,
    request: ExportTraceServiceRequest,
}

impl Probe {
    /// `number` keeps probes apart.
    pub(crate) fn new(number: u64, now: u64) -> Self {
        let run = RunId::from_bits(RUN);
        let place = Place {
            run,
            workflow: number % MAX_WORKFLOWS,
            service: SERVICE,
            peer: SERVICE,
            turn: 0,
            variant: 0,
            telemetry: Telemetry::Current,
            start_time: now.saturating_sub(1_000_000),
        };
        let mut draft = Draft::new(NAME, place.start_time, now);
        draft.scope = Scope::named("e2e-store", env!("CARGO_PKG_VERSION"));
        let resource = Resource::new(run, number, 0, SERVICE);
        let scopes = record(draft, &place).into_iter().map(|recorded| ScopeSpans {
            scope: Some(recorded.scope.scope),
            spans: vec![recorded.span],
            schema_url: String::new(),
        });
        let spans = ResourceSpans {
            resource: Some(resource.message),
            scope_spans: scopes.collect(),
            schema_url: String::new(),
        };
        Self {
            trace_id: const_hex::encode(place.trace_id()),
            request: ExportTraceServiceRequest { resource_spans: vec![spans] },
        }
    }

    pub(crate) fn request(&self) -> Bytes {
        self.request.encode_to_vec().into()
    }

    /// The row that a studio of that schema must store.
    pub(crate) fn row(&self, schema: Schema) -> Row {
        mapping::rows(&self.request.resource_spans, schema).swap_remove(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::ids;

    #[test]
    fn a_probe_is_known_by_its_ids_and_its_tags() {
        let probe = Probe::new(7, 1_795_346_058_000_000_000);
        let mut id = [0; 16];
        const_hex::decode_to_slice(&probe.trace_id, &mut id).unwrap();
        let claim = ids::claimed_trace(id).unwrap();
        assert_eq!((claim.run.to_string().as_str(), claim.workflow), ("d0c7d0c7d0c7", 7));
        let row = probe.row(Schema::V2);
        assert_eq!((row.service_name.as_str(), row.duration_ns), (SERVICE, 1_000_000));
        insta::assert_snapshot!(row.attributes, @r#"{"e2e.run":"d0c7d0c7d0c7","e2e.service":"e2e-store-doctor","e2e.span":0,"e2e.workflow":7}"#);
    }
}
