//! Work that outlives the root of its trace: started by a node that does not wait for it.
//!
//! The root is exported as soon as it ends; what it started follows, some of it much later. A
//! workflow names the node as its parent although the node's own workflow has ended; a job of other
//! instrumentation names nothing.

use std::sync::LazyLock;

use serde_json::json;

use super::{
    flow::{Definition, Flow},
    raised::NodeResult,
    sdk::{self, Sdk},
    store::StoreClass,
};
use crate::traffic::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    place::Place,
    recorded::{Recorded, Scope, pair},
};

/// The longest that it takes until all has ended, in nanoseconds.
pub(crate) const LONGEST: u64 = 200_000_000;

/// A campaign that is a workflow, and one that is a job.
pub(crate) const VARIANTS: u32 = 2;

const RECEIVE: usize = 0;
const START: usize = 1;
const THANK: usize = 2;

static SIGN_UP: Declaration = Declaration {
    nodes: &[Node::Class("ReceiveSignUpNode"), Node::Class("StartCampaignNode"), Node::Class("ThankNode")],
    edges: &[(RECEIVE, START, None), (START, THANK, None)],
    source: RECEIVE,
    sinks: &[THANK],
};

const CHOOSE: usize = 0;
const SEND: usize = 1;

static CAMPAIGN: Declaration = Declaration {
    nodes: &[Node::Class("ChooseTopicsNode"), Node::Class("SendMailsNode")],
    edges: &[(CHOOSE, SEND, None)],
    source: CHOOSE,
    sinks: &[SEND],
};

static SIGN_UP_GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&SIGN_UP));
static CAMPAIGN_GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&CAMPAIGN));

static SIGN_UP_STORE: StoreClass =
    StoreClass { name: "SignUpStore", fields: &["reader", "started", "thanked"] };
static CAMPAIGN_STORE: StoreClass =
    StoreClass { name: "CampaignStore", fields: &["reader", "topics", "sent"] };

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let definition = Definition { name: "Sign-up Workflow", graph: &SIGN_UP_GRAPH, store: &SIGN_UP_STORE };
    let start = if place.variant == 0 { campaign } else { job };
    sdk::record(place, dice, |sdk| {
        let reader = format!("R-{:06}", sdk.dice.below(1_000_000));
        let state = json!({ "reader": reader, "started": false, "thanked": false });
        sdk.workflow(&definition, state, |flow| sign_up(flow, &reader, start))
    })
}

fn sign_up(flow: &mut Flow<'_>, reader: &str, start: fn(&mut Sdk, &str)) -> NodeResult {
    flow.idle_node(RECEIVE)?;
    flow.node(START, |flow| {
        flow.sdk.forget(|sdk| start(sdk, reader));
        flow.set_state("set_started", json!({ "started": true }));
        Ok(())
    })?;
    flow.node(THANK, |flow| {
        flow.set_state("set_thanked", json!({ "thanked": true }));
        Ok(())
    })
}

/// Each step takes longer than all that is left of the workflow that started it.
fn step(sdk: &mut Sdk) {
    sdk.pass(10_000_000..50_000_000);
}

fn campaign(sdk: &mut Sdk, reader: &str) {
    let definition = Definition { name: "Campaign Workflow", graph: &CAMPAIGN_GRAPH, store: &CAMPAIGN_STORE };
    let state = json!({ "reader": reader, "topics": [], "sent": 0 });
    sdk.workflow(&definition, state, |flow| {
        flow.node(CHOOSE, |flow| {
            step(flow.sdk);
            flow.set_state("set_topics", json!({ "topics": ["tea", "Kräuter"] }));
            Ok(())
        })?;
        flow.node(SEND, |flow| {
            step(flow.sdk);
            flow.set_state("set_sent", json!({ "sent": 2 }));
            Ok(())
        })
    })
    .ok();
}

fn job(sdk: &mut Sdk, reader: &str) {
    open(sdk, "campaign job");
    sdk.span().attributes.push(pair("job.reader", reader));
    for number in 1..=3 {
        open(sdk, &format!("mail {number}"));
        sdk.span().attributes.push(pair("job.mail", i64::from(number)));
        step(sdk);
        sdk.close();
    }
    sdk.pass(20_000..80_000);
    sdk.close();
}

fn open(sdk: &mut Sdk, name: &str) {
    sdk.open(name);
    sdk.set_scope(Scope::named("jobs", "1.0"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{
        junjo::tests::trace::Trace,
        profile::{Profile, Telemetry},
    };

    #[test]
    fn what_a_node_starts_ends_after_the_root_and_is_sent_after_it() {
        for telemetry in [Telemetry::Current, Telemetry::Legacy] {
            for (variant, seed) in (0..VARIANTS).flat_map(|variant| (0..40).map(move |seed| (variant, seed)))
            {
                let trace = Trace::of(Profile::Background, variant, telemetry, seed, 0);
                let spans: Vec<_> = trace.spans.iter().map(|seen| &seen.span).collect();
                assert!(spans.is_sorted_by_key(|span| span.end_time_unix_nano), "they are sent as they end");
                let root = trace.spans.iter().position(|seen| seen.parent.is_none()).unwrap();
                assert_eq!((root, spans.len()), (3, if variant == 0 { 7 } else { 8 }));
                let last = trace.spans.last().unwrap();
                let parent = trace.parent(last).unwrap();
                assert_eq!(parent.span.name, "StartCampaignNode");
                assert!(parent.span.start_time_unix_nano < last.span.start_time_unix_nano);
                if variant == 0 && telemetry == Telemetry::Current {
                    let of_parent = parent.text("junjo.executable_runtime_id");
                    assert_eq!(last.text("junjo.parent_executable_runtime_id"), of_parent);
                }
                let took = last.span.end_time_unix_nano - spans[root].start_time_unix_nano;
                assert!(took <= LONGEST, "{took}");
            }
        }
    }
}
