//! A diagnosis for the terminal, and as JSON.

use std::io::Write;

use serde::Serialize;

use super::{
    Diagnosis,
    steps::{List, Step, StepResult},
};
use crate::{
    report::{
        document::{Block, Document, Fact, Level, Line, Section, Style, Table, Value},
        json,
        page::{self, Page},
        table::Align,
    },
    text::{paint::Paint, wrap::pad},
};

const VERSION: u32 = 1;

/// Names of steps line up at this width.
const NAME: usize = 16;

pub(crate) fn print(
    out: &mut dyn Write,
    diagnosis: &Diagnosis,
    paint: Paint,
    width: Option<usize>,
) -> anyhow::Result<()> {
    let document = document(diagnosis);
    out.write_all(page::render(&document, Page { paint, width }).as_bytes())?;
    Ok(())
}

fn document(diagnosis: &Diagnosis) -> Document {
    let header = ["setting", "value", "from"].map(|name| (name.to_owned(), Align::Left)).to_vec();
    let settings = diagnosis.settings.iter();
    let rows = settings
        .map(|setting| vec![setting.name.into(), Line::from(&setting.value), Line::from(&setting.from)]);
    let mut document = Document::default();
    document.add(Section::new([Block::Table(Table { header, rows: rows.collect(), ..Table::default() })]));
    for list in List::ALL {
        let steps = diagnosis.steps.iter().filter(|step| step.list == list);
        let facts = Block::Facts(steps.flat_map(step).collect());
        document.add(Section::headed(Level::Part, Line::styled(Style::Strong, list.title()), [facts]));
    }
    document.add(Section::new([Block::Paragraph(closing(&diagnosis.steps).into())]));
    document
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

pub(crate) fn print_json(out: &mut dyn Write, diagnosis: &Diagnosis) -> anyhow::Result<()> {
    json::print(out, &Json { version: VERSION, diagnosis })
}

/// What was found, and below it what to type.
fn step(step: &Step) -> impl Iterator<Item = Fact> {
    let word = match step.outcome {
        StepResult::Ok => Line::styled(Style::Good, "ok"),
        StepResult::Warn => Line::styled(Style::Doubtful, "warn"),
        StepResult::Fail => Line::styled(Style::Bad, "FAIL"),
        StepResult::Skipped => Line::styled(Style::Quiet, "skip"),
    };
    let label = word.and(" ".repeat(6 - outcome_width(step.outcome))).and(pad(step.name, NAME));
    let found = Fact::new(label, &step.text);
    let next =
        step.next.iter().map(|line| Fact { label: Line::default(), value: Value::Command(line.clone()) });
    std::iter::once(found).chain(next)
}

fn outcome_width(outcome: StepResult) -> usize {
    match outcome {
        StepResult::Ok => 2,
        StepResult::Warn | StepResult::Fail | StepResult::Skipped => 4,
    }
}

fn closing(steps: &[Step]) -> String {
    let count = |outcome| steps.iter().filter(|step| step.outcome == outcome).count();
    let counts = [
        (StepResult::Fail, "failed"),
        (StepResult::Warn, "warned"),
        (StepResult::Skipped, "skipped"),
        (StepResult::Ok, "ok"),
    ];
    let named: Vec<String> = counts
        .into_iter()
        .filter(|(outcome, _)| count(*outcome) > 0)
        .map(|(outcome, name)| format!("{} {name}", count(outcome)))
        .collect();
    named.join(", ")
}
