//! A trace as JSON: its spans with all columns, its tree, its stores.

use std::{io::Write, path::Path};

use serde::Serialize;
use serde_json::Value;

use crate::{
    audit::executions::Mark,
    ledger::manifest::Timestamp,
    report::json,
    store::problem::FileProblem,
    trace::{
        Place, Trace,
        span::Span,
        state::{Change, End, Store},
        tree::{Line, What},
    },
};

const VERSION: u32 = 1;

#[derive(Serialize)]
struct TraceJson<'a> {
    version: u32,
    trace_id: &'a str,
    store: &'a Path,
    /// The tree from top to bottom.
    tree: Vec<LineJson<'a>>,
    /// By start time.
    spans: Vec<SpanJson<'a>>,
    stores: Vec<StoreJson<'a>>,
    not_read: Vec<NotRead<'a>>,
}

#[derive(Serialize)]
struct LineJson<'a> {
    depth: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<&'a str>,
    /// Its children name it, and it is not stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_parent: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    circle: bool,
}

/// The columns of the copy that the studio shows. JSON columns are parsed where they parse.
#[derive(Serialize)]
struct SpanJson<'a> {
    span_id: &'a str,
    parent_span_id: Option<&'a str>,
    service_name: &'a str,
    name: &'a str,
    span_kind: i8,
    start_time: Timestamp,
    end_time: Timestamp,
    duration_ns: i64,
    status_code: i8,
    status_message: Option<&'a str>,
    attributes: Value,
    events: Value,
    links: Value,
    trace_flags: u32,
    trace_state: Option<&'a str>,
    resource_attributes: Value,
    places: Vec<PlaceJson<'a>>,
    /// What an audit finds of Junjo's own evidence.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [Mark],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    copies_differ_in: &'a [&'static str],
    /// Columns whose value here is a default, because the row has none.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    absent_columns: &'a [&'static str],
}

#[derive(Serialize)]
struct PlaceJson<'a> {
    tier: &'static str,
    file: &'a str,
    row_number: u64,
}

#[derive(Serialize)]
struct StoreJson<'a> {
    id: &'a str,
    name: &'a str,
    owner_span_id: Option<&'a str>,
    end: &'static str,
    /// How many transitions the owner counted.
    recorded_transitions: Option<u64>,
    transitions: Vec<TransitionJson<'a>>,
}

#[derive(Serialize)]
struct TransitionJson<'a> {
    span_id: &'a str,
    time: Option<Timestamp>,
    action: &'a str,
    sequence: Option<i64>,
    revisions: Option<(i64, i64)>,
    changes: Vec<ChangeJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'a str>,
}

#[derive(Serialize)]
struct ChangeJson<'a> {
    op: &'static str,
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    /// Absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Value>,
}

#[derive(Serialize)]
struct NotRead<'a> {
    file: &'a str,
    why: &'a FileProblem,
}

pub(crate) fn print(out: &mut dyn Write, trace: &Trace, store: &Path) -> anyhow::Result<()> {
    let json = TraceJson {
        version: VERSION,
        trace_id: &trace.id,
        store,
        tree: trace.lines.iter().map(|line| line_json(line, trace)).collect(),
        spans: trace.spans.iter().map(|span| span_json(span, trace)).collect(),
        stores: trace.stores.iter().map(|store| store_json(store, trace)).collect(),
        not_read: trace.unread.iter().map(|one| NotRead { file: &one.file, why: &one.why }).collect(),
    };
    json::print(out, &json)
}

fn line_json<'a>(line: &'a Line, trace: &'a Trace) -> LineJson<'a> {
    let (span_id, missing_parent) = match &line.what {
        What::Gap(id) => (None, Some(id.as_str())),
        What::Span(index) | What::Circle(index) => (Some(trace.spans[*index].row.span_id.as_str()), None),
    };
    LineJson { depth: line.depth, span_id, missing_parent, circle: matches!(line.what, What::Circle(_)) }
}

fn span_json<'a>(span: &'a Span, trace: &'a Trace) -> SpanJson<'a> {
    let row = &span.row;
    // Schema 1 has no links; text that is no JSON is shown as the text that it is.
    let parsed = |text: &str| match text {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    };
    SpanJson {
        span_id: &row.span_id,
        parent_span_id: row.parent_span_id.as_deref(),
        service_name: &row.service_name,
        name: &row.name,
        span_kind: row.span_kind,
        start_time: Timestamp(row.start_time.cast_unsigned()),
        end_time: Timestamp(row.end_time.cast_unsigned()),
        duration_ns: row.duration_ns,
        status_code: row.status_code,
        status_message: row.status_message.as_deref(),
        attributes: parsed(&row.attributes),
        events: parsed(&row.events),
        links: parsed(&row.links),
        trace_flags: row.trace_flags,
        trace_state: row.trace_state.as_deref(),
        resource_attributes: parsed(&row.resource_attributes),
        places: span.places.iter().map(place_json).collect(),
        findings: trace.findings.get(&span.row.span_id).map(Vec::as_slice).unwrap_or_default(),
        copies_differ_in: &span.differing,
        absent_columns: &span.absent,
    }
}

fn place_json(place: &Place) -> PlaceJson<'_> {
    PlaceJson { tier: place.tier.name(), file: &place.file, row_number: place.row }
}

fn store_json<'a>(store: &'a Store, trace: &'a Trace) -> StoreJson<'a> {
    let id = |span: usize| trace.spans[span].row.span_id.as_str();
    StoreJson {
        id: &store.id,
        name: &store.name,
        owner_span_id: store.owner.map(id),
        end: match store.end {
            End::AsRecorded => "as_recorded",
            End::Differs => "differs",
            End::Unknown => "unknown",
        },
        recorded_transitions: store.recorded,
        transitions: store
            .transitions
            .iter()
            .map(|one| TransitionJson {
                span_id: id(one.at.0),
                time: trace.spans[one.at.0].events[one.at.1].time.map(Timestamp),
                action: &one.action,
                sequence: one.sequence,
                revisions: one.revisions,
                changes: one.changes.iter().map(change_json).collect(),
                problem: one.problem.as_deref(),
            })
            .collect(),
    }
}

fn change_json(change: &Change) -> ChangeJson<'_> {
    ChangeJson {
        op: change.op,
        path: &change.path,
        from: change.from.as_deref(),
        before: change.before.as_ref(),
        after: change.after.as_ref(),
    }
}
