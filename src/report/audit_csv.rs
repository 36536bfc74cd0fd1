//! An audit as comma-separated values: a line for each kept finding, and one for each check without.
//!
//! Each line repeats the audit's and its check's results, so that totals are there even where not all findings are. A
//! check's columns without a place here are in `other`, as JSON.

use serde_json::{Map, Value};

use super::{audit_json::samples, audit_words as words};
use crate::{
    audit::{evidence::Sample, report::AuditReport},
    checks::runner::Checked,
    text::escape,
};

const OF_THE_CHECK: [&str; 9] =
    ["audit", "limited_by", "check", "family", "severity", "verdict", "examined", "findings", "accepted"];
const OF_THE_FINDING: [&str; 11] = [
    "tier",
    "file",
    "row_number",
    "service_name",
    "sent_by",
    "trace_id",
    "span_id",
    "column_name",
    "key",
    "expected",
    "actual",
];

pub(crate) fn render(report: &AuditReport, limit: usize) -> Vec<u8> {
    let header = OF_THE_CHECK.iter().chain(&["id"]).chain(&OF_THE_FINDING).chain(&["other"]);
    let mut text = line(header.map(|name| (*name).to_owned()));
    for one in &report.checked {
        let check = of_the_check(report, one);
        let samples = samples(report, one, limit);
        if samples.is_empty() {
            let nothing = std::iter::repeat_n(String::new(), OF_THE_FINDING.len() + 2);
            text += &line(check.iter().cloned().chain(nothing));
        }
        for sample in samples {
            text += &line(check.iter().cloned().chain(of_the_finding(sample)));
        }
    }
    text.into_bytes()
}

fn of_the_check(report: &AuditReport, one: &Checked) -> Vec<String> {
    let found = one.verdict.findings();
    let limits = words::limits(report, usize::MAX);
    vec![
        report.overall.name().to_owned(),
        if limits.is_empty() { limits } else { escape::csv(&limits) },
        escape::csv(&one.check.id),
        escape::csv(&one.check.family),
        one.check.weight().to_owned(),
        one.verdict.name().to_owned(),
        one.examined.to_string(),
        found.map_or(0, |found| found.total).to_string(),
        found.map_or(0, |found| found.accepted).to_string(),
    ]
}

fn of_the_finding(sample: &Sample) -> Vec<String> {
    let rest = sample.values.iter().filter(|(name, _)| !OF_THE_FINDING.contains(&name.as_str()));
    let rest: Map<String, Value> = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
    let other = if rest.is_empty() { Value::Null } else { Value::String(Value::Object(rest).to_string()) };
    let values = OF_THE_FINDING.iter().map(|name| sample.values.get(*name).map(cell).unwrap_or_default());
    std::iter::once(escape::csv(&sample.id)).chain(values).chain([cell(&other)]).collect()
}

/// A number is no formula, whatever its sign is.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape::csv(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => escape::csv(&value.to_string()),
    }
}

/// Down to the end of the line, as RFC 4180 has it.
fn line(cells: impl Iterator<Item = String>) -> String {
    cells.collect::<Vec<_>>().join(",") + "\r\n"
}
