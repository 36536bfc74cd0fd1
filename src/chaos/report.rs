//! An experiment in words: what was done, what it cost, which promises were kept.

use std::time::Duration;

use super::{
    experiment::Outcome,
    journal::{Effect, Journal},
    lost::{Amount, Losses},
    promises::{Judged, Standing},
    window::Window,
};
use crate::{
    ledger::chaos::Nemesis,
    report::{
        document::{Block, Document, Fact, Level, Line, Section, Style, Table},
        table::Align,
    },
    text::numbers::{counted, duration, grouped},
};

/// The whole report.
pub(crate) fn document(outcome: &Outcome) -> Document {
    let Outcome { plan, run, journal, lost, promises, report, .. } = outcome;
    let mut document = Document::default();
    let (style, verdict) = verdict(promises);
    let title = Line::from("chaos: ").and_styled(style, verdict);
    let total = run.summary.total();
    let traffic = format!(
        "{} acked, {} rejected, {} unknown; {} workflows/s for {}, seed {}",
        counted(total.taken(), "span"),
        grouped(total.refused()),
        grouped(total.indeterminate),
        plan.rate.trim_end_matches("/s"),
        duration(Duration::from_millis(plan.duration_ms)),
        plan.seed
    );
    let mut facts = vec![
        Fact::new("traffic", traffic),
        Fact::new("run", Line::code(run.folder.display().to_string())),
        Fact::new("store", Line::code(report.coverage.store.display().to_string())),
    ];
    let windows = [("segment", outcome.windows.to_segment), ("cold file", outcome.windows.to_cold)];
    let windows = windows.into_iter().filter_map(|(file, window)| Some(window_line(file, window?)));
    let windows: Vec<Line> = windows.map(Line::from).collect();
    if !windows.is_empty() {
        facts.push(Fact::lines("durable", windows));
    }
    document.add(Section::headed(Level::Report, title, [Block::Facts(facts)]));
    let faults = lost.by_fault.iter().enumerate();
    let faults = faults.map(|(number, losses)| fault_row(journal, number, losses));
    let columns = ["at", "fault", "away", "serves again", "flushes again", "lost", "oldest ack", ""];
    let align = std::array::from_fn::<_, 8, _>(|column| match column {
        1 | 7 => Align::Left,
        _ => Align::Right,
    });
    let header = columns.iter().map(|name| (*name).to_owned()).zip(align);
    let table = Table { header: header.collect(), rows: faults.collect(), ..Table::default() };
    document.add(Section::headed(Level::Part, "faults", [Block::Table(table)]));
    let rows = promises.iter().map(promise_row).collect();
    let header = ["", "promise", ""].map(|name| (name.to_owned(), Align::Left)).to_vec();
    let table = Table { header, is_bare: true, rows, ..Table::default() };
    document.add(Section::headed(Level::Part, "promises", [Block::Table(table)]));
    document
}

/// How long acked spans were in memory, or in no cold file.
fn window_line(file: &str, Window { p50, p99, max }: Window) -> String {
    let [p50, p99, max] = [p50, p99, max].map(|nanos| duration(Duration::from_nanos(nanos)));
    format!("from ack to {file} at most {p50} in half of the exports, {p99} in 99 %, {max} in all")
}

fn verdict(promises: &[Judged]) -> (Style, String) {
    let count = |standing| promises.iter().filter(|judged| judged.standing == standing).count() as u64;
    match (count(Standing::Broken), count(Standing::NotTried)) {
        (0, _) => (Style::Good, format!("{} kept", counted(count(Standing::Kept), "promise"))),
        (broken, _) => (Style::Bad, format!("{} broken", counted(broken, "promise"))),
    }
}

fn fault_row(journal: &Journal, number: usize, losses: &Losses) -> Vec<Line> {
    let fault = &journal.faults[number];
    let first = journal.generations.first().and_then(|generation| generation.ready).unwrap_or_default();
    let since = |from: u64, to: u64| duration(Duration::from_nanos(to.saturating_sub(from)));
    let away = fault.ended.map(|ended| since(fault.began, ended)).unwrap_or_default();
    // The process that was started within the fault.
    let next = journal.generations.iter().find(|generation| {
        generation.started > fault.began && fault.ended.is_none_or(|ended| generation.started <= ended)
    });
    let serves = next.and_then(|next| Some(since(next.started, next.ready?))).unwrap_or_default();
    let Amount { spans, oldest } = losses.total();
    let oldest = if spans > 0 { duration(Duration::from_nanos(oldest)) } else { String::new() };
    let lost = if spans > 0 { Style::Bad } else { Style::Plain };
    vec![
        since(first, fault.began).into(),
        Line::code(fault.step.nemesis.name()),
        away.into(),
        serves.into(),
        fault.after.flushed_after.map(duration).unwrap_or_default().into(),
        Line::styled(lost, grouped(spans)),
        oldest.into(),
        note(journal, number, spans).into(),
    ]
}

fn note(journal: &Journal, number: usize, lost: u64) -> String {
    let fault = &journal.faults[number];
    let Effect { untried, damaged, wedged, note, .. } = &fault.effect;
    let untried = untried.as_ref().map(|why| format!("not tried: {why}"));
    let damaged = (!damaged.is_empty()).then(|| {
        let what = if fault.step.nemesis == Nemesis::Upgrade { "left behind" } else { "damaged" };
        format!("{} {what}", counted(damaged.len() as u64, "file"))
    });
    let wedged = wedged.as_ref().map(|why| format!("no flush: {why}"));
    let twice = journal.twice(number).filter(|twice| *twice > 0);
    let twice = twice.map(|twice| format!("{} stored twice", counted(twice, "span")));
    let no_flush = fault.after.no_flush_within;
    let no_flush = no_flush.map(|waited| format!("no flush within {}", duration(waited)));
    // Then the last audit laid some of them to another fault.
    let other = journal.audited(number).filter(|audited| audited.lost != lost);
    let other = other.map(|audited| format!("{} more lost by the audit after it", grouped(audited.lost)));
    [untried, note.clone(), damaged, wedged, no_flush, twice, other]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

fn promise_row(Judged { promise, standing, because }: &Judged) -> Vec<Line> {
    let (style, word) = match standing {
        Standing::Kept => (Style::Good, "kept"),
        Standing::Broken => (Style::Bad, "BROKEN"),
        Standing::NotTried => (Style::Doubtful, "not tried"),
    };
    vec![Line::styled(style, word), promise.text().into(), because.clone().into()]
}
