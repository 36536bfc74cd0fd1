//! What fired in an audit, as a text that can be compared and as counts.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{audit::report::AuditReport, checks::runner::Checked};

/// Counted on every store that holds a run: what its spans lose by design.
pub(super) const ALWAYS: &str = "declared_losses";

/// Neither passed nor skipped.
fn is_loud(one: &Checked) -> bool {
    !matches!(one.verdict.name(), "pass" | "skipped")
}

fn total(one: &Checked) -> u64 {
    one.verdict.findings().map_or(0, |findings| findings.total)
}

/// Every check that neither passed nor was skipped, its verdict where that is no failure, and its findings.
pub(crate) fn fired(report: &AuditReport) -> String {
    told(report, |check| check != ALWAYS)
}

/// What of that an expectation speaks of: Junjo's evidence tells of damaged executions, too, and has damages of its own;
/// and what is lost by design is there wherever a run is.
pub(crate) fn fired_of(report: &AuditReport, expected: &str) -> String {
    let of_junjo = expected.contains("junjo_");
    told(report, |check| {
        (of_junjo || !check.starts_with("junjo_")) && (check != ALWAYS || expected.contains(ALWAYS))
    })
}

fn told(report: &AuditReport, is_of_interest: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for one in report.checked.iter().filter(|one| is_loud(one) && is_of_interest(&one.check.id)) {
        let (id, findings) = (&one.check.id, total(one));
        match one.verdict.name() {
            "fail" => write!(text, "{id}: {findings}; ").ok(),
            other => write!(text, "{id}: {other}, {findings}; ").ok(),
        };
    }
    text.trim_end_matches("; ").to_owned()
}

/// How many findings each check has that neither passed nor was skipped.
pub(crate) fn counts(report: &AuditReport) -> BTreeMap<String, u64> {
    let loud = report.checked.iter().filter(|one| is_loud(one) && one.check.id != ALWAYS);
    loud.map(|one| (one.check.id.clone(), total(one))).collect()
}

/// What fired, without the checks of Junjo's own evidence.
#[cfg(test)]
pub(crate) fn beside_junjo(fired: &str) -> String {
    fired.split("; ").filter(|one| !one.starts_with("junjo_")).collect::<Vec<_>>().join("; ")
}
