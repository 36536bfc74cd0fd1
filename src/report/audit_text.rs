//! An audit for the terminal: verdict, coverage, completeness, checks, findings.

use std::{fmt::Write as _, io::Write};

use super::{
    audit::{AuditReport, Completeness, Coverage, Overall, RunCoverage},
    findings,
    numbers::{self, bytes, counted, duration, grouped, plain},
    paint::Paint,
    table::{self, Align},
};
use crate::checks::{
    catalog::Severity,
    runner::{Checked, Verdict},
};

const SERVICES_SHOWN: usize = 20;
const NOT_READ_SHOWN: usize = 10;
const RUNS_SHOWN: usize = 10;

pub(crate) fn print(out: &mut dyn Write, paint: Paint, report: &AuditReport) -> anyhow::Result<()> {
    let mut text = String::new();
    head(&mut text, paint, report)?;
    completeness(&mut text, &report.completeness)?;
    checks(&mut text, paint, &report.checked)?;
    for one in &report.checked {
        samples(&mut text, paint, one)?;
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

fn head(text: &mut String, paint: Paint, report: &AuditReport) -> anyhow::Result<()> {
    let Coverage { store, of, tiers, rows, runs, other_runs, not_read, took, bytes_scanned } =
        &report.coverage;
    let of = of.as_ref().map(|of| format!("   {of}")).unwrap_or_default();
    writeln!(text, "{}{of}", verdict_word(paint, report.overall))?;
    for because in &report.because {
        writeln!(text, "{because}")?;
    }
    writeln!(text)?;
    writeln!(text, "store    {}", store.display())?;
    for tier in tiers {
        let (noun, note) = match tier.tier {
            "cold" => ("cold file", ""),
            "wal" => ("WAL segment", ""),
            _ => ("hot snapshot", "; a copy, not evidence"),
        };
        if tier.files > 0 || tier.evidence {
            let (files, rows, size) =
                (counted(tier.files, noun), counted(tier.rows, "row"), bytes(tier.bytes));
            writeln!(text, "         {files}: {rows}, {size}{note}")?;
        }
    }
    for run in runs.iter().take(RUNS_SHOWN) {
        run_lines(text, run)?;
    }
    and_more(text, runs.len(), RUNS_SHOWN)?;
    if runs.is_empty() {
        writeln!(text, "run      none is judged")?;
    }
    for other in other_runs.iter().take(RUNS_SHOWN) {
        writeln!(text, "also     run {}: {}", other.run, other.why)?;
    }
    and_more(text, other_runs.len(), RUNS_SHOWN)?;
    let total = rows.as_planned + rows.differing + rows.by_structure;
    writeln!(
        text,
        "judged   {}: {} as planned, {} differing, {} by structure",
        counted(total, "row"),
        grouped(rows.as_planned),
        grouped(rows.differing),
        grouped(rows.by_structure)
    )?;
    writeln!(text, "         {} read, all in {}", bytes(*bytes_scanned), duration(*took))?;
    for (line, file) in not_read.iter().take(NOT_READ_SHOWN).enumerate() {
        let label = if line == 0 { "not read" } else { "" };
        writeln!(text, "{label:<8} {}: {}", plain(&file.file), plain(&file.why))?;
    }
    and_more(text, not_read.len(), NOT_READ_SHOWN)?;
    Ok(())
}

fn and_more(text: &mut String, all: usize, shown: usize) -> std::fmt::Result {
    match all.checked_sub(shown) {
        None | Some(0) => Ok(()),
        Some(hidden) => {
            writeln!(text, "         and {} more (--format json lists all)", grouped(hidden as u64))
        }
    }
}

fn run_lines(text: &mut String, run: &RunCoverage) -> std::fmt::Result {
    let mut account = format!("{} planned: {} acked", counted(run.planned, "span"), grouped(run.acked));
    for (count, name) in
        [(run.rejected, "rejected"), (run.indeterminate, "indeterminate"), (run.not_started, "not started")]
    {
        if count > 0 {
            write!(account, ", {} {name}", grouped(count))?;
        }
    }
    let unfinished = if run.unfinished { "; no end of it is recorded" } else { "" };
    writeln!(text, "run      {}   {account}{unfinished}", run.run)?;
    writeln!(text, "barrier  {}", run.barrier.text)?;
    if run.acked > 0 && run.found == 0 {
        writeln!(text, "         not one span of it is here: is this the store that it was sent to?")?;
    }
    Ok(())
}

fn completeness(text: &mut String, services: &[Completeness]) -> std::fmt::Result {
    if services.is_empty() {
        return Ok(());
    }
    let mut order: Vec<_> = services.iter().collect();
    // Services with something missing come first, so that a capped list shows them.
    order.sort_by_key(|service| std::cmp::Reverse(service.missing));
    let header = [
        ("service", Align::Left),
        ("workflows", Align::Right),
        ("found", Align::Right),
        ("spans", Align::Right),
        ("acked", Align::Right),
        ("found", Align::Right),
        ("missing", Align::Right),
    ];
    let row = |service: &&Completeness| {
        let numbers = [
            service.workflows,
            service.workflows_found,
            service.spans,
            service.acked,
            service.found,
            service.missing,
        ];
        std::iter::once(numbers::service(&service.service)).chain(numbers.map(grouped)).collect::<Vec<_>>()
    };
    let sum = |of: fn(&Completeness) -> u64| services.iter().map(of).sum::<u64>();
    let total = Completeness {
        run: String::new(),
        service: format!("all {}", counted(services.len() as u64, "service")),
        workflows: sum(|service| service.workflows),
        workflows_found: sum(|service| service.workflows_found),
        spans: sum(|service| service.spans),
        acked: sum(|service| service.acked),
        found: sum(|service| service.found),
        missing: sum(|service| service.missing),
    };
    let hidden = services.len().saturating_sub(SERVICES_SHOWN);
    let mut rows: Vec<_> = order.iter().take(SERVICES_SHOWN).map(row).collect();
    if hidden > 0 {
        rows.push(vec![format!("and {hidden} more (--format json lists all)")]);
    }
    if services.len() > 1 {
        rows.push(row(&&total));
    }
    write!(text, "\n{}", table::render(&header, rows))
}

fn checks(text: &mut String, paint: Paint, checked: &[Checked]) -> std::fmt::Result {
    writeln!(text)?;
    let width = checked.iter().map(|one| one.check.id.len()).max().unwrap_or_default();
    for Checked { check, examined, verdict } in checked {
        let (one, several) = check.examines.nouns();
        let looked_at = format!("{} {}", grouped(*examined), if *examined == 1 { one } else { several });
        let (word, note) = match verdict {
            Verdict::Pass => (paint.good("pass"), looked_at),
            Verdict::Fail(found) => {
                let counted = counted(found.total, "finding");
                (paint.bad("FAIL"), format!("{counted} in {looked_at}"))
            }
            Verdict::Noted(severity, found) => {
                let word = match severity {
                    Severity::Info => paint.quiet("info"),
                    Severity::Warn | Severity::Error => paint.doubtful("warn"),
                };
                (word, format!("{} in {looked_at}", counted(found.total, "finding")))
            }
            Verdict::Inconclusive(found) => {
                (paint.doubtful("OPEN"), format!("{} undecided of {looked_at}", grouped(found.total)))
            }
            Verdict::Skipped(reason) => (paint.quiet("skip"), reason.clone()),
            Verdict::Broken(err) => (paint.bad("BROKEN"), err.clone()),
        };
        writeln!(text, "{word}  {:width$}  {note}", check.id)?;
    }
    Ok(())
}

fn samples(text: &mut String, paint: Paint, one: &Checked) -> anyhow::Result<()> {
    let Some(found) = one.verdict.findings() else { return Ok(()) };
    writeln!(text, "\n{}: {}", paint.strong(&one.check.id), one.check.rule)?;
    text.push_str(&findings::render(found)?);
    let shown = found.samples.iter().map(|batch| batch.num_rows() as u64).sum::<u64>();
    if shown < found.total {
        writeln!(text, "… and {} more (--limit shows more)", grouped(found.total - shown))?;
    }
    Ok(())
}

fn closing(checked: &[Checked]) -> String {
    let count = |name: &str| checked.iter().filter(|one| one.verdict.name() == name).count();
    let words = ["fail", "inconclusive", "broken", "warn", "info", "skipped", "pass"];
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
