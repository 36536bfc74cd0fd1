//! The rows that a search pointed at, whole.

use std::sync::Arc;

use datafusion::{arrow::array::RecordBatch, execution::TaskContext};

use super::{
    Place,
    find::{Hit, Unread},
};
use crate::{
    contract::{
        row::{Cell, Row},
        schema::{self, COLUMN_COUNT, Schema},
    },
    store::{
        open::open_to_read,
        problem::FileProblem,
        rows::{Rows, StoredCells},
    },
};

/// A row and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct StoredRow {
    pub(crate) place: Place,
    /// Which of the row's columns its file has.
    pub(crate) schema: Schema,
    pub(crate) row: Row,
    /// Columns of its schema without a value that a studio always writes: null, or unknown because of its file.
    pub(crate) absent: Vec<&'static str>,
}

/// What came of fetching.
#[derive(Debug)]
pub(crate) enum Fetched {
    Rows {
        rows: Vec<StoredRow>,
        unread: Vec<Unread>,
    },
    /// A file went away between search and fetch: a flush moved its rows, so search again.
    Moved,
}

pub(crate) async fn fetch(hits: &[Hit], context: &Arc<TaskContext>) -> Fetched {
    let mut rows = Vec::new();
    let mut unread = Vec::new();
    for hit in hits {
        match rows_of(hit, context).await {
            Ok(fetched) => rows.extend(fetched),
            Err(Trouble::Moved) => return Fetched::Moved,
            Err(Trouble::Damaged(why)) => unread.push(Unread { file: hit.file.shown.clone(), why }),
        }
    }
    Fetched::Rows { rows, unread }
}

enum Trouble {
    /// The file is another one by now.
    Moved,
    Damaged(FileProblem),
}

async fn rows_of(hit: &Hit, context: &Arc<TaskContext>) -> Result<Vec<StoredRow>, Trouble> {
    let opened = open_to_read(&hit.file);
    // A snapshot is replaced in place: what its rows were is not what they are.
    if opened.rows() != Some(hit.total) {
        return Err(match opened.problem {
            Some(problem) if problem != FileProblem::Gone => Trouble::Damaged(problem),
            _ => Trouble::Moved,
        });
    }
    let known = opened.known_columns();
    let all_rows_come = opened.segment().is_some();
    let names: Vec<&str> = (0..COLUMN_COUNT).map(schema::column_name).collect();
    let mut batches = opened.into_some_rows(&names, &hit.rows, Arc::clone(context));
    let mut rows = Vec::with_capacity(hit.rows.len());
    let mut wanted = hit.rows.iter().copied().peekable();
    let mut first = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Trouble::Damaged)?;
        let after = first + batch.num_rows() as u64;
        let mut numbers = Vec::new();
        while let Some(number) = wanted.next_if(|number| !all_rows_come || *number < after) {
            numbers.push((number, if all_rows_come { (number - first) as usize } else { numbers.len() }));
            if !all_rows_come && numbers.len() == batch.num_rows() {
                break;
            }
        }
        rows.extend(stored(hit, &batch, &known, &numbers));
        first = after;
    }
    Ok(rows)
}

/// Rows of a batch: the number in the file, and the place in the batch.
fn stored(hit: &Hit, batch: &RecordBatch, present: &[String], numbers: &[(u64, usize)]) -> Vec<StoredRow> {
    let rows = Rows::new(batch, present);
    let schema = Schema::of_columns(present);
    let one = |&(number, place): &(u64, usize)| {
        let cells = rows.cells(place);
        StoredRow {
            place: Place { tier: hit.file.tier, file: hit.file.shown.clone(), row: number },
            schema,
            row: row(&cells),
            absent: absent(&cells, schema),
        }
    };
    numbers.iter().map(one).collect()
}

fn absent(cells: &StoredCells<'_>, schema: Schema) -> Vec<&'static str> {
    let always =
        (0..COLUMN_COUNT).filter(|&column| schema::in_schema(column, schema) && !schema::may_be_null(column));
    always
        .filter(|&column| matches!(cells[column], None | Some(Cell::Null)))
        .map(schema::column_name)
        .collect()
}

/// The row as plain values; what its file lacks is at its default.
fn row(cells: &StoredCells<'_>) -> Row {
    let maybe = |name: &str| column(cells, name).and_then(Cell::text).map(str::to_owned);
    let text = |name: &str| maybe(name).unwrap_or_default();
    let long = |name: &str| column(cells, name).and_then(Cell::number).unwrap_or_default();
    let byte = |name: &str| i8::try_from(long(name)).unwrap_or_default();
    let count = |name: &str| u32::try_from(long(name)).unwrap_or_default();
    Row {
        span_id: text("span_id"),
        trace_id: text("trace_id"),
        parent_span_id: maybe("parent_span_id"),
        service_name: text("service_name"),
        name: text("name"),
        span_kind: byte("span_kind"),
        start_time: long("start_time"),
        end_time: long("end_time"),
        duration_ns: long("duration_ns"),
        status_code: byte("status_code"),
        status_message: maybe("status_message"),
        attributes: text("attributes"),
        events: text("events"),
        links: text("links"),
        trace_flags: count("trace_flags"),
        trace_state: maybe("trace_state"),
        dropped_attributes_count: count("dropped_attributes_count"),
        dropped_events_count: count("dropped_events_count"),
        dropped_links_count: count("dropped_links_count"),
        resource_attributes: text("resource_attributes"),
        resource_dropped_attributes_count: count("resource_dropped_attributes_count"),
    }
}

fn column<'c>(cells: &StoredCells<'c>, name: &str) -> Option<Cell<'c>> {
    let position = (0..COLUMN_COUNT).find(|&column| schema::column_name(column) == name)?;
    cells[position]
}
