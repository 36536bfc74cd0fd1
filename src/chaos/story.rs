//! The shortest story of a broken promise: a timeline, and the plan that tells it again.

use std::{path::Path, time::Duration};

use super::{
    experiment::Outcome,
    journal::{EndedBy, Journal},
    shrink::Story,
};
use crate::{
    report::document::{Block, Level, Line, Section},
    send::barrier::BarrierOutcome,
    text::{
        numbers::{counted, duration, grouped},
        shell,
    },
};

/// A part of a report: what happened, and how it is seen again.
pub(crate) fn section(story: &Story, plan_file: &Path, options: &[String]) -> Section {
    let Story { promise, outcome, experiments } = story;
    let title = Line::from(format!("broken: {}", promise.text()));
    let found = counted(*experiments as u64, "experiment");
    let words = ["e2e-store", "chaos", "--plan"].map(str::to_owned).into_iter();
    let words: Vec<String> =
        words.chain([plan_file.display().to_string()]).chain(options.iter().cloned()).collect();
    let mut blocks = vec![
        Block::Paragraph(format!("The smallest schedule that breaks it, after {found}:").into()),
        Block::List(timeline(outcome).into_iter().map(Line::from).collect()),
        Block::Paragraph(
            format!("Its plan, and how it is played again, with the plan in `{}`:", plan_file.display())
                .into(),
        ),
        Block::Code { language: "json", text: serde_json::to_string(&outcome.plan).unwrap_or_default() },
        Block::Code { language: "sh", text: shell::command(&words) },
    ];
    let because = outcome.promises.iter().find(|judged| judged.promise == *promise);
    if let Some(judged) = because {
        blocks.insert(2, Block::Paragraph(judged.because.clone().into()));
    }
    Section::headed(Level::Part, title, blocks)
}

/// What happened, in the order of time.
fn timeline(outcome: &Outcome) -> Vec<String> {
    let Outcome { plan, run, journal, flush, .. } = outcome;
    let began = journal.generations.first().and_then(|generation| generation.ready).unwrap_or_default();
    let at = |moment: u64| duration(Duration::from_nanos(moment.saturating_sub(began)));
    let mut lines =
        vec![format!("0 s: the studio serves; exports begin, {} workflows a second", per_second(&plan.rate))];
    for (number, fault) in journal.faults.iter().enumerate() {
        let back = back(journal, number).unwrap_or_default();
        let wedged = fault.effect.wedged.as_ref().map(|why| format!("; FlushWAL fails: {why}"));
        let wedged = wedged.unwrap_or_default();
        let note = fault.effect.note.as_ref().map(|note| format!(", {note}")).unwrap_or_default();
        lines.push(format!("{}: {}{note}{back}{wedged}", at(fault.began), fault.step.nemesis.name()));
    }
    let total = run.summary.total();
    let (acked, unknown) = (counted(total.taken(), "span"), grouped(total.indeterminate));
    lines.push(format!("{}: exports end; {acked} acked, {unknown} unknown", duration(run.elapsed)));
    match flush {
        Some(BarrierOutcome::Flushed { .. } | BarrierOutcome::Snapshot { .. }) => {
            lines.push("FlushWAL succeeds".to_owned());
        }
        Some(BarrierOutcome::Refused { refusal, .. }) => lines.push(format!("FlushWAL fails: {refusal}")),
        Some(BarrierOutcome::Unreachable(_)) | None => {}
    }
    lines
}

fn per_second(rate: &str) -> &str {
    rate.trim_end_matches("/s")
}

/// How the studio came back from a fault that ended it.
fn back(journal: &Journal, fault: usize) -> Option<String> {
    let ended = journal.generations.iter().position(|generation| {
        generation.ended.as_ref().is_some_and(|end| end.by == EndedBy::Fault(fault))
    })?;
    let next = journal.generations.get(ended + 1)?;
    let took = Duration::from_nanos(next.ready?.saturating_sub(next.started));
    Some(format!(" ends it; it is started again and serves after {}", duration(took)))
}
