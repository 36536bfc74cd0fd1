//! An audit as GitHub's workflow commands: an annotation for each check that has something to say.

use std::fmt::Write as _;

use super::{audit_words as words, sql_line::sql_line};
use crate::{
    audit::{
        report::AuditReport,
        verdict::{FailOn, Overall},
    },
    checks::{
        catalog::Severity,
        finding_id,
        runner::{Checked, Verdict},
    },
    text::escape::{github, github_property},
};

pub(crate) fn render(report: &AuditReport) -> Vec<u8> {
    let mut text = String::new();
    let overall = match report.overall {
        Overall::Pass => "notice",
        Overall::Fail | Overall::Inconclusive => "error",
    };
    let mut lines = words::reasons(report);
    let limits = words::limits_in_short(report);
    if !limits.is_empty() {
        lines.insert(0, format!("limited by {limits}"));
    }
    lines.push(format!("checked {}", words::rows(&report.coverage.rows)));
    command(&mut text, overall, &format!("e2e-store: {}", report.overall.name()), &lines.join("\n"));
    for one in &report.checked {
        if let Some(level) = level(report, one) {
            let title = format!("{}: {}", one.verdict.name(), one.check.id);
            command(&mut text, level, &title, &message(report, one));
        }
    }
    text.into_bytes()
}

/// None where there is nothing to say.
fn level(report: &AuditReport, one: &Checked) -> Option<&'static str> {
    match &one.verdict {
        Verdict::Fail(_) | Verdict::Inconclusive(_) | Verdict::Broken(_) => Some("error"),
        Verdict::Noted(Severity::Info, _) => Some("notice"),
        Verdict::Noted(..) if report.fail_on == FailOn::Warn => Some("error"),
        Verdict::Noted(..) => Some("warning"),
        Verdict::Pass | Verdict::Skipped(_) | Verdict::Accepted(_) => None,
    }
}

fn message(report: &AuditReport, one: &Checked) -> String {
    let mut text = format!("{}\n{}", one.check.rule, words::note(one));
    let Some(evidence) = report.evidence.get(&one.check.id) else { return text };
    if let Some(first) = evidence.samples.first() {
        let names = evidence.columns.iter().map(|column| column.name.as_str());
        let pairs = names.filter_map(|name| Some(format!("{name} {}", first.text(name)?)));
        write!(text, "\nfirst: {}, {}", finding_id::shown(&first.id), pairs.collect::<Vec<_>>().join(", "))
            .ok();
    }
    if let Some(line) = sql_line(&report.sql_command, &one.check, evidence) {
        write!(text, "\ninspect: {line}").ok();
    }
    write!(text, "\nlikely cause: {}", one.check.usually).ok();
    text
}

fn command(text: &mut String, level: &str, title: &str, message: &str) {
    writeln!(text, "::{level} title={}::{}", github_property(title), github(message)).ok();
}
