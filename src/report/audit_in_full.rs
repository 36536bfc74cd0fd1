//! An audit in full, for a page that folds what few will read and draws figures: what the shorter document says, and
//! beside it every check by family, completeness, the pollution matrix, the run over time, the declared losses and the
//! settings.

use super::{
    activity,
    audit_document::{self, Extent, check_rows, coverage, fidelity, findings, pollution, verdict},
    audit_figures as figures, audit_words as words,
    document::{Block, Document, Fact, Level, Line, Section, Table, and_more},
    executions,
    figure::Figure,
    table::Align,
};
use crate::{
    audit::report::AuditReport, checks::runner::Checked, contract::loss::Lost, text::numbers::moment,
};

/// Failed checks that are named at the top.
const FAILED_SHOWN: usize = 8;

pub(crate) fn document(report: &AuditReport, limit: usize) -> Document {
    let mut document = Document::default();
    let extent = Extent { limit, all_checks: false };
    document.add(verdict_in_full(report));
    document.add(Section::new([Block::Figure(Figure::KeyFigures(figures::key_figures(report)))]));
    document.add(Section::headed(Level::Part, "Coverage", [Block::Facts(coverage(report))]));
    checks(&mut document, &report.checked);
    if let Some(bars) = figures::completeness(&report.completeness) {
        document.add(Section::headed(Level::Part, "Completeness", [Block::Figure(Figure::Bars(bars))]));
    }
    if !report.summary.pollution.is_empty() {
        let said = pollution(&report.summary.pollution);
        let blocks = match figures::pollution(&report.summary.pollution) {
            // The sentence stays, and the figure has the numbers of the table.
            Some(heat) => said.into_iter().take(1).chain([Block::Figure(Figure::Heat(heat))]).collect(),
            None => said,
        };
        document.add(Section::headed(Level::Part, "Pollution", blocks));
    }
    if let Some(activity) = &report.activity {
        document.add(activity::time_line(activity, figures::findings(report, activity)));
        for section in
            activity::latency(&activity.latency).into_iter().chain(activity::durability_window(activity))
        {
            document.add(section);
        }
    }
    if !report.summary.fidelity.is_empty() {
        document.add(Section::headed(Level::Part, "Altered columns", fidelity(&report.summary.fidelity)));
    }
    for section in executions::sections(report) {
        document.add(section);
    }
    for one in &report.checked {
        if let Some(evidence) = report.evidence.get(&one.check.id) {
            document.add(findings(report, one, evidence, extent.limit));
        }
    }
    document.add(losses());
    document.add(settings(report));
    document
}

/// Which checks failed is part of why the verdict is what it is.
fn verdict_in_full(report: &AuditReport) -> Section {
    let is_loud = |one: &&Checked| matches!(one.verdict.name(), "fail" | "broken" | "inconclusive");
    let loud: Vec<&Checked> = report.checked.iter().filter(is_loud).collect();
    let line = |one: &&Checked| {
        Line::code(&one.check.id).and(format!(": {} ({})", one.check.rule, words::note(one)))
    };
    let lines = loud.iter().take(FAILED_SHOWN).map(line);
    let lines: Vec<Line> = lines.chain(and_more(loud.len(), FAILED_SHOWN, ", in the list below")).collect();
    let mut section = verdict(report);
    section.blocks.extend((!lines.is_empty()).then_some(Block::List(lines)));
    section
}

/// What has something to say, then all checks of each family.
fn checks(document: &mut Document, checked: &[Checked]) {
    let table = |checks: &[Checked], quiet| {
        let header = ["verdict", "check", "what"].map(|name| (name.to_owned(), Align::Left));
        let rows = check_rows(checks, quiet);
        (!rows.is_empty()).then(|| Block::Table(Table { header: header.into(), rows, ..Table::default() }))
    };
    let totals = Block::Paragraph(Line::from(audit_document::totals(checked)));
    document.add(Section::headed(Level::Part, "Checks", [totals].into_iter().chain(table(checked, false))));
    for family in checked.chunk_by(|a, b| a.check.family == b.check.family) {
        let name = &family[0].check.family;
        let heading = Line::from(format!("Family {name}: {}", audit_document::totals(family)));
        document.add(Section::headed(Level::Part, heading, table(family, true)).folded());
    }
}

/// What no store of this schema can hold, by design.
fn losses() -> Section {
    let facts = Lost::kinds().map(|loss| Fact::new(Line::code(loss.code), loss.text));
    let what = "What the store's schema cannot hold, by design: such a loss is no finding, and any other is.";
    let blocks = [Block::Paragraph(what.into()), Block::Facts(facts.collect())];
    Section::headed(Level::Part, "Declared losses", blocks).folded()
}

fn settings(report: &AuditReport) -> Section {
    let coverage = &report.coverage;
    let mut facts = vec![
        Fact::new("e2e-store", env!("CARGO_PKG_VERSION")),
        Fact::new("fails on", report.fail_on.name()),
        Fact::new("depth", coverage.depth.name()),
    ];
    let limits = words::limits(report, usize::MAX);
    if !limits.is_empty() {
        facts.push(Fact::new("limited by", limits));
    }
    for (label, at) in [("from", coverage.scope.from), ("to", coverage.scope.to)] {
        facts.extend(at.map(|at| Fact::new(label, moment(at.cast_unsigned()))));
    }
    if !coverage.scope.services.is_empty() {
        facts.push(Fact::lines("services", coverage.scope.services.iter().map(Line::from)));
    }
    Section::headed(Level::Part, "Settings", [Block::Facts(facts)]).folded()
}
