//! A stored row, cut where workflows differ: a row is told to be as planned by comparing its pieces, without writing it.

use std::{cmp::Reverse, collections::HashMap, ops::Range};

use memchr::memmem;

use super::{ids::RunId, place::Place, profile::Telemetry};
use crate::contract::{
    otlp::Cells,
    row::{Cell, Row},
    schema::{COLUMN_COUNT, column::OF_RESOURCE},
};

pub(super) mod known_row;
pub(super) mod texts;

/// What differs between the rows of two workflows: texts as they stand in a row, and the start, the end and the duration.
#[derive(Debug)]
pub(super) struct Holes<'h, const N: usize> {
    pub(super) texts: [&'h [u8]; N],
    pub(super) times: [i64; 3],
}

/// What fills the holes of a row.
pub(super) trait Filling {
    /// How many texts there are.
    fn texts(&self) -> usize;

    /// A text as it stands in a row.
    fn text(&self, hole: usize) -> &[u8];

    /// The start, the end and the duration.
    fn times(&self) -> &[i64; 3];
}

impl<const N: usize> Filling for Holes<'_, N> {
    fn texts(&self) -> usize {
        N
    }

    fn text(&self, hole: usize) -> &[u8] {
        self.texts[hole]
    }

    fn times(&self) -> &[i64; 3] {
        &self.times
    }
}

/// An id of so many bytes as a row has it.
pub(super) type Hex<const N: usize> = const_hex::Buffer<N>;

/// A place of which no value stands anywhere else in a row.
pub(super) const MARKED: Place<'static> = Place {
    run: RunId::from_bits(0x0f1e_2d3c_4b5a),
    workflow: 987_654_321_012,
    service: "service of a template",
    peer: "",
    turn: 0,
    variant: 0,
    telemetry: Telemetry::Current,
    start_time: 1_234_567_890_123_456_789,
};

/// Places of which none has a value of the one before.
pub(super) fn marked(number: u64) -> Place<'static> {
    Place {
        run: RunId::from_bits(MARKED.run.bits() ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        workflow: MARKED.workflow + 1_000 * number,
        service: [MARKED.service, "another one"][(number % 2) as usize],
        start_time: MARKED.start_time + 1_111_111_111 * number,
        ..MARKED
    }
}

/// The rows of one position of a profile's workflows. What comes from the resource is not part of it.
#[derive(Debug, PartialEq)]
pub(super) struct RowTemplate {
    columns: [Expected; COLUMN_COUNT],
}

/// What a column holds.
#[derive(Debug, PartialEq)]
enum Expected {
    /// By the resource.
    Anything,
    Null,
    Number(i64),
    /// One of the three times.
    Time(usize),
    Text(Vec<Piece>),
}

#[derive(Debug, PartialEq)]
enum Piece {
    Fixed(Vec<u8>),
    Hole(usize),
}

impl RowTemplate {
    /// Cuts the row of a workflow whose holes are filled with values that stand nowhere else in it.
    pub(super) fn cut(row: &Row, filling: &impl Filling) -> Self {
        let cells = row.cells();
        let mut holes = None;
        let columns = std::array::from_fn(|column| match cells[column] {
            _ if OF_RESOURCE.contains(&column) => Expected::Anything,
            Cell::Null => Expected::Null,
            Cell::Number(number) => match filling.times().iter().position(|time| *time == number) {
                Some(time) => Expected::Time(time),
                None => Expected::Number(number),
            },
            Cell::Text(text) => {
                let holes = holes.get_or_insert_with(|| HolesByWord::of(filling));
                Expected::Text(pieces(text.as_bytes(), holes.find(text.as_bytes())))
            }
        });
        Self { columns }
    }

    /// Whether a stored row is this one with other holes, in every byte of the columns that its file has.
    pub(super) fn is(&self, stored: &Cells<'_>, filling: &impl Filling) -> bool {
        self.columns.iter().zip(stored).all(|(expected, stored)| match (expected, stored) {
            (_, None) | (Expected::Anything, _) => true,
            (Expected::Null, Some(stored)) => *stored == Cell::Null,
            (Expected::Number(number), Some(stored)) => *stored == Cell::Number(*number),
            (Expected::Time(time), Some(stored)) => *stored == Cell::Number(filling.times()[*time]),
            (Expected::Text(pieces), Some(Cell::Text(text))) => is_filled(pieces, text.as_bytes(), filling),
            (Expected::Text(_), Some(_)) => false,
        })
    }
}

/// The texts of holes by the first of their words, to be looked for in a text.
struct HolesByWord<'h, F> {
    filling: &'h F,
    /// Holes that are one word.
    words: HashMap<&'h [u8], usize>,
    /// How long they are: a bit for each length.
    lengths: u64,
    others: Vec<usize>,
}

impl<'h, F: Filling> HolesByWord<'h, F> {
    fn of(filling: &'h F) -> Self {
        let is_word = |hole: &usize| filling.text(*hole).iter().all(u8::is_ascii_alphanumeric);
        let (words, others): (Vec<_>, Vec<_>) = (0..filling.texts()).partition(is_word);
        // Of holes with the same text the first.
        let words: HashMap<_, _> = words.into_iter().rev().map(|hole| (filling.text(hole), hole)).collect();
        let lengths = words.keys().fold(0, |lengths, word| lengths | length_bit(word.len()));
        Self { filling, words, lengths, others }
    }

    /// Where the holes are that do not begin or end inside a word: the first, and of those that begin together the
    /// longest, then the first behind it.
    fn find(&self, text: &[u8]) -> Vec<(Range<usize>, usize)> {
        let words = words(text).filter(|word| length_bit(word.len()) & self.lengths != 0);
        let words = words.filter_map(|word| Some((word.clone(), *self.words.get(&text[word])?)));
        let others = self.others.iter().flat_map(|hole| {
            let filled = self.filling.text(*hole);
            let found = memmem::find_iter(text, filled).map(|start| start..start + filled.len());
            found.filter(|range| stands_apart(text, range)).map(|range| (range, *hole))
        });
        let mut found: Vec<_> = words.chain(others).collect();
        found.sort_by_key(|(range, hole)| (range.start, Reverse(range.end), *hole));
        let mut end = 0;
        found.retain(|(range, _)| {
            let is_behind = range.start >= end;
            end = if is_behind { range.end } else { end };
            is_behind
        });
        found
    }
}

/// All lengths beyond the last bit share it.
fn length_bit(length: usize) -> u64 {
    1 << length.min(63)
}

/// The runs of ASCII letters and digits.
fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut end = 0;
    std::iter::from_fn(move || {
        let start = end + text[end..].iter().position(u8::is_ascii_alphanumeric)?;
        let len = text[start..].iter().position(|byte| !byte.is_ascii_alphanumeric());
        end = len.map_or(text.len(), |len| start + len);
        Some(start..end)
    })
}

fn stands_apart(text: &[u8], range: &Range<usize>) -> bool {
    let is_in_word = |at: usize| {
        let pair = at.checked_sub(1).and_then(|before| text.get(before..=at));
        pair.is_some_and(|pair| pair.iter().all(u8::is_ascii_alphanumeric))
    };
    !is_in_word(range.start) && !is_in_word(range.end)
}

fn pieces(text: &[u8], holes: Vec<(Range<usize>, usize)>) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(2 * holes.len() + 1);
    let mut end = 0;
    for (range, hole) in holes {
        pieces.extend((range.start > end).then(|| Piece::Fixed(text[end..range.start].to_owned())));
        pieces.push(Piece::Hole(hole));
        end = range.end;
    }
    pieces.extend((end < text.len()).then(|| Piece::Fixed(text[end..].to_owned())));
    pieces
}

fn is_filled(pieces: &[Piece], text: &[u8], filling: &impl Filling) -> bool {
    let rest = pieces.iter().try_fold(text, |rest, piece| {
        rest.strip_prefix(match piece {
            Piece::Fixed(fixed) => fixed.as_slice(),
            Piece::Hole(hole) => filling.text(*hole),
        })
    });
    rest.is_some_and(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        contract::schema::Schema,
        traffic::{dice::Dice, getting_started, profile::Profile, workflow::Workflow},
    };

    fn other(cell: Cell<'_>) -> Vec<Cell<'static>> {
        match cell {
            Cell::Null => vec![Cell::Text(""), Cell::Number(0)],
            Cell::Number(number) => vec![Cell::Null, Cell::Number(number ^ 1)],
            Cell::Text(text) => {
                let leaked = |text: String| Cell::Text(Box::leak(text.into_boxed_str()));
                let shorter = text.chars().skip(1).collect::<String>();
                let shorter = (!text.is_empty()).then(|| leaked(shorter));
                [Cell::Null, leaked(format!("{text} "))].into_iter().chain(shorter).collect()
            }
        }
    }

    proptest! {
        /// The rows that are written are known, and no others.
        #[test]
        fn a_row_is_known_by_its_pieces(
            is_minimal: bool, bits: u64, workflow in 0..1_u64 << 40, turn in 0..9_u64, seed: u64,
            service in "[0-9a-zA-Z \u{e4}.-]{1,20}", is_v1: bool, position in 0..getting_started::SPANS,
        ) {
            let (profile, position) =
                if is_minimal { (Profile::Minimal, 0) } else { (Profile::GettingStarted, position) };
            let schema = if is_v1 { Schema::V1 } else { Schema::V2 };
            let place = Place { run: RunId::from_bits(bits), workflow, service: &service, turn, ..MARKED };
            let workflow = Workflow::new(profile, place, Dice::at(seed, workflow));
            let mut row = Row::default();
            workflow.write_row(position, schema, &mut row);
            let cells = row.cells().map(Some);
            prop_assert!(workflow.is_row(position, schema, &cells));
            for column in (0..COLUMN_COUNT).filter(|column| !OF_RESOURCE.contains(column)) {
                for other in other(row.cells()[column]) {
                    let mut changed = cells;
                    changed[column] = Some(other);
                    prop_assert!(!workflow.is_row(position, schema, &changed), "{}", column);
                }
                let mut unknown = cells;
                unknown[column] = None;
                prop_assert!(workflow.is_row(position, schema, &unknown));
            }
        }
    }
}
