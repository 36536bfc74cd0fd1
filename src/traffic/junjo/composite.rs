//! Workflows of concurrent groups and nested subflows.
//!
//! Two apps take turns: [`counters`], shaped like the example that comes with the SDK, and
//! [`research`], which nests deeper and is correlated with something outside Junjo.

use crate::traffic::{dice::Dice, place::Place, recorded::Recorded};

mod counters;
mod research;

pub(crate) const VARIANTS: u32 = 2;

pub(crate) fn record(place: &Place<'_>, dice: Dice) -> Vec<Recorded> {
    match place.variant {
        0 => counters::record(place, dice),
        _ => research::record(place, dice),
    }
}
