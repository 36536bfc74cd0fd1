//! A span of Junjo's that is gone: the report says which one it was.

use std::collections::BTreeMap;

use serde_json::Value;

use super::junjo::bench;
use crate::{
    contract::row::Row,
    report::format::{self, ReportFormat, View},
};

fn attribute(row: &Row, key: &str) -> Value {
    serde_json::from_str::<Value>(&row.attributes).unwrap_or_default()[key].take()
}

/// What a span is to Junjo, and whether spans lie below it.
fn kind(row: &Row, rows: &[Row]) -> Option<(String, bool)> {
    let operation = attribute(row, "junjo.agent.operation_type");
    let kind = if operation.is_null() { attribute(row, "junjo.span_type") } else { operation };
    let is_below =
        |other: &Row| other.trace_id == row.trace_id && other.parent_span_id.as_ref() == Some(&row.span_id);
    kind.as_str().map(|kind| (kind.to_owned(), rows.iter().any(is_below)))
}

/// By its id, by its name, or as the operation of a number.
fn names(finding: &Value, gone: &Row) -> bool {
    let operation = attribute(gone, "junjo.agent.operation.sequence");
    let text = finding.to_string();
    finding["trace_id"] == gone.trace_id
        && (text.contains(&gone.span_id)
            || finding["cause"].as_str().is_some_and(|cause| cause.contains(&gone.name))
            || finding["subject"] == format!("operations {operation}"))
}

#[tokio::test]
async fn a_span_that_others_tell_of_is_named_when_it_is_gone() {
    let mut unnamed = Vec::new();
    for store in ["studio-0.82.1", "getting-started/studio-0.82.1", "profiles/studio-0.82.1"] {
        let (bench, rows) = bench(store);
        let mut kinds: BTreeMap<(String, bool), usize> = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            if let Some(kind) = kind(row, &rows) {
                kinds.entry(kind).or_insert(place);
            }
        }
        assert!(kinds.len() > 1, "{store}: {kinds:?}");
        for (kind, place) in kinds {
            bench.change_cold(|cold| {
                cold.clone_from(&rows);
                cold.remove(place);
            });
            let report = format::render(ReportFormat::Json, &bench.audit("none").await, View::FILE).unwrap();
            let report: Value = serde_json::from_slice(&report).unwrap();
            let checks = report["checks"].as_array().unwrap().iter();
            let mut findings = checks.filter_map(|check| check["samples"].as_array()).flatten();
            if !findings.any(|finding| names(finding, &rows[place])) {
                unnamed.push(format!("{store}: {kind:?} {}", rows[place].name));
            }
        }
    }
    assert_eq!(unnamed, Vec::<String>::new());
}
