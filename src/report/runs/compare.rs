//! Runs side by side, and what is worse than in the first.

use std::io::Write;

use serde::Serialize;

use super::{VERSION, outcome, size};
use crate::{
    ledger::{
        lookup::Sent,
        results::{Judged, Unit, Verdict},
    },
    report::{
        json,
        run::{measured, pace},
        table::{self, Align},
    },
    send::compare::{Comparison, Figure, Standing, Value},
    text::{
        escape::plain,
        numbers::{grouped, percent},
    },
};

pub(crate) fn print(out: &mut dyn Write, sent: &[Sent<'_>], comparison: &Comparison) -> anyhow::Result<()> {
    let names: Vec<_> = sent.iter().map(Sent::name).collect();
    let mut header = vec![("run", Align::Left)];
    header.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    let conditions = conditions(sent);
    let mut rows: Vec<Vec<String>> = conditions
        .iter()
        .map(|(name, values)| std::iter::once((*name).to_owned()).chain(values.iter().cloned()).collect())
        .collect();
    let endpoints = sent.iter().map(|sent| plain(&sent.manifest().endpoint));
    rows.push(std::iter::once("sent to".to_owned()).chain(endpoints).collect());
    rows.extend(comparison.figures.iter().filter(|figure| is_worth_a_row(figure)).map(row));
    rows.extend(thresholds(sent));
    out.write_all(table::render(&header, rows).as_bytes())?;

    writeln!(out)?;
    let differing: Vec<_> = conditions
        .iter()
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .map(|(name, _)| *name)
        .collect();
    if !differing.is_empty() {
        writeln!(out, "not the same load: {} differ", differing.join(", "))?;
    }
    let worse = format!("worse than {} by more than {}", names[0], percent(comparison.tolerance));
    for (place, name) in names.iter().enumerate().skip(1) {
        let figures = |standing| {
            let figures = comparison.standing(place, standing);
            let figures = figures.iter().map(|figure| in_words(figure, place));
            Some(figures.collect::<Vec<_>>().join(", ")).filter(|figures| !figures.is_empty())
        };
        if let Some(figures) = figures(Standing::Worse) {
            writeln!(out, "{name} is {worse}: {figures}")?;
        }
        if let Some(figures) = figures(Standing::Unknown) {
            writeln!(out, "{name}: not known, since not both runs recorded it: {figures}")?;
        }
    }
    if comparison.worst() <= Standing::Tolerated {
        writeln!(out, "none is {worse}")?;
    }
    Ok(())
}

/// What the runs were given to do, and how: without it no figure can be compared.
fn conditions(sent: &[Sent<'_>]) -> Vec<(&'static str, Vec<String>)> {
    type Condition = (&'static str, fn(&Sent<'_>) -> String);
    const CONDITIONS: [Condition; 3] = [
        ("profile", |sent| sent.manifest().profile.to_string()),
        ("plan", |sent| size(sent.manifest())),
        ("pace", |sent| pace(sent.manifest())),
    ];
    CONDITIONS.into_iter().map(|(name, of)| (name, sent.iter().map(of).collect())).collect()
}

/// Outcomes that no run had are left out.
fn is_worth_a_row(figure: &Figure) -> bool {
    figure.unit != Unit::Spans
        || figure.values.iter().any(|value| value.measured.is_some_and(|spans| spans > 0.0))
}

fn row(figure: &Figure) -> Vec<String> {
    let cell = |value: &Value| {
        let shown =
            value.measured.map_or_else(|| "not recorded".to_owned(), |number| shown(number, figure.unit));
        match value.change {
            // A change that is not shown with a digit is none.
            Some(change) if change.abs() >= 0.0005 => format!("{shown} ({})", signed(change)),
            _ => shown,
        }
    };
    std::iter::once(figure.name.to_owned()).chain(figure.values.iter().map(cell)).collect()
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Spans => grouped(value as u64),
        unit => measured(value, unit),
    }
}

fn signed(change: f64) -> String {
    let sign = if change < 0.0 { "-" } else { "+" };
    format!("{sign}{}", percent(change.abs()))
}

fn in_words(figure: &Figure, place: usize) -> String {
    let Figure { name, unit, values } = figure;
    let Value { measured: value, change, .. } = values[place];
    match (change, values[0].measured, value) {
        (Some(change), ..) => format!("{name} {}", signed(change)),
        // From nothing to something there is no percentage.
        (None, Some(base), Some(value)) => {
            format!("{name} from {} to {}", shown(base, *unit), shown(value, *unit))
        }
        (None, ..) => (*name).to_owned(),
    }
}

/// A row for each threshold of any run, in the order in which they first come.
fn thresholds(sent: &[Sent<'_>]) -> Vec<Vec<String>> {
    let by_run: Vec<&[Judged]> = sent.iter().map(judged).collect();
    let mut names: Vec<&str> = Vec::new();
    for judged in by_run.iter().copied().flatten() {
        if !names.contains(&judged.threshold.as_str()) {
            names.push(&judged.threshold);
        }
    }
    let cell = |name: &str, run: &[Judged]| match run.iter().find(|judged| judged.threshold == name) {
        None => "not asked".to_owned(),
        Some(judged) => match judged.verdict {
            Verdict::Met => "met".to_owned(),
            Verdict::Missed => "missed".to_owned(),
            Verdict::NothingToMeasure => "nothing to measure".to_owned(),
        },
    };
    let row = |name: &&str| {
        std::iter::once((*name).to_owned()).chain(by_run.iter().map(|run| cell(name, run))).collect()
    };
    names.iter().map(row).collect()
}

fn judged<'a>(sent: &Sent<'a>) -> &'a [Judged] {
    sent.results().map_or(&[], |results| &results.thresholds)
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    /// The first is what the others are held against.
    runs: Vec<RunJson<'a>>,
    verdict: &'static str,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

#[derive(Serialize)]
struct RunJson<'a> {
    run: String,
    outcome: &'static str,
    profile: String,
    services: u64,
    workflows_per_service: u64,
    pace: String,
    endpoint: &'a str,
    thresholds: &'a [Judged],
}

impl<'a> RunJson<'a> {
    fn of(sent: &Sent<'a>) -> Self {
        let manifest = sent.manifest();
        Self {
            run: sent.name(),
            outcome: outcome(sent.results(), sent.planned()),
            profile: manifest.profile.to_string(),
            services: manifest.config.num_services,
            workflows_per_service: manifest.config.workflows_per_service,
            pace: pace(manifest),
            endpoint: &manifest.endpoint,
            thresholds: judged(sent),
        }
    }
}

pub(crate) fn print_json(
    out: &mut dyn Write,
    sent: &[Sent<'_>],
    comparison: &Comparison,
) -> anyhow::Result<()> {
    let runs = sent.iter().map(RunJson::of).collect();
    let verdict = match comparison.worst() {
        Standing::Worse => "worse",
        Standing::Unknown => "unknown",
        Standing::Tolerated | Standing::Shown => "tolerated",
    };
    json::print(out, &Json { version: VERSION, runs, verdict, comparison })
}
