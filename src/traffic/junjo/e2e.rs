//! The workflow of the studio's own end-to-end test app (`junjo-telemetry`, section 9).
//!
//! Seven spans and three transitions, one of which writes a context of 500 words: the span that
//! carries it is some 4 kB long, and so are the two states of the workflow.

use std::sync::LazyLock;

use serde_json::json;

use super::{
    flow::{Definition, Flow},
    raised::NodeResult,
    sdk,
    store::StoreClass,
};
use crate::traffic::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    place::Place,
    recorded::Recorded,
};

const FIRST: usize = 0;
const FINAL: usize = 1;
const SIMULATED_RAG: usize = 2;
const COUNT_ITEMS: usize = 3;
const ADD_RANDOM: usize = 4;
const EVEN_ITEMS: usize = 5;
const ODD_ITEMS: usize = 6;

static DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("FirstNode"),
        Node::Class("FinalNode"),
        Node::Class("SimulatedRagResponse"),
        Node::Class("CountItemsNode"),
        Node::Class("AddRandomNode"),
        Node::Class("EvenItemsNode"),
        Node::Class("OddItemsNode"),
    ],
    edges: &[
        (FIRST, SIMULATED_RAG, None),
        (SIMULATED_RAG, COUNT_ITEMS, None),
        (COUNT_ITEMS, ADD_RANDOM, None),
        (ADD_RANDOM, EVEN_ITEMS, Some("CountIsEven")),
        (ADD_RANDOM, ODD_ITEMS, None),
        (EVEN_ITEMS, FINAL, None),
        (ODD_ITEMS, FINAL, None),
    ],
    source: FIRST,
    sinks: &[FINAL],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass = StoreClass { name: "SampleWorkflowStore", fields: &["count", "items", "context"] };

/// The items of successive workflows.
const ITEMS: [&[&str]; 5] = [
    &["apple", "banana", "cherry"],
    &["red", "green", "blue", "yellow"],
    &["sun", "moon"],
    &["one", "two", "three", "four", "five"],
    &["north", "east", "south", "west"],
];

const CONTEXT_WORDS: usize = 500;

static LOREM: LazyLock<Vec<&str>> = LazyLock::new(|| LOREM_TEXT.split(' ').collect());

const LOREM_TEXT: &str = "ad adipiscing aliqua aliquip amet anim aute cillum commodo consectetur consequat culpa cupidatat \
     deserunt do dolor dolore duis ea eaque eiusmod elit enim esse est et eu ex excepteur exercitation \
     fugiat id in incididunt ipsum irure labore laboris laborum lorem magna minim mollit nisi non \
     nostrud nulla occaecat officia pariatur proident qui quis reprehenderit sed sint sit sunt tempor \
     ullamco ut velit veniam voluptate";

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let items = ITEMS[(place.turn % ITEMS.len() as u64) as usize];
    let definition = Definition { name: "E2E Test Workflow", graph: &GRAPH, store: &STORE };
    let state = json!({"count": null, "items": items, "context": null});
    sdk::record(place, dice, |sdk| sdk.workflow(&definition, state, |flow| run(flow, items.len() as u64)))
}

fn run(flow: &mut Flow<'_>, items: u64) -> NodeResult {
    let count = items + 1 + flow.sdk.dice.below(100);
    flow.idle_node(FIRST)?;
    flow.node(SIMULATED_RAG, |flow| {
        flow.sdk.pass(800_000..3_000_000);
        let context = words(&mut flow.sdk.dice);
        flow.set_state("set_context", json!({"context": context}));
        Ok(())
    })?;
    flow.node(COUNT_ITEMS, |flow| {
        flow.set_state("set_count", json!({"count": items}));
        Ok(())
    })?;
    flow.node(ADD_RANDOM, |flow| {
        flow.set_state("set_count", json!({"count": count}));
        Ok(())
    })?;
    flow.idle_node(if count.is_multiple_of(2) { EVEN_ITEMS } else { ODD_ITEMS })?;
    flow.idle_node(FINAL)
}

fn words(dice: &mut Dice) -> String {
    let words = (0..CONTEXT_WORDS).map(|_| LOREM[dice.below(LOREM.len() as u64) as usize]);
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structural_ids_are_those_of_the_real_app() {
        assert_eq!(GRAPH.id, "graph_16e52b16c7fad3adcffe6a4acfdd985a");
        assert_eq!(
            GRAPH.node_ids,
            [
                "node_a88d0580b6a2f92951dbba03f5ac6aa7",
                "node_f8708c9355b1bc44bc7e1e943d57870e",
                "node_789cd992d9984f9c86b62daf63e6cf6d",
                "node_55347753caec6db73db2f6e632d36813",
                "node_501eb3f0ee4d9cb6c3a984cb6b876afd",
                "node_dded28e096f8b3fa21a86d48a515c737",
                "node_0587c4ee6d70de9cf3ce337937f76fbf",
            ]
        );
    }
}
