//! An audit for machines: one JSON object, or one a line. `docs/audit.schema.json` has its form.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::sql_line::sql_line;
use crate::{
    audit::{
        coverage::{Completeness, Coverage},
        evidence::{PointsTo, Sample},
        report::{AuditReport, BaselineUse, Overall},
    },
    checks::{
        runner::{Checked, OwnScan, Verdict},
        summary::{AlteredColumn, PollutionCell},
    },
};

/// The form of `--format json` and of what is saved with a run.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    verdict: Overall,
    because: &'a [String],
    coverage: &'a Coverage,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a BaselineUse>,
    completeness: &'a [Completeness],
    pollution: &'a [PollutionCell],
    fidelity: &'a [AlteredColumn],
    /// What could not be summed up.
    problems: &'a [String],
    checks: Vec<CheckJson<'a>>,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    id: &'a str,
    family: &'a str,
    severity: &'static str,
    rule: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    examined: u64,
    /// What `examined` counts.
    examines: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    own_scan: Option<OwnScan>,
    /// All of them, those that a baseline accepts, too.
    findings: u64,
    accepted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    points_to: Option<&'a PointsTo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sql: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usually: Option<&'a str>,
    samples: Vec<Value>,
}

/// The whole report with up to `limit` samples of each check, ending in a line's end.
pub(crate) fn render(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let json = Json {
        version: VERSION,
        verdict: report.overall,
        because: &report.because,
        coverage: &report.coverage,
        baseline: report.baseline.as_ref(),
        completeness: &report.completeness,
        pollution: &report.summary.pollution,
        fidelity: &report.summary.fidelity,
        problems: &report.summary.problems,
        checks: report.checked.iter().map(|one| check_json(report, one, limit)).collect(),
    };
    let mut text = serde_json::to_vec_pretty(&json)?;
    text.push(b'\n');
    Ok(text)
}

/// One object a line, each with its `type`: the audit, then each check, followed by its findings.
pub(crate) fn render_lines(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut line = |value: &Value| -> anyhow::Result<()> {
        serde_json::to_writer(&mut text, value)?;
        text.push(b'\n');
        Ok(())
    };
    line(&json!({
        "type": "audit",
        "version": VERSION,
        "verdict": report.overall,
        "because": report.because,
        "coverage": report.coverage,
        "baseline": report.baseline,
    }))?;
    for one in &report.checked {
        let check = check_json(report, one, 0);
        let mut value = typed("check", serde_json::to_value(check)?);
        value.remove("samples");
        line(&Value::Object(value))?;
        for sample in samples(report, one, limit) {
            let mut value = typed("finding", sample_json(sample));
            value.insert("check".to_owned(), one.check.id.clone().into());
            value.insert("verdict".to_owned(), one.verdict.name().into());
            line(&Value::Object(value))?;
        }
    }
    Ok(text)
}

fn typed(of: &str, value: Value) -> Map<String, Value> {
    let Value::Object(mut map) = value else { return Map::new() };
    map.insert("type".to_owned(), of.into());
    map
}

fn check_json<'r>(report: &'r AuditReport, checked: &'r Checked, limit: usize) -> CheckJson<'r> {
    let Checked { check, examined, files, verdict, own_scan } = checked;
    let found = verdict.findings();
    let evidence = report.evidence.get(&check.id).filter(|evidence| !evidence.samples.is_empty());
    CheckJson {
        id: &check.id,
        family: &check.family,
        severity: check.severity.name(),
        rule: &check.rule,
        code: check.code.as_deref(),
        verdict: verdict.name(),
        reason: match verdict {
            Verdict::Skipped(reason) | Verdict::Broken(reason) => Some(reason),
            _ => None,
        },
        examined: *examined,
        examines: check.examines.nouns().1,
        files: *files,
        own_scan: *own_scan,
        findings: found.map_or(0, |findings| findings.total),
        accepted: found.map_or(0, |findings| findings.accepted),
        points_to: evidence.map(|evidence| &evidence.points_to),
        sql: evidence.and_then(|evidence| sql_line(&report.sql_command, check, evidence)),
        usually: evidence.map(|_| check.usually.as_str()),
        samples: samples(report, checked, limit).iter().map(sample_json).collect(),
    }
}

/// Up to `limit` of a check's samples.
pub(crate) fn samples<'r>(report: &'r AuditReport, checked: &Checked, limit: usize) -> &'r [Sample] {
    let samples = report.evidence.get(&checked.check.id).map_or(&[][..], |evidence| &evidence.samples);
    &samples[..limit.min(samples.len())]
}

/// The columns of a finding and its id.
fn sample_json(sample: &Sample) -> Value {
    let mut values = sample.values.clone();
    values.insert("id".to_owned(), sample.id.clone().into());
    Value::Object(values)
}
