//! An odd link among plain ones.
//!
//! What a link points to is not ours, so its ids may be anything.

use std::iter;

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
    pub(super) trace_state: usize,
    pub(super) flags: usize,
    pub(super) attributes: usize,
    pub(super) dropped: usize,
}

/// The links of a span by the trace id and the span id of each, the odd one last.
pub(super) fn links(odd: Odd, ids: &[[Vec<u8>; 2]], long: usize) -> Vec<Link> {
    let linked = |[trace_id, span_id]: &[Vec<u8>; 2]| Link {
        trace_id: trace_id.clone(),
        span_id: span_id.clone(),
        ..Link::default()
    };
    let mut links: Vec<_> = ids.iter().map(linked).collect();
    if let Some(last) = links.last_mut() {
        last.trace_state = text(odd.trace_state, long);
        last.attributes = attributes::list(odd.attributes);
        last.dropped_attributes_count = COUNTERS[odd.dropped];
        last.flags = FLAGS[odd.flags];
    }
    links
}

/// The trace id and the span id of each link: `count` and `odd`, the form of the last one, are levels.
pub(super) fn ids(count: usize, odd: usize, dice: &mut Dice) -> Vec<[Vec<u8>; 2]> {
    let Some(last) = COUNTS[count].checked_sub(1) else { return Vec::new() };
    let lengths = iter::repeat_n(ID_LENGTHS[0], last).chain([ID_LENGTHS[odd]]);
    lengths.map(|(trace_id, span_id)| [trace_id, span_id].map(|len| bytes(len, dice))).collect()
}

/// Random bytes, some of them zero.
fn bytes(len: usize, dice: &mut Dice) -> Vec<u8> {
    (0..len).map(|_| dice.below(256).saturating_sub(8) as u8).collect()
}
