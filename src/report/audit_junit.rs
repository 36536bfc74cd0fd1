//! An audit as JUnit XML: a suite for each family, a case for each check, and one for the audit as a whole.
//!
//! JUnit has three words besides success. What failed is a failure; what is not known, open or broken, is an error;
//! what did not apply is skipped. A warning or a remark succeeds and says itself in its output.

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use super::{
    audit_json::samples, audit_words as words, document::Samples, samples as blocks, sql_line::sql_line,
};
use crate::{
    audit::{
        evidence::Evidence,
        report::AuditReport,
        verdict::{FailOn, Overall},
    },
    checks::{
        catalog::Severity,
        runner::{Checked, Verdict},
    },
    text::escape,
};

pub(crate) fn render(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let mut junit = Report::new("e2e-store audit");
    junit.set_time(report.coverage.took);
    let mut whole = TestSuite::new("audit");
    whole.add_test_case(verdict_case(report));
    for limit in &report.limits {
        let from = limit.file.as_ref().map(|file| format!(" ({})", file.display())).unwrap_or_default();
        let name = format!("limited-by {}{from}", limit.option);
        whole.add_property(Property::new(clean(&name), clean(&limit.values.join(","))));
    }
    junit.add_test_suite(whole);
    for family in report.checked.chunk_by(|a, b| a.check.family == b.check.family) {
        let name = family.first().map_or("", |one| &one.check.family);
        let mut suite = TestSuite::new(clean(name));
        suite.add_test_cases(family.iter().map(|one| case(report, one, limit)));
        junit.add_test_suite(suite);
    }
    let mut text = junit.to_string()?.into_bytes();
    if text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    Ok(text)
}

/// What no single check says: a report in which nothing failed may still not be a pass.
fn verdict_case(report: &AuditReport) -> TestCase {
    let because = words::reasons(report).join("\n");
    let status = match report.overall {
        Overall::Pass => TestCaseStatus::success(),
        Overall::Fail => said(NonSuccessKind::Failure, "fail", &because),
        Overall::Inconclusive => said(NonSuccessKind::Error, "inconclusive", &because),
    };
    let mut case = TestCase::new("verdict", status);
    case.set_classname("audit");
    case
}

fn case(report: &AuditReport, one: &Checked, limit: usize) -> TestCase {
    let name = one.verdict.name();
    let note = words::note(one);
    let fails = report.fail_on == FailOn::Warn;
    let (status, output) = match &one.verdict {
        Verdict::Pass => (TestCaseStatus::success(), None),
        Verdict::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean(reason));
            (status, None)
        }
        Verdict::Broken(reason) => (said(NonSuccessKind::Error, name, reason), None),
        Verdict::Inconclusive(_) => (said(NonSuccessKind::Error, name, &note), None),
        Verdict::Fail(_) => (said(NonSuccessKind::Failure, name, &note), None),
        Verdict::Noted(Severity::Warn, _) if fails => (said(NonSuccessKind::Failure, name, &note), None),
        Verdict::Noted(..) | Verdict::Accepted(_) => {
            (TestCaseStatus::success(), Some(format!("{name}: {note}\n")))
        }
    };
    let mut case = TestCase::new(clean(&one.check.id), status);
    case.set_classname(clean(&one.check.family));
    let evidence = report.evidence.get(&one.check.id).filter(|_| !samples(report, one, limit).is_empty());
    let details = evidence.map(|evidence| details(report, one, evidence, limit));
    match (output, details) {
        // Most readers show what is inside of a failure, and not what was printed beside it.
        (None, Some(details)) => {
            case.status.set_description(clean(&details));
        }
        (Some(output), details) => {
            case.set_system_out(clean(&(output + &details.unwrap_or_default())));
        }
        (None, None) => {}
    }
    case
}

fn said(kind: NonSuccessKind, of: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(of);
    if !message.is_empty() {
        status.set_message(clean(message));
    }
    status
}

fn details(report: &AuditReport, one: &Checked, evidence: &Evidence, limit: usize) -> String {
    let rows = samples(report, one, limit).to_vec();
    let findings = blocks::render(
        &Samples { named: "finding", columns: evidence.columns.clone(), rows, commands: Vec::new() },
        None,
    );
    let inspect = sql_line(&report.sql_command, &one.check, evidence);
    let inspect = inspect.map(|line| format!("inspect: {line}\n")).unwrap_or_default();
    format!("{}\n{findings}{inspect}likely cause: {}\n", one.check.rule, one.check.usually)
}

/// XML has no way to write most control characters.
fn clean(text: &str) -> XmlString {
    XmlString::new(escape::lines(text))
}
