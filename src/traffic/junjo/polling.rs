//! An app that goes in circles: it asks until there is an answer.
//!
//! A node that runs several times has as many spans, all with the same runtime id. A check that
//! finds nothing still writes its store, and leaves an event with an empty patch.

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

const START: usize = 0;
const DONE: usize = 1;
const ASK: usize = 2;
const CHECK: usize = 3;

static DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("StartNode"),
        Node::Class("DoneNode"),
        Node::Class("AskNode"),
        Node::Class("CheckNode"),
    ],
    edges: &[(START, ASK, None), (ASK, CHECK, None), (CHECK, ASK, Some("NotReady")), (CHECK, DONE, None)],
    source: START,
    sinks: &[DONE],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass = StoreClass { name: "PollingStore", fields: &["attempts", "ready", "answers"] };

/// By variant: how often it asks.
const ROUNDS: [u64; 2] = [3, 5];

pub(crate) const VARIANTS: u32 = ROUNDS.len() as u32;

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let definition = Definition { name: "Polling Workflow", graph: &GRAPH, store: &STORE };
    let state = json!({"attempts": 0, "ready": false, "answers": []});
    let rounds = ROUNDS[place.variant as usize];
    sdk::record(place, dice, |sdk| sdk.workflow(&definition, state, |flow| run(flow, rounds)))
}

fn run(flow: &mut Flow<'_>, rounds: u64) -> NodeResult {
    flow.idle_node(START)?;
    let mut answers = Vec::new();
    for attempt in 1..=rounds {
        answers.push(flow.sdk.dice.below(100));
        flow.node(ASK, |flow| {
            flow.set_state("add_answer", json!({"attempts": attempt, "answers": answers}));
            Ok(())
        })?;
        flow.node(CHECK, |flow| {
            flow.set_state("set_ready", json!({"ready": attempt == rounds}));
            Ok(())
        })?;
    }
    flow.idle_node(DONE)
}
