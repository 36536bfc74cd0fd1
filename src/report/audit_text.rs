//! An audit for people: verdict, why, coverage, checks, services, pollution, fidelity, findings.

use std::{collections::BTreeMap, fmt::Write as _, io::Write};

use super::{head, samples, services, sql_line::sql_line, table};
use crate::{
    audit::{
        evidence::Evidence,
        report::{AuditReport, Overall},
    },
    checks::{
        catalog::Severity,
        runner::{Checked, OwnScan, Verdict},
    },
    text::{
        numbers::{counted, grouped, plain},
        paint::Paint,
        wrap,
    },
};

/// Longer lines of running text are hard to read.
pub(crate) const PROSE_WIDTH: usize = 100;
const LABEL: usize = 10;

/// So many checks that were skipped for one reason share a line.
const SEVERAL: usize = 4;

/// What a report is printed on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) paint: Paint,
    /// Columns, where there is a bound.
    pub(crate) width: Option<usize>,
}

impl Page {
    pub(crate) fn terminal(paint: Paint) -> Self {
        Self { paint, width: table::terminal_width() }
    }

    fn prose_width(self) -> usize {
        self.width.unwrap_or(PROSE_WIDTH).min(PROSE_WIDTH)
    }
}

/// Up to `limit` findings of each check are shown.
pub(crate) fn print(
    out: &mut dyn Write,
    page: Page,
    limit: usize,
    report: &AuditReport,
) -> anyhow::Result<()> {
    let mut text = String::new();
    head::print(&mut text, page, report)?;
    checks(&mut text, page, &report.checked)?;
    services::completeness(&mut text, page, &report.completeness)?;
    services::pollution(&mut text, page, &report.summary.pollution)?;
    services::fidelity(&mut text, page, &report.summary.fidelity)?;
    for one in &report.checked {
        if let Some(evidence) = report.evidence.get(&one.check.id) {
            found(&mut text, page, limit, report, (one, evidence))?;
        }
    }
    writeln!(text, "\n{}", closing(&report.checked))?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

/// `PASS`, `FAIL` or `INCONCLUSIVE`, in its colour.
pub(crate) fn verdict_word(paint: Paint, overall: Overall) -> String {
    match overall {
        Overall::Pass => paint.good("PASS"),
        Overall::Fail => paint.bad("FAIL"),
        Overall::Inconclusive => paint.doubtful("INCONCLUSIVE"),
    }
}

fn checks(text: &mut String, page: Page, checked: &[Checked]) -> std::fmt::Result {
    writeln!(text)?;
    let paint = page.paint;
    let skipped = skipped_together(checked);
    let together = |one: &Checked| skipped.values().flatten().any(|id| *id == one.check.id);
    let shown: Vec<_> = checked.iter().filter(|one| !together(one)).collect();
    let width = shown.iter().map(|one| one.check.id.len()).max().unwrap_or_default();
    for one in shown {
        let word = match &one.verdict {
            Verdict::Pass => paint.good("pass"),
            Verdict::Fail(_) => paint.bad("FAIL"),
            Verdict::Noted(Severity::Info, _) => paint.quiet("info"),
            Verdict::Noted(..) => paint.doubtful("warn"),
            Verdict::Accepted(_) => paint.quiet("accepted"),
            Verdict::Inconclusive(_) => paint.doubtful("OPEN"),
            Verdict::Skipped(_) => paint.quiet("skip"),
            Verdict::Broken(_) => paint.bad("BROKEN"),
        };
        if let Verdict::Broken(reason) = &one.verdict {
            writeln!(text, "{word}  {}", one.check.id)?;
            for line in wrap::wrap(&plain(reason), page.prose_width() - 6) {
                writeln!(text, "      {line}")?;
            }
            continue;
        }
        writeln!(text, "{word}  {:width$}  {}", one.check.id, note(one))?;
    }
    for (reason, ids) in skipped {
        writeln!(text, "{}  {} checks: {}", paint.quiet("skip"), ids.len(), plain(reason))?;
        for line in wrap::wrap(&ids.join(", "), page.prose_width() - 6) {
            writeln!(text, "      {line}")?;
        }
    }
    Ok(())
}

/// Checks that were skipped for a reason which several share, by that reason.
fn skipped_together(checked: &[Checked]) -> BTreeMap<&str, Vec<&str>> {
    let mut together: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in checked {
        if let Verdict::Skipped(reason) = &one.verdict {
            together.entry(reason).or_default().push(&one.check.id);
        }
    }
    together.retain(|_, ids| ids.len() >= SEVERAL);
    together
}

/// How much a check found, and in how much; or why it could not.
pub(crate) fn note(one: &Checked) -> String {
    let (noun, nouns) = one.check.examines.nouns();
    let mut looked_at = format!("{} {}", grouped(one.examined), if one.examined == 1 { noun } else { nouns });
    if let Some(files) = one.files {
        write!(looked_at, " in {}", counted(files, "file")).ok();
    }
    let mut note = match &one.verdict {
        Verdict::Skipped(reason) | Verdict::Broken(reason) => plain(reason),
        Verdict::Pass => looked_at,
        Verdict::Inconclusive(found) => format!("{} undecided of {looked_at}", grouped(found.fresh())),
        Verdict::Accepted(found) => format!("{} in {looked_at}", counted(found.total, "finding")),
        Verdict::Fail(found) | Verdict::Noted(_, found) => {
            format!("{} in {looked_at}", counted(found.fresh(), "finding"))
        }
    };
    let accepted = one.verdict.findings().map_or(0, |found| found.accepted);
    if accepted > 0 && !matches!(one.verdict, Verdict::Accepted(_)) {
        write!(note, "; {} more accepted", grouped(accepted)).ok();
    }
    if let Some(OwnScan { rows, bytes }) = one.own_scan {
        let bytes = crate::text::numbers::bytes(bytes);
        write!(note, "; read {} by itself, {bytes}", counted(rows, "row")).ok();
    }
    note
}

/// A check that found something: its rule, the findings, and where to go from them.
fn found(
    text: &mut String,
    page: Page,
    limit: usize,
    report: &AuditReport,
    (one, evidence): (&Checked, &Evidence),
) -> std::fmt::Result {
    let Some(findings) = one.verdict.findings() else { return Ok(()) };
    if findings.fresh() == 0 {
        return Ok(());
    }
    writeln!(text, "\n{}: {}", page.paint.strong(&one.check.id), one.check.rule)?;
    text.push_str(&samples::render(evidence, limit, page.width));
    let shown = limit.min(evidence.samples.len()) as u64;
    if shown < findings.fresh() {
        writeln!(text, "… and {} more (--limit shows more)", grouped(findings.fresh() - shown))?;
    }
    for (label, lines) in [
        ("points to", points_to(evidence, page)),
        ("to see", sql_line(&report.sql_command, &one.check, evidence).into_iter().collect()),
        ("usually", wrap::wrap(&one.check.usually, page.prose_width() - LABEL)),
        ("code", one.check.code.iter().map(|code| format!("{code}, in the studio's own words")).collect()),
    ] {
        labelled(text, label, &lines)?;
    }
    Ok(())
}

pub(crate) fn labelled(text: &mut String, label: &str, lines: &[String]) -> std::fmt::Result {
    for (number, line) in lines.iter().enumerate() {
        let label = if number == 0 { label } else { "" };
        writeln!(text, "{label:LABEL$}{line}")?;
    }
    Ok(())
}

fn points_to(evidence: &Evidence, page: Page) -> Vec<String> {
    wrap::wrap(&evidence.points_to.describe(), page.prose_width() - LABEL)
}

fn closing(checked: &[Checked]) -> String {
    let count = |name: &str| checked.iter().filter(|one| one.verdict.name() == name).count();
    let words = ["fail", "inconclusive", "broken", "warn", "info", "accepted", "skipped", "pass"];
    let parts = words.into_iter().filter(|word| count(word) > 0).map(|word| {
        let shown = match word {
            "fail" => "failed",
            "warn" => "with warnings",
            "info" => "with remarks",
            "pass" => "passed",
            other => other,
        };
        format!("{} {shown}", count(word))
    });
    parts.collect::<Vec<_>>().join(", ")
}
