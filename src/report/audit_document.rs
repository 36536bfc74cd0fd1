//! An audit for people, as a document: verdict and why, coverage, checks, services, findings.
//!
//! Checks that passed or did not apply are counted by family, unless all are asked for.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::json;

use super::{
    audit_words as words,
    document::{Block, Document, Fact, Level, Line, Samples, Section, Style, Table, Value, and_more},
    executions,
    sql_line::{command_for, page_for, sql_line},
    table::Align,
};
use crate::{
    audit::{
        coverage::{Completeness, Coverage, RunCoverage, SkippedFiles, TierCoverage},
        evidence::{Column, Evidence, Sample},
        report::{AuditReport, BaselineUse},
        verdict::Overall,
    },
    base::url,
    checks::{
        catalog::Severity,
        finding_id,
        findings::Findings,
        runner::{Checked, Verdict},
        summary::{AlteredColumn, PollutionCell},
    },
    judge::judgement::Depth,
    text::numbers::{self, bytes, counted, duration, grouped, moment},
};

const NOT_READ_SHOWN: usize = 10;
const RUNS_SHOWN: usize = 10;
const STALE_SHOWN: usize = 10;
const SERVICES_SHOWN: usize = 20;
/// As many columns as a page of 80 characters has room for, or a few more.
const MATRIX_SHOWN: usize = 8;
const JSON_HAS_ALL: &str = " (--format json lists all)";

/// How much of an audit is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Findings of each check.
    pub(crate) limit: usize,
    /// Each check, those that passed and those that were skipped, too.
    pub(crate) all_checks: bool,
}

pub(crate) fn document(report: &AuditReport, extent: Extent) -> Document {
    let mut document = Document::default();
    document.add(verdict(report));
    document.add(Section::new([Block::Facts(coverage(report))]));
    checks(&mut document, &report.checked, extent);
    document.add(Section::new(completeness(&report.completeness, extent)));
    document.add(Section::new(pollution(&report.summary.pollution)));
    document.add(Section::new(fidelity(&report.summary.fidelity)));
    for section in executions::sections(report) {
        document.add(section);
    }
    for one in &report.checked {
        if let Some(evidence) = report.evidence.get(&one.check.id) {
            document.add(findings(report, one, evidence, extent.limit));
        }
    }
    document
}

/// The verdict, of what, what it does not cover, and why.
pub(super) fn verdict(report: &AuditReport) -> Section {
    let mut line = match report.overall {
        Overall::Pass => Line::styled(Style::Good, "PASS"),
        Overall::Fail => Line::styled(Style::Bad, "FAIL"),
        Overall::Inconclusive => Line::styled(Style::Doubtful, "INCONCLUSIVE"),
    };
    if let Some(of) = &report.coverage.of {
        line = line.and(format!("   {of}"));
    }
    let limits = words::limits_in_short(report);
    if !limits.is_empty() {
        line = line.and(format!(", limited by {limits}"));
    }
    let reasons: Vec<Line> = words::reasons(report).into_iter().map(Line::from).collect();
    let reasons = (!reasons.is_empty()).then_some(Block::List(reasons));
    Section::headed(Level::Report, line, reasons)
}

pub(super) fn coverage(report: &AuditReport) -> Vec<Fact> {
    let Coverage { store, tiers, rows, runs, other_runs, not_read, took, bytes_scanned, depth, .. } =
        &report.coverage;
    let is_empty = tiers.iter().all(|tier| tier.files == 0);
    let files = tiers.iter().filter(|tier| tier.files > 0 || is_empty && tier.evidence);
    let files = files.map(|of| tier(of, *depth));
    let store = Line::code(store.display().to_string());
    let is_copy = url::scheme(&report.coverage.store).is_some() && !runs.is_empty();
    let copy = is_copy.then(|| {
        "a copy: absent spans are pending, unless a FlushWAL came after their ack and an upload after that".into()
    });
    let mut facts = vec![Fact::lines("store", std::iter::once(store).chain(copy).chain(files))];
    facts.extend(runs.iter().take(RUNS_SHOWN).flat_map(run));
    facts.extend(and_more(runs.len(), RUNS_SHOWN, JSON_HAS_ALL).map(|more| Fact::new("", more)));
    if runs.is_empty() {
        facts.push(Fact::new("run", "none is judged"));
    }
    let others = other_runs.iter().take(RUNS_SHOWN);
    let others = others
        .map(|other| Line::from("run ").and_code(&other.run).and(": ").and(words::not_judged(&other.why)));
    let more = and_more(other_runs.len(), RUNS_SHOWN, JSON_HAS_ALL);
    facts.extend(some_lines("also", others.chain(more)));
    facts.push(Fact::new("checked", words::rows(rows)));
    let services = &report.completeness;
    if !services.is_empty() && services.iter().all(is_complete) {
        let Completeness { workflows, spans, .. } = Completeness::total(services);
        let services = counted(services.len() as u64, "service");
        let (spans, workflows) = (counted(spans, "span"), counted(workflows, "workflow"));
        facts.push(Fact::new("found", format!("all {spans} of {workflows} of {services}")));
    }
    facts.push(Fact::new("checks", totals(&report.checked)));
    facts.push(Fact::new("read", format!("{} in {}", bytes(*bytes_scanned), duration(*took))));
    if let Some(used) = &report.cache {
        let file = Line::code(used.file.display().to_string());
        facts.push(Fact::lines(
            "cache",
            std::iter::once(file).chain(words::cache(used).into_iter().map(Line::from)),
        ));
    }
    let files = not_read.iter().take(NOT_READ_SHOWN);
    let files = files.map(|file| Line::code(&file.file).and(": ").and(words::not_read(&file.why)));
    facts.extend(some_lines("not read", files.chain(and_more(not_read.len(), NOT_READ_SHOWN, JSON_HAS_ALL))));
    facts.extend(report.coverage.skipped.map(skipped));
    facts.extend(report.baseline.as_ref().map(baseline));
    facts
}

fn skipped(SkippedFiles { files, bytes: size, before }: SkippedFiles) -> Fact {
    let what = format!(
        "{}, {}: flushed before {}, when no judged run had begun; --all-files reads them",
        counted(files, "cold file"),
        bytes(size),
        moment(before.cast_unsigned()),
    );
    Fact::new("skipped", what)
}

fn some_lines(label: &str, lines: impl Iterator<Item = Line>) -> Option<Fact> {
    let lines: Vec<Line> = lines.collect();
    (!lines.is_empty()).then(|| Fact::lines(label, lines))
}

fn tier(tier: &TierCoverage, depth: Depth) -> Line {
    let (noun, note) = match tier.tier {
        "cold" => ("cold file", ""),
        "wal" => ("WAL segment", ""),
        _ => ("hot snapshot", "; a copy, not evidence"),
    };
    // By their names and sizes alone, files do not tell of rows.
    let rows = if depth == Depth::Files { String::new() } else { counted(tier.rows, "row") + ", " };
    format!("{}: {rows}{}{note}", counted(tier.files, noun), bytes(tier.bytes)).into()
}

fn run(run: &RunCoverage) -> Vec<Fact> {
    let counts = [
        (run.acked, "acked"),
        (run.rejected, "rejected"),
        (run.indeterminate, "indeterminate"),
        (run.not_started, "not started"),
    ];
    let counts = counts.into_iter().filter(|(count, name)| *count > 0 || *name == "acked");
    let counts =
        counts.map(|(count, name)| format!("{} {name}", grouped(count))).collect::<Vec<_>>().join(", ");
    let unfinished = if run.unfinished { "; its end is not recorded" } else { "" };
    let account = format!("   {} planned: {counts}{unfinished}", counted(run.planned, "span"));
    let mut lines = vec![Line::code(&run.run).and(account)];
    if let Some(source) = &run.replay_of {
        lines.push(Line::from("a replay of ").and_code(source.display().to_string()));
    }
    if run.acked > 0 && run.found == 0 {
        lines.push("none of its spans is here: is this the store that it was sent to?".into());
    }
    let mut facts = vec![Fact::lines("run", lines), Fact::new("barrier", words::barrier(&run.barrier).1)];
    facts.extend(run.lost.map(|lost| Fact::new("lost", words::losses(lost))));
    facts
}

fn baseline(used: &BaselineUse) -> Fact {
    let BaselineUse { file, accepted, stale, not_looked_for } = used;
    let mut line = format!(": {} accepted", counted(*accepted, "finding"));
    if *not_looked_for > 0 {
        write!(line, ", {} not looked for", grouped(*not_looked_for)).ok();
    }
    if !stale.is_empty() {
        write!(line, ", {} stale: found no more", grouped(stale.len() as u64)).ok();
    }
    let first = Line::code(file.display().to_string()).and(line);
    let stale_shown = stale.iter().take(STALE_SHOWN);
    let stale_shown =
        stale_shown.map(|one| Line::code(finding_id::shown(&one.id)).and("  ").and(&one.finding));
    let more = and_more(stale.len(), STALE_SHOWN, JSON_HAS_ALL);
    Fact::lines("baseline", std::iter::once(first).chain(stale_shown).chain(more))
}

/// The word of a verdict, as lists of checks have it.
fn word(verdict: &Verdict) -> Line {
    match verdict {
        Verdict::Pass => Line::styled(Style::Good, "pass"),
        Verdict::Fail(_) => Line::styled(Style::Bad, "FAIL"),
        Verdict::Noted(Severity::Info, _) => Line::styled(Style::Quiet, "info"),
        Verdict::Noted(..) => Line::styled(Style::Doubtful, "warn"),
        Verdict::Accepted(_) => Line::styled(Style::Quiet, "accepted"),
        Verdict::Inconclusive(_) => Line::styled(Style::Doubtful, "inconclusive"),
        Verdict::Skipped(_) => Line::styled(Style::Quiet, "skip"),
        Verdict::Broken(_) => Line::styled(Style::Bad, "BROKEN"),
    }
}

fn is_quiet(one: &Checked) -> bool {
    matches!(one.verdict, Verdict::Pass) || is_skipped(one)
}

/// Each check that has something to say, then the others by family.
fn checks(document: &mut Document, checked: &[Checked], extent: Extent) {
    let rows = check_rows(checked, extent.all_checks);
    if !rows.is_empty() {
        let header = ["verdict", "check", "what"].map(|name| (name, Align::Left));
        document.add(Section::new([Block::Table(Table { is_bare: true, ..table(&header, rows) })]));
    }
    if !extent.all_checks {
        let families = quiet_families(checked);
        document.add(Section::new((!families.is_empty()).then_some(Block::Facts(families))));
    }
}

/// What passed and what was skipped, by family; families of which nothing ran share the last line.
fn quiet_families(checked: &[Checked]) -> Vec<Fact> {
    let families = checked.chunk_by(|a, b| a.check.family == b.check.family);
    let (idle, ran): (Vec<_>, Vec<_>) = families.partition(|family| family.iter().all(is_skipped));
    let quiet = ran.iter().filter(|family| family.iter().any(is_quiet));
    let mut facts: Vec<Fact> = quiet
        .map(|family| Fact::new(name(family), counts(&family.iter().filter(|one| is_quiet(one)))))
        .collect();
    if !idle.is_empty() {
        let parts = idle.iter().map(|family| format!("{} of {}", family.len(), name(family)));
        facts.push(Fact::new("others", format!("skipped: {}", parts.collect::<Vec<_>>().join(", "))));
    }
    facts
}

fn is_skipped(one: &Checked) -> bool {
    matches!(one.verdict, Verdict::Skipped(_))
}

fn name(family: &[Checked]) -> &str {
    &family[0].check.family
}

/// Verdict, name and what there is to say, of the quiet ones too where they are asked for.
pub(super) fn check_rows(checked: &[Checked], with_quiet: bool) -> Vec<Vec<Line>> {
    let shown = checked.iter().filter(|one| with_quiet || !is_quiet(one));
    let row = |one: &Checked| vec![word(&one.verdict), Line::code(&one.check.id), words::note(one).into()];
    shown.map(row).collect()
}

/// `2 failed, 34 passed`.
fn counts<'c>(checked: &(impl Iterator<Item = &'c Checked> + Clone)) -> String {
    let count = |name: &str| checked.clone().filter(|one| one.verdict.name() == name).count();
    let words = ["fail", "inconclusive", "broken", "warn", "info", "accepted", "pass", "skipped"];
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

pub(super) fn totals(checked: &[Checked]) -> String {
    match checked {
        [] => "none".to_owned(),
        checked => counts(&checked.iter()),
    }
}

pub(super) fn is_complete(service: &Completeness) -> bool {
    let is_visible = service.visible.is_none_or(|visible| visible == service.found);
    service.missing == 0
        && service.workflows_found == service.workflows
        && service.found == service.spans
        && is_visible
}

/// Services with something missing come first, so that a capped list shows them.
fn completeness(services: &[Completeness], extent: Extent) -> Option<Block> {
    if services.is_empty() || !extent.all_checks && services.iter().all(is_complete) {
        return None;
    }
    let mut order: Vec<_> = services.iter().collect();
    order.sort_by_key(|service| std::cmp::Reverse(service.missing));
    let has_index = services.iter().any(|service| service.visible.is_some());
    let header = [
        ("service", Align::Left),
        ("workflows", Align::Right),
        ("found", Align::Right),
        ("spans", Align::Right),
        ("acked", Align::Right),
        ("found", Align::Right),
        ("missing", Align::Right),
        ("visible", Align::Right),
    ];
    let header = &header[..header.len() - usize::from(!has_index)];
    let row = |name: String, of: &Completeness| -> Vec<Line> {
        let numbers = [of.workflows, of.workflows_found, of.spans, of.acked, of.found, of.missing];
        let visible = has_index.then(|| of.visible.map_or_else(|| "?".to_owned(), grouped));
        std::iter::once(name).chain(numbers.map(grouped)).chain(visible).map(Line::from).collect()
    };
    let shown = order.iter().take(SERVICES_SHOWN);
    let mut rows: Vec<_> = shown.map(|service| row(numbers::service(&service.service), service)).collect();
    rows.extend(and_more(services.len(), SERVICES_SHOWN, JSON_HAS_ALL).map(|more| vec![more]));
    if services.len() > 1 {
        let all = format!("all {}", counted(services.len() as u64, "service"));
        rows.push(row(all, &Completeness::total(services)));
    }
    Some(Block::Table(table(header, rows)))
}

fn table(header: &[(&str, Align)], rows: Vec<Vec<Line>>) -> Table {
    let header = header.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect();
    Table { header, rows, ..Table::default() }
}

/// Rows by the service that sent them and the name that they are stored under; nothing where no row was moved.
pub(super) fn pollution(cells: &[PollutionCell]) -> Vec<Block> {
    if cells.is_empty() {
        return Vec::new();
    }
    let moved = || cells.iter().filter(|cell| cell.sent_by != cell.stored_as);
    let total: u64 = moved().map(|cell| cell.rows).sum();
    let head = format!("{} stored under another service than sent them:", counted(total, "row"));
    let senders: BTreeSet<&Option<String>> = cells.iter().map(|cell| &cell.sent_by).collect();
    let names: BTreeSet<&Option<String>> = cells.iter().map(|cell| &cell.stored_as).collect();
    let list = moves(moved().collect());
    if names.len() > MATRIX_SHOWN || senders.len() > SERVICES_SHOWN {
        return vec![Block::Paragraph(head.into()), Block::Table(list)];
    }
    let mut header = vec![("sent by \\ stored as".to_owned(), Align::Left)];
    header.extend(names.iter().map(|name| (service(name.as_ref()), Align::Right)));
    let count = |sender: &Option<String>, name: &Option<String>| {
        let cell = cells.iter().find(|cell| cell.sent_by == *sender && cell.stored_as == *name);
        cell.map_or("0".to_owned(), |cell| grouped(cell.rows))
    };
    let row = |sender: &&Option<String>| {
        let counts = names.iter().map(|name| count(sender, name));
        std::iter::once(service(sender.as_ref())).chain(counts).map(Line::from).collect()
    };
    let rows = senders.iter().map(row).collect();
    let matrix = Table { header, rows, otherwise: Some(Box::new(list)), ..Table::default() };
    vec![Block::Paragraph(head.into()), Block::Table(matrix)]
}

/// The same as a list, where a matrix would be too wide.
fn moves(mut cells: Vec<&PollutionCell>) -> Table {
    cells.sort_by_key(|cell| std::cmp::Reverse(cell.rows));
    let header = [("sent by", Align::Left), ("stored as", Align::Left), ("rows", Align::Right)];
    let row = |cell: &&PollutionCell| {
        let cells = [service(cell.sent_by.as_ref()), service(cell.stored_as.as_ref()), grouped(cell.rows)];
        cells.map(Line::from).to_vec()
    };
    let more = and_more(cells.len(), SERVICES_SHOWN, JSON_HAS_ALL).map(|more| vec![more]);
    table(&header, cells.iter().take(SERVICES_SHOWN).map(row).chain(more).collect())
}

pub(super) fn service(name: Option<&String>) -> String {
    name.map_or("(null)".to_owned(), |name| numbers::service(name))
}

/// Each altered column with its first difference; nothing where there is none.
pub(super) fn fidelity(columns: &[AlteredColumn]) -> Vec<Block> {
    if columns.is_empty() {
        return Vec::new();
    }
    let differing: u64 = columns.iter().map(|column| column.differing).sum();
    let (values, count) = (counted(differing, "value"), counted(columns.len() as u64, "column"));
    let head = format!("{values} not as sent, in {count}; of each the first:");
    let names = ["differing", "file", "row_number", "key", "expected", "actual"];
    let column =
        |name: &str| Column { name: name.to_owned(), is_number: ["differing", "row_number"].contains(&name) };
    let row = |of: &AlteredColumn| {
        let AlteredColumn { column_name, differing, file, row_number, key, expected, actual } = of;
        let null = |value: &Option<String>| value.clone().unwrap_or("(null)".to_owned());
        let (expected, actual) = (null(expected), null(actual));
        let values = json!({
            "differing": differing, "file": file, "row_number": row_number, "key": key,
            "expected": expected, "actual": actual,
        });
        let values = values.as_object().cloned().unwrap_or_default();
        Sample {
            id: column_name.clone(),
            values: values.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        }
    };
    let samples = Samples {
        named: "column",
        columns: names.into_iter().map(column).collect(),
        rows: columns.iter().map(row).collect(),
        commands: Vec::new(),
    };
    vec![Block::Paragraph(head.into()), Block::Samples(samples)]
}

/// Whether `ui` predicts what a check is about, which needs an index.
fn is_of_pages(report: &AuditReport, one: &Checked) -> bool {
    let reads_index = |one: &Checked| one.check.family == "index" && one.looked();
    matches!(one.check.family.as_str(), "index" | "view") && report.checked.iter().any(reads_index)
}

/// A check that found something: its rule, the findings, and where to go from them.
pub(super) fn findings(report: &AuditReport, one: &Checked, evidence: &Evidence, limit: usize) -> Section {
    let fresh = one.verdict.findings().map_or(0, Findings::fresh);
    if fresh == 0 {
        return Section::default();
    }
    let in_executions = executions::grouped(report);
    let (above, alone): (Vec<&Sample>, Vec<&Sample>) =
        evidence.samples.iter().partition(|sample| in_executions.contains(sample.id.as_str()));
    let shown: Vec<Sample> = alone.into_iter().take(limit).cloned().collect();
    let hidden = fresh.saturating_sub((above.len() + shown.len()) as u64);
    let command = |sample: &Sample| command_for(&report.sql_command, &one.check, sample);
    let commands = shown.iter().map(command).collect();
    let samples = Samples { named: "finding", columns: evidence.columns.clone(), rows: shown, commands };
    let mut blocks = Vec::new();
    if !above.is_empty() {
        let findings = counted(above.len() as u64, "finding");
        blocks.push(Block::Paragraph(format!("{findings} in the executions above").into()));
    }
    if !samples.rows.is_empty() {
        blocks.push(Block::Samples(samples));
    }
    if hidden > 0 {
        blocks.push(Block::Paragraph(format!("… and {} more (--limit shows more)", grouped(hidden)).into()));
    }
    let mut facts = Vec::new();
    let mut fact = |label: &str, value: Value| facts.push(Fact { label: label.into(), value });
    let first_seen = words::first_seen(&evidence.points_to);
    if !first_seen.is_empty() {
        fact("first seen", Value::Prose(first_seen));
    }
    if let Some(command) = sql_line(&report.sql_command, &one.check, evidence) {
        fact("inspect", Value::Command(command));
    }
    let page = evidence.samples.first().filter(|_| is_of_pages(report, one));
    if let Some(command) = page.and_then(|sample| page_for(&report.sql_command, sample)) {
        fact("pages", Value::Command(command));
    }
    fact("likely cause", Value::Prose(one.check.usually.clone()));
    if let Some(code) = &one.check.code {
        fact("studio code", Value::Lines(vec![Line::code(code)]));
    }
    blocks.push(Block::Facts(facts));
    let heading = Line::styled(Style::Strong, &one.check.id).and(": ").and(&one.check.rule);
    Section::headed(Level::Part, heading, blocks)
}
