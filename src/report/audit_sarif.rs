//! An audit as SARIF 2.1.0: a rule for each check, a result for each kept finding.
//!
//! What is undecided is a result of kind `open`, and a check that broke, or another reason why the verdict is not
//! known, a notification: a viewer that shows no result must not be taken for a pass.

use std::{fmt::Write as _, io, path::Path};

use serde_json::{Value, json};

use super::{audit_json::samples, audit_words as words, json, sql_line::sql_line};
use crate::{
    audit::{evidence::Sample, report::AuditReport, verdict::Overall},
    base::url,
    checks::{
        catalog::{Check, Finding, Severity},
        runner::{Checked, Verdict},
    },
    text::escape::plain,
};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const STORE: &str = "STORE";

pub(crate) fn render(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let results: Vec<Value> = report
        .checked
        .iter()
        .enumerate()
        .flat_map(|(rule, one)| {
            samples(report, one, limit).iter().map(move |sample| result(rule, one, sample))
        })
        .collect();
    let base = base(&report.coverage.store)?;
    let sarif = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "e2e-store",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": report.checked.iter().map(|one| rule(report, one)).collect::<Vec<_>>(),
            }},
            "originalUriBaseIds": {STORE: {"uri": base}},
            "invocations": [{
                "executionSuccessful": report.overall != Overall::Inconclusive,
                "toolExecutionNotifications": notifications(report),
            }],
            "results": results,
            "properties": {
                "verdict": report.overall,
                "limitedBy": report.limits,
                "checked": words::rows(&report.coverage.rows),
                "findings": report.checked.iter().map(|one| {
                    (one.check.id.clone(), one.verdict.findings().map_or(0, |found| found.total).into())
                }).collect::<serde_json::Map<String, Value>>(),
            },
        }],
    });
    json::pretty(&sarif)
}

fn rule(report: &AuditReport, one: &Checked) -> Value {
    let check = &one.check;
    let line = report
        .evidence
        .get(&check.id)
        .and_then(|evidence| sql_line(&report.sql_command, check, evidence))
        .map(|line| format!("\n\n{line}"))
        .unwrap_or_default();
    json!({
        "id": check.id,
        "shortDescription": {"text": check.rule},
        "fullDescription": {"text": check.why},
        "help": {"text": format!("Likely cause: {}{line}", check.usually)},
        "defaultConfiguration": {"level": rule_level(check)},
        "properties": {"tags": [check.family], "verdict": one.verdict.name(), "examined": one.examined},
    })
}

fn result(rule: usize, one: &Checked, sample: &Sample) -> Value {
    let (kind, level) = match one.verdict {
        Verdict::Inconclusive(_) => ("open", "none"),
        _ => ("fail", level(one.check.severity)),
    };
    let about: Vec<String> = sample
        .values
        .keys()
        .filter_map(|name| Some(format!("{name}: {}", plain(&sample.text(name)?))))
        .collect();
    let mut location = json!({"physicalLocation": {"artifactLocation": artifact(sample)}});
    if let Some(row) = sample.text("row_number") {
        location["logicalLocations"] = json!([{"name": format!("row {row}"), "kind": "row"}]);
    }
    json!({
        "ruleId": one.check.id,
        "ruleIndex": rule,
        "kind": kind,
        "level": level,
        "message": {"text": format!("{} {}", one.check.rule, about.join(", "))},
        "locations": [location],
        "partialFingerprints": {"e2eStoreFinding/v1": sample.id},
        "properties": sample.values,
    })
}

/// The file that a finding names; else the store itself: viewers refuse a result without a location.
fn artifact(sample: &Sample) -> Value {
    let file = sample.text("file").map(|file| uri(Path::new(&file)));
    let file = file.filter(|file| !file.is_empty()).unwrap_or_else(|| ".".to_owned());
    json!({"uri": file, "uriBaseId": STORE})
}

/// Findings of a check that only says what is undecided have no level.
fn rule_level(check: &Check) -> &'static str {
    match check.finding {
        Finding::Broken => level(check.severity),
        Finding::Undecided => "none",
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warn => "warning",
        Severity::Info => "note",
    }
}

fn notifications(report: &AuditReport) -> Vec<Value> {
    let said = words::reasons(report).into_iter();
    let said = said.map(|text| json!({"level": "error", "message": {"text": text}}));
    let limits = words::limits(report, usize::MAX);
    let limits = (!limits.is_empty())
        .then(|| json!({"level": "warning", "message": {"text": format!("limited by {limits}")}}));
    let broken = report.checked.iter().filter(|one| matches!(one.verdict, Verdict::Broken(_)));
    let broken = broken.map(|one| {
        json!({
            "level": "error",
            "message": {"text": format!("{} broke: {}", one.check.id, words::note(one))},
            "associatedRule": {"id": one.check.id},
        })
    });
    limits.into_iter().chain(said).chain(broken).collect()
}

/// A path as the path of a URI.
/// The store, of which the files are relative URIs.
fn base(store: &Path) -> io::Result<String> {
    let text = store.display().to_string();
    if let Some((scheme, rest)) = text.split_once("://").filter(|_| url::scheme(store).is_some()) {
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        return Ok(format!("{scheme}://{bucket}/{}/", uri(Path::new(key))));
    }
    Ok(format!("file://{}/", uri(&std::path::absolute(store)?)))
}

fn uri(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'=' => {
                text.push(char::from(*byte));
            }
            byte => {
                write!(text, "%{byte:02X}").ok();
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_the_path_of_a_uri() {
        assert_eq!(
            uri(Path::new("parquet/year=2026/a b%ü.parquet")),
            "parquet/year=2026/a%20b%25%C3%BC.parquet"
        );
    }
}
