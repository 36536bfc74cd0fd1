//! An audit as comma-separated values: a line for each kept finding, and one for each check without.
//!
//! Each line repeats what its check came to, so that totals are there even where not all findings are. A check's own
//! columns that have none here are in `other`, as JSON.

use serde_json::{Map, Value};

use super::audit_json::samples;
use crate::{
    audit::{
        evidence::{Sample, text},
        report::AuditReport,
    },
    checks::runner::Checked,
};

const OF_THE_CHECK: [&str; 8] =
    ["audit", "check", "family", "severity", "verdict", "examined", "findings", "accepted"];
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

pub(crate) fn render(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let header = OF_THE_CHECK.iter().chain(&["id"]).chain(&OF_THE_FINDING).chain(&["other"]);
    let mut text = line(header.map(|name| (*name).to_owned()));
    for one in &report.checked {
        let check = of_the_check(report, one)?;
        let samples = samples(report, one, limit);
        if samples.is_empty() {
            let nothing = std::iter::repeat_n(String::new(), OF_THE_FINDING.len() + 2);
            text += &line(check.iter().cloned().chain(nothing));
        }
        for sample in samples {
            text += &line(check.iter().cloned().chain(of_the_finding(sample)));
        }
    }
    Ok(text.into_bytes())
}

fn of_the_check(report: &AuditReport, one: &Checked) -> anyhow::Result<Vec<String>> {
    let found = one.verdict.findings();
    let audit = text(&serde_json::to_value(report.overall)?).unwrap_or_default();
    Ok(vec![
        audit,
        one.check.id.clone(),
        one.check.family.clone(),
        one.check.severity.name().to_owned(),
        one.verdict.name().to_owned(),
        one.examined.to_string(),
        found.map_or(0, |found| found.total).to_string(),
        found.map_or(0, |found| found.accepted).to_string(),
    ])
}

fn of_the_finding(sample: &Sample) -> Vec<String> {
    let rest = sample.values.iter().filter(|(name, _)| !OF_THE_FINDING.contains(&name.as_str()));
    let rest: Map<String, Value> = rest.map(|(name, value)| (name.clone(), value.clone())).collect();
    let other = if rest.is_empty() { String::new() } else { Value::Object(rest).to_string() };
    let values = OF_THE_FINDING.iter().map(|name| sample.text(name).unwrap_or_default());
    std::iter::once(sample.id.clone()).chain(values).chain([other]).collect()
}

/// As RFC 4180 has it, down to the end of the line.
fn line(values: impl Iterator<Item = String>) -> String {
    values.map(|value| quoted(&value)).collect::<Vec<_>>().join(",") + "\r\n"
}

fn quoted(value: &str) -> String {
    if value.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_one_value() {
        let values = ["plain", "a,b", "say \"so\"", "two\nlines", ""].map(str::to_owned);
        assert_eq!(line(values.into_iter()), "plain,\"a,b\",\"say \"\"so\"\"\",\"two\nlines\",\r\n");
    }
}
