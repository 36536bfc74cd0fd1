//! What varies from span to span, and how a row of the covering array becomes a span.
//!
//! Whatever is odd here has one stored form in the contract. The ids, the parent and the tags of a span
//! are never odd: an audit knows it by them.

use std::sync::LazyLock;

use opentelemetry_proto::tonic::{
    common::v1::InstrumentationScope,
    trace::v1::{Span, Status},
};

use super::{
    attributes,
    covering::{self, Factor, Row},
    events, links,
    texts::{self, text},
    values,
};
use crate::traffic::{
    dice::Dice,
    recorded::{Draft, Scope},
};

/// A factor by its place in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Value,
    Times,
    Name,
    Key,
    Status,
    Kind,
    TraceState,
    Scope,
    Flags,
    More,
    DroppedAttributes,
    DroppedEvents,
    DroppedLinks,
    Events,
    EventTime,
    EventName,
    EventAttributes,
    EventDropped,
    Links,
    LinkIds,
    LinkTraceState,
    LinkFlags,
    LinkAttributes,
    LinkDropped,
}

/// Their levels, and the part without which one means nothing.
const PARTS: [(Part, usize, Option<Part>); 24] = [
    (Part::Value, values::COUNT, None),
    (Part::Times, TIMES, None),
    (Part::Name, texts::COUNT, None),
    (Part::Key, attributes::WAYS, None),
    (Part::Status, STATUSES.len(), None),
    (Part::Kind, KINDS.len(), None),
    (Part::TraceState, texts::COUNT, None),
    (Part::Scope, SCOPES, None),
    (Part::Flags, FLAGS.len(), None),
    (Part::More, attributes::MORE.len(), None),
    (Part::DroppedAttributes, COUNTERS.len(), None),
    (Part::DroppedEvents, COUNTERS.len(), None),
    (Part::DroppedLinks, COUNTERS.len(), None),
    (Part::Events, events::COUNTS.len(), None),
    (Part::EventTime, events::TIMES, Some(Part::Events)),
    (Part::EventName, texts::COUNT, Some(Part::Events)),
    (Part::EventAttributes, attributes::LISTS, Some(Part::Events)),
    (Part::EventDropped, COUNTERS.len(), Some(Part::Events)),
    (Part::Links, links::COUNTS.len(), None),
    (Part::LinkIds, links::ID_LENGTHS.len(), Some(Part::Links)),
    (Part::LinkTraceState, texts::COUNT, Some(Part::Links)),
    (Part::LinkFlags, FLAGS.len(), Some(Part::Links)),
    (Part::LinkAttributes, attributes::LISTS, Some(Part::Links)),
    (Part::LinkDropped, COUNTERS.len(), Some(Part::Links)),
];

/// One row for each span, over and over.
pub(super) static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| covering::cover(&factors()));

/// Enumerations are open: a number that none of their names has is allowed.
const KINDS: [i32; 9] = [1, 0, 2, 3, 4, 5, 300, -1, i32::MIN];

/// Code and text of the message; none where a span says nothing of its status.
const STATUSES: [Option<(i32, usize)>; 12] = [
    Some((0, texts::EMPTY)),
    None,
    Some((0, texts::UNICODE)),
    Some((1, texts::EMPTY)),
    Some((1, texts::PLAIN)),
    Some((1, texts::LONG)),
    Some((2, texts::EMPTY)),
    Some((2, texts::QUOTES)),
    Some((2, texts::LONG)),
    Some((300, texts::EMPTY)),
    Some((300, texts::CONTROLS)),
    Some((-1, texts::PLAIN)),
];

/// What spans and links of SDKs have, what the W3C and OTLP give a meaning, and all bits.
pub(super) const FLAGS: [u32; 6] = [256, 0, 1, 768, 1 << 31, u32::MAX];

/// Of what was dropped.
pub(super) const COUNTERS: [u32; 3] = [0, 1, u32::MAX];

const SCOPES: usize = 6;

/// Pairs of start and end, see [`times`].
const TIMES: usize = 16;

/// Bytes of a long text, and those of it in every so-many-th row: a number without a common divisor with
/// the levels, which repeat in the rows.
const LONG: usize = 1 << 10;
const VERY_LONG: usize = 1 << 16;
const VERY_LONG_EVERY: usize = 29;

fn factors() -> Vec<Factor> {
    let factor = |&(_, levels, within): &(Part, usize, Option<Part>)| Factor {
        levels,
        within: within.map(|part| part as usize),
    };
    PARTS.iter().map(factor).collect()
}

/// What of a span is drawn; all else of it is its row's.
#[derive(Debug)]
pub(super) struct Drawn {
    /// When it is planned to start; some start at other times.
    pub(super) start: u64,
    pub(super) times: (u64, u64),
    pub(super) link_ids: Vec<[Vec<u8>; 2]>,
}

/// Draws for the span of a row in a workflow that starts at a time.
pub(super) fn draw(number: usize, workflow_start: u64, dice: &mut Dice) -> Drawn {
    let row = &ROWS[number % ROWS.len()];
    let start = workflow_start + dice.below(super::LONGEST / 2);
    let times = times(row[Part::Times as usize], start, dice);
    let link_ids = links::ids(row[Part::Links as usize], row[Part::LinkIds as usize], dice);
    Drawn { start, times, link_ids }
}

/// How many events the span of a row has.
pub(super) fn events_of(number: usize) -> u64 {
    events::COUNTS[ROWS[number % ROWS.len()][Part::Events as usize]]
}

/// The span of a row, without children.
pub(super) fn draft(number: usize, drawn: &Drawn) -> Draft {
    let number = number % ROWS.len();
    let level = |part: Part| ROWS[number][part as usize];
    let long = if number.is_multiple_of(VERY_LONG_EVERY) { VERY_LONG } else { LONG };
    let &Drawn { start, times: (start_time, end_time), ref link_ids } = drawn;
    let event = events::Odd {
        count: level(Part::Events),
        time: level(Part::EventTime),
        name: level(Part::EventName),
        attributes: level(Part::EventAttributes),
        dropped: level(Part::EventDropped),
    };
    let link = links::Odd {
        trace_state: level(Part::LinkTraceState),
        flags: level(Part::LinkFlags),
        attributes: level(Part::LinkAttributes),
        dropped: level(Part::LinkDropped),
    };
    let span = Span {
        name: text(level(Part::Name), long),
        kind: KINDS[level(Part::Kind)],
        start_time_unix_nano: start_time,
        end_time_unix_nano: end_time,
        attributes: attributes::around(level(Part::Value), level(Part::Key), level(Part::More), long),
        events: events::events(event, start, long),
        links: links::links(link, link_ids, LONG),
        status: STATUSES[level(Part::Status)]
            .map(|(code, message)| Status { code, message: text(message, long) }),
        flags: FLAGS[level(Part::Flags)],
        trace_state: text(level(Part::TraceState), LONG),
        dropped_attributes_count: COUNTERS[level(Part::DroppedAttributes)],
        dropped_events_count: COUNTERS[level(Part::DroppedEvents)],
        dropped_links_count: COUNTERS[level(Part::DroppedLinks)],
        ..Span::default()
    };
    Draft { scope: scope(level(Part::Scope)), span, ..Draft::new("", 0, 0) }
}

/// Start and end, of which the store's 64 bits hold the difference.
///
/// What the studio makes of a longer one depends on how it was built, so there is none. Times from 2^63
/// on wrap to negative ones: 2^64 - 1 lies a nanosecond before 0.
fn times(level: usize, start: u64, dice: &mut Dice) -> (u64, u64) {
    const LAST: u64 = i64::MAX.cast_unsigned();
    const WRAPPED: u64 = 1 << 63;
    let duration = 1 + dice.below(super::LONGEST / 2);
    match level {
        0 => (start, start + duration),
        1 => (start, start),
        2 => (start + duration, start),
        3 => (0, 0),
        4 => (0, start),
        5 => (start, 0),
        6 => (start, LAST),
        7 => (start, u64::MAX),
        8 => (0, LAST),
        9 => (LAST, LAST),
        10 => (LAST, u64::MAX),
        11 => (WRAPPED, WRAPPED + duration),
        12 => (WRAPPED, u64::MAX),
        13 => (u64::MAX, WRAPPED),
        14 => (u64::MAX, 0),
        _ => (u64::MAX, u64::MAX),
    }
}

/// The studio does not store them; spans that differ in theirs travel apart.
fn scope(level: usize) -> Scope {
    let named = |name: usize| Scope::named(&text(name, LONG), "");
    match level {
        0 => Scope::junjo(),
        1 => named(texts::EMPTY),
        2 => Scope::named(&text(texts::UNICODE, LONG), &text(texts::CONTROLS, LONG)),
        3 => Scope::named(&text(texts::LONG, LONG), &text(texts::LONG, LONG)),
        4 => {
            Scope { schema_url: "https://opentelemetry.io/schemas/1.37.0".to_owned(), ..named(texts::PLAIN) }
        }
        _ => Scope {
            scope: InstrumentationScope {
                attributes: attributes::list(2),
                dropped_attributes_count: u32::MAX,
                ..InstrumentationScope::default()
            },
            schema_url: text(texts::QUOTES, LONG),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn parts_stand_at_their_place() {
        for (place, (part, _, within)) in PARTS.iter().enumerate() {
            assert_eq!(*part as usize, place);
            assert!(within.is_none_or(|within| (within as usize) < place));
        }
    }

    #[test]
    fn every_two_levels_meet_in_some_row() {
        let factors = factors();
        let mut met = HashSet::new();
        for row in ROWS.iter() {
            let means = |(factor, _): &(usize, &usize)| covering::means(&factors, row, *factor);
            let choices: Vec<_> = row.iter().enumerate().filter(means).collect();
            for (index, (later, level)) in choices.iter().enumerate() {
                met.extend(
                    choices[..index].iter().map(|(earlier, other)| ((*earlier, **other), (*later, **level))),
                );
            }
        }
        let apart: Vec<_> =
            covering::pairs(&factors).into_iter().filter(|pair| !met.contains(pair)).collect();
        assert!(apart.is_empty(), "{apart:?}");
    }

    #[test]
    fn all_durations_fit_their_column() {
        let mut dice = Dice::at(1, 1);
        for level in 0..TIMES {
            let (start, end) = times(level, 1_795_346_058_000_000_000, &mut dice);
            assert!(end.cast_signed().checked_sub(start.cast_signed()).is_some(), "{start} {end}");
        }
    }
}
