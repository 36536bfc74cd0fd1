//! An odd link among plain ones.
//!
//! What a link points to is not ours, so its ids may be anything.

use opentelemetry_proto::tonic::trace::v1::span::Link;

use super::{
    attributes,
    cases::{COUNTERS, FLAGS},
    texts::text,
};
use crate::traffic::dice::Dice;

/// How many links a span has.
pub(super) const COUNTS: [usize; 3] = [0, 1, 3];

/// Bytes of the odd link's trace id and span id.
pub(super) const ID_LENGTHS: [(usize, usize); 6] = [(16, 8), (0, 0), (1, 0), (15, 7), (17, 9), (64, 32)];

/// What the odd link is like; each a level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odd {
    pub(super) count: usize,
    pub(super) ids: usize,
    pub(super) trace_state: usize,
    pub(super) flags: usize,
    pub(super) attributes: usize,
    pub(super) dropped: usize,
}

/// The odd one last.
pub(super) fn links(odd: Odd, long: usize, dice: &mut Dice) -> Vec<Link> {
    let Some(last) = COUNTS[odd.count].checked_sub(1) else { return Vec::new() };
    let mut linked = |(trace_id, span_id)| Link {
        trace_id: bytes(trace_id, dice),
        span_id: bytes(span_id, dice),
        ..Link::default()
    };
    let mut links: Vec<_> = (0..last).map(|_| linked(ID_LENGTHS[0])).collect();
    links.push(Link {
        trace_state: text(odd.trace_state, long),
        attributes: attributes::list(odd.attributes),
        dropped_attributes_count: COUNTERS[odd.dropped],
        flags: FLAGS[odd.flags],
        ..linked(ID_LENGTHS[odd.ids])
    });
    links
}

/// Random bytes, some of them zero.
fn bytes(len: usize, dice: &mut Dice) -> Vec<u8> {
    (0..len).map(|_| dice.below(256).saturating_sub(8) as u8).collect()
}
