//! A diagnosis for the terminal, and as JSON.

use std::{fmt::Write as _, io::Write};

use serde::Serialize;

use super::{
    Diagnosis,
    steps::{List, Outcome, Step},
};
use crate::{
    report::{
        labelled::labelled,
        table::{self, Align},
    },
    text::{numbers::plain, paint::Paint},
};

const VERSION: u32 = 1;

/// The width of a step's name with the space behind it.
const NAME: usize = 18;
/// Where a step's text begins.
const TEXT: usize = 6 + NAME;

pub(crate) fn print(
    out: &mut dyn Write,
    diagnosis: &Diagnosis,
    paint: Paint,
    width: Option<usize>,
) -> anyhow::Result<()> {
    let mut text = String::new();
    let header = [("setting", Align::Left), ("value", Align::Left), ("from", Align::Left)];
    let settings: Vec<Vec<String>> = diagnosis
        .settings
        .iter()
        .map(|setting| vec![setting.name.to_owned(), plain(&setting.value), plain(&setting.from)])
        .collect();
    text.push_str(&table::render_whole_at(&header, &settings, width));
    for list in List::ALL {
        writeln!(text, "\n{}", paint.strong(list.title()))?;
        for step in diagnosis.steps.iter().filter(|step| step.list == list) {
            self::step(&mut text, step, paint, width)?;
        }
    }
    writeln!(text, "\n{}", closing(&diagnosis.steps))?;
    out.write_all(text.as_bytes())?;
    Ok(())
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

pub(crate) fn print_json(out: &mut dyn Write, diagnosis: &Diagnosis) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &Json { version: VERSION, diagnosis })?;
    writeln!(out)?;
    Ok(())
}

fn step(text: &mut String, step: &Step, paint: Paint, width: Option<usize>) -> std::fmt::Result {
    let word = word(step.outcome);
    let painted = match step.outcome {
        Outcome::Ok => paint.good(word),
        Outcome::Warn => paint.doubtful(word),
        Outcome::Fail => paint.bad(word),
        Outcome::Skipped => paint.quiet(word),
    };
    let lines = labelled("", &step.text, width.map(|width| width.saturating_sub(TEXT - 9).max(40)));
    for (place, line) in lines.lines().map(str::trim_start).enumerate() {
        if place == 0 {
            writeln!(text, "{painted}{:<pad$}{:<NAME$}{line}", "", step.name, pad = 6 - word.len())?;
        } else {
            writeln!(text, "{:TEXT$}{line}", "")?;
        }
    }
    for line in &step.next {
        writeln!(text, "{:6}{line}", "")?;
    }
    Ok(())
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Warn => "warn",
        Outcome::Fail => "FAIL",
        Outcome::Skipped => "skip",
    }
}

fn closing(steps: &[Step]) -> String {
    let count = |outcome| steps.iter().filter(|step| step.outcome == outcome).count();
    let counts = [
        (Outcome::Fail, "failed"),
        (Outcome::Warn, "warned"),
        (Outcome::Skipped, "skipped"),
        (Outcome::Ok, "ok"),
    ];
    let named: Vec<String> = counts
        .into_iter()
        .filter(|(outcome, _)| count(*outcome) > 0)
        .map(|(outcome, name)| format!("{} {name}", count(outcome)))
        .collect();
    named.join(", ")
}
