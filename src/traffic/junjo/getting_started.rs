//! Junjo's getting-started example through the imitated SDK.
//!
//! Serves its legacy form; the current one, of which many are sent, has an encoder of its own.

use serde_json::json;

use super::{
    flow::Definition,
    sdk::{self, Sdk},
    store::StoreClass,
};
use crate::traffic::{
    dice::Dice,
    getting_started::{COUNT_ITEMS, EVEN_ITEMS, FINAL, FIRST, GRAPH, ITEMS, ODD_ITEMS, WORKFLOW_NAME},
    place::Place,
    recorded::Recorded,
};

static STORE: StoreClass = StoreClass { name: "SampleWorkflowStore", fields: &["count", "items"] };

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let odd = place.turn.is_multiple_of(2);
    let items = if odd { &ITEMS[..3] } else { &ITEMS[..] };
    let definition = Definition { name: WORKFLOW_NAME, graph: &GRAPH, store: &STORE };
    sdk::record(place, dice, |sdk: &mut Sdk| {
        sdk.workflow(&definition, json!({"count": null, "items": items}), |flow| {
            flow.idle_node(FIRST)?;
            flow.node(COUNT_ITEMS, |flow| {
                flow.set_state("set_count", json!({"count": items.len()}));
                Ok(())
            })?;
            flow.idle_node(if odd { ODD_ITEMS } else { EVEN_ITEMS })?;
            flow.idle_node(FINAL)
        })
    })
}
