//! Groups of nodes inside groups: a `RunConcurrent` as an item of another one.
//!
//! Two runs take turns: all offers come in, or one of the inner group fails and takes both groups
//! and the workflow with it.

use std::sync::LazyLock;

use serde_json::json;

use super::{
    flow::{Definition, Flow},
    group::Group,
    raised::{NodeResult, Raised},
    sdk,
    store::StoreClass,
};
use crate::traffic::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    place::Place,
    recorded::Recorded,
};

pub(crate) const VARIANTS: u32 = 2;

const ASK: usize = 0;
const CHOOSE: usize = 1;
const OFFERS: usize = 2;
const LOCAL: usize = 3;
const ABROAD: usize = 4;
const BY_SEA: usize = 5;
const BY_AIR: usize = 6;

static DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("AskNode"),
        Node::Class("ChooseNode"),
        Node::RunConcurrent { name: "Offers", items: &[LOCAL, ABROAD] },
        Node::Class("LocalNode"),
        Node::RunConcurrent { name: "Offers from abroad", items: &[BY_SEA, BY_AIR] },
        Node::Class("BySeaNode"),
        Node::Class("ByAirNode"),
    ],
    edges: &[(ASK, OFFERS, None), (OFFERS, CHOOSE, None)],
    source: ASK,
    sinks: &[CHOOSE],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass = StoreClass { name: "OfferStore", fields: &["item", "offers", "chosen"] };

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let definition = Definition { name: "Offer Workflow", graph: &GRAPH, store: &STORE };
    let fails = place.variant == 1;
    sdk::record(place, dice, |sdk| {
        let item = format!("I-{:05}", sdk.dice.below(100_000));
        let state = json!({ "item": item, "offers": {}, "chosen": null });
        sdk.workflow(&definition, state, |flow| run(flow, fails))
    })
}

fn run(flow: &mut Flow<'_>, fails: bool) -> NodeResult {
    flow.idle_node(ASK)?;
    flow.concurrently(OFFERS, |group| {
        offer(group, LOCAL, "local", false);
        group.concurrently(ABROAD, |group| {
            offer(group, BY_SEA, "by sea", false);
            offer(group, BY_AIR, "by air", fails);
        });
    })?;
    flow.node(CHOOSE, |flow| {
        flow.set_state("choose", json!({ "chosen": "local" }));
        Ok(())
    })
}

fn offer(group: &mut Group<'_, '_>, node: usize, way: &str, fails: bool) {
    group.node(node, |flow| {
        if fails {
            return Err(Raised::error("TimeoutError", "the carrier did not answer"));
        }
        let mut offers = flow.store.get("offers").clone();
        offers[way] = json!(1_000 + flow.sdk.dice.below(9_000));
        flow.set_state("add_offer", json!({ "offers": offers }));
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{
        junjo::tests::trace::Trace,
        profile::{Profile, Telemetry},
    };

    #[test]
    fn the_inner_group_is_an_item_of_the_outer_one() {
        let trace = Trace::of(Profile::FanOut, 0, Telemetry::Current, 7, 0);
        let inner = trace.spans.iter().find(|seen| seen.span.name == "Offers from abroad").unwrap();
        let outer = trace.parent(inner).unwrap();
        assert_eq!((inner.kind(), outer.kind()), ("run_concurrent", "run_concurrent"));
        assert_eq!(
            inner.text("junjo.parent_executable_runtime_id"),
            outer.text("junjo.executable_runtime_id")
        );
        // Ask, the two items of the outer group, choose: what the inner group runs does not count.
        assert_eq!(trace.spans.last().unwrap().number("junjo.workflow.node.count"), 4);
    }

    #[test]
    fn a_failure_of_the_inner_group_fails_all_around_it() {
        let trace = Trace::of(Profile::FanOut, 1, Telemetry::Current, 7, 0);
        let failed: Vec<_> =
            trace.spans.iter().filter(|seen| seen.status().0 == 2).map(|seen| &seen.span.name[..]).collect();
        assert_eq!(failed, ["ByAirNode", "Offers from abroad", "Offers", "Offer Workflow"]);
    }

    /// What SDK 0.68.0 computed for the same declaration.
    #[test]
    fn structural_ids_are_those_of_a_real_run() {
        assert_eq!(GRAPH.id, "graph_720167b44ab49c6176080aa61fbc74aa");
    }
}
