//! A workflow that calls another service: two services in one trace.
//!
//! The callee knows its caller by its ids alone: the flags of its first span say that the parent is
//! in another process, and its workflow names no executable above that. It runs a workflow below
//! the span of its server, or, where it has no such span, directly below the caller's.

use std::sync::LazyLock;

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::json;

use super::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    junjo::{
        flow::{Definition, Flow},
        raised::NodeResult,
        sdk::{self, Sdk},
        store::StoreClass,
    },
    place::Place,
    recorded::{Recorded, Scope, pair},
};

/// The longest that a workflow takes, in nanoseconds.
pub(crate) const LONGEST: u64 = 30_000_000;

/// With a span of the callee's server, and without one.
pub(crate) const VARIANTS: u32 = 2;

const COLLECT: usize = 0;
const RESERVE: usize = 1;

static ORDER: Declaration = Declaration {
    nodes: &[Node::Class("CollectItemsNode"), Node::Class("ReserveItemsNode")],
    edges: &[(COLLECT, RESERVE, None)],
    source: COLLECT,
    sinks: &[RESERVE],
};

const LOCK: usize = 0;
const COUNT: usize = 1;

static RESERVATION: Declaration = Declaration {
    nodes: &[Node::Class("LockShelfNode"), Node::Class("CountItemsNode")],
    edges: &[(LOCK, COUNT, None)],
    source: LOCK,
    sinks: &[COUNT],
};

static ORDER_GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&ORDER));
static RESERVATION_GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&RESERVATION));

static ORDER_STORE: StoreClass = StoreClass { name: "OrderStore", fields: &["items", "reserved"] };
static RESERVATION_STORE: StoreClass = StoreClass { name: "ReservationStore", fields: &["items", "left"] };

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let definition = Definition { name: "Order Items Workflow", graph: &ORDER_GRAPH, store: &ORDER_STORE };
    let has_server_span = place.variant == 0;
    sdk::record(place, dice, |sdk| {
        let items = 1 + sdk.dice.below(9);
        let state = json!({ "items": items, "reserved": false });
        sdk.workflow(&definition, state, |flow| order(flow, items, has_server_span))
    })
}

fn order(flow: &mut Flow<'_>, items: u64, has_server_span: bool) -> NodeResult {
    flow.idle_node(COLLECT)?;
    flow.node(RESERVE, |flow| {
        open(flow.sdk, "POST", SpanKind::Client);
        flow.sdk.pass(200_000..1_000_000);
        flow.sdk.in_peer(|sdk| serve(sdk, items, has_server_span));
        flow.sdk.pass(200_000..1_000_000);
        flow.sdk.close();
        flow.set_state("set_reserved", json!({ "reserved": true }));
        Ok(())
    })
}

fn serve(sdk: &mut Sdk, items: u64, has_server_span: bool) {
    if has_server_span {
        open(sdk, "POST /reservations", SpanKind::Server);
        sdk.pass(20_000..200_000);
    }
    let definition =
        Definition { name: "Reservation Workflow", graph: &RESERVATION_GRAPH, store: &RESERVATION_STORE };
    let left = sdk.dice.below(100);
    sdk.workflow(&definition, json!({ "items": items, "left": null }), |flow| {
        flow.idle_node(LOCK)?;
        flow.node(COUNT, |flow| {
            flow.set_state("set_left", json!({ "left": left }));
            Ok(())
        })
    })
    .ok();
    if has_server_span {
        sdk.pass(20_000..200_000);
        sdk.close();
    }
}

/// A span as instrumentation of HTTP leaves it.
fn open(sdk: &mut Sdk, name: &str, kind: SpanKind) {
    sdk.open(name);
    sdk.set_scope(Scope::named("opentelemetry.instrumentation.httpx", "0.61b2"));
    let span = sdk.span();
    span.kind = kind.into();
    span.attributes.extend([
        pair("http.request.method", "POST"),
        pair("http.response.status_code", 201_i64),
        pair("url.path", "/reservations"),
    ]);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::traffic::{
        junjo::tests::trace::{Trace, text},
        profile::{Profile, Telemetry},
    };

    #[test]
    fn the_callee_is_another_service_that_names_no_executable_of_its_caller() {
        for telemetry in [Telemetry::Current, Telemetry::Legacy] {
            for variant in 0..VARIANTS {
                let trace = Trace::of(Profile::Distributed, variant, telemetry, 7, 0);
                let remote: Vec<_> = trace.spans.iter().filter(|seen| seen.span.flags == 0x300).collect();
                let [entry] = remote[..] else { panic!("{remote:?}") };
                assert_eq!(trace.parent(entry).unwrap().span.kind(), SpanKind::Client);
                assert_eq!(entry.span.kind() == SpanKind::Server, variant == 0);
                let of_peer = trace.spans.iter().filter(|seen| text(&seen.attributes["e2e.service"]) == "p");
                let names: BTreeSet<_> = of_peer.map(|seen| &seen.span.name[..]).collect();
                let mut expected =
                    BTreeSet::from(["LockShelfNode", "CountItemsNode", "Reservation Workflow"]);
                expected.extend((variant == 0).then_some("POST /reservations"));
                assert_eq!(names, expected);
                let called =
                    trace.spans.iter().find(|seen| seen.span.name == "Reservation Workflow").unwrap();
                assert!(!called.attributes.keys().any(|key| key.starts_with("junjo.parent")));
                trace.check_times();
                trace.check_keys();
            }
        }
    }
}
