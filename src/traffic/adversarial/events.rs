//! An odd event among plain ones.

use opentelemetry_proto::tonic::trace::v1::span::Event;

use super::{attributes, cases::COUNTERS, texts::text};

/// How many events a span has; SDKs keep 128.
pub(super) const COUNTS: [u64; 4] = [0, 1, 3, 129];

/// Times of the odd event: the first are relative to its span's planned start.
pub(super) const TIMES: usize = 7;

/// What the odd event is like; each a level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odd {
    pub(super) count: usize,
    pub(super) time: usize,
    pub(super) name: usize,
    pub(super) attributes: usize,
    pub(super) dropped: usize,
}

/// The time of an event that is not odd.
pub(super) fn at(start: u64, index: u64) -> u64 {
    start + 1_000 * (index + 1)
}

/// A microsecond apart from `start` on, the odd one last.
pub(super) fn events(odd: Odd, start: u64, long: usize) -> Vec<Event> {
    let Some(last) = COUNTS[odd.count].checked_sub(1) else { return Vec::new() };
    let plain =
        |index| Event { time_unix_nano: at(start, index), name: "plain".to_owned(), ..Event::default() };
    let mut events: Vec<_> = (0..last).map(plain).collect();
    events.push(Event {
        time_unix_nano: match odd.time {
            0 => at(start, last),
            1 => start,
            2 => start.wrapping_sub(1),
            3 => 0,
            4 => i64::MAX.cast_unsigned(),
            5 => 1 << 63,
            _ => u64::MAX,
        },
        name: text(odd.name, long),
        attributes: attributes::list(odd.attributes),
        dropped_attributes_count: COUNTERS[odd.dropped],
    });
    events
}
