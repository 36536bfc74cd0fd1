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
        self,
        document::{Block, Document, Level, Line, Section, Style, Table},
        figure::{Axis, Plot, Series, Shape, Tone},
        json,
        run::{measured, pace},
        table::Align,
    },
    send::compare::{Comparison, Figure, Standing, Value},
    text::numbers::{counted, grouped, percent},
};

pub(crate) fn document(sent: &[Sent<'_>], comparison: &Comparison) -> Document {
    let names: Vec<_> = sent.iter().map(Sent::name).collect();
    let mut header = vec![("run".to_owned(), Align::Left)];
    header.extend(names.iter().map(|name| (name.clone(), Align::Right)));
    let conditions = conditions(sent);
    let mut rows: Vec<Vec<String>> = conditions
        .iter()
        .map(|(name, values)| std::iter::once((*name).to_owned()).chain(values.iter().cloned()).collect())
        .collect();
    let endpoints = sent.iter().map(|sent| sent.manifest().endpoint.clone());
    rows.push(std::iter::once("sent to".to_owned()).chain(endpoints).collect());
    rows.extend(comparison.figures.iter().filter(|figure| is_worth_a_row(figure)).map(row));
    rows.extend(thresholds(sent));
    let rows = rows.into_iter().map(|row| row.into_iter().map(Line::from).collect()).collect();
    let table = Table { header, rows, ..Table::default() };
    let mut lines: Vec<Line> = Vec::new();
    let differing: Vec<_> = conditions
        .iter()
        .filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .map(|(name, _)| *name)
        .collect();
    if !differing.is_empty() {
        lines.push(format!("not the same load: {} differ", differing.join(", ")).into());
    }
    let worse = format!("worse than {} by more than {}", names[0], percent(comparison.tolerance));
    for (place, name) in names.iter().enumerate().skip(1) {
        let figures = |standing| {
            let figures = comparison.standing(place, standing);
            let figures = figures.iter().map(|figure| in_words(figure, place));
            Some(figures.collect::<Vec<_>>().join(", ")).filter(|figures| !figures.is_empty())
        };
        if let Some(figures) = figures(Standing::Worse) {
            lines.push(format!("{name} is {worse}: {figures}").into());
        }
        if let Some(figures) = figures(Standing::Unknown) {
            lines.push(format!("{name}: not known, since not both runs recorded it: {figures}").into());
        }
    }
    if comparison.worst() <= Standing::Tolerated {
        lines.push(format!("none is {worse}").into());
    }
    let mut document = Document::default();
    document.add(Section::new([Block::Table(table)]));
    document.add(Section::new([Block::List(lines)]));
    document
}

/// The same for a page: the verdict first, and pictures of the figures that are judged.
pub(crate) fn full(sent: &[Sent<'_>], comparison: &Comparison) -> Document {
    let verdict = match comparison.worst() {
        Standing::Worse => Line::styled(Style::Bad, "worse"),
        Standing::Unknown => Line::styled(Style::Doubtful, "not known"),
        Standing::Tolerated | Standing::Shown => Line::styled(Style::Good, "none is worse"),
    };
    let base = sent.first().map(Sent::name).unwrap_or_default();
    let title = verdict.and(format!("  {} with {base}", counted(sent.len().saturating_sub(1) as u64, "run")));
    let mut short = document(sent, comparison).sections.into_iter();
    let (table, lines) = (short.next().unwrap_or_default(), short.next().unwrap_or_default());
    let mut document = Document::default();
    document.add(Section::headed(Level::Report, title, lines.blocks));
    document.add(Section::headed(Level::Part, "Runs", table.blocks));
    let names: Vec<String> = sent.iter().map(label).collect();
    for figure in comparison.figures.iter().filter(|figure| is_judged(figure)) {
        document.add(Section::new([Block::Figure(report::figure::Figure::Plot(plot(figure, &names)))]));
    }
    document
}

fn label(sent: &Sent<'_>) -> String {
    sent.manifest().label.clone().unwrap_or_else(|| sent.name())
}

fn is_judged(figure: &Figure) -> bool {
    figure.values.iter().any(|value| value.standing != Standing::Shown)
}

fn plot(figure: &Figure, names: &[String]) -> Plot {
    let tone = |standing| match standing {
        Standing::Worse => Tone::Bad,
        Standing::Unknown => Tone::Doubtful,
        Standing::Shown | Standing::Tolerated => Tone::Neutral,
    };
    let column = |(place, value): (usize, &Value)| {
        let points = vec![(place as f64, value.measured?)];
        let name = format!("{}: {}", names.get(place)?, shown(value.measured?, figure.unit));
        Some(Series { name, tone: tone(value.standing), shape: Shape::Columns, points })
    };
    let y = match figure.unit {
        Unit::Microseconds => Axis::Micros,
        Unit::Share => Axis::Share,
        Unit::PerSecond | Unit::Workflows | Unit::Spans => Axis::Amount,
    };
    Plot {
        title: figure.name.to_owned(),
        summary: String::new(),
        x: Axis::Classes(names.to_vec()),
        y,
        series: figure.values.iter().enumerate().filter_map(column).collect(),
        marks: Vec::new(),
    }
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
