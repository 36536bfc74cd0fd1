//! Rows of a spool, those together that agree in some columns: in parts that fit in memory, each of whole groups.
//!
//! A query would sort or hash all of them, which the least memory that an audit starts with does not allow. Parts
//! lie in files without a name where there is more than one.

use std::{
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    sync::Arc,
};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch},
        datatypes::{Schema, SchemaRef},
        row::{RowConverter, SortField},
    },
    common::Result,
};
use twox_hash::XxHash3_128;

use crate::base::temporary::{self, Temporary};

/// As many files are open at a time.
const MAX_PARTS: usize = 256;

/// Bytes that are written to a part at a time.
const BUFFER: usize = 4 << 10;

/// Takes rows, and gives them back by groups.
pub(super) struct Grouping {
    /// The columns to group by, then those to sort a group by.
    order: Vec<usize>,
    schema: SchemaRef,
    groups: RowConverter,
    rows: RowConverter,
    group_columns: usize,
    parts: Vec<Part>,
}

enum Part {
    /// Lengths and bytes of rows.
    Held(Vec<u8>),
    OnDisk(BufWriter<Temporary>),
}

impl Grouping {
    /// Of rows that take about so many bytes in all, of which so many may be held. `order` names all columns, and
    /// the first `group_columns` of them make a group.
    pub(super) fn new(
        schema: &Schema,
        order: Vec<usize>,
        group_columns: usize,
        bytes: usize,
        budget: usize,
    ) -> Result<Self> {
        let schema = Arc::new(schema.project(&order)?);
        let fields = |columns: usize| {
            let fields = schema.fields().iter().take(columns);
            fields.map(|field| SortField::new(field.data_type().clone())).collect::<Vec<_>>()
        };
        let parts = (bytes / budget.max(1) + 1).min(MAX_PARTS);
        let part = |_| {
            let part = if parts == 1 {
                Part::Held(Vec::new())
            } else {
                Part::OnDisk(BufWriter::with_capacity(BUFFER, temporary::file()?))
            };
            Ok(part)
        };
        Ok(Self {
            groups: RowConverter::new(fields(group_columns))?,
            rows: RowConverter::new(fields(order.len()))?,
            parts: (0..parts).map(part).collect::<io::Result<_>>()?,
            order,
            schema,
            group_columns,
        })
    }

    pub(super) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns: Vec<ArrayRef> =
            self.order.iter().map(|column| Arc::clone(batch.column(*column))).collect();
        let groups = self.groups.convert_columns(&columns[..self.group_columns])?;
        let rows = self.rows.convert_columns(&columns)?;
        for (group, row) in groups.iter().zip(&rows) {
            let part = XxHash3_128::oneshot(group.data()) as usize % self.parts.len();
            let length = (row.data().len() as u64).to_le_bytes();
            match &mut self.parts[part] {
                Part::Held(bytes) => {
                    bytes.extend_from_slice(&length);
                    bytes.extend_from_slice(row.data());
                }
                Part::OnDisk(file) => {
                    file.write_all(&length)?;
                    file.write_all(row.data())?;
                }
            }
        }
        Ok(())
    }

    /// Each part, sorted by all columns, in the order that was asked for.
    pub(super) fn parts(self) -> impl Iterator<Item = Result<RecordBatch>> {
        let Self { parts, rows, schema, .. } = self;
        parts.into_iter().map(move |part| {
            let bytes = match part {
                Part::Held(bytes) => bytes,
                Part::OnDisk(file) => {
                    let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                    let mut bytes = Vec::new();
                    file.seek(SeekFrom::Start(0))?;
                    file.read_to_end(&mut bytes)?;
                    bytes
                }
            };
            let mut sorted = split(&bytes);
            sorted.sort_unstable();
            let parser = rows.parser();
            let columns = rows.convert_rows(sorted.into_iter().map(|row| parser.parse(row)))?;
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        })
    }
}

/// The rows of a part.
fn split(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut rows = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (row, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
        rows.push(row);
        bytes = rest;
    }
    rows
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::{
        array::{AsArray, Int64Array, StringViewArray},
        datatypes::Int64Type,
    };

    use super::*;

    fn batch(numbers: std::ops::Range<i64>) -> RecordBatch {
        let names =
            numbers.clone().map(|number| (number % 5 != 4).then(|| format!("group {}", number % 100)));
        let names: ArrayRef = Arc::new(names.collect::<StringViewArray>());
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        RecordBatch::try_from_iter_with_nullable([("number", numbers, true), ("name", names, true)]).unwrap()
    }

    #[test]
    fn a_group_lies_in_one_part_and_is_sorted() {
        for budget in [1 << 30, 2_000] {
            let schema = batch(0..1).schema();
            let mut grouping = Grouping::new(&schema, vec![1, 0], 1, 100_000, budget).unwrap();
            for from in (0..1_000).rev().step_by(50) {
                grouping.push(&batch(from - 49..from + 1)).unwrap();
            }
            let mut seen = Vec::new();
            for part in grouping.parts() {
                let part = part.unwrap();
                let names = part.column(0).as_string_view();
                let numbers = part.column(1).as_primitive::<Int64Type>();
                let mut rows: Vec<_> = names.iter().zip(numbers.values().iter().copied()).collect();
                assert!(rows.is_sorted());
                let groups = |rows: &[(Option<&str>, i64)]| {
                    let mut names: Vec<_> = rows.iter().map(|(name, _)| name.map(str::to_owned)).collect();
                    names.dedup();
                    names
                };
                seen.extend(groups(&rows));
                rows.clear();
            }
            seen.sort();
            assert_eq!(seen.len(), 81, "each group is in one place: {budget}");
            seen.dedup();
            assert_eq!(seen.len(), 81);
        }
    }
}
