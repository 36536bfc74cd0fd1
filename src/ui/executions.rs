//! Stored workflows and agents, and which of them the list of a service shows.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use datafusion::{
    arrow::{
        array::{Array, AsArray},
        datatypes::TimestampNanosecondType,
    },
    prelude::SessionContext,
};
use futures::StreamExt;

use super::{
    Execution, Hidden, List,
    known::{Known, ListKind},
    services::texts,
};
use crate::contract::json_reader::JsonReader;

/// Rows that a page asks for.
const PAGE: usize = 100;

const SPAN_TYPE: &str = "junjo.span_type";

/// A stored row that is such an execution, or that the search of a list takes for one.
#[derive(Debug, Clone)]
pub(super) struct Row {
    execution: Execution,
    pub(super) service: String,
    file: String,
    kind: ListKind,
    /// Whether the text search of the list finds it.
    is_found: bool,
    /// Whether its attributes say so when they are parsed.
    is_meant: bool,
}

/// Rows that any list searches for, the newest first.
pub(super) async fn rows(session: &SessionContext) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (word, kind) in [("workflow", ListKind::Workflows), ("agent", ListKind::Agents)] {
        let sql = format!(
            "SELECT trace_id, span_id, name, service_name, file, start_time, attributes, \
             attributes LIKE '%\"{SPAN_TYPE}\":\"{word}\"%' FROM stored \
             WHERE attributes LIKE '%{SPAN_TYPE}%' AND attributes LIKE '%\"{word}\"%'"
        );
        let mut batches = session.sql(&sql).await?.execute_stream().await?;
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            let texts = |column: usize| texts(&batch, column);
            let (traces, spans, names) = (texts(0)?, texts(1)?, texts(2)?);
            let (services, files, attributes) = (texts(3)?, texts(4)?, texts(6)?);
            let starts = batch.column(5).as_primitive::<TimestampNanosecondType>();
            let is_found = batch.column(7).as_boolean();
            for row in 0..batch.num_rows() {
                let is_meant = span_type(&attributes[row]).as_deref() == Some(word);
                if !is_meant && !is_found.value(row) {
                    continue;
                }
                let start = if starts.is_valid(row) { starts.value(row) } else { 0 };
                let execution = Execution {
                    trace_id: traces[row].clone(),
                    span_id: spans[row].clone(),
                    name: names[row].clone(),
                    start,
                };
                let (service, file) = (services[row].clone(), files[row].clone());
                let is_found = is_found.value(row);
                rows.push(Row { execution, service, file, kind, is_found, is_meant });
            }
        }
    }
    rows.sort_by(|a, b| {
        let key = |row: &Row| (std::cmp::Reverse(row.execution.start), row.execution.span_id.clone());
        key(a).cmp(&key(b))
    });
    Ok(rows)
}

/// What the backend makes of attributes: of repeated keys the last counts, and what does not parse is empty.
fn span_type(attributes: &str) -> Option<String> {
    let mut reader = JsonReader::new(attributes);
    let mut found = None;
    let read = reader.object(|reader, key| {
        if key != SPAN_TYPE {
            return reader.skip_value();
        }
        found = None;
        if reader.peek() == Some(b'"') {
            found = Some(reader.string()?.into_owned());
            return Ok(());
        }
        reader.skip_value()
    });
    read.and_then(|()| reader.end()).ok().and(found)
}

/// A list of a service. Where the name is empty, the search leaves the service out: it shows those of all.
pub(super) fn list(rows: &[Row], service: &str, kind: ListKind, known: &Known<'_>) -> List {
    let of_list = || rows.iter().filter(move |row| row.kind == kind);
    let stored = || of_list().filter(|row| row.service == service && row.is_meant);
    let reads = |file: &str| known.hidden_from_list(file, service, kind).is_none();
    let failure = if service.contains('\n') { Some(Hidden::LineBreak) } else { known.failure(reads) };
    let mut found: Vec<&Row> = of_list()
        .filter(|row| row.is_found && (service.is_empty() || row.service == service) && reads(&row.file))
        .collect();
    if known.removes_copies(reads) {
        let mut seen = HashSet::new();
        found.retain(|row| seen.insert(key(row)));
    }
    let (page, behind) = found.split_at(found.len().min(PAGE));
    let oldest = page.last().map(|row| row.execution.start).filter(|_| !behind.is_empty());
    let tied = |row: &&&Row| row.is_meant && Some(row.execution.start) == oldest;
    let mut list = List { failure, ..List::default() };
    let mut shown = BTreeSet::new();
    if failure.is_none() {
        let meant = page.iter().filter(|row| row.is_meant);
        let once = meant.filter(|row| shown.insert(key(row)));
        list.shown = once.map(|row| row.execution.clone()).collect();
        list.ties = behind.iter().chain(page).filter(tied).map(|row| row.execution.clone()).collect();
    }
    let mut hidden: BTreeMap<(&str, &str), Hidden> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for row in stored() {
        all.insert(key(row));
        if shown.contains(&key(row)) {
            continue;
        }
        let unsearchable = (!row.is_found).then_some(Hidden::Unsearchable);
        let why = known.hidden_from_list(&row.file, service, kind).or(failure).or(unsearchable);
        // Of several copies the one that comes nearest to the page tells why.
        let why = why.unwrap_or(Hidden::BehindHundredRows);
        let before = hidden.entry(key(row)).or_insert(why);
        *before = (*before).max(why);
    }
    list.stored = all.len() as u64;
    for why in hidden.into_values() {
        *list.hidden.entry(why).or_default() += 1;
    }
    list
}

fn key(row: &Row) -> (&str, &str) {
    (&row.execution.trace_id, &row.execution.span_id)
}
