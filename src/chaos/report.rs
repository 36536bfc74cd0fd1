//! An experiment in words: what was done, what it cost, which promises were kept.

use std::time::Duration;

use super::{
    experiment::Outcome,
    journal::{FaultRecord, Journal},
    lost::Losses,
    promises::{Judged, Standing},
};
use crate::{
    report::{
        document::{Block, Document, Fact, Level, Line, Section, Style, Table},
        table::Align,
    },
    text::numbers::{counted, duration, grouped},
};

/// The whole report.
pub(crate) fn document(outcome: &Outcome) -> Document {
    let Outcome { plan, run, journal, lost, promises, report } = outcome;
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
    let facts = vec![
        Fact::new("traffic", traffic),
        Fact::new("run", Line::code(run.folder.display().to_string())),
        Fact::new("store", Line::code(report.coverage.store.display().to_string())),
    ];
    document.add(Section::headed(Level::Report, title, [Block::Facts(facts)]));
    let faults =
        journal.faults.iter().zip(&lost.by_fault).map(|(fault, losses)| fault_row(journal, fault, losses));
    let columns = ["at", "fault", "away", "serves again", "lost", "oldest ack"];
    let align = [Align::Right, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
    let header = columns.iter().map(|name| (*name).to_owned()).zip(align);
    let table = Table { header: header.collect(), rows: faults.collect(), ..Table::default() };
    document.add(Section::headed(Level::Part, "faults", [Block::Table(table)]));
    let rows = promises.iter().map(promise_row).collect();
    let header = ["", "promise", ""].map(|name| (name.to_owned(), Align::Left)).to_vec();
    let table = Table { header, is_bare: true, rows, ..Table::default() };
    document.add(Section::headed(Level::Part, "promises", [Block::Table(table)]));
    document
}

fn verdict(promises: &[Judged]) -> (Style, String) {
    let count = |standing| promises.iter().filter(|judged| judged.standing == standing).count() as u64;
    match (count(Standing::Broken), count(Standing::NotTried)) {
        (0, _) => (Style::Good, format!("{} kept", counted(count(Standing::Kept), "promise"))),
        (broken, _) => (Style::Bad, format!("{} broken", counted(broken, "promise"))),
    }
}

fn fault_row(journal: &Journal, fault: &FaultRecord, losses: &Losses) -> Vec<Line> {
    let first = journal.generations.first().and_then(|generation| generation.ready).unwrap_or_default();
    let since = |from: u64, to: u64| duration(Duration::from_nanos(to.saturating_sub(from)));
    let away = fault.ended.map(|ended| since(fault.began, ended)).unwrap_or_default();
    // The process that was started within the fault.
    let next = journal.generations.iter().find(|generation| {
        generation.started > fault.began && fault.ended.is_none_or(|ended| generation.started <= ended)
    });
    let serves = next.and_then(|next| Some(since(next.started, next.ready?))).unwrap_or_default();
    let (spans, oldest) = if losses.spans > 0 {
        (grouped(losses.spans), duration(Duration::from_nanos(losses.oldest)))
    } else {
        ("0".to_owned(), String::new())
    };
    let lost = if losses.spans > 0 { Style::Bad } else { Style::Plain };
    vec![
        since(first, fault.began).into(),
        Line::code(fault.step.nemesis.name()),
        fault.untried.clone().map_or(away, |why| format!("not tried: {why}")).into(),
        serves.into(),
        Line::styled(lost, spans),
        oldest.into(),
    ]
}

fn promise_row(Judged { promise, standing, because }: &Judged) -> Vec<Line> {
    let (style, word) = match standing {
        Standing::Kept => (Style::Good, "kept"),
        Standing::Broken => (Style::Bad, "BROKEN"),
        Standing::NotTried => (Style::Doubtful, "not tried"),
    };
    vec![Line::styled(style, word), promise.text().into(), because.clone().into()]
}
