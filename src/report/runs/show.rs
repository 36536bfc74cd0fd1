//! All that is known of one run: its manifest and its ledger, in words.

use std::{collections::BTreeMap, io::Write, path::Path, time::Duration};

use serde::Serialize;

use super::{VERSION, not_started, outcome, style};
use crate::{
    ledger::{
        activity::Activity,
        history::{Call, History},
        load::Load,
        lookup::Sent,
        manifest::{Manifest, Timestamp},
        results::{Bottleneck, Judged, Quantiles, Results, Verdict},
    },
    report::{
        activity,
        document::{Block, Document, Fact, Level, Line, Section, Style, Table, and_more},
        figure::{Figure, KeyFigure, Tone},
        json,
        run::{NAMES_SHOWN, measured, pace, threshold_line},
        table::Align,
    },
    text::numbers::{amount, counted, duration, grouped, moment, percent, service},
};

pub(super) const UNFINISHED: &str = "its end was not recorded: it was killed, or is still at work";

pub(crate) fn document(sent: Sent<'_>, history: &History, extent: Extent) -> Document {
    let manifest = sent.manifest();
    let made = format!("{}, in ", moment(manifest.created_at.0));
    let made = Line::from(made).and_code(sent.part.folder.display().to_string());
    let mut plan = vec![Fact::new("made", made)];
    add_plan(&mut plan, sent);
    let mut went = Vec::new();
    match sent.results() {
        Some(results) => add_results(&mut went, sent.planned(), results),
        None => went.push(Fact::new("unfinished", UNFINISHED)),
    }
    add_ledger(&mut went, &LedgerAccount::of(history));
    let outcome = outcome(sent.results(), sent.planned());
    let title = Line::from(format!("run {}: ", sent.name())).and_styled(style(outcome), outcome);
    match extent {
        Extent::Short => short(title, plan, went),
        Extent::Full => full(title, plan, went, sent.results(), history),
    }
}

/// How much of a run is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Short,
    /// With figures, for a page that draws them.
    Full,
}

/// What was to be sent, and below it how it went.
pub(super) fn short(title: Line, plan: Vec<Fact>, went: Vec<Fact>) -> Document {
    let mut document = Document::default();
    document.add(Section::headed(Level::Report, title, [Block::Facts(plan)]));
    document.add(Section::new([Block::Facts(went)]));
    document
}

/// The same with figures: what matters most, thresholds, the run over time.
pub(super) fn full(
    title: Line,
    plan: Vec<Fact>,
    went: Vec<Fact>,
    results: Option<&Results>,
    history: &History,
) -> Document {
    let mut document = Document::default();
    let missed = results.into_iter().flat_map(|results| &results.thresholds);
    let missed = missed.filter(|judged| judged.verdict != Verdict::Met);
    let missed: Vec<Line> = missed.map(|judged| threshold_line(judged).into()).collect();
    let missed = (!missed.is_empty()).then_some(Block::List(missed));
    document.add(Section::headed(Level::Report, title, missed));
    if let Some(results) = results {
        document.add(Section::new([Block::Figure(Figure::KeyFigures(key_figures(results)))]));
        document.add(Section::new((!results.thresholds.is_empty()).then(|| thresholds(&results.thresholds))));
    }
    document.add(Section::headed(Level::Part, "Outcome", [Block::Facts(went)]));
    if let Some(activity) = Activity::of(std::iter::once(history)) {
        document.add(activity::time_line(&activity, Vec::new()));
        for section in
            activity::latency(&activity.latency).into_iter().chain(activity::durability_window(&activity))
        {
            document.add(section);
        }
    }
    document.add(Section::headed(Level::Part, "Plan", [Block::Facts(plan)]));
    document
}

fn key_figures(results: &Results) -> Vec<KeyFigure> {
    let figure = |value: String, label, tone| KeyFigure { value, label, tone };
    let count =
        |count: u64, label, tone| figure(grouped(count), label, if count == 0 { Tone::Good } else { tone });
    let mut figures = vec![
        figure(grouped(results.taken()), "spans taken", Tone::Neutral),
        count(results.refused(), "spans refused", Tone::Bad),
        count(results.indeterminate, "spans indeterminate", Tone::Doubtful),
        figure(amount(results.throughput), "workflows/s", Tone::Neutral),
    ];
    figures.extend(results.spans_per_s.map(|rate| figure(amount(rate), "spans/s", Tone::Neutral)));
    if let Some(times) = results.response_us {
        for (micros, label) in [(times.p95, "p95"), (times.p99, "p99")] {
            figures.push(figure(duration(Duration::from_micros(micros)), label, Tone::Neutral));
        }
    }
    figures
}

fn thresholds(thresholds: &[Judged]) -> Block {
    let row = |judged: &Judged| {
        let verdict = match judged.verdict {
            Verdict::Met => Line::styled(Style::Good, "met"),
            Verdict::Missed => Line::styled(Style::Bad, "MISSED"),
            Verdict::NothingToMeasure => Line::styled(Style::Doubtful, "nothing to measure"),
        };
        let value = judged.measured.map(|value| measured(value, judged.unit)).unwrap_or_default();
        vec![verdict, Line::code(&judged.threshold), value.into()]
    };
    let header = [("verdict", Align::Left), ("threshold", Align::Left), ("measured", Align::Right)];
    let header = header.map(|(name, align)| (name.to_owned(), align)).into();
    Block::Table(Table { header, rows: thresholds.iter().map(row).collect(), ..Table::default() })
}

fn add_plan(facts: &mut Vec<Fact>, sent: Sent<'_>) {
    let manifest = sent.manifest();
    let config = &manifest.config;
    facts.extend(manifest.label.as_ref().map(|label| Fact::new("label", label)));
    facts.push(Fact::new("sent to", &manifest.endpoint));
    facts.extend(
        manifest.data_dir.as_ref().map(|store| Fact::new("store", Line::code(store.to_string_lossy()))),
    );
    let keys = if manifest.telemetry.is_current() { "" } else { ", with legacy keys" };
    facts.push(Fact::new("profile", format!("{}{keys}", manifest.profile)));
    let size = format!(
        "{} of {}, {}, seed {}",
        counted(config.num_services, "service"),
        counted(config.workflows_per_service, "workflow"),
        counted(sent.planned(), "span"),
        manifest.seed
    );
    let part = manifest.shard.map(|shard| format!("shard {shard} of ")).unwrap_or_default();
    let bound = if config.open_ended { ", as far as is known: only time was to end it" } else { "" };
    facts.push(Fact::new("plan", format!("{part}{size}{bound}")));
    facts.push(services(&manifest.services));
    facts.push(Fact::new("pace", pace(manifest)));
    facts.extend(manifest.load.as_ref().map(|load| Fact::new("exports", gathering(manifest, load))));
}

/// Names of services, a line each.
pub(super) fn services(names: &[String]) -> Fact {
    let shown = names.iter().take(NAMES_SHOWN).map(|name| Line::from(service(name)));
    Fact::lines("services", shown.chain(and_more(names.len(), NAMES_SHOWN, "")))
}

/// How spans were gathered and sent, as far as it differs from an export for each workflow, sent once.
fn gathering(manifest: &Manifest, load: &Load) -> String {
    let mut words = vec![match load.batch_size {
        None => "one for each workflow".to_owned(),
        Some(spans) => format!("of up to {}", counted(spans.into(), "span")),
    }];
    if let Some(collectors) = manifest.config.collectors {
        words.push(format!("through {}", counted(collectors.into(), "collector")));
    }
    if load.connections > 1 {
        words.push(format!("over {} each", counted(load.connections, "connection")));
    }
    if load.reconnect {
        words.push("each over a connection of its own".to_owned());
    }
    if let Some(share) = load.straddle {
        words.push(format!("{} of the traces in parts", percent(share)));
    }
    if let Some(pause) = load.pause_seconds {
        words.push(format!("{} apart", duration(Duration::from_secs_f64(pause))));
    }
    words.push(format!("retries: {}", load.retry));
    words.join(", ")
}

pub(super) fn add_results(facts: &mut Vec<Fact>, planned: u64, results: &Results) {
    let Results { issued, acked, rejected, indeterminate, partial, partial_taken, .. } = *results;
    let waiting = not_started(results, planned);
    let planned = results.planned.unwrap_or(planned);
    let counts = [(planned, "planned:"), (issued, "issued,"), (waiting, "not started")];
    let counts = counts.map(|(spans, name)| format!("{} {name}", grouped(spans)));
    facts.push(Fact::new("spans", counts.join(" ")));
    let in_part = if partial == 0 {
        String::new()
    } else {
        format!(", {} of exports taken in part ({} taken)", grouped(partial), grouped(partial_taken))
    };
    let outcomes = [(acked, "acked"), (rejected, "rejected"), (indeterminate, "indeterminate")]
        .map(|(spans, name)| format!("{} {name}", grouped(spans)));
    facts.push(Fact::new("", format!("{}{in_part}", outcomes.join(", "))));
    if results.retries > 0 {
        facts.push(Fact::new("retries", grouped(results.retries)));
    }
    let took = Duration::try_from_secs_f64(results.duration_seconds).unwrap_or_default();
    let workflows =
        (results.total_workflows > 0).then(|| format!("{} workflows/s", amount(results.throughput)));
    let spans = results.spans_per_s.map(|rate| format!("{} spans/s", amount(rate)));
    let rates: Vec<_> = workflows.into_iter().chain(spans).collect();
    facts.push(Fact::new("took", format!("{}: {}", duration(took), rates.join(", "))));
    if results.interrupted {
        facts.push(Fact::new("", "interrupted before everything was sent"));
    }
    add_times(facts, results);
    match results.bottleneck {
        None => {}
        Some(Bottleneck::LateStarts) => {
            facts.push(Fact::new("our side", "was the bottleneck: exports began later than planned"));
        }
        Some(Bottleneck::Making) => {
            facts.push(Fact::new(
                "our side",
                "was the bottleneck: exports took longer to make than to be answered",
            ));
        }
    }
    for judged in &results.thresholds {
        facts.push(Fact::new("threshold", threshold_line(judged)));
    }
}

fn add_times(facts: &mut Vec<Fact>, results: &Results) {
    let Results { response_us, service_us, errors_us, start_error_p99_us, .. } = *results;
    // In a closed loop an export starts when it can: the two times are one.
    let times = match start_error_p99_us {
        None => [("latency", response_us), ("", None), ("errors", errors_us)],
        Some(_) => [("response", response_us), ("service", service_us), ("errors", errors_us)],
    };
    for (name, times) in times.into_iter().filter_map(|(name, times)| Some((name, times?))) {
        facts.push(Fact::new(name, quantiles(&times)));
    }
    if let Some(error) = start_error_p99_us {
        facts.push(Fact::new("late by", format!("p99 {}", duration(Duration::from_micros(error)))));
    }
}

fn quantiles(times: &Quantiles) -> String {
    let shown = [
        ("p50", times.p50),
        ("p90", times.p90),
        ("p95", times.p95),
        ("p99", times.p99),
        ("p99.9", times.p999),
        ("max", times.max),
    ];
    shown.map(|(name, micros)| format!("{name} {}", duration(Duration::from_micros(micros)))).join("  ")
}

/// What a ledger says, added up.
#[derive(Debug, Serialize)]
pub(super) struct LedgerAccount<'a> {
    exports: Vec<OutcomeCount>,
    /// Calls beyond the first of each export.
    retries: u64,
    /// Whether its last line was cut off.
    torn: bool,
    calls: Vec<CallJson<'a>>,
}

/// Exports of one outcome.
#[derive(Debug, Serialize)]
struct OutcomeCount {
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    exports: u64,
    spans: u64,
}

#[derive(Debug, Serialize)]
struct CallJson<'a> {
    rpc: String,
    began: Timestamp,
    ended: Timestamp,
    success: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

impl<'a> LedgerAccount<'a> {
    pub(super) fn of(history: &'a History) -> Self {
        let mut counts: BTreeMap<_, (u64, u64)> = BTreeMap::new();
        for export in &history.exports {
            let (exports, spans) = counts.entry((export.outcome.name(), export.outcome.code())).or_default();
            *exports += 1;
            *spans += u64::from(export.count);
        }
        let exports = counts.into_iter().map(|((outcome, code), (exports, spans))| OutcomeCount {
            outcome,
            code: code.map(|code| code.to_string()),
            exports,
            spans,
        });
        let call = |call: &'a Call| CallJson {
            rpc: call.rpc.to_string(),
            began: Timestamp(call.began),
            ended: Timestamp(call.ended),
            success: call.success,
            error: &call.error,
        };
        Self {
            exports: exports.collect(),
            retries: history.exports.iter().map(|export| u64::from(export.attempts.saturating_sub(1))).sum(),
            torn: history.torn,
            calls: history.calls.iter().map(call).collect(),
        }
    }
}

pub(super) fn add_ledger(facts: &mut Vec<Fact>, account: &LedgerAccount<'_>) {
    let mut label = "ledger";
    for count in &account.exports {
        let code = count.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        let (exports, spans) = (counted(count.exports, "export"), counted(count.spans, "span"));
        facts.push(Fact::new(label, format!("{}{code}: {exports}, {spans}", count.outcome)));
        label = "";
    }
    if account.exports.is_empty() {
        facts.push(Fact::new(label, "no export began"));
    }
    if account.retries > 0 {
        facts.push(Fact::new("", format!("sent again: {}", counted(account.retries, "time"))));
    }
    if account.torn {
        facts.push(Fact::new("", "its last line was cut off"));
    }
    for call in &account.calls {
        let took = duration(Duration::from_nanos(call.ended.0.saturating_sub(call.began.0)));
        let failed = if call.success { String::new() } else { format!(", failed: {}", call.error) };
        facts.push(Fact::new(
            "call",
            format!("{} at {}, took {took}{failed}", call.rpc, moment(call.began.0)),
        ));
    }
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    run: String,
    folder: &'a Path,
    outcome: &'static str,
    planned_spans: u64,
    manifest: &'a Manifest,
    ledger: LedgerAccount<'a>,
}

pub(crate) fn print_json(out: &mut dyn Write, sent: Sent<'_>, history: &History) -> anyhow::Result<()> {
    let json = Json {
        version: VERSION,
        run: sent.name(),
        folder: &sent.part.folder,
        outcome: outcome(sent.results(), sent.planned()),
        planned_spans: sent.planned(),
        manifest: sent.manifest(),
        ledger: LedgerAccount::of(history),
    };
    json::print(out, &json)
}
