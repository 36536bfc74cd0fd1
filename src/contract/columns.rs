//! Rows as Arrow columns, in the stored order of either schema.
//!
//! For writing, and for asking about spans that are in no store. The reader of the store has its own way from a file to a row, so that the two
//! cannot agree on the same mistake.

use std::sync::Arc;

use datafusion::arrow::{
    array::{
        ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, TimestampNanosecondArray, UInt32Array,
    },
    error::ArrowError,
};

use super::{row::Row, schema::Schema};

/// One batch that holds `rows` under the columns of `schema`.
pub(crate) fn batch(rows: &[Row], schema: Schema) -> Result<RecordBatch, ArrowError> {
    let mut columns = vec![
        text(rows, |row| &row.span_id),
        text(rows, |row| &row.trace_id),
        optional_text(rows, |row| row.parent_span_id.as_deref()),
        text(rows, |row| &row.service_name),
        text(rows, |row| &row.name),
        code(rows, |row| row.span_kind),
        time(rows, |row| row.start_time),
        time(rows, |row| row.end_time),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.duration_ns))),
        code(rows, |row| row.status_code),
        optional_text(rows, |row| row.status_message.as_deref()),
        text(rows, |row| &row.attributes),
        text(rows, |row| &row.events),
    ];
    if schema == Schema::V2 {
        columns.extend([
            text(rows, |row| &row.links),
            count(rows, |row| row.trace_flags),
            optional_text(rows, |row| row.trace_state.as_deref()),
            count(rows, |row| row.dropped_attributes_count),
            count(rows, |row| row.dropped_events_count),
            count(rows, |row| row.dropped_links_count),
        ]);
    }
    columns.push(text(rows, |row| &row.resource_attributes));
    if schema == Schema::V2 {
        columns.push(count(rows, |row| row.resource_dropped_attributes_count));
    }
    RecordBatch::try_new(schema.stored(), columns)
}

fn text(rows: &[Row], get: impl Fn(&Row) -> &String) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(get)))
}

fn optional_text(rows: &[Row], get: impl Fn(&Row) -> Option<&str>) -> ArrayRef {
    Arc::new(rows.iter().map(get).collect::<StringArray>())
}

fn code(rows: &[Row], get: impl Fn(&Row) -> i8) -> ArrayRef {
    Arc::new(Int8Array::from_iter_values(rows.iter().map(get)))
}

fn count(rows: &[Row], get: impl Fn(&Row) -> u32) -> ArrayRef {
    Arc::new(UInt32Array::from_iter_values(rows.iter().map(get)))
}

fn time(rows: &[Row], get: impl Fn(&Row) -> i64) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from_iter_values(rows.iter().map(get)).with_timezone("UTC"))
}
