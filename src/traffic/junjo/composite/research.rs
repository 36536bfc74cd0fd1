//! An app whose subflow runs in a concurrent group and has a subflow of its own.
//!
//! Its states hold lists and maps, so that patches add, replace and remove, with escaped pointers
//! and text beyond ASCII. Subflow and nodes of the group take turns to write the workflow's store.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::traffic::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    junjo::{
        flow::{Definition, Flow},
        raised::NodeResult,
        sdk::{self, Correlation},
        store::StoreClass,
    },
    place::Place,
    recorded::Recorded,
};

const PLAN: usize = 0;
const ANSWER: usize = 1;
const GATHER: usize = 2;
const SEARCH: usize = 3;
const REVIEW: usize = 4;
const TRANSLATE: usize = 5;

static DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("PlanNode"),
        Node::Class("AnswerNode"),
        Node::RunConcurrent { name: "Gather – alles", items: &[SEARCH, REVIEW, TRANSLATE] },
        Node::Class("SearchNode"),
        Node::Subflow { class: "ReviewSubflow", graph: &REVIEW_DECLARATION },
        Node::Class("TranslateNode"),
    ],
    edges: &[(PLAN, GATHER, Some("HasTopics")), (GATHER, ANSWER, None)],
    source: PLAN,
    sinks: &[ANSWER],
};

const READ: usize = 0;
const RATE: usize = 1;
const SUMMARY: usize = 2;

static REVIEW_DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("ReadNode"),
        Node::Class("RateNode"),
        Node::Subflow { class: "SummarySubflow", graph: &SUMMARY_DECLARATION },
    ],
    edges: &[(READ, SUMMARY, None), (SUMMARY, RATE, None)],
    source: READ,
    sinks: &[RATE],
};

const DRAFT: usize = 0;
const POLISH: usize = 1;

static SUMMARY_DECLARATION: Declaration = Declaration {
    nodes: &[Node::Class("DraftNode"), Node::Class("PolishNode")],
    edges: &[(DRAFT, POLISH, None)],
    source: DRAFT,
    sinks: &[POLISH],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass =
    StoreClass { name: "ResearchStore", fields: &["question", "topics", "sources", "review", "done"] };
static REVIEW_STORE: StoreClass = StoreClass { name: "ReviewStore", fields: &["pages", "summary", "rating"] };
static SUMMARY_STORE: StoreClass = StoreClass { name: "SummaryStore", fields: &["lines"] };

pub(super) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let definition = Definition { name: "Research Workflow", graph: &GRAPH, store: &STORE };
    let state = json!({
        "question": "Why is the sky blue? / Warum ist der Himmel blau?",
        "topics": [],
        "sources": {"a/b": 1, "m~n": {"weight": 0.25}},
        "review": null,
        "done": false,
    });
    sdk::record(place, dice, |sdk| {
        let ticket = sdk.dice.below(1_000_000);
        sdk.correlation = Some(Correlation { kind: "ticket", id: format!("T-{ticket:06}") });
        sdk.workflow(&definition, state, run)
    })
}

fn run(flow: &mut Flow<'_>) -> NodeResult {
    flow.node(PLAN, |flow| {
        flow.set_state("set_topics", json!({"topics": ["light", "Streuung", "眼睛"], "done": false}));
        Ok(())
    })?;
    flow.concurrently(GATHER, |group| {
        group.node(SEARCH, |flow| {
            let hits = flow.sdk.dice.below(9_000);
            flow.set_state(
                "set_sources",
                json!({"sources": {"a/b": 2, "m~n": {"weight": 0.5}, "hits": hits}}),
            );
            flow.set_state("drop_topic", json!({"topics": ["light", "眼睛"]}));
            Ok(())
        });
        group.subflow(REVIEW, &REVIEW_STORE, json!({"pages": [], "summary": {}, "rating": null}), review);
        group.node(TRANSLATE, |flow| {
            flow.set_state("set_topics", json!({"topics": ["Licht", "Auge"]}));
            flow.set_state("set_topics", json!({"topics": ["Licht", "Auge"]}));
            Ok(())
        });
    })?;
    flow.node(ANSWER, |flow| {
        flow.set_state("finish", json!({"done": true, "sources": {}}));
        Ok(())
    })
}

/// Reads pages, has them summed up, rates the result and hands it to the workflow.
fn review(flow: &mut Flow<'_>) -> NodeResult {
    flow.set_parent_state("start_review", json!({"review": {"state": "running"}}));
    flow.node(READ, |flow| {
        let pages: Vec<Value> = (1..=3).map(|page| json!({"page": page, "seen": true})).collect();
        flow.set_state("set_pages", json!({"pages": pages}));
        Ok(())
    })?;
    flow.subflow(SUMMARY, &SUMMARY_STORE, json!({"lines": ["-"]}), summary)?;
    flow.node(RATE, |flow| {
        let rating = 1 + flow.sdk.dice.below(5);
        flow.set_state("set_rating", json!({"rating": rating}));
        Ok(())
    })?;
    let (summary, rating) = (flow.store.get("summary").clone(), flow.store.get("rating").clone());
    flow.set_parent_state("set_review", json!({"review": {"rating": rating, "summary": summary}}));
    Ok(())
}

fn summary(flow: &mut Flow<'_>) -> NodeResult {
    flow.node(DRAFT, |flow| {
        flow.set_state(
            "set_lines",
            json!({"lines": ["Blue light scatters most.", "\tSo it comes from everywhere.", "-"]}),
        );
        Ok(())
    })?;
    flow.node(POLISH, |flow| {
        flow.set_state("set_lines", json!({"lines": ["Blue light scatters most."]}));
        Ok(())
    })?;
    let lines = flow.store.get("lines").clone();
    flow.set_parent_state("set_summary", json!({"summary": {"lines": lines}, "pages": []}));
    Ok(())
}
