//! A row's content as one number: equal rows have equal digests.

use twox_hash::XxHash3_128;

use super::compare::StoredCells;
use crate::span::row::Cell;

/// Makes digests of rows, in a buffer that is used again.
#[derive(Debug, Default)]
pub(crate) struct Digester(Vec<u8>);

impl Digester {
    /// XXH3-128 over every cell, each told apart from its neighbours by kind and length. A column that
    /// the file lacks counts as null.
    pub(crate) fn digest(&mut self, cells: &StoredCells<'_>) -> u128 {
        self.0.clear();
        for cell in cells {
            match cell {
                Some(Cell::Text(text)) => {
                    self.0.push(1);
                    self.0.extend((text.len() as u64).to_le_bytes());
                    self.0.extend(text.as_bytes());
                }
                Some(Cell::Number(number)) => {
                    self.0.push(2);
                    self.0.extend(number.to_le_bytes());
                }
                Some(Cell::Null) | None => self.0.push(0),
            }
        }
        XxHash3_128::oneshot(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_text_ends_and_the_next_begins_counts() {
        let digest = |first, second| {
            let mut cells: StoredCells<'_> = [None; crate::span::schema::COLUMN_COUNT];
            (cells[0], cells[1]) = (Some(Cell::Text(first)), Some(second));
            Digester::default().digest(&cells)
        };
        let all = [
            digest("ab", Cell::Text("c")),
            digest("a", Cell::Text("bc")),
            digest("ab", Cell::Null),
            digest("ab", Cell::Text("")),
            digest("ab", Cell::Number(0)),
        ];
        let distinct: std::collections::BTreeSet<_> = all.into_iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(digest("ab", Cell::Text("c")), all[0]);
    }
}
