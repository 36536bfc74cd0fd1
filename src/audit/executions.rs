//! Findings of Junjo's own evidence by the execution that they lie in: workflow or agent, with the way to each place.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::report::AuditReport;
use crate::{
    checks::runner::Checked,
    junjo::outline::{Line, Outline, Source, What, outlines},
    tables::judged::Judged,
};

/// The family whose findings are grouped.
pub(crate) const FAMILY: &str = "junjo";

/// Executions that are shown; findings of others stay with their checks.
const MAX_EXECUTIONS: usize = 10;

/// An execution with findings.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Execution {
    /// `workflow`, `agent`, or `execution` where its own span is not stored.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// Its name, else its runtime id.
    pub(crate) name: String,
    pub(crate) service_name: String,
    pub(crate) trace_id: String,
    /// From top to bottom, with what is beside a finding.
    pub(crate) tree: Vec<TreeLine>,
}

/// A line of the tree, and what was found there.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TreeLine {
    pub(crate) depth: usize,
    #[serde(skip)]
    pub(crate) is_last: bool,
    #[serde(flatten)]
    pub(crate) what: Place,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) findings: Vec<Mark>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(crate) enum Place {
    Span {
        span_id: String,
        #[serde(rename = "type")]
        kind: &'static str,
        name: String,
        outcome: &'static str,
        /// Unix nanoseconds.
        start_time_unix_nano: i64,
        end_time_unix_nano: i64,
    },
    /// It is named as theirs by the spans below it.
    NotStored { runtime_id: String },
    /// Spans that are left out.
    More { more_spans: usize },
}

/// A finding at a place.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mark {
    pub(crate) id: String,
    pub(crate) check: String,
    /// Of its check.
    pub(crate) verdict: &'static str,
    /// What differs, in a line.
    pub(crate) text: String,
}

impl Mark {
    /// Its verdict, as people read it beside a span.
    pub(crate) fn word(&self) -> &'static str {
        if self.verdict == "fail" { "FAIL" } else { self.verdict }
    }
}

impl Execution {
    pub(crate) fn findings(&self) -> usize {
        self.tree.iter().map(|line| line.findings.len()).sum()
    }
}

/// The executions that the kept findings lie in, those with failures first.
pub(super) fn executions(judged: &Judged, report: &AuditReport) -> anyhow::Result<Vec<Execution>> {
    let mut marks = marks(report);
    let mut wanted: BTreeMap<u128, BTreeSet<u64>> = BTreeMap::new();
    for (trace, span) in marks.keys() {
        wanted.entry(*trace).or_default().insert(*span);
    }
    let collected = &judged.judgement.collected;
    let Some(records) = &collected.records else { return Ok(Vec::new()) };
    let source = Source { records, facts: &collected.facts, names: &collected.names };
    let outlines = outlines(&source, &wanted)?;
    let mut executions: Vec<Execution> =
        outlines.into_iter().map(|outline| execution(outline, &mut marks)).collect();
    let weight = |execution: &Execution| {
        let fails =
            execution.tree.iter().flat_map(|line| &line.findings).filter(|mark| mark.verdict == "fail");
        (std::cmp::Reverse(fails.count()), std::cmp::Reverse(execution.findings()))
    };
    executions.sort_by_cached_key(|one| (weight(one), one.trace_id.clone(), one.name.clone()));
    executions.truncate(MAX_EXECUTIONS);
    Ok(executions)
}

/// The kept findings by the trace and span that they are about.
pub(crate) fn marks(report: &AuditReport) -> BTreeMap<(u128, u64), Vec<Mark>> {
    let mut marks: BTreeMap<(u128, u64), Vec<Mark>> = BTreeMap::new();
    for (one, evidence) in of_family(report) {
        for sample in &evidence.samples {
            let number =
                |column: &str| sample.text(column).and_then(|text| u128::from_str_radix(&text, 16).ok());
            let (Some(trace), Some(span)) = (number("trace_id"), number("span_id")) else { continue };
            let mark = Mark {
                id: sample.id.clone(),
                check: one.check.id.clone(),
                verdict: one.verdict.name(),
                text: said(|column| sample.text(column)),
            };
            marks.entry((trace, span as u64)).or_default().push(mark);
        }
    }
    marks
}

fn of_family(report: &AuditReport) -> impl Iterator<Item = (&Checked, &super::evidence::Evidence)> {
    let of_family = report.checked.iter().filter(|one| one.check.family == FAMILY);
    of_family.filter_map(|one| Some((one, report.evidence.get(&one.check.id)?)))
}

/// A finding in a line: what it is about, why, and what was expected.
pub(crate) fn said(text: impl Fn(&str) -> Option<String>) -> String {
    let subject = text("subject").into_iter().chain(text("cause")).collect::<Vec<_>>().join(": ");
    let compared = match (text("expected"), text("actual")) {
        (Some(expected), Some(actual)) => format!("expected {expected}, is {actual}"),
        (Some(expected), None) => format!("expected {expected}"),
        (None, Some(actual)) => format!("is {actual}"),
        (None, None) => String::new(),
    };
    match (subject.is_empty(), compared.is_empty()) {
        (false, false) => format!("{subject} ({compared})"),
        (true, _) => compared,
        (false, true) => subject,
    }
}

fn execution(outline: Outline, marks: &mut BTreeMap<(u128, u64), Vec<Mark>>) -> Execution {
    let Outline { kind, name, service, trace_id, lines } = outline;
    let trace = u128::from_str_radix(&trace_id, 16).unwrap_or_default();
    let mut line = |Line { depth, is_last, what }: Line| {
        let (what, findings) = match what {
            What::Span { span_id, kind, name, outcome, start_time, end_time } => {
                let span = u64::from_str_radix(&span_id, 16).unwrap_or_default();
                let findings = marks.remove(&(trace, span)).unwrap_or_default();
                let (start_time_unix_nano, end_time_unix_nano) = (start_time, end_time);
                let place =
                    Place::Span { span_id, kind, name, outcome, start_time_unix_nano, end_time_unix_nano };
                (place, findings)
            }
            What::Absent { runtime_id } => (Place::NotStored { runtime_id }, Vec::new()),
            What::More(more_spans) => (Place::More { more_spans }, Vec::new()),
        };
        TreeLine { depth, is_last, what, findings }
    };
    let tree = lines.into_iter().map(&mut line).collect();
    Execution { kind, name, service_name: service, trace_id, tree }
}

#[cfg(test)]
mod tests {
    use crate::{
        checks::tests::bench::Bench,
        contract::schema::Schema,
        report::format::{self, ReportFormat, View},
    };

    #[tokio::test]
    async fn a_finding_stands_at_its_place_in_the_tree_of_its_workflow() {
        let bench = Bench::of("studio-0.82.1", Schema::V2);
        assert!(bench.audit("none").await.executions.is_empty());
        bench.change_cold(|rows| {
            let is_silent_node = |row: &_| {
                matches!(row, crate::contract::row::Row { attributes, events, .. }
                    if attributes.contains(r#""junjo.span_type":"node""#) && events == "[]")
            };
            let node = rows.iter().position(is_silent_node).unwrap();
            rows.remove(node);
        });
        let report = bench.audit("none").await;
        let [execution] = &report.executions[..] else { panic!("{:?}", report.executions) };
        assert_eq!((execution.kind, execution.findings()), ("workflow", 1));
        let marked = execution.tree.iter().position(|line| !line.findings.is_empty()).unwrap();
        let mark = &execution.tree[marked].findings[0];
        assert_eq!((marked, mark.check.as_str(), mark.verdict), (0, "junjo_missing_executions", "fail"));
        assert!(execution.tree.len() > 2, "what ran beside it is shown");

        let text = format::render(ReportFormat::Table, &report, View::FILE).unwrap();
        let text = String::from_utf8(text).unwrap();
        let command = format!("e2e-store trace {} ", execution.trace_id);
        assert!(text.contains(&command), "{text}");
    }
}
