//! An app like `demo_base_workflow` (`junjo-telemetry`, section 7): nodes that count at the same
//! time, then a subflow that writes its result into the store of the workflow, then a branch.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::traffic::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    junjo::{
        flow::{Definition, Flow},
        group::Group,
        raised::NodeResult,
        sdk,
        store::StoreClass,
    },
    place::Place,
    recorded::Recorded,
};

const FIRST: usize = 0;
const FINAL: usize = 1;
const COUNT_ITEMS: usize = 2;
const COUNTERS: usize = 3;
const INCREMENT: usize = 4;
const DECREMENT: usize = 5;
const ADD_TEN: usize = 6;
const SUBFLOW: usize = 7;
const EXACT_PATH: usize = 8;
const EVEN_PATH: usize = 9;
const ODD_PATH: usize = 10;

static DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("FirstNode"),
        Node::Class("FinalNode"),
        Node::Class("CountItemsNode"),
        Node::RunConcurrent { name: "Counter Nodes", items: &[INCREMENT, DECREMENT, ADD_TEN] },
        Node::Class("IncrementNode"),
        Node::Class("DecrementNode"),
        Node::Class("AddTenNode"),
        Node::Subflow { class: "SampleSubflow", graph: &SUBFLOW_DECLARATION },
        Node::Class("ExactPathNode"),
        Node::Class("EvenPathNode"),
        Node::Class("OddPathNode"),
    ],
    edges: &[
        (FIRST, COUNT_ITEMS, None),
        (COUNT_ITEMS, COUNTERS, None),
        (COUNTERS, SUBFLOW, None),
        (SUBFLOW, EXACT_PATH, Some("MatchesCount(15)")),
        (SUBFLOW, EVEN_PATH, Some("CounterIsEven()")),
        (SUBFLOW, ODD_PATH, None),
        (EXACT_PATH, FINAL, None),
        (EVEN_PATH, FINAL, None),
        (ODD_PATH, FINAL, None),
    ],
    source: FIRST,
    sinks: &[FINAL],
};

const CREATE_JOKE: usize = 0;
const CREATE_FACT: usize = 1;

static SUBFLOW_DECLARATION: Declaration = Declaration {
    nodes: &[Node::Class("CreateJokeNode"), Node::Class("CreateFactNode")],
    edges: &[(CREATE_JOKE, CREATE_FACT, None)],
    source: CREATE_JOKE,
    sinks: &[CREATE_FACT],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass = StoreClass { name: "SampleStore", fields: &["items", "counter", "joke", "fact"] };
static SUBFLOW_STORE: StoreClass =
    StoreClass { name: "SampleSubflowStore", fields: &["items", "joke", "fact"] };

const ITEMS: [&str; 6] = ["laser", "coffee", "horse", "crème brûlée", "\"quoted\"", "back\\slash"];

pub(super) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let definition = Definition { name: "demo_base_workflow", graph: &GRAPH, store: &STORE };
    sdk::record(place, dice, |sdk| {
        let items = &ITEMS[..=(sdk.dice.below(ITEMS.len() as u64) as usize)];
        let state = json!({"items": items, "counter": 0, "joke": null, "fact": null});
        sdk.workflow(&definition, state, run)
    })
}

fn run(flow: &mut Flow<'_>) -> NodeResult {
    flow.idle_node(FIRST)?;
    flow.node(COUNT_ITEMS, |flow| {
        let count = flow.store.get("items").as_array().map_or(0, Vec::len);
        flow.set_state("set_counter", json!({"counter": count}));
        Ok(())
    })?;
    flow.concurrently(COUNTERS, |group| {
        add(group, INCREMENT, "increment", 1);
        add(group, DECREMENT, "decrement", -1);
        add(group, ADD_TEN, "add_ten", 10);
    })?;
    let items = flow.store.get("items").clone();
    flow.subflow(SUBFLOW, &SUBFLOW_STORE, json!({"items": [], "joke": null, "fact": null}), |flow| {
        entertain(flow, &items)
    })?;
    flow.idle_node(match counter(flow) {
        15 => EXACT_PATH,
        even if even % 2 == 0 => EVEN_PATH,
        _ => ODD_PATH,
    })?;
    flow.idle_node(FINAL)
}

fn counter(flow: &Flow<'_>) -> i64 {
    flow.store.get("counter").as_i64().unwrap_or_default()
}

fn add(group: &mut Group<'_, '_>, node: usize, action: &str, amount: i64) {
    group.node(node, |flow| {
        let counter = counter(flow) + amount;
        flow.set_state(action, json!({"counter": counter}));
        Ok(())
    });
}

/// A joke and a fact about the items, copied into the parent's store at the end.
fn entertain(flow: &mut Flow<'_>, items: &Value) -> NodeResult {
    flow.set_state("set_items", json!({"items": items}));
    flow.node(CREATE_JOKE, |flow| {
        flow.set_state("set_joke", json!({"joke": format!("{items} walk into a bar 🍺")}));
        Ok(())
    })?;
    flow.node(CREATE_FACT, |flow| {
        flow.set_state("set_fact", json!({"fact": "A group of items is called a list."}));
        Ok(())
    })?;
    let (joke, fact) = (flow.store.get("joke").clone(), flow.store.get("fact").clone());
    flow.set_parent_state("set_joke", json!({"joke": joke}));
    flow.set_parent_state("set_fact", json!({"fact": fact}));
    Ok(())
}
