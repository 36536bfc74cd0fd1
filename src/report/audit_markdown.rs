//! An audit as Markdown: for a job's summary or a comment on a change.

use std::fmt::Write as _;

use super::{audit_json::samples, audit_text::note, sql_line::sql_line};
use crate::{
    audit::{
        coverage::{Completeness, Coverage},
        evidence::Column,
        report::{AuditReport, Overall},
    },
    checks::{
        findings::Findings,
        runner::Checked,
        summary::{AlteredColumn, PollutionCell},
    },
    text::numbers::{bytes, counted, grouped, plain, service, short},
};

const VALUE_CHARS: usize = 200;
const SERVICES_SHOWN: usize = 20;

pub(crate) fn render(report: &AuditReport, limit: usize) -> anyhow::Result<Vec<u8>> {
    let mut text = String::new();
    head(&mut text, report)?;
    table(
        &mut text,
        &["verdict", "check", "severity", "what"],
        report.checked.iter().map(|one| {
            vec![
                bold_unless_quiet(one),
                code(&one.check.id),
                one.check.severity.name().to_owned(),
                prose(&note(one)),
            ]
        }),
    )?;
    completeness(&mut text, &report.completeness)?;
    pollution(&mut text, &report.summary.pollution)?;
    fidelity(&mut text, &report.summary.fidelity)?;
    for one in &report.checked {
        findings(&mut text, report, one, limit)?;
    }
    Ok(text.into_bytes())
}

fn head(text: &mut String, report: &AuditReport) -> std::fmt::Result {
    let verdict = match report.overall {
        Overall::Pass => "PASS",
        Overall::Fail => "FAIL",
        Overall::Inconclusive => "INCONCLUSIVE",
    };
    let Coverage { store, of, rows, bytes_scanned, runs, .. } = &report.coverage;
    let of = of.as_ref().map(|of| format!(": {}", prose(of))).unwrap_or_default();
    writeln!(text, "## e2e-store: {verdict}{of}\n")?;
    for because in report.because.iter().chain(&report.summary.problems) {
        writeln!(text, "- {}", prose(because))?;
    }
    let judged = rows.as_planned + rows.differing + rows.by_structure;
    writeln!(
        text,
        "- {}: {}, {} as planned, {} differing, {} by structure; {} read",
        code(&store.display().to_string()),
        counted(judged, "row"),
        grouped(rows.as_planned),
        grouped(rows.differing),
        grouped(rows.by_structure),
        bytes(*bytes_scanned)
    )?;
    for run in runs {
        writeln!(
            text,
            "- {} {}: {} planned, {} acked, {} found; barrier: {}",
            if run.replay_of.is_some() { "replay" } else { "run" },
            code(&run.run),
            counted(run.planned, "span"),
            grouped(run.acked),
            grouped(run.found),
            prose(&run.barrier.text)
        )?;
    }
    if let Some(used) = &report.baseline {
        let (accepted, stale) = (counted(used.accepted, "finding"), used.stale.len());
        writeln!(
            text,
            "- baseline {}: {accepted} accepted, {stale} stale",
            code(&used.file.display().to_string())
        )?;
    }
    Ok(())
}

fn bold_unless_quiet(one: &Checked) -> String {
    match one.verdict.name() {
        quiet @ ("pass" | "skipped" | "accepted") => quiet.to_owned(),
        loud => format!("**{loud}**"),
    }
}

fn completeness(text: &mut String, services: &[Completeness]) -> std::fmt::Result {
    if services.is_empty() {
        return Ok(());
    }
    let mut order: Vec<_> = services.iter().collect();
    order.sort_by_key(|service| std::cmp::Reverse(service.missing));
    let total = Completeness::total(services);
    let shown = order.into_iter().take(SERVICES_SHOWN).chain((services.len() > 1).then_some(&total));
    let header = ["service", "workflows", "found", "spans", "acked", "found", "missing"];
    table(
        text,
        &header,
        shown.map(|of| {
            let numbers = [of.workflows, of.workflows_found, of.spans, of.acked, of.found, of.missing];
            std::iter::once(prose(&service(&of.service))).chain(numbers.map(grouped)).collect()
        }),
    )?;
    match services.len().saturating_sub(SERVICES_SHOWN) {
        0 => Ok(()),
        hidden => writeln!(text, "\nand {hidden} more services"),
    }
}

fn pollution(text: &mut String, cells: &[PollutionCell]) -> std::fmt::Result {
    let mut moved: Vec<_> = cells.iter().filter(|cell| cell.sent_by != cell.stored_as).collect();
    if moved.is_empty() {
        return Ok(());
    }
    moved.sort_by_key(|cell| std::cmp::Reverse(cell.rows));
    let name =
        |name: &Option<String>| name.as_ref().map_or("(null)".to_owned(), |name| prose(&service(name)));
    table(
        text,
        &["sent by", "stored as", "rows"],
        moved
            .iter()
            .take(SERVICES_SHOWN)
            .map(|cell| vec![name(&cell.sent_by), name(&cell.stored_as), grouped(cell.rows)]),
    )?;
    match moved.len().saturating_sub(SERVICES_SHOWN) {
        0 => Ok(()),
        hidden => writeln!(text, "\nand {hidden} more"),
    }
}

fn fidelity(text: &mut String, columns: &[AlteredColumn]) -> std::fmt::Result {
    if columns.is_empty() {
        return Ok(());
    }
    let row = |column: &AlteredColumn| {
        let file = column.file.as_deref().map(code).unwrap_or_default();
        let row = column.row_number.map(|row| row.to_string()).unwrap_or_default();
        vec![code(&column.column_name), grouped(column.differing), file, row]
    };
    table(text, &["column", "not as sent", "first in", "row"], columns.iter().map(row))
}

fn findings(text: &mut String, report: &AuditReport, one: &Checked, limit: usize) -> std::fmt::Result {
    let Some(evidence) = report.evidence.get(&one.check.id) else { return Ok(()) };
    let samples = samples(report, one, limit);
    let fresh = one.verdict.findings().map_or(0, Findings::fresh);
    if fresh == 0 {
        return Ok(());
    }
    writeln!(text, "\n### {}\n\n{}", code(&one.check.id), prose(&one.check.rule))?;
    let columns: Vec<&Column> = evidence
        .columns
        .iter()
        .filter(|column| samples.iter().any(|sample| sample.values.contains_key(&column.name)))
        .collect();
    let header: Vec<&str> =
        std::iter::once("finding").chain(columns.iter().map(|column| column.name.as_str())).collect();
    table(
        text,
        &header,
        samples.iter().map(|sample| {
            let cell =
                |column: &&Column| sample.text(&column.name).map(|text| code(&text)).unwrap_or_default();
            std::iter::once(code(&sample.id)).chain(columns.iter().map(cell)).collect()
        }),
    )?;
    let hidden = fresh - samples.len() as u64;
    if hidden > 0 {
        writeln!(text, "\nand {} more", grouped(hidden))?;
    }
    let points_to = evidence.points_to.describe();
    if !points_to.is_empty() {
        writeln!(text, "\nPoints to {}.", prose(&points_to))?;
    }
    if let Some(line) = sql_line(&report.sql_command, &one.check, evidence) {
        writeln!(text, "\n```sh\n{line}\n```")?;
    }
    writeln!(text, "\nUsually: {}", prose(&one.check.usually))
}

fn table(text: &mut String, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> std::fmt::Result {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let names: Vec<String> = header.iter().map(|name| prose(name)).collect();
    writeln!(text, "\n{}\n|{}", line(&names), " --- |".repeat(header.len()))?;
    rows.into_iter().try_for_each(|row| writeln!(text, "{}", line(&row)))
}

/// Text that stays text: what Markdown and HTML would obey is escaped.
fn prose(value: &str) -> String {
    let mut text = String::new();
    for char in plain(value).chars() {
        match char {
            '<' => text.push_str("&lt;"),
            '&' => text.push_str("&amp;"),
            '\\' | '*' | '_' | '[' | ']' | '|' | '~' => text.extend(['\\', char]),
            char => text.push(char),
        }
    }
    text
}

/// A value between backticks, more of them than it has itself.
fn code(value: &str) -> String {
    let value = short(value, VALUE_CHARS).replace('|', "\\|");
    let longest = value.split(|char| char != '`').map(str::len).max().unwrap_or_default();
    let ticks = "`".repeat(longest + 1);
    let pad =
        if value.starts_with('`') || value.ends_with('`') || value.trim().is_empty() { " " } else { "" };
    format!("{ticks}{pad}{value}{pad}{ticks}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_cell() {
        assert_eq!(code("a|b"), r"`a\|b`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`a`"), "`` `a` ``");
        assert_eq!(code("a\nb"), r"`a\nb`");
        assert_eq!(prose("see lost_spans <b> `code` *x*|"), r"see lost\_spans &lt;b> `code` \*x\*\|");
    }
}
