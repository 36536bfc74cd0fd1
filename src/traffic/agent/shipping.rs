//! The workflow that one of the order desk's tools runs.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::order_desk::Enquiry;
use crate::traffic::{
    graph::{Declaration, Graph, Node},
    junjo::{
        flow::{Definition, Flow},
        raised::{NodeResult, Raised},
        sdk::Sdk,
        store::StoreClass,
    },
};

const WEIGH: usize = 0;
const PRICE: usize = 1;

static DECLARATION: Declaration = Declaration {
    nodes: &[Node::Class("WeighParcelNode"), Node::Class("PriceParcelNode")],
    edges: &[(WEIGH, PRICE, None)],
    source: WEIGH,
    sinks: &[PRICE],
};

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph::new(&DECLARATION));

static STORE: StoreClass = StoreClass { name: "ShippingStore", fields: &["order", "grams", "cents"] };

/// Works out what shipping an order costs.
pub(super) fn quote(sdk: &mut Sdk, enquiry: &Enquiry) -> Result<Value, Raised> {
    workflow(sdk, enquiry, |flow| {
        flow.set_state("set_cents", json!({ "cents": enquiry.cents }));
        Ok(())
    })?;
    Ok(json!({ "cents": enquiry.cents }))
}

/// The same without a price list.
pub(super) fn quote_in_vain(sdk: &mut Sdk, enquiry: &Enquiry) -> Result<Value, Raised> {
    let raised = Raised::error("ConnectionError", "the price list did not answer");
    workflow(sdk, enquiry, |_| Err(raised))?;
    Ok(Value::Null)
}

fn workflow(sdk: &mut Sdk, enquiry: &Enquiry, price: impl FnOnce(&mut Flow<'_>) -> NodeResult) -> NodeResult {
    let definition = Definition { name: "Shipping Quote Workflow", graph: &GRAPH, store: &STORE };
    let state = json!({ "order": enquiry.order, "grams": null, "cents": null });
    sdk.workflow(&definition, state, |flow| {
        flow.node(WEIGH, |flow| {
            flow.set_state("set_grams", json!({ "grams": enquiry.grams }));
            Ok(())
        })?;
        flow.node(PRICE, price)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structural_ids_are_those_of_a_real_run() {
        assert_eq!(GRAPH.id, "graph_942f674677d0f07990a5aa46a46fc6f8");
        assert_eq!(
            GRAPH.node_ids,
            ["node_6159f866cafd7cf1924efd3f26a3282a", "node_7532fe6961b8438bac2a5567e41e4a8d"]
        );
    }
}
