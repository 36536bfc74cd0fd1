//! Runs of an agent that answers questions about orders (`junjo-telemetry`, sections 2.5 to 2.8).
//!
//! Five stories, taken in turn: one with two tools of which one runs a workflow, one without tools,
//! one in which a tool's workflow fails, one that asks for more than its limit allows, and one that
//! is cancelled. What is said differs from run to run, the shape of a story never does.

use std::ops::Range;

use serde_json::Value;

mod definition;
pub(crate) mod fixture;
mod lengths;
mod message;
mod operation;
mod order_desk;
pub(super) mod rows;
mod run;
mod shipping;
mod state;
#[cfg(test)]
mod tests;

use self::{
    order_desk::{Enquiry, ORDER_DESK, look_up_order, output, quote_shipping},
    run::{Run, Stop},
};
use super::{
    dice::Dice,
    junjo::{
        raised::Raised,
        sdk::{self, Sdk},
    },
    place::Place,
    recorded::Recorded,
};

/// The longest that a run takes, in nanoseconds.
pub(crate) const LONGEST: u64 = 200_000_000;

pub(crate) const VARIANTS: u32 = STORIES.len() as u32;

/// How long it takes to look an order up, in nanoseconds.
const A_LOOK: Range<u64> = 300_000..9_000_000;

/// What the model says, at times, when it wants tools called.
const REMARK: &str = "Let me see.";

/// What happens in a run; it ends with the agent's output or without one.
type Story = fn(&mut Run<'_>, &Enquiry) -> Result<Value, Stop>;

const STORIES: [Story; 5] = [
    |run, enquiry| look_up_and_quote(run, enquiry, LOOK_UP, shipping::quote),
    |run, enquiry| Ok(answer_at_once(run, enquiry)),
    |run, enquiry| look_up_and_quote(run, enquiry, LOOK_UP, shipping::quote_in_vain),
    look_up_too_much,
    |run, enquiry| look_up_and_quote(run, enquiry, lose_the_client, shipping::quote),
];

/// What a tool does.
type Work = fn(&mut Sdk, &Enquiry) -> Result<Value, Raised>;

const LOOK_UP: Work = |sdk, enquiry| {
    sdk.pass(A_LOOK);
    Ok(enquiry.order_found())
};

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    let tell = STORIES[place.variant as usize];
    sdk::record(place, dice, |sdk| {
        let enquiry = Enquiry::new(&mut sdk.dice);
        run::execute(sdk, &ORDER_DESK, &enquiry.input(), |run| tell(run, &enquiry));
    })
}

/// The model has the order looked up and its shipping quoted in one batch, then answers.
fn look_up_and_quote(
    run: &mut Run<'_>,
    enquiry: &Enquiry,
    look_up: Work,
    quote: Work,
) -> Result<Value, Stop> {
    let dice = &mut run.sdk.dice;
    let calls = [look_up_order(enquiry.order, dice), quote_shipping(enquiry.order, dice)];
    let text = (dice.below(2) == 0).then_some(REMARK);
    run.ask_for(text, &calls)?;
    run.call(&calls[0], |sdk| look_up(sdk, enquiry))?;
    run.call(&calls[1], |sdk| quote(sdk, enquiry))?;
    let answer = enquiry.answer(&mut run.sdk.dice);
    Ok(run.answer(output(&answer)))
}

fn answer_at_once(run: &mut Run<'_>, enquiry: &Enquiry) -> Value {
    let answer = enquiry.refusal(&mut run.sdk.dice);
    run.answer(output(&answer))
}

/// The model wants orders looked up two by two, which is more than the agent may do.
fn look_up_too_much(run: &mut Run<'_>, enquiry: &Enquiry) -> Result<Value, Stop> {
    for order in [enquiry.order, enquiry.order + 2] {
        let calls = [order, order + 1].map(|order| look_up_order(order, &mut run.sdk.dice));
        run.ask_for(None, &calls)?;
        for call in &calls {
            run.call(call, |sdk| LOOK_UP(sdk, enquiry))?;
        }
    }
    let answer = enquiry.answer(&mut run.sdk.dice);
    Ok(run.answer(output(&answer)))
}

/// The caller goes away while the tool is at work.
fn lose_the_client(sdk: &mut Sdk, _: &Enquiry) -> Result<Value, Raised> {
    sdk.pass(A_LOOK);
    Err(Raised::Cancellation("client disconnected"))
}
