//! A span of Junjo's that is gone: the report says which it was, or that it cannot know.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bench::Bench;
use crate::{
    contract::{row::Row, schema::Schema},
    report::format::{self, ReportFormat, View},
    testing::parquet_rows,
};

fn attribute(row: &Row, key: &str) -> String {
    let attributes: Value = serde_json::from_str(&row.attributes).unwrap_or_default();
    attributes[key].as_str().unwrap_or_default().to_owned()
}

/// What a span is to Junjo, and whether spans lie below it.
fn kind(row: &Row, rows: &[Row]) -> Option<(String, bool)> {
    let kind = match attribute(row, "junjo.agent.operation_type") {
        operation if operation.is_empty() => attribute(row, "junjo.span_type"),
        operation => operation,
    };
    let is_parent =
        |other: &Row| other.trace_id == row.trace_id && other.parent_span_id.as_ref() == Some(&row.span_id);
    (!kind.is_empty()).then(|| (kind, rows.iter().any(is_parent)))
}

#[tokio::test]
async fn a_dropped_span_is_named_wherever_others_know_of_it() {
    let mut lines = Vec::new();
    for store in ["studio-0.82.1", "getting-started/studio-0.82.1", "profiles/studio-0.82.1"] {
        let bench = Bench::of(store, Schema::V2);
        let rows = parquet_rows(&bench.cold(), Schema::V2);
        let mut kinds: BTreeMap<(String, bool), usize> = BTreeMap::new();
        for (place, row) in rows.iter().enumerate() {
            if let Some(kind) = kind(row, &rows) {
                kinds.entry(kind).or_insert(place);
            }
        }
        for ((kind, is_parent), place) in kinds {
            let gone = &rows[place];
            bench.change_cold(|cold| {
                *cold = rows.clone();
                cold.remove(place);
            });
            let report = format::render(ReportFormat::Json, &bench.audit("none").await, View::FILE).unwrap();
            let report: Value = serde_json::from_slice(&report).unwrap();
            let runtime_id = attribute(gone, "junjo.executable_runtime_id");
            let mut named = Vec::new();
            for check in report["checks"].as_array().unwrap() {
                for sample in check["samples"].as_array().into_iter().flatten() {
                    let text = sample.to_string();
                    let has = |id: &str| !id.is_empty() && text.contains(id);
                    if has(&gone.trace_id) {
                        let by = [("span", &gone.span_id), ("runtime", &runtime_id), ("name", &gone.name)];
                        let by: Vec<_> = by.iter().filter(|(_, id)| has(id)).map(|(by, _)| *by).collect();
                        named.push(format!(
                            "{} by {by:?}: {} {}",
                            check["id"], sample["subject"], sample["cause"]
                        ));
                    }
                }
            }
            lines.push(format!("{store} {kind} parent={is_parent} {}: {named:#?}", gone.name));
        }
    }
    panic!("{}", lines.join("\n"));
}
