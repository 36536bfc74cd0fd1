//! An app that takes orders, and what can go wrong in it (`junjo-telemetry`, section 2.8).
//!
//! One graph with a concurrent group and subflows; the trouble of a workflow decides where its run
//! ends and how. The profiles `failing` and `cancelled` take turns with their troubles.

use std::sync::LazyLock;

use serde_json::json;

use super::{
    flow::{Definition, Flow},
    group::{self, Group},
    hook::Hook,
    raised::{NodeResult, Raised},
    sdk,
    store::StoreClass,
};
use crate::traffic::{
    dice::Dice,
    graph::{Declaration, Graph, Node},
    place::Place,
    profile::Telemetry,
    recorded::Recorded,
};

const RECEIVE: usize = 0;
const CONFIRM: usize = 1;
const PRICE: usize = 2;
const CHECKS: usize = 3;
const STOCK: usize = 4;
const FRAUD: usize = 5;
const CREDIT: usize = 6;
const SHIPPING: usize = 7;

static DECLARATION: Declaration = Declaration {
    nodes: &[
        Node::Class("ReceiveOrderNode"),
        Node::Class("ConfirmOrderNode"),
        Node::Class("PriceNode"),
        Node::RunConcurrent { name: "Checks", items: &[STOCK, FRAUD, CREDIT] },
        Node::Class("StockNode"),
        Node::Class("FraudNode"),
        Node::Subflow { class: "CreditSubflow", graph: &CREDIT_DECLARATION },
        Node::Subflow { class: "ShippingSubflow", graph: &SHIPPING_DECLARATION },
    ],
    edges: &[
        (RECEIVE, PRICE, None),
        (PRICE, CHECKS, Some("IsPriced")),
        (CHECKS, SHIPPING, Some("AllChecksPassed")),
        (SHIPPING, CONFIRM, None),
    ],
    source: RECEIVE,
    sinks: &[CONFIRM],
};

const SCORE: usize = 0;
const LIMIT: usize = 1;

static CREDIT_DECLARATION: Declaration = Declaration {
    nodes: &[Node::Class("ScoreNode"), Node::Class("LimitNode")],
    edges: &[(SCORE, LIMIT, None)],
    source: SCORE,
    sinks: &[LIMIT],
};

const PACK: usize = 0;
const LABEL: usize = 1;

static SHIPPING_DECLARATION: Declaration = Declaration {
    nodes: &[Node::Class("PackNode"), Node::Class("LabelNode")],
    edges: &[(PACK, LABEL, None)],
    source: PACK,
    sinks: &[LABEL],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass =
    StoreClass { name: "OrderStore", fields: &["order_id", "status", "total_cents", "checks", "tracking"] };
static CREDIT_STORE: StoreClass = StoreClass { name: "CreditStore", fields: &["score", "limit_cents"] };
static SHIPPING_STORE: StoreClass = StoreClass { name: "ShippingStore", fields: &["parcels", "tracking"] };

/// What goes wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    PriceFails,
    FraudCheckFails,
    LabelFails,
    NoEdgeLeadsOn,
    HookFails,
    CancelledWhilePricing,
    CancelledInChecks,
    HookDeliveryCancelled,
}

const FAILING: [Trouble; 5] = [
    Trouble::PriceFails,
    Trouble::FraudCheckFails,
    Trouble::LabelFails,
    Trouble::NoEdgeLeadsOn,
    Trouble::HookFails,
];
const CANCELLED: [Trouble; 3] =
    [Trouble::CancelledWhilePricing, Trouble::CancelledInChecks, Trouble::HookDeliveryCancelled];

pub(crate) const FAILING_VARIANTS: u32 = FAILING.len() as u32;
pub(crate) const CANCELLED_VARIANTS: u32 = CANCELLED.len() as u32;

pub(crate) fn record_failing(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    record(place, dice, FAILING[place.variant as usize])
}

pub(crate) fn record_cancelled(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    record(place, dice, CANCELLED[place.variant as usize])
}

fn record(place: &Place<'_>, dice: Dice, trouble: Trouble) -> Vec<Recorded> {
    let definition = Definition { name: "Order Workflow", graph: &GRAPH, store: &STORE };
    sdk::record(place, dice, |sdk| {
        let order = sdk.dice.below(1_000_000);
        let state = json!({
            "order_id": format!("O-{order:06}"),
            "status": "open",
            "total_cents": null,
            "checks": {},
            "tracking": null,
        });
        sdk.workflow(&definition, state, |flow| run(flow, trouble))
    })
}

fn run(flow: &mut Flow<'_>, trouble: Trouble) -> NodeResult {
    flow.node(RECEIVE, |flow| {
        flow.set_state("set_status", json!({"status": "received"}));
        Ok(())
    })?;
    flow.node(PRICE, |flow| price(flow, trouble))?;
    flow.concurrently(CHECKS, |group| check(group, trouble))?;
    if trouble == Trouble::NoEdgeLeadsOn {
        return flow.dead_end(CHECKS);
    }
    flow.subflow(SHIPPING, &SHIPPING_STORE, json!({"parcels": [], "tracking": null}), |flow| {
        ship(flow, trouble)
    })?;
    flow.node(CONFIRM, |flow| {
        flow.set_state("set_status", json!({"status": "confirmed"}));
        Ok(())
    })?;
    if trouble == Trouble::HookDeliveryCancelled {
        let hook = Hook { event: "workflow_completed", callback: "hooks.notify_customer" };
        flow.sdk.hook_delivery_cancelled(hook, "shutdown");
    }
    Ok(())
}

fn price(flow: &mut Flow<'_>, trouble: Trouble) -> NodeResult {
    if trouble == Trouble::CancelledWhilePricing {
        return cancelled(flow);
    }
    let cents = 100 + flow.sdk.dice.below(90_000);
    flow.set_state("set_total", json!({"total_cents": cents, "status": "priced"}));
    match trouble {
        Trouble::PriceFails => {
            return Err(Raised::error("ValueError", format!("no price list for {cents} cents")));
        }
        Trouble::HookFails => {
            let hook = Hook { event: "node_completed", callback: "hooks.count_nodes" };
            flow.sdk.hook_failed(hook, "RuntimeError", "metrics backend is away");
        }
        _ => {}
    }
    Ok(())
}

/// In the order in which the checks end. Up to SDK 0.62 a failed check left the others alone; here
/// it ends last, since what outlives its group has a span that sticks out of its parent's.
fn check(group: &mut Group<'_, '_>, trouble: Trouble) {
    let fraud_fails = trouble == Trouble::FraudCheckFails;
    group.node(STOCK, |flow| {
        flow.set_state("pass_check", json!({"checks": {"stock": true}}));
        Ok(())
    });
    let spares_others = group.flow.sdk.telemetry == Telemetry::Legacy;
    if !(fraud_fails && spares_others) {
        check_fraud(group, trouble);
    }
    group.subflow(CREDIT, &CREDIT_STORE, json!({"score": null, "limit_cents": 0}), |flow| {
        credit(flow, trouble, fraud_fails && !spares_others)
    });
    if fraud_fails && spares_others {
        check_fraud(group, trouble);
    }
}

fn check_fraud(group: &mut Group<'_, '_>, trouble: Trouble) {
    group.node(FRAUD, |flow| match trouble {
        Trouble::FraudCheckFails => {
            flow.sdk.pass(100_000..400_000);
            Err(Raised::error_of("fraud.client", "FraudServiceError", "the fraud service said: \"503\""))
        }
        Trouble::CancelledInChecks => cancelled(flow),
        _ => {
            flow.set_state("pass_check", json!({"checks": {"stock": true, "fraud/score": 12}}));
            Ok(())
        }
    });
}

fn credit(flow: &mut Flow<'_>, trouble: Trouble, sibling_failed: bool) -> NodeResult {
    let score = 300 + flow.sdk.dice.below(550);
    flow.node(SCORE, |flow| {
        flow.set_state("set_score", json!({"score": score}));
        if sibling_failed {
            return group::sibling_failed();
        }
        if trouble == Trouble::CancelledInChecks { cancelled(flow) } else { Ok(()) }
    })?;
    flow.node(LIMIT, |flow| {
        flow.set_state("set_limit", json!({"limit_cents": 1_000 * score}));
        Ok(())
    })?;
    flow.set_parent_state("pass_check", json!({"checks": {"stock": true, "credit": {"score": score}}}));
    Ok(())
}

fn ship(flow: &mut Flow<'_>, trouble: Trouble) -> NodeResult {
    flow.node(PACK, |flow| {
        flow.set_state("add_parcel", json!({"parcels": [{"grams": 420}]}));
        Ok(())
    })?;
    flow.node(LABEL, |flow| {
        if trouble == Trouble::LabelFails {
            return Err(Raised::error("TimeoutError", "label printer"));
        }
        let number = flow.sdk.dice.below(1 << 40);
        flow.set_state("set_tracking", json!({"tracking": format!("{number:012}")}));
        Ok(())
    })?;
    let tracking = flow.store.get("tracking").clone();
    flow.set_parent_state("set_tracking", json!({"tracking": tracking}));
    Ok(())
}

/// The task is cancelled from outside while a node waits.
fn cancelled(flow: &mut Flow<'_>) -> NodeResult {
    flow.sdk.pass(500_000..2_000_000);
    Err(Raised::Cancellation("cancelled"))
}
