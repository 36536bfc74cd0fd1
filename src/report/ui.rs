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
    text::numbers::{counted, grouped, service},
    ui::{Execution, Hidden, List, Prediction, ServicePage, TracePage},
};

/// The form of `--format json`.
const VERSION: u32 = 1;

const EXECUTIONS_SHOWN: usize = 10;
const FILES_SHOWN: usize = 10;

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    #[serde(flatten)]
    prediction: &'a Prediction,
}

pub(crate) fn print_json(out: &mut dyn Write, prediction: &Prediction) -> anyhow::Result<()> {
    json::print(out, &Json { version: VERSION, prediction })
}

pub(crate) fn print(out: &mut dyn Write, prediction: &Prediction, page: Page) -> anyhow::Result<()> {
    let mut document = Document::default();
    match &prediction.trace {
        Some(trace) => document.add(Section::new([Block::Facts(trace_facts(trace))])),
        None => services(&mut document, &prediction.services),
    }
    if let [only] = &prediction.services[..] {
        document.add(executions("newest workflows", &only.workflows.shown));
        document.add(executions("newest agents", &only.agents.shown));
    }
    document.add(files(&prediction.hidden_files));
    out.write_all(page::render(&document, page).as_bytes())?;
    Ok(())
}

fn trace_facts(trace: &TracePage) -> Vec<Fact> {
    let shown = format!("{} of {}", grouped(trace.shown), counted(trace.stored, "stored span"));
    let mut facts = vec![Fact::new("trace", Line::code(&trace.trace_id)), Fact::new("shown", shown)];
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
