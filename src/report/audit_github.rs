//! An audit as GitHub's workflow commands: an annotation for each check that has something to say.

use std::fmt::Write as _;

use super::{audit_text::note, sql_line::sql_line};
use crate::{
    audit::report::{AuditReport, FailOn, Overall},
    checks::{
        catalog::Severity,
        runner::{Checked, Verdict},
    },
};

pub(crate) fn render(report: &AuditReport) -> Vec<u8> {
    let mut text = String::new();
    let overall = match report.overall {
        Overall::Pass => ("notice", "pass"),
        Overall::Fail => ("error", "fail"),
        Overall::Inconclusive => ("error", "inconclusive"),
    };
    let mut because = report.because.clone();
    because.extend(report.summary.problems.iter().cloned());
    let rows = &report.coverage.rows;
    because.push(format!(
        "{} rows as planned, {} differing, {} by structure",
        rows.as_planned, rows.differing, rows.by_structure
    ));
    command(&mut text, overall.0, &format!("e2e-store: {}", overall.1), &because.join("\n"));
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
    let mut text = format!("{}\n{}", one.check.rule, note(one));
    let Some(evidence) = report.evidence.get(&one.check.id) else { return text };
    if let Some(first) = evidence.samples.first() {
        let names = evidence.columns.iter().map(|column| column.name.as_str());
        let pairs = names.filter_map(|name| Some(format!("{name} {}", first.text(name)?)));
        write!(text, "\nfirst: {}, {}", first.id, pairs.collect::<Vec<_>>().join(", ")).ok();
    }
    if let Some(line) = sql_line(&report.sql_command, &one.check, evidence) {
        write!(text, "\nto see: {line}").ok();
    }
    write!(text, "\nusually: {}", one.check.usually).ok();
    text
}

fn command(text: &mut String, level: &str, title: &str, message: &str) {
    writeln!(text, "::{level} title={}::{}", property(title), data(message)).ok();
}

/// What the runner would take for the command's end is escaped, as it asks for.
fn data(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(crate::text::numbers::plain).collect();
    lines.join("\n").replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_end_its_command() {
        let mut text = String::new();
        command(&mut text, "error", "a: b, c", "50 %\nnext::error::\r");
        assert_eq!(text, "::error title=a%3A b%2C c::50 %25%0Anext::error::\\r\n");
    }
}
