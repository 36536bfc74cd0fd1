//! Typed access to a batch of the auditor's 21 columns.

use datafusion::arrow::{
    array::{
        Array, Int8Array, Int64Array, RecordBatch, StringViewArray, TimestampNanosecondArray, UInt32Array,
    },
    datatypes::DataType,
};

use crate::contract::{
    row::Cell,
    schema::{self, COLUMN_COUNT},
};

/// The values of one row in the order of schema 2; `None` where the file lacks the column.
pub(crate) type StoredCells<'a> = [Option<Cell<'a>>; COLUMN_COUNT];

/// The columns of one batch, in the order of schema 2.
pub(crate) struct Rows<'b> {
    count: usize,
    columns: [Option<Column<'b>>; COLUMN_COUNT],
}

#[derive(Clone, Copy)]
enum Column<'b> {
    Text(&'b StringViewArray),
    Int8(&'b Int8Array),
    Int64(&'b Int64Array),
    UInt32(&'b UInt32Array),
    Time(&'b TimestampNanosecondArray),
}

impl<'b> Rows<'b> {
    /// `present` names the columns that the file has; the others stay unknown.
    pub(crate) fn new(batch: &'b RecordBatch, present: &[String]) -> Self {
        let column = |index: usize| {
            let name = schema::column_name(index);
            let known = present.iter().any(|column| column == name);
            known.then(|| batch.column_by_name(name).and_then(|column| Column::of(column.as_ref())))?
        };
        Self { count: batch.num_rows(), columns: std::array::from_fn(column) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn cell(&self, row: usize, column: usize) -> Option<Cell<'b>> {
        self.columns[column].as_ref().map(|column| column.cell(row))
    }

    pub(crate) fn cells(&self, row: usize) -> StoredCells<'b> {
        // Written in place: a map of arrays copies each cell several times.
        let mut cells = [None; COLUMN_COUNT];
        for (cell, column) in cells.iter_mut().zip(&self.columns) {
            *cell = column.as_ref().map(|column| column.cell(row));
        }
        cells
    }
}

impl<'b> Column<'b> {
    fn of(array: &'b dyn Array) -> Option<Self> {
        let any = array.as_any();
        Some(match array.data_type() {
            DataType::Utf8View => Self::Text(any.downcast_ref()?),
            DataType::Int8 => Self::Int8(any.downcast_ref()?),
            DataType::Int64 => Self::Int64(any.downcast_ref()?),
            DataType::UInt32 => Self::UInt32(any.downcast_ref()?),
            DataType::Timestamp(..) => Self::Time(any.downcast_ref()?),
            _ => return None,
        })
    }

    #[inline]
    fn cell(&self, row: usize) -> Cell<'b> {
        match self {
            Self::Text(array) => value(array, row, |row| Cell::Text(array.value(row))),
            Self::Int8(array) => value(array, row, |row| Cell::Number(array.value(row).into())),
            Self::Int64(array) => value(array, row, |row| Cell::Number(array.value(row))),
            Self::UInt32(array) => value(array, row, |row| Cell::Number(array.value(row).into())),
            Self::Time(array) => value(array, row, |row| Cell::Number(array.value(row))),
        }
    }
}

#[inline]
fn value<'b>(array: &impl Array, row: usize, of: impl FnOnce(usize) -> Cell<'b>) -> Cell<'b> {
    if array.is_null(row) { Cell::Null } else { of(row) }
}
