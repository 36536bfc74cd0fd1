//! A row's content as one number, in the form of either schema.
//!
//! What is hashed is the bytes of each value that the schema has, with its length, so that no two rows
//! share them. 64 bits of xxh3-128: two rows that differ pass for the same with a chance of 5e-20.

use twox_hash::XxHash3_128;

use super::{
    otlp::{Cells, Expected},
    row::Cell,
    schema::{Schema, column, in_schema},
};

/// Digests rows; its buffer is used again.
#[derive(Debug, Default)]
pub(crate) struct Digester(Vec<u8>);

impl Digester {
    /// The digest of a stored row, of which only the columns of `schema` count.
    pub(crate) fn stored(&mut self, cells: &Cells<'_>, schema: Schema) -> u64 {
        self.0.clear();
        for (number, cell) in cells.iter().enumerate().filter(|(number, _)| in_schema(*number, schema)) {
            self.0.push(number as u8);
            match cell.unwrap_or(Cell::Null) {
                Cell::Null => self.0.push(0),
                Cell::Number(number) => {
                    self.0.push(1);
                    self.0.extend_from_slice(&number.to_le_bytes());
                }
                Cell::Text(text) => {
                    self.0.push(2);
                    self.0.extend_from_slice(&(text.len() as u64).to_le_bytes());
                    self.0.extend_from_slice(text.as_bytes());
                }
            }
        }
        hash(&self.0)
    }

    /// The digest of the row that a store of `schema` is to hold.
    pub(crate) fn expected(&mut self, expected: &Expected, schema: Schema) -> u64 {
        let mut cells = expected.row.cells().map(Some);
        if schema == Schema::V1 {
            cells[column::EVENTS] = Some(Cell::Text(&expected.events_v1));
        }
        self.stored(&cells, schema)
    }
}

/// 64 bits of some bytes' hash.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    XxHash3_128::oneshot(bytes) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::row::Row;

    #[test]
    fn every_value_of_a_schema_counts_and_no_other() {
        let row = Row { events: "[2]".to_owned(), ..Row::default() };
        let expected = Expected { row: row.clone(), events_v1: "[1]".to_owned() };
        let mut digester = Digester::default();
        for schema in [Schema::V1, Schema::V2] {
            let mut cells = row.cells().map(Some);
            if schema == Schema::V1 {
                cells[column::EVENTS] = Some(Cell::Text("[1]"));
            }
            let whole = digester.stored(&cells, schema);
            assert_eq!(digester.expected(&expected, schema), whole);
            for column in 0..cells.len() {
                let other =
                    if matches!(cells[column], Some(Cell::Null)) { Cell::Text("") } else { Cell::Null };
                let mut changed = cells;
                changed[column] = Some(other);
                assert_eq!(digester.stored(&changed, schema) != whole, in_schema(column, schema), "{column}");
            }
        }
    }

    #[test]
    fn text_cannot_move_from_one_column_to_the_next() {
        let digest = |name: &str, service: &str| {
            let row = Row { name: name.to_owned(), service_name: service.to_owned(), ..Row::default() };
            Digester::default().stored(&row.cells().map(Some), Schema::V2)
        };
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
    }
}
