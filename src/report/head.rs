//! The head of a report: the verdict, why, and what was read and judged.

use std::fmt::Write as _;

use super::audit_text::{Page, verdict_word};
use crate::{
    audit::{
        coverage::{Coverage, RowCoverage, RunCoverage, ScopeCoverage},
        report::{AuditReport, BaselineUse},
    },
    judge::judgement::Depth,
    text::numbers::{bytes, counted, duration, grouped, plain},
};

const NOT_READ_SHOWN: usize = 10;
const RUNS_SHOWN: usize = 10;
const STALE_SHOWN: usize = 10;

pub(crate) fn print(text: &mut String, page: Page, report: &AuditReport) -> std::fmt::Result {
    let Coverage {
        store,
        of,
        tiers,
        rows,
        scope,
        runs,
        other_runs,
        not_read,
        took,
        bytes_scanned,
        depth,
        ..
    } = &report.coverage;
    let of = of.as_ref().map(|of| format!("   {of}")).unwrap_or_default();
    writeln!(text, "{}{of}", verdict_word(page.paint, report.overall))?;
    for because in report.because.iter().chain(&report.summary.problems) {
        writeln!(text, "{}", plain(because))?;
    }
    writeln!(text)?;
    writeln!(text, "store    {}", plain(&store.display().to_string()))?;
    for tier in tiers {
        let (noun, note) = match tier.tier {
            "cold" => ("cold file", ""),
            "wal" => ("WAL segment", ""),
            _ => ("hot snapshot", "; a copy, not evidence"),
        };
        if tier.files > 0 || tier.evidence {
            let (files, size) = (counted(tier.files, noun), bytes(tier.bytes));
            // By their names and sizes alone, files do not tell of rows.
            let rows =
                if *depth == Depth::Files.name() { String::new() } else { counted(tier.rows, "row") + ", " };
            writeln!(text, "         {files}: {rows}{size}{note}")?;
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
        writeln!(text, "also     run {}: {}", plain(&other.run), plain(&other.why))?;
    }
    and_more(text, other_runs.len(), RUNS_SHOWN)?;
    if let Some(scope) = scope {
        scope_line(text, scope)?;
    }
    judged_line(text, rows)?;
    writeln!(text, "         {} read, all in {}", bytes(*bytes_scanned), duration(*took))?;
    for (line, file) in not_read.iter().take(NOT_READ_SHOWN).enumerate() {
        let label = if line == 0 { "not read" } else { "" };
        writeln!(text, "{label:<8} {}: {}", plain(&file.file), plain(&file.why))?;
    }
    and_more(text, not_read.len(), NOT_READ_SHOWN)?;
    report.baseline.iter().try_for_each(|used| baseline(text, used))
}

fn scope_line(text: &mut String, scope: &ScopeCoverage) -> std::fmt::Result {
    let services = scope.services.iter().map(|service| format!("service {}", plain(service)));
    let from = scope.from.iter().map(|from| format!("from {from}"));
    let to = scope.to.iter().map(|to| format!("before {to}"));
    writeln!(text, "scope    {}", services.chain(from).chain(to).collect::<Vec<_>>().join(", "))
}

fn judged_line(text: &mut String, rows: &RowCoverage) -> std::fmt::Result {
    let RowCoverage { as_planned, differing, by_structure, unexpected, out_of_scope } = *rows;
    write!(
        text,
        "judged   {}: {} as planned, {} differing, {} by structure",
        counted(as_planned + differing + by_structure + unexpected, "row"),
        grouped(as_planned),
        grouped(differing),
        grouped(by_structure)
    )?;
    for (count, what) in [(unexpected, "unexpected"), (out_of_scope, "passed over")] {
        if count > 0 {
            write!(text, ", {} {what}", grouped(count))?;
        }
    }
    writeln!(text)
}

fn baseline(text: &mut String, used: &BaselineUse) -> std::fmt::Result {
    let BaselineUse { file, accepted, stale, not_looked_for } = used;
    let file = plain(&file.display().to_string());
    write!(text, "baseline {file}: {} accepted", counted(*accepted, "finding"))?;
    if *not_looked_for > 0 {
        write!(text, ", {} not looked for", grouped(*not_looked_for))?;
    }
    if stale.is_empty() {
        return writeln!(text);
    }
    writeln!(text, ", {} stale: found no more", grouped(stale.len() as u64))?;
    for one in stale.iter().take(STALE_SHOWN) {
        writeln!(text, "         {}  {}", plain(&one.id), plain(&one.finding))?;
    }
    and_more(text, stale.len(), STALE_SHOWN)
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
    if let Some(source) = &run.replay_of {
        writeln!(text, "         a replay of {}", plain(&source.display().to_string()))?;
    }
    writeln!(text, "barrier  {}", run.barrier.text)?;
    if run.acked > 0 && run.found == 0 {
        writeln!(text, "         not one span of it is here: is this the store that it was sent to?")?;
    }
    Ok(())
}
