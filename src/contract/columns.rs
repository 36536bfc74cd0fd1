//! Rows as Arrow columns, in the stored order of either schema.
//!
//! For writing, and for asking about spans that are in no store. The reader of the store has its own way from a file
//! to a row, so that the two cannot agree on the same mistake.

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt32Array,
    },
    error::ArrowError,
};

use super::{
    row::{Cell, Row},
    schema::{COLUMN_COUNT, Kind, Schema, column_kind, in_schema},
};

/// One batch that holds `rows` under the columns of `schema`.
pub(crate) fn batch(rows: &[Row], schema: Schema) -> Result<RecordBatch, ArrowError> {
    let rows: Vec<_> = rows.iter().map(Row::cells).collect();
    let columns = (0..COLUMN_COUNT).filter(|column| in_schema(*column, schema));
    RecordBatch::try_new(schema.stored(), columns.map(|column| array(&rows, column)).collect())
}

fn array(rows: &[[Cell<'_>; COLUMN_COUNT]], column: usize) -> ArrayRef {
    let text = || rows.iter().map(|row| row[column].text());
    let number = || rows.iter().filter_map(|row| row[column].number());
    match column_kind(column) {
        Kind::Text => Arc::new(text().collect::<StringArray>()),
        Kind::Int8 => Arc::new(Int8Array::from_iter_values(number().map(|number| number as i8))),
        Kind::Int64 => Arc::new(Int64Array::from_iter_values(number())),
        Kind::UInt32 => Arc::new(UInt32Array::from_iter_values(number().map(|number| number as u32))),
        Kind::Time => Arc::new(TimestampNanosecondArray::from_iter_values(number()).with_timezone("UTC")),
    }
}
