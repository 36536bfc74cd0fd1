//! A workflow of a profile that builds OTLP messages: its spans are made when they are asked for.

use std::cell::OnceCell;

use super::{
    adversarial, agent,
    dice::Dice,
    place::Place,
    profile::Profile,
    recorded::Recorded,
    row_template::{known_row::KnownRow, texts::Filled},
};
use crate::contract::{loss::Lost, otlp::Cells, schema::Schema};

/// A workflow that need not be made to tell its rows, if its profile knows them.
#[derive(Debug)]
pub(crate) struct Recording<'a> {
    profile: Profile,
    place: Place<'a>,
    dice: Dice,
    spans: OnceCell<Vec<Recorded>>,
    drawn: OnceCell<Drawn>,
}

/// What the rows of a workflow are filled with.
#[derive(Debug)]
enum Drawn {
    Agent(agent::rows::Told),
    Adversarial(Box<adversarial::rows::Odd>),
    Unknown,
}

impl<'a> Recording<'a> {
    pub(super) fn new(profile: Profile, place: Place<'a>, dice: Dice) -> Self {
        Self { profile, place, dice, spans: OnceCell::new(), drawn: OnceCell::new() }
    }

    /// By position.
    pub(super) fn spans(&self) -> &[Recorded] {
        self.spans.get_or_init(|| self.profile.record(&self.place, self.dice.clone()))
    }

    pub(crate) fn into_spans(self) -> Vec<Recorded> {
        let Self { profile, place, dice, spans, .. } = self;
        spans.into_inner().unwrap_or_else(|| profile.record(&place, dice))
    }

    /// Whether a stored row is known to be that of the span at a position; see [`row_template`](super::row_template).
    pub(super) fn is_row(&self, position: u32, schema: Schema, stored: &Cells<'_>) -> bool {
        let known = self.known(position, schema).zip(self.filled(position));
        known.is_some_and(|(known, filled)| known.is(stored, &filled))
    }

    /// What of a span the store cannot hold.
    pub(super) fn lost(&self, position: u32, schema: Schema) -> Lost {
        let of_span = || Lost::of(&self.spans()[position as usize].span, schema);
        self.known(position, schema).map_or_else(of_span, |known| known.lost)
    }

    fn drawn(&self) -> &Drawn {
        self.drawn.get_or_init(|| match self.profile {
            Profile::Agent => {
                agent::rows::Told::of(&self.place, self.dice.clone()).map_or(Drawn::Unknown, Drawn::Agent)
            }
            Profile::Adversarial => {
                Drawn::Adversarial(adversarial::rows::Odd::of(&self.place, self.dice.clone()).into())
            }
            _ => Drawn::Unknown,
        })
    }

    fn known(&self, position: u32, schema: Schema) -> Option<&'static KnownRow> {
        match self.drawn() {
            Drawn::Agent(told) => told.known(position, schema),
            Drawn::Adversarial(odd) => odd.known(position, schema),
            Drawn::Unknown => None,
        }
    }

    fn filled(&self, position: u32) -> Option<Filled<'_>> {
        match self.drawn() {
            Drawn::Agent(told) => Some(told.filled(position)),
            Drawn::Adversarial(odd) => Some(odd.filled(&self.place, position)),
            Drawn::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        contract::{
            mapping,
            row::{Cell, Row},
            schema::{COLUMN_COUNT, column::OF_RESOURCE},
        },
        traffic::{ids::RunId, profile::Telemetry},
    };

    /// A text with another character in place of the one at a byte.
    fn with_another(text: &str, at: usize) -> Option<String> {
        let old = text.get(at..)?.chars().next()?;
        let new = if old == '0' { "1" } else { "0" };
        Some([&text[..at], new, &text[at + old.len_utf8()..]].concat())
    }

    fn row(recording: &Recording<'_>, position: u32, schema: Schema) -> Row {
        let mut row = Row::default();
        mapping::write_span(&recording.spans()[position as usize].span, schema, &mut row);
        row
    }

    /// Questions after which all rows are known that may be.
    const ENOUGH: u32 = 100;

    /// Holds a row with another cell in a column against what is known.
    fn is_with(
        recording: &Recording<'_>,
        position: u32,
        schema: Schema,
        row: &Row,
        cell: (usize, Cell<'_>),
    ) -> bool {
        let mut cells = row.cells().map(Some);
        cells[cell.0] = Some(cell.1);
        recording.is_row(position, schema, &cells)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        /// The rows that are written are known, with what is lost of them, and no others.
        #[test]
        fn a_row_is_known_without_its_span(
            is_agent: bool, bits: u64, workflow in 0..1_u64 << 40, turn in 0..9_u64, seed: u64, is_v1: bool,
            service in "[0-9a-zA-Z \u{e4}.\"\\\\\n\u{1b}-]{1,20}", variant in 0..5_u32, position: u32,
            at in proptest::collection::vec(any::<prop::sample::Index>(), 20),
        ) {
            let profile = if is_agent { Profile::Agent } else { Profile::Adversarial };
            let schema = if is_v1 { Schema::V1 } else { Schema::V2 };
            let variant = variant % profile.variants();
            let telemetry = Telemetry::Current;
            let run = RunId::from_bits(bits);
            let start_time = 1_795_346_058_000_000_000 + turn * 2_500_000;
            let place = Place { run, workflow, service: &service, peer: "", turn, variant, telemetry, start_time };
            let made = || Recording::new(profile, place, Dice::at(seed, workflow));
            let (recording, untold) = (made(), made());
            let position = position % recording.spans().len() as u32;
            let row = row(&recording, position, schema);
            let is_known = || made().is_row(position, schema, &row.cells().map(Some));
            prop_assert!((0..ENOUGH).any(|_| is_known()));
            prop_assert!(untold.is_row(position, schema, &row.cells().map(Some)));
            prop_assert_eq!(untold.lost(position, schema), Lost::of(&recording.spans()[position as usize].span, schema));
            prop_assert!(untold.spans.get().is_none());
            let is = |column: usize, cell: Cell<'_>| is_with(&untold, position, schema, &row, (column, cell));
            for column in (0..COLUMN_COUNT).filter(|column| !OF_RESOURCE.contains(column)) {
                match row.cells()[column] {
                    Cell::Null => prop_assert!(!is(column, Cell::Text("")) && !is(column, Cell::Number(0))),
                    Cell::Number(number) => {
                        prop_assert!(!is(column, Cell::Null) && !is(column, Cell::Number(number ^ 1)));
                    }
                    Cell::Text(text) => {
                        let longer = format!("{text} ");
                        prop_assert!(!is(column, Cell::Null) && !is(column, Cell::Text(&longer)));
                        let at = at.iter().filter(|_| !text.is_empty()).map(|at| at.index(text.len()));
                        for changed in at.filter_map(|at| with_another(text, at)) {
                            prop_assert!(!is(column, Cell::Text(&changed)), "{}: {}", column, changed);
                        }
                    }
                }
                let mut unknown = row.cells().map(Some);
                unknown[column] = None;
                prop_assert!(untold.is_row(position, schema, &unknown));
            }
        }
    }

    #[test]
    fn a_row_with_any_other_byte_is_not_known() {
        for (profile, workflow, variant) in
            [(Profile::Agent, 17, 0), (Profile::Agent, 3, 3), (Profile::Adversarial, 2, 2)]
        {
            let run = RunId::from_bits(0x7f3a_0000_0001);
            let telemetry = Telemetry::Current;
            let place = Place {
                run,
                workflow,
                service: "a",
                peer: "",
                turn: 1,
                variant,
                telemetry,
                start_time: 1 << 60,
            };
            let recording = Recording::new(profile, place, Dice::at(1, workflow));
            for position in 0..recording.spans().len() as u32 {
                let row = row(&recording, position, Schema::V2);
                let is_known = || recording.is_row(position, Schema::V2, &row.cells().map(Some));
                assert!((0..ENOUGH).any(|_| is_known()));
                for (column, cell) in row.cells().into_iter().enumerate() {
                    let Cell::Text(text) = cell else { continue };
                    let text = if OF_RESOURCE.contains(&column) { "" } else { text };
                    for changed in (0..text.len()).filter_map(|at| with_another(text, at)) {
                        let cell = (column, Cell::Text(&changed));
                        assert!(!is_with(&recording, position, Schema::V2, &row, cell), "{changed}");
                    }
                }
            }
        }
    }
}
