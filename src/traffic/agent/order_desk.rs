//! The agent that the `agent` profile runs: it answers questions about orders.
//!
//! One of its tools looks things up by itself, the other one runs a workflow. Its limits let one
//! batch of two calls through and not a second one.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{
    definition::{Agent, Declaration, Limits, Model, Tool, closed_object},
    message::Call,
};
use crate::traffic::dice::Dice;

pub(super) const LOOK_UP_ORDER: &str = "look_up_order";
pub(super) const QUOTE_SHIPPING: &str = "quote_shipping";

pub(super) static ORDER_DESK: LazyLock<Agent> = LazyLock::new(|| {
    let integer = || json!({ "type": "integer" });
    let text = || json!({ "type": "string" });
    let with_items = json!({ "default": false, "type": "boolean" });
    Agent::new(Declaration {
        key: "order_desk",
        name: "Order Desk Agent",
        instructions: "Answer questions about orders. Look facts up; never guess.",
        input_schema: closed_object(&json!({ "question": text() }), &["question"]),
        output_schema: closed_object(&json!({ "answer": text() }), &["answer"]),
        model: Model {
            driver_key: "google_genai",
            provider: "google",
            name: "gemini-2.5-flash",
            is_fixture: false,
        },
        tools: vec![
            Tool {
                name: LOOK_UP_ORDER,
                description: "Look up one order by its number.",
                input_schema: closed_object(
                    &json!({ "order": integer(), "with_items": with_items }),
                    &["order"],
                ),
                output_schema: closed_object(
                    &json!({ "items": integer(), "status": text() }),
                    &["items", "status"],
                ),
            },
            Tool {
                name: QUOTE_SHIPPING,
                description: "Work out what shipping an order costs.",
                input_schema: closed_object(&json!({ "order": integer() }), &["order"]),
                output_schema: closed_object(&json!({ "cents": integer() }), &["cents"]),
            },
        ],
        limits: Limits { model_requests: 4, tool_calls: 3 },
    })
});

/// What a run is about.
#[derive(Debug, Clone)]
pub(super) struct Enquiry {
    pub(super) order: u64,
    pub(super) question: String,
    pub(super) items: u64,
    pub(super) status: &'static str,
    pub(super) grams: u64,
    pub(super) cents: u64,
}

impl Enquiry {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let order = 1_000 + dice.below(9_000);
        let grams = 100 * (1 + dice.below(60));
        let question = match dice.below(4) {
            0 => format!("What does it cost to ship order {order}?"),
            1 => format!("Hi, order no. {order} here. Shipping costs, please!"),
            2 => format!("My invoice says \"order {order}\". Is it packed, and how much is shipping?"),
            _ => format!("Was kostet der Versand von Bestellung {order} nach Zürich?"),
        };
        Self {
            order,
            question,
            items: 1 + dice.below(12),
            status: ["open", "packed", "shipped"][dice.below(3) as usize],
            grams,
            cents: 390 + grams / 10,
        }
    }

    pub(super) fn input(&self) -> Value {
        json!({ "question": self.question })
    }

    pub(super) fn order_found(&self) -> Value {
        json!({ "items": self.items, "status": self.status })
    }

    /// What the agent says once it knows all.
    pub(super) fn answer(&self, dice: &mut Dice) -> String {
        let Self { order, items, status, cents, .. } = self;
        let (whole, rest) = (cents / 100, cents % 100);
        match dice.below(3) {
            0 => format!("Order {order} is {status}. Shipping its {items} items costs € {whole}.{rest:02}."),
            1 => format!("€ {whole}.{rest:02}\n(order {order}: {status})"),
            _ => format!("That would be {whole}.{rest:02} euros for {items} items."),
        }
    }

    /// What the agent says without having looked anything up.
    pub(super) fn refusal(&self, dice: &mut Dice) -> String {
        match dice.below(3) {
            0 => "I can only help with orders of the last 90 days.".to_owned(),
            1 => format!("Please send me the e-mail address of order {}.", self.order),
            _ => "That is nothing I may answer \u{2014} please call us.".to_owned(),
        }
    }
}

/// What the agent gives as its output.
pub(super) fn output(answer: &str) -> Value {
    json!({ "answer": answer })
}

/// A model's request to look an order up; the default of `with_items` is filled in by the SDK.
pub(super) fn look_up_order(order: u64, dice: &mut Dice) -> Call {
    Call {
        id: call_id(dice),
        tool: LOOK_UP_ORDER,
        requested: json!({ "order": order }),
        arguments: json!({ "order": order, "with_items": false }),
    }
}

pub(super) fn quote_shipping(order: u64, dice: &mut Dice) -> Call {
    let arguments = json!({ "order": order });
    Call { id: call_id(dice), tool: QUOTE_SHIPPING, requested: arguments.clone(), arguments }
}

fn call_id(dice: &mut Dice) -> String {
    format!("call_{}", dice.nano_id().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structural_ids_are_those_of_a_real_run() {
        assert_eq!(
            ORDER_DESK.structural_id,
            "agent_sha256:4f270b044a5736c10f2be5ae8ce8e10c8a592a8ac4cd961aff575ef06d6ba08a"
        );
        assert_eq!(
            ORDER_DESK.tool_ids[LOOK_UP_ORDER],
            "tool_sha256:3a552c12ebe407611a3c2f65fe07db0084f9e6c289a46bc4c8d7700d69c02794"
        );
        assert_eq!(
            ORDER_DESK.tool_ids[QUOTE_SHIPPING],
            "tool_sha256:448adc36141f69fec0f8fcc837c9557199b1a975be3ccb10dcbf3d2170c2645a"
        );
    }
}
