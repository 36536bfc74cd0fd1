//! A run for the terminal: who sent what, and how it went.

use std::{fmt::Write as _, io::Write, time::Duration};

use hdrhistogram::Histogram;

use super::table::{self, Align};
use crate::{
    base::problem::Problem,
    ledger::{
        manifest::Manifest,
        results::{Bottleneck, Judged, Unit, Verdict},
    },
    send::{
        barrier::BarrierOutcome,
        health::LATE,
        run::Performed,
        summary::{Counts, Summary, per_second},
    },
    text::{
        escape::plain,
        numbers::{amount, counted, duration, grouped, service},
    },
    traffic::{mix::Mix, profile::Profile},
};

pub(crate) const NAMES_SHOWN: usize = 20;

/// Printed before the first export: who will send what, and at which pace.
pub(crate) fn print_plan(out: &mut dyn Write, manifest: &Manifest) -> anyhow::Result<()> {
    let Manifest { run_id, services, profile, .. } = manifest;
    writeln!(out, "run {run_id}")?;
    if let Some(shard) = manifest.shard {
        writeln!(out, "shard {shard}")?;
    }
    if *profile != Mix::only(Profile::GettingStarted) {
        writeln!(out, "profile {profile}")?;
    }
    let shown = services.iter().take(NAMES_SHOWN).map(|name| service(name)).collect::<Vec<_>>().join("\n  ");
    writeln!(out, "{}:\n  {shown}", counted(services.len() as u64, "service"))?;
    if services.len() > NAMES_SHOWN {
        writeln!(out, "  and {} more", services.len() - NAMES_SHOWN)?;
    }
    writeln!(out, "{}\n", pace(manifest))?;
    Ok(())
}

/// How many workflows or exports go at once, and when.
pub(crate) fn pace(manifest: &Manifest) -> String {
    let Manifest { services, config, load, .. } = manifest;
    let schedule = load.as_ref().and_then(|load| load.schedule.as_ref());
    let paced = load.as_ref().is_some_and(|load| load.pace != "rounds");
    match schedule {
        Some(schedule) => {
            let most = counted(config.concurrency, "export");
            format!("{schedule}: workflows arrive by plan, up to {most} in flight")
        }
        None if paced => format!("{} in flight", counted(config.concurrency, "export")),
        None => {
            let at_once = config.concurrency.saturating_mul(services.len() as u64);
            format!("up to {} at once", counted(at_once, "workflow"))
        }
    }
}

/// Printed by `verify`, which has a report to come: a run without trouble in a few lines, else all of it.
pub(crate) fn print_verified(out: &mut dyn Write, performed: &Performed) -> anyhow::Result<()> {
    let Performed { manifest, summary, elapsed, .. } = performed;
    let total = summary.total();
    let is_smooth = total.acked == total.issued.spans
        && total.not_started.spans == 0
        && total.retries == 0
        && summary.troubles.is_empty()
        && summary.health.bottleneck().is_none()
        && !summary.interrupted
        && performed.not_flushed.is_none();
    if !is_smooth {
        print_plan(out, manifest)?;
        return print(out, performed);
    }
    let services = counted(manifest.services.len() as u64, "service");
    let profile = if manifest.profile == Mix::only(Profile::GettingStarted) {
        String::new()
    } else {
        format!(", profile {}", manifest.profile)
    };
    writeln!(out, "run {}: {services}{profile}, {}", manifest.run_id, pace(manifest))?;
    writeln!(
        out,
        "{} in {}: {} spans/s, all {} acked",
        counted(total.issued.workflows, "workflow"),
        duration(*elapsed),
        amount(per_second(total.taken(), *elapsed)),
        counted(total.issued.spans, "span")
    )?;
    print_latency(out, summary)?;
    print_thresholds(out, manifest.results.as_ref().map_or(&[], |results| &results.thresholds))
}

/// Printed when all exports have ended.
pub(crate) fn print(out: &mut dyn Write, performed: &Performed) -> anyhow::Result<()> {
    let Performed { manifest, summary, elapsed, .. } = performed;
    out.write_all(outcomes(manifest, summary).as_bytes())?;
    let total = summary.total();
    let of_acked = if total.taken() < total.issued.spans { " acked" } else { "" };
    writeln!(
        out,
        "\n{} in {}: {} workflows/s, {} spans/s{of_acked}",
        counted(total.issued.workflows, "workflow"),
        duration(*elapsed),
        amount(per_second(total.acked_workflows, *elapsed)),
        amount(per_second(total.taken(), *elapsed))
    )?;
    print_latency(out, summary)?;
    for (code, trouble) in &summary.troubles {
        writeln!(out, "{code}  {}: {}", counted(trouble.exports, "export"), plain(&trouble.message))?;
    }
    if summary.interrupted {
        writeln!(out, "interrupted: {} not started", counted(total.not_started.workflows, "workflow"))?;
    } else if total.not_started.spans > 0 {
        let workflows = counted(total.not_started.workflows, "workflow");
        writeln!(out, "not started: {workflows}, for want of a free slot or of time")?;
    }
    if let Some(why) = &performed.not_flushed {
        writeln!(out, "no flush between the parts of traces, a wait instead: {}", plain(why))?;
    }
    print_health(out, summary)?;
    print_thresholds(out, manifest.results.as_ref().map_or(&[], |results| &results.thresholds))
}

/// What became of each service's spans or, behind collectors, of each collector's.
fn outcomes(manifest: &Manifest, summary: &Summary) -> String {
    type Column = (&'static str, fn(&Counts) -> u64);
    const ALWAYS: [Column; 5] = [
        ("workflows", |counts| counts.issued.workflows),
        ("spans", |counts| counts.issued.spans),
        ("acked", |counts| counts.acked),
        ("rejected", |counts| counts.rejected),
        ("indeterminate", |counts| counts.indeterminate),
    ];
    const SOMETIMES: [Column; 4] = [
        ("in part", |counts| counts.partial),
        ("of it taken", |counts| counts.partial_taken),
        ("not started", |counts| counts.not_started.spans),
        ("retries", |counts| counts.retries),
    ];
    let total = summary.total();
    let columns: Vec<_> =
        ALWAYS.into_iter().chain(SOMETIMES.into_iter().filter(|(_, count)| count(&total) > 0)).collect();
    let by = if manifest.config.collectors.is_some() { "collector" } else { "service" };
    let mut header = vec![(by, Align::Left)];
    header.extend(columns.iter().map(|(name, _)| (*name, Align::Right)));
    let row = |name: String, counts: &Counts| {
        std::iter::once(name)
            .chain(columns.iter().map(|(_, count)| grouped(count(counts))))
            .collect::<Vec<_>>()
    };

    let name = |stream: usize| match manifest.config.collectors {
        Some(_) => (stream + 1).to_string(),
        None => service(&manifest.services[stream]),
    };
    let streams = summary.streams.iter().enumerate().take(NAMES_SHOWN);
    let mut rows: Vec<_> = streams.map(|(stream, counts)| row(name(stream), counts)).collect();
    let count = summary.streams.len();
    if count > NAMES_SHOWN {
        rows.push(vec![format!("and {} more", count - NAMES_SHOWN)]);
    }
    if count > 1 {
        rows.push(row(format!("all {}", counted(count as u64, by)), &total));
    }
    table::render(&header, rows)
}

pub(super) fn print_latency(out: &mut dyn Write, summary: &Summary) -> anyhow::Result<()> {
    // In a closed loop an export starts when it can: the two times are one.
    if summary.start_error.is_empty() {
        writeln!(out, "export latency  {}", quantiles(&summary.response).unwrap_or_else(no_ack))?;
    } else {
        writeln!(out, "response time  {}", quantiles(&summary.response).unwrap_or_else(no_ack))?;
        writeln!(out, "service time   {}", quantiles(&summary.service).unwrap_or_else(no_ack))?;
        writeln!(out, "start error    {}", quantiles(&summary.start_error).unwrap_or_default())?;
    }
    if let Some(errors) = quantiles(&summary.errors) {
        writeln!(out, "of errors      {errors}")?;
    }
    Ok(())
}

fn no_ack() -> String {
    "none: no export was acked".to_owned()
}

/// Says so where the generator did not keep up.
fn print_health(out: &mut dyn Write, summary: &Summary) -> anyhow::Result<()> {
    let health = &summary.health;
    match health.bottleneck() {
        None => {}
        Some(Bottleneck::LateStarts) => writeln!(
            out,
            "our side was the bottleneck: {} of {} began more than {} after their time",
            grouped(health.late_starts),
            counted(health.planned_starts, "export"),
            duration(LATE)
        )?,
        Some(Bottleneck::Making) => writeln!(
            out,
            "our side was the bottleneck: {} making exports, {} until they were answered",
            duration(health.making),
            duration(health.waiting)
        )?,
    }
    Ok(())
}

fn print_thresholds(out: &mut dyn Write, thresholds: &[Judged]) -> anyhow::Result<()> {
    for judged in thresholds {
        writeln!(out, "{}", threshold_line(judged))?;
    }
    Ok(())
}

/// A threshold, whether it was met, and what was measured.
pub(crate) fn threshold_line(judged: &Judged) -> String {
    let verdict = match judged.verdict {
        Verdict::Met => "met   ",
        Verdict::Missed => "MISSED",
        Verdict::NothingToMeasure => "inconclusive",
    };
    let nothing = || "nothing to measure".to_owned();
    let measured = judged.measured.map_or_else(nothing, |value| measured(value, judged.unit));
    let ours = if judged.our_side.is_some() { "; our side was the bottleneck" } else { "" };
    format!("{verdict}  {}  {measured}{ours}", judged.threshold)
}

/// A measured value in its unit.
pub(crate) fn measured(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Microseconds => duration(Duration::from_secs_f64(value / 1e6)),
        Unit::Share => format!("{:.2} %", value * 100.0),
        Unit::PerSecond => format!("{}/s", amount(value)),
        Unit::Workflows => counted(value as u64, "workflow"),
        Unit::Spans => counted(value as u64, "span"),
    }
}

/// What the barrier at a run's end came to.
pub(crate) fn barrier_line(raised: &BarrierOutcome) -> String {
    match raised {
        BarrierOutcome::Flushed { took } => format!("flushed in {}", duration(*took)),
        BarrierOutcome::Snapshot { took, snapshot } => {
            let rows = counted(snapshot.rows.unsigned_abs(), "row");
            format!("hot snapshot of {rows} in {}", duration(*took))
        }
        BarrierOutcome::Refused { rpc, refusal } => {
            format!("{rpc} failed: {}; {}", plain(&refusal.to_string()), refusal.hint())
        }
        BarrierOutcome::Unreachable(problem) => not_flushed(problem),
    }
}

fn not_flushed(problem: &Problem) -> String {
    let problem = plain(&problem.to_string());
    format!("not flushed: {problem}; an audit has to wait for the studio's own timer")
}

/// None of an empty histogram of microseconds.
fn quantiles(histogram: &Histogram<u64>) -> Option<String> {
    if histogram.is_empty() {
        return None;
    }
    let micros = |value: u64| duration(Duration::from_micros(value));
    let mut text = String::new();
    for (name, quantile) in [("p50", 0.50), ("p95", 0.95), ("p99", 0.99)] {
        write!(text, "{name} {}   ", micros(histogram.value_at_quantile(quantile))).ok();
    }
    Some(text + &format!("max {}", micros(histogram.max())))
}
