//! A stored row, cut where workflows differ: a row is told to be as planned by comparing its pieces, without writing it.

use std::ops::Range;

use memchr::memmem;

use super::{ids::RunId, place::Place, profile::Telemetry};
use crate::contract::{
    otlp::Cells,
    row::{Cell, Row},
    schema::{COLUMN_COUNT, column::OF_RESOURCE},
};

/// What differs between the rows of two workflows: texts as they stand in a row, and the start, the end and the duration.
#[derive(Debug)]
pub(super) struct Holes<'h, const N: usize> {
    pub(super) texts: [&'h [u8]; N],
    pub(super) times: [i64; 3],
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

/// The rows of one position of a profile's workflows. What comes from the resource is not part of it.
#[derive(Debug)]
pub(super) struct RowTemplate {
    columns: [Expected; COLUMN_COUNT],
}

/// What a column holds.
#[derive(Debug)]
enum Expected {
    /// By the resource.
    Anything,
    Null,
    Number(i64),
    /// One of the three times.
    Time(usize),
    Text(Vec<Piece>),
}

#[derive(Debug)]
enum Piece {
    Fixed(Vec<u8>),
    Hole(usize),
}

impl RowTemplate {
    /// Cuts the row of a workflow whose holes are filled with values that stand nowhere else in it.
    pub(super) fn cut<const N: usize>(row: &Row, holes: &Holes<'_, N>) -> Self {
        let cells = row.cells();
        let expected = |column: usize| match cells[column] {
            _ if OF_RESOURCE.contains(&column) => Expected::Anything,
            Cell::Null => Expected::Null,
            Cell::Number(number) => match holes.times.iter().position(|time| *time == number) {
                Some(time) => Expected::Time(time),
                None => Expected::Number(number),
            },
            Cell::Text(text) => Expected::Text(pieces(text.as_bytes(), &holes.texts)),
        };
        Self { columns: std::array::from_fn(expected) }
    }

    /// Whether a stored row is this one with other holes, in every byte of the columns that its file has.
    pub(super) fn is<const N: usize>(&self, stored: &Cells<'_>, holes: &Holes<'_, N>) -> bool {
        self.columns.iter().zip(stored).all(|(expected, stored)| match (expected, stored) {
            (_, None) | (Expected::Anything, _) => true,
            (Expected::Null, Some(stored)) => *stored == Cell::Null,
            (Expected::Number(number), Some(stored)) => *stored == Cell::Number(*number),
            (Expected::Time(time), Some(stored)) => *stored == Cell::Number(holes.times[*time]),
            (Expected::Text(pieces), Some(Cell::Text(text))) => {
                is_filled(pieces, text.as_bytes(), &holes.texts)
            }
            (Expected::Text(_), Some(_)) => false,
        })
    }
}

fn pieces(text: &[u8], holes: &[&[u8]]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((hole, Range { start, end })) = first_hole(rest, holes) {
        if start > 0 {
            pieces.push(Piece::Fixed(rest[..start].to_owned()));
        }
        pieces.push(Piece::Hole(hole));
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Fixed(rest.to_owned()));
    }
    pieces
}

fn first_hole(text: &[u8], holes: &[&[u8]]) -> Option<(usize, Range<usize>)> {
    let found = holes.iter().enumerate().filter_map(|(hole, filled)| {
        let start = memmem::find(text, filled)?;
        Some((hole, start..start + filled.len()))
    });
    found.min_by_key(|(_, range)| range.start)
}

fn is_filled(pieces: &[Piece], text: &[u8], holes: &[&[u8]]) -> bool {
    let rest = pieces.iter().try_fold(text, |rest, piece| {
        rest.strip_prefix(match piece {
            Piece::Fixed(fixed) => fixed.as_slice(),
            Piece::Hole(hole) => holes[*hole],
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
