//! A row's content as one number, under either schema.
//!
//! Hashed are the bytes of each value that the schema has, with its length, so that no two rows share them;
//! what both schemas have comes first and is hashed once for both. 64 bits of xxh3-128: two rows that differ
//! have the same digest with a chance of 5e-20.

use std::borrow::Cow;

use twox_hash::XxHash3_128;

use super::{
    canonical_json::canonical,
    otlp::{Cells, Expected},
    row::Cell,
    schema::{Schema, column, in_schema},
};

/// What of a row's JSON counts. Recorded digests are compared by the rule that they were made by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DigestVersion {
    /// The bytes of its text.
    #[default]
    V1,
    /// What it says, in canonical form: texts that differ in form alone are the same.
    V2,
}

/// Bytes of a text that is hashed by itself where digests are not recorded.
const LONG: usize = 64;

/// Digests rows; its buffer is used again.
#[derive(Debug, Default)]
pub(crate) struct Digester {
    version: DigestVersion,
    bytes: Vec<u8>,
}

impl Digester {
    pub(crate) fn new(version: DigestVersion) -> Self {
        Self { version, bytes: Vec::new() }
    }

    /// The digest of a stored row, of which only the columns of `schema` count.
    pub(crate) fn stored(&mut self, cells: &Cells<'_>, schema: Schema) -> u64 {
        let shared = self.shared(cells);
        self.of_schema(shared, cells, schema)
    }

    /// A digest of the same that is never recorded: long texts count by their hash and are not copied.
    pub(crate) fn in_process(&mut self, cells: &Cells<'_>, schema: Schema) -> u64 {
        self.bytes.clear();
        for number in (0..cells.len()).filter(|number| in_schema(*number, schema)) {
            match cells[number] {
                Some(Cell::Text(text)) if text.len() >= LONG => {
                    self.bytes.extend_from_slice(&[number as u8, 3]);
                    self.bytes.extend_from_slice(&XxHash3_128::oneshot(text.as_bytes()).to_le_bytes());
                }
                _ => self.push(number, cells),
            }
        }
        hash(&self.bytes)
    }

    /// The digests of the rows that a store of either schema is to hold.
    pub(crate) fn expected(&mut self, expected: &Expected) -> [u64; 2] {
        let mut cells = expected.row.cells().map(Some);
        let shared = self.shared(&cells);
        let v2 = self.of_schema(shared, &cells, Schema::V2);
        cells[column::EVENTS] = Some(Cell::Text(&expected.events_v1));
        [self.of_schema(shared, &cells, Schema::V1), v2]
    }

    /// A hash of the columns that both schemas have, and in one form.
    fn shared(&mut self, cells: &Cells<'_>) -> u128 {
        self.bytes.clear();
        (0..cells.len()).filter(|number| is_shared(*number)).for_each(|number| self.push(number, cells));
        XxHash3_128::oneshot(&self.bytes)
    }

    fn of_schema(&mut self, shared: u128, cells: &Cells<'_>, schema: Schema) -> u64 {
        self.bytes.clear();
        self.bytes.extend_from_slice(&shared.to_le_bytes());
        let own = (0..cells.len()).filter(|number| in_schema(*number, schema) && !is_shared(*number));
        own.for_each(|number| self.push(number, cells));
        hash(&self.bytes)
    }

    fn push(&mut self, number: usize, cells: &Cells<'_>) {
        self.bytes.push(number as u8);
        match cells[number].unwrap_or(Cell::Null) {
            Cell::Null => self.bytes.push(0),
            Cell::Number(number) => {
                self.bytes.push(1);
                self.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Cell::Text(text) => {
                let text = match self.version {
                    DigestVersion::V2 if column::JSON.contains(&number) => {
                        canonical(text).unwrap_or(Cow::Borrowed(text))
                    }
                    DigestVersion::V1 | DigestVersion::V2 => Cow::Borrowed(text),
                };
                self.bytes.push(2);
                self.bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
        }
    }
}

fn is_shared(number: usize) -> bool {
    in_schema(number, Schema::V1) && number != column::EVENTS
}

/// 64 bits of some bytes' hash.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    XxHash3_128::oneshot(bytes) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::contract::row::Row;

    #[test]
    fn every_value_of_a_schema_counts_and_no_other() {
        let row = Row { events: "[2]".to_owned(), ..Row::default() };
        let expected = Expected { row: row.clone(), events_v1: "[1]".to_owned() };
        for (version, schema) in [DigestVersion::V1, DigestVersion::V2]
            .into_iter()
            .flat_map(|version| [Schema::V1, Schema::V2].map(|schema| (version, schema)))
        {
            let mut digester = Digester::new(version);
            let mut cells = row.cells().map(Some);
            if schema == Schema::V1 {
                cells[column::EVENTS] = Some(Cell::Text("[1]"));
            }
            let whole = digester.stored(&cells, schema);
            assert_eq!(digester.expected(&expected)[usize::from(schema == Schema::V2)], whole);
            for column in 0..cells.len() {
                let other =
                    if matches!(cells[column], Some(Cell::Null)) { Cell::Text("") } else { Cell::Null };
                let mut changed = cells;
                changed[column] = Some(other);
                assert_eq!(digester.stored(&changed, schema) != whole, in_schema(column, schema), "{column}");
                let [here, there] = [cells, changed].map(|cells| digester.in_process(&cells, schema));
                assert_eq!(here != there, in_schema(column, schema), "{column}");
            }
        }
    }

    #[test]
    fn text_cannot_move_from_one_column_to_the_next() {
        let digests = |name: &str, service: &str| {
            let row = Row { name: name.to_owned(), service_name: service.to_owned(), ..Row::default() };
            let (mut digester, cells) = (Digester::default(), row.cells().map(Some));
            [digester.stored(&cells, Schema::V2), digester.in_process(&cells, Schema::V2)]
        };
        let long = "b".repeat(LONG);
        for (one, other) in
            [(["ab", "c"], ["a", "bc"]), ([&long, ""], ["", &long]), ([&long, "c"], [&long, "d"])]
        {
            let [one, other] = [one, other].map(|[name, service]| digests(name, service));
            assert!(one[0] != other[0] && one[1] != other[1]);
        }
    }

    proptest! {
        /// Version 2 tells any two doubles apart and no two spellings of one; version 1 tells all texts apart.
        #[test]
        fn a_float_is_what_was_written(double: f64, steps in -1_i64..2) {
            let other = f64::from_bits(double.to_bits().wrapping_add_signed(steps));
            prop_assume!(double.is_finite() && other.is_finite());
            let texts = [format!("{double:e}"), format!("{other:.17e}")];
            for column in column::JSON {
                let digests = |version| texts.each_ref().map(|text| {
                    let text = format!(r#"[{{"a":{text}}}]"#);
                    let mut cells = Row::default().cells().map(|cell| match cell {
                        Cell::Text(_) => Some(Cell::Text("")),
                        Cell::Number(number) => Some(Cell::Number(number)),
                        Cell::Null => Some(Cell::Null),
                    });
                    cells[column] = Some(Cell::Text(&text));
                    Digester::new(version).stored(&cells, Schema::V2)
                });
                let [one, two] = digests(DigestVersion::V2);
                prop_assert_eq!(one == two, double.to_bits() == other.to_bits());
                let [one, two] = digests(DigestVersion::V1);
                prop_assert_eq!(one == two, texts[0] == texts[1]);
            }
        }
    }
}
