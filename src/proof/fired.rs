//! What fired in an audit, as a text that can be compared and as counts.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{audit::report::AuditReport, checks::runner::Checked};

/// Counted on every store that holds a run: what its spans lose by design.
pub(super) const ALWAYS: &str = "declared_losses";

fn is_loud(one: &Checked) -> bool {
    !matches!(one.verdict.name(), "pass" | "skipped") && one.check.id != ALWAYS
}

fn total(one: &Checked) -> u64 {
    one.verdict.findings().map_or(0, |findings| findings.total)
}

/// Every check that neither passed nor was skipped, its verdict where that is no failure, and its findings.
pub(crate) fn fired(report: &AuditReport) -> String {
    let mut text = String::new();
    for one in report.checked.iter().filter(|one| is_loud(one)) {
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
    report.checked.iter().filter(|one| is_loud(one)).map(|one| (one.check.id.clone(), total(one))).collect()
}

/// What fired, without the checks of Junjo's own evidence: those speak of damaged executions, too.
pub(crate) fn beside_junjo(fired: &str) -> String {
    fired.split("; ").filter(|one| !one.starts_with("junjo_")).collect::<Vec<_>>().join("; ")
}
