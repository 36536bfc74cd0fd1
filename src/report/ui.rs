//! What the studio's pages would show, for the terminal and as JSON.

use std::{collections::BTreeMap, io::Write};

use serde::Serialize;

use super::{
    document::{Block, Document, Fact, Level, Line, Section, Style, Table, and_more},
    json,
    page::{self, Page},
    table::Align,
};
use crate::{
    text::{
        numbers::{counted, grouped, service},
        paint::{Color, Paint},
    },
    ui::{
        Execution, Hidden, List, Prediction, ServicePage, TracePage,
        compare::{Comparison, Difference, Page as StudioPage},
    },
};

/// The form of `--format json`.
const VERSION: u32 = 1;

const EXECUTIONS_SHOWN: usize = 10;
const FILES_SHOWN: usize = 10;
const DIFFERENCES_SHOWN: usize = 20;

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    #[serde(flatten)]
    prediction: &'a Prediction,
    /// Where the studio was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<&'a Comparison>,
}

pub(crate) fn print_json(
    out: &mut dyn Write,
    prediction: &Prediction,
    comparison: Option<&Comparison>,
) -> anyhow::Result<()> {
    json::print(out, &Json { version: VERSION, prediction, comparison })
}

pub(crate) fn print(
    out: &mut dyn Write,
    prediction: &Prediction,
    comparison: Option<&Comparison>,
    page: Page,
) -> anyhow::Result<()> {
    let mut document = Document::default();
    match (&prediction.services[..], &prediction.traces[..]) {
        ([], [trace]) => document.add(Section::new([Block::Facts(trace_facts(trace))])),
        (pages, _) => services(&mut document, pages),
    }
    if let [only] = &prediction.services[..] {
        document.add(executions("newest workflows", &only.workflows.shown));
        document.add(executions("newest agents", &only.agents.shown));
    }
    document.add(files(&prediction.hidden_files));
    if let Some(comparison) = comparison {
        document.add(compared(comparison));
    }
    out.write_all(page::render(&document, page).as_bytes())?;
    Ok(())
}

fn trace_facts(trace: &TracePage) -> Vec<Fact> {
    let shown = format!("{} of {}", grouped(trace.shown), counted(trace.stored, "stored span"));
    let mut facts = vec![Fact::new("trace", Line::code(&trace.trace_id)), Fact::new("shown", shown)];
    if trace.repeated > 0 {
        let spans = counted(trace.repeated, "span");
        facts.push(Fact::new("repeated", Line::styled(Style::Doubtful, format!("{spans} more than once"))));
    }
    facts.extend(trace.hidden.iter().map(|(why, spans)| Fact::new("hidden", reason(*why, *spans))));
    facts
}

fn reason(why: Hidden, rows: u64) -> Line {
    Line::styled(Style::Bad, grouped(rows)).and(format!(": {}", why.text()))
}

fn services(document: &mut Document, services: &[ServicePage]) {
    let names = ["service", "spans", "workflows", "shown", "agents", "shown", "not shown because"];
    let header = names.into_iter().enumerate();
    let header = header.map(|(column, name)| {
        (name.to_owned(), if matches!(column, 0 | 6) { Align::Left } else { Align::Right })
    });
    let row = |page: &ServicePage| -> Vec<Line> {
        let counts = |list: &List| [list.stored, list.shown.len() as u64].map(grouped);
        let [workflows, workflows_shown] = counts(&page.workflows);
        let [agents, agents_shown] = counts(&page.agents);
        let numbers = [grouped(page.spans), workflows, workflows_shown, agents, agents_shown];
        let name = std::iter::once(service(&page.name));
        name.chain(numbers).chain([why_not(page)]).map(Line::from).collect()
    };
    let rows = services.iter().map(row).collect();
    document.add(Section::new([Block::Table(Table { header: header.collect(), rows, ..Table::default() })]));
}

fn why_not(page: &ServicePage) -> String {
    let mut reasons: BTreeMap<Hidden, u64> = page.workflows.hidden.clone();
    for (why, rows) in &page.agents.hidden {
        *reasons.entry(*why).or_default() += rows;
    }
    let unlisted = (!page.is_listed).then(|| "the service is not listed".to_owned());
    let reasons = reasons.into_iter().map(|(why, rows)| format!("{}: {}", grouped(rows), why.text()));
    unlisted.into_iter().chain(reasons).collect::<Vec<_>>().join("; ")
}

fn executions(title: &str, shown: &[Execution]) -> Section {
    if shown.is_empty() {
        return Section::default();
    }
    let line = |one: &Execution| Line::code(&one.trace_id).and(format!("  {}", one.name));
    let mut lines: Vec<Line> = shown.iter().take(EXECUTIONS_SHOWN).map(line).collect();
    lines.extend(and_more(shown.len(), EXECUTIONS_SHOWN, " (--format json has all)"));
    Section::headed(Level::Part, title, [Block::List(lines)])
}

fn files(hidden: &BTreeMap<String, Hidden>) -> Section {
    if hidden.is_empty() {
        return Section::default();
    }
    let why = |why: &Hidden| match why {
        Hidden::GivenUp => "given up by the indexer",
        _ => "not indexed",
    };
    let line = |(file, reason): (&String, &Hidden)| Line::code(file).and(format!("  {}", why(reason)));
    let mut lines: Vec<Line> = hidden.iter().take(FILES_SHOWN).map(line).collect();
    lines.extend(and_more(hidden.len(), FILES_SHOWN, " (--format json has all)"));
    Section::headed(Level::Part, "files that no page finds", [Block::List(lines)])
}

/// For a log: without colour, as wide as it comes.
pub(crate) fn print_comparison(out: &mut dyn Write, comparison: &Comparison) -> anyhow::Result<()> {
    let mut document = Document::default();
    document.add(compared(comparison));
    let page = Page { paint: Paint::for_stdout(Color::Never), width: None };
    writeln!(out, "{}", page::render(&document, page))?;
    Ok(())
}

/// What the studio answered.
fn compared(comparison: &Comparison) -> Section {
    let Comparison { studio, version, app_name, pages, differences } = comparison;
    let pages = counted(*pages, "page");
    let (style, verdict) = if differences.is_empty() {
        (Style::Plain, "as predicted".to_owned())
    } else {
        (Style::Bad, counted(differences.len() as u64, "difference"))
    };
    let facts = vec![
        Fact::new("studio", format!("{app_name} {version} at {studio}")),
        Fact::new("answers", Line::from(format!("{pages}: ")).and_styled(style, verdict)),
    ];
    let mut lines: Vec<Line> = differences.iter().take(DIFFERENCES_SHOWN).map(difference).collect();
    lines.extend(and_more(differences.len(), DIFFERENCES_SHOWN, " (--format json has all)"));
    let list = (!lines.is_empty()).then_some(Block::List(lines));
    Section::headed(Level::Part, "the studio itself", std::iter::once(Block::Facts(facts)).chain(list))
}

fn difference(Difference { page, entry, text, .. }: &Difference) -> Line {
    let page = match page {
        StudioPage::Services => Line::from("services"),
        StudioPage::Workflows { service: name } => Line::from(format!("workflows of {}", service(name))),
        StudioPage::Trace { trace_id } => Line::from("trace ").and_code(trace_id),
    };
    let page = page.and(": ");
    let page = match entry {
        Some(entry) => page.and_code(entry).and(" "),
        None => page,
    };
    page.and(text)
}
