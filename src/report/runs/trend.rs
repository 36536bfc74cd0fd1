//! Runs of the same load over time, and what got worse.

use serde::Serialize;

use super::VERSION;
use crate::{
    ledger::manifest::Timestamp,
    report::{
        document::{Block, Document, Level, Line, Section, Style, Table},
        figure::{Axis, Figure, Mark, Plot, Series, Shape, Tone},
        run::measured,
        table::Align,
    },
    send::trend::{JUDGED, Judgement, LEAST_BASE, MOST_BASE, Metric, Trend},
    text::numbers::{counted, moment, percent},
};

/// Runs with a line each; plots show all.
const RUNS_SHOWN: usize = 50;

/// What there is to tell of the runs of one load.
#[derive(Debug, Serialize)]
pub(crate) struct Trends {
    pub(crate) version: u32,
    /// Oldest first.
    pub(crate) runs: Vec<TrendRun>,
    /// Runs of another load than the newest has.
    pub(crate) of_another_load: usize,
    /// Runs that did not end by themselves, or were interrupted.
    pub(crate) unfinished: usize,
    pub(crate) tolerance: f64,
    #[serde(rename = "trends")]
    pub(crate) figures: Vec<Trend>,
}

#[derive(Debug, Serialize)]
pub(crate) struct TrendRun {
    pub(crate) run: String,
    pub(crate) made: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

impl Trends {
    pub(crate) const VERSION: u32 = VERSION;

    fn regressed(&self) -> impl Iterator<Item = &Trend> {
        self.figures.iter().filter(|trend| trend.has_regressed())
    }
}

pub(crate) fn document(trends: &Trends) -> Document {
    let mut document = Document::default();
    let mut title = Line::from(format!("{}: ", counted(trends.runs.len() as u64, "run")));
    let worse: Vec<&str> = trends.regressed().map(|trend| trend.metric.name()).collect();
    title = if !worse.is_empty() {
        title.and_styled(Style::Bad, format!("{} got worse", worse.join(", ")))
    } else if trends.figures.iter().any(Trend::is_judged) {
        title.and_styled(Style::Good, "nothing got worse")
    } else {
        title.and_styled(Style::Doubtful, "too few to judge")
    };
    let verdicts = trends.figures.iter().map(|trend| verdict(trend, trends.tolerance)).collect();
    document.add(Section::headed(Level::Report, title, [Block::List(verdicts)]));
    document.add(Section::headed(Level::Part, "Runs", [Block::Table(table(trends))]));
    let left_out = [(trends.of_another_load, "of another load"), (trends.unfinished, "unfinished")];
    let left_out = left_out.iter().filter(|(count, _)| *count > 0);
    let left_out: Vec<String> =
        left_out.map(|(count, why)| format!("{} {why}", counted(*count as u64, "run"))).collect();
    if !left_out.is_empty() {
        let text = format!("left out: {}", left_out.join(", "));
        document.add(Section::new([Block::Paragraph(text.into())]));
    }
    document.add(Section::new([Block::Paragraph(rule(trends.tolerance).into())]));
    for trend in &trends.figures {
        if let Some(plot) = plot(trends, trend) {
            document.add(Section::new([Block::Figure(Figure::Plot(plot))]));
        }
    }
    document
}

fn rule(tolerance: f64) -> String {
    format!(
        "rule: worse where the median of the last {JUDGED} runs is worse than the median of those before them ({LEAST_BASE} to \
         {MOST_BASE}) by more than {} and by more than three times their median deviation",
        percent(tolerance)
    )
}

fn verdict(trend: &Trend, tolerance: f64) -> Line {
    let name = trend.metric.name();
    let shown = |value| measured(value, trend.unit);
    match trend.judgement {
        Judgement::TooFewRuns { runs, needed } => Line::styled(Style::Doubtful, "not judged")
            .and(format!("  {name}: {runs} of {needed} runs that are needed have it")),
        Judgement::Steady { base, last } => Line::styled(Style::Good, "steady").and(format!(
            "  {name}: {} before, {} now",
            shown(base),
            shown(last)
        )),
        Judgement::Regressed { base, last } => Line::styled(Style::Bad, "WORSE").and(format!(
            "  {name}: {} before, {} now; {} are tolerated",
            shown(base),
            shown(last),
            percent(tolerance)
        )),
    }
}

fn table(trends: &Trends) -> Table {
    let has_labels = trends.runs.iter().any(|run| run.label.is_some());
    let mut header = vec![("run".to_owned(), Align::Left), ("made".to_owned(), Align::Left)];
    if has_labels {
        header.push(("label".to_owned(), Align::Left));
    }
    header.extend(trends.figures.iter().map(|trend| (trend.metric.name().to_owned(), Align::Right)));
    let row = |(place, run): (usize, &TrendRun)| {
        let label = has_labels.then(|| Line::from(run.label.clone().unwrap_or_default()));
        let values = trends.figures.iter().map(|trend| {
            let value = trend.values[place].map(|value| measured(value, trend.unit));
            Line::from(value.unwrap_or_default())
        });
        [Line::code(&run.run), moment(run.made.0).into()].into_iter().chain(label).chain(values).collect()
    };
    let hidden = trends.runs.len().saturating_sub(RUNS_SHOWN);
    let more =
        (hidden > 0).then(|| vec![Line::from(format!("{} before these", counted(hidden as u64, "run")))]);
    let rows = trends.runs.iter().enumerate().skip(hidden).map(row);
    Table { header, rows: more.into_iter().chain(rows).collect(), ..Table::default() }
}

/// Nothing where no run has the figure.
fn plot(trends: &Trends, trend: &Trend) -> Option<Plot> {
    let points = trend.values.iter().enumerate();
    let points: Vec<(f64, f64)> =
        points.filter_map(|(place, value)| value.map(|value| (place as f64, value))).collect();
    let (first, last) = (points.first()?, points.last()?);
    let name = |run: &TrendRun| run.label.clone().unwrap_or_else(|| run.run.clone());
    let shown = |value: f64| measured(value, trend.unit);
    let summary = format!("{} runs, from {} to {}.", points.len(), shown(first.1), shown(last.1));
    let series =
        |shape, tone| Series { name: trend.metric.name().to_owned(), tone, shape, points: points.clone() };
    let tone = if trend.has_regressed() { Tone::Bad } else { Tone::Neutral };
    let marks = trend.has_regressed().then(|| Mark {
        x: trend.values.len() as f64 - JUDGED as f64 - 0.5,
        name: "from here on the runs that are judged".to_owned(),
        tone: Tone::Bad,
    });
    let y = match trend.metric {
        Metric::P50 | Metric::P95 | Metric::P99 | Metric::AuditTime => Axis::Micros,
        Metric::ErrorRate => Axis::Share,
        Metric::WorkflowsPerS | Metric::SpansPerS => Axis::Amount,
    };
    Some(Plot {
        title: trend.metric.name().to_owned(),
        summary,
        x: Axis::Classes(trends.runs.iter().map(name).collect()),
        y,
        series: vec![series(Shape::Line, tone), series(Shape::Dots, tone)],
        marks: marks.into_iter().collect(),
    })
}
