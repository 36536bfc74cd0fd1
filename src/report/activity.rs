//! What a run did over time, as plots and in words.

use std::{fmt::Write as _, time::Duration};

use hdrhistogram::Histogram;

use super::{
    document::{Block, Fact, Level, Line, Section, and_more},
    figure::{Axis, Figure, Mark, Plot, Series, Shape, Tone},
};
use crate::{
    ledger::activity::{Activity, CallMark, Step},
    text::numbers::{amount, counted, duration, grouped, moment},
};

/// Classes of a latency histogram at most.
const CLASSES: usize = 24;
/// Calls that are named one by one.
const CALLS_SHOWN: usize = 20;

/// Exports by outcome, calls, and whatever else happened: spans per second over time.
pub(crate) fn time_line(activity: &Activity, others: Vec<Mark>) -> Section {
    let seconds = activity.step as f64 / 1e9;
    let series = |name: &str, tone, of: fn(&Step) -> u64| {
        let points = activity.steps.iter().enumerate().flat_map(|(index, step)| {
            let rate = of(step) as f64 / seconds;
            [(index as f64 * seconds, rate), ((index + 1) as f64 * seconds, rate)]
        });
        let points: Vec<(f64, f64)> = points.collect();
        let has_any = points.iter().any(|(_, rate)| *rate > 0.0);
        has_any.then(|| Series { name: name.to_owned(), tone, shape: Shape::Area, points })
    };
    let outcomes = [
        series("acked", Tone::Good, |step| step.acked),
        series("taken in part", Tone::Doubtful, |step| step.partial),
        series("indeterminate", Tone::Doubtful, |step| step.indeterminate),
        series("rejected", Tone::Bad, |step| step.rejected),
    ];
    let call = |call: &CallMark| Mark {
        x: activity.seconds(call.began),
        name: if call.success { call.rpc.clone() } else { format!("{} failed", call.rpc) },
        tone: if call.success { Tone::Neutral } else { Tone::Bad },
    };
    let marks: Vec<Mark> = activity.calls.iter().map(call).chain(others).collect();
    let total = |of: fn(&Step) -> u64| activity.steps.iter().map(of).sum::<u64>();
    let acked = total(|step| step.acked);
    let length = activity.length();
    let mut summary = format!(
        "Spans per second from {}, in steps of {}: {} acked in {}, {} spans/s on average",
        moment(activity.began),
        duration(Duration::from_nanos(activity.step)),
        grouped(acked),
        duration(Duration::from_secs_f64(length)),
        amount(acked as f64 / length)
    );
    for (name, count) in [
        ("rejected", total(|step| step.rejected)),
        ("indeterminate", total(|step| step.indeterminate)),
        ("of exports taken in part", total(|step| step.partial)),
    ] {
        if count > 0 {
            write!(summary, "; {} {name}", grouped(count)).ok();
        }
    }
    let plot = Plot {
        title: "Throughput over time".to_owned(),
        summary: summary + ".",
        x: Axis::Seconds,
        y: Axis::Amount,
        series: outcomes.into_iter().flatten().collect(),
        marks,
    };
    let calls = activity.calls.iter().take(CALLS_SHOWN).map(|call| {
        let failed = if call.success { "" } else { ", failed" };
        Line::from(format!("{} at {}{failed}", call.rpc, moment(call.began)))
    });
    let all = activity.calls.len() + activity.more_calls as usize;
    let calls: Vec<Line> = calls.chain(and_more(all, CALLS_SHOWN, "")).collect();
    let calls = (!calls.is_empty()).then_some(Block::Facts(vec![Fact::lines("calls", calls)]));
    let blocks = std::iter::once(Block::Figure(Figure::Plot(plot))).chain(calls);
    Section::headed(Level::Part, "Time line", blocks)
}

/// How long exports took; nothing where none was acked.
pub(crate) fn latency(times: &Histogram<u64>) -> Option<Section> {
    let plot = latency_plot(times)?;
    Some(Section::headed(Level::Part, "Latency of acked exports", [Block::Figure(Figure::Plot(plot))]))
}

fn latency_plot(times: &Histogram<u64>) -> Option<Plot> {
    if times.is_empty() {
        return None;
    }
    // Whole powers of two, or of four where those are too many.
    let classes = |base: f64| -> Vec<(u64, u64)> {
        let classes = times.iter_log(1, base);
        let classes = classes.map(|class| (class.value_iterated_to(), class.count_since_last_iteration()));
        classes.skip_while(|(_, count)| *count == 0).collect()
    };
    let fine = classes(2.0);
    let classes = if fine.len() > CLASSES { classes(4.0) } else { fine };
    let names = classes.iter().map(|(to, _)| format!("≤ {}", duration(micros(*to))));
    let points = classes.iter().enumerate().map(|(index, (_, count))| (index as f64, *count as f64));
    let series = Series {
        name: "acked exports".to_owned(),
        tone: Tone::Neutral,
        shape: Shape::Columns,
        points: points.collect(),
    };
    Some(Plot {
        title: "Exports by latency".to_owned(),
        summary: format!("{}: {}.", counted(times.len(), "acked export"), quantiles(times)),
        x: Axis::Classes(names.collect()),
        y: Axis::Amount,
        series: vec![series],
        marks: Vec::new(),
    })
}

/// How long an acked span may have been in the studio's memory alone; nothing where none was acked.
pub(crate) fn durability_window(activity: &Activity) -> Option<Section> {
    let mut facts = Vec::new();
    if !activity.window.is_empty() {
        facts.push(Fact::new("ack to disk", format!("at most {}", quantiles(&activity.window))));
    }
    if activity.without_flush > 0 {
        let exports = counted(activity.without_flush, "acked export");
        facts
            .push(Fact::new("no flush", format!("{exports} with no recorded flush or snapshot behind them")));
    }
    let what = "From an ack to the end of the first flush or snapshot that began after it, as the ledger has them. \
                The studio's own timer may have written the spans before.";
    let blocks = [Block::Facts(facts.clone()), Block::Paragraph(what.into())];
    (!facts.is_empty()).then(|| Section::headed(Level::Part, "Durability window", blocks))
}

fn quantiles(times: &Histogram<u64>) -> String {
    let quantile =
        |(name, at): (&str, f64)| format!("{name} {}", duration(micros(times.value_at_quantile(at))));
    let shown = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)].map(quantile);
    format!("{}, max {}", shown.join(", "), duration(micros(times.max())))
}

fn micros(micros: u64) -> Duration {
    Duration::from_micros(micros)
}
