//! Which fault explains a lost span, and how.

use std::collections::HashMap;

use datafusion::arrow::{
    array::{AsArray, PrimitiveArray},
    datatypes::{Int64Type, TimestampNanosecondType},
};

use super::{
    files::Damaged,
    journal::{End, EndedBy, Generation, Journal},
};
use crate::{
    audit::report::AuditReport,
    checks::findings::Findings,
    ledger::{chaos::Nemesis, history::History},
};

/// Older spans were not waiting for the studio's timer any more when it ended, nanoseconds.
const PENDING: u64 = 10_000_000_000;

/// The check that finds lost spans by the time of their ack.
pub(crate) const LOST_ACKS: &str = "lost_acks";

/// Lost spans by what explains them.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    /// By fault, in the order of the schedule.
    pub(crate) by_fault: Vec<Losses>,
    /// What no fault explains.
    pub(crate) unexplained: u64,
}

/// What one fault cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// In the memory of the process that it ended.
    pub(crate) pending: Amount,
    /// In segments while it cut a flush short.
    pub(crate) in_flush: Amount,
    /// Acked while it lasted.
    pub(crate) meanwhile: Amount,
    /// In files that it damaged.
    pub(crate) in_damaged: Amount,
}

/// Spans, and how long before the fault the oldest of them was acked, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) spans: u64,
    pub(crate) oldest: u64,
}

/// Where a lost span was, as far as that is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Pending,
    InFlush,
    Meanwhile,
    InDamaged,
}

impl Amount {
    fn add(&mut self, spans: u64, age: u64) {
        self.spans += spans;
        self.oldest = self.oldest.max(age);
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { spans: self.spans + other.spans, oldest: self.oldest.max(other.oldest) }
    }
}

impl Losses {
    pub(crate) fn total(&self) -> Amount {
        self.pending.and(self.in_flush).and(self.meanwhile).and(self.in_damaged)
    }
}

/// When a lost span was sent and acked: it came to the studio in between, which a bad network makes long.
#[derive(Debug, Clone, Copy)]
struct Sent {
    started: u64,
    acked: u64,
}

impl Lost {
    pub(crate) fn of(report: &AuditReport, journal: &Journal, history: &History) -> Self {
        let mut started: HashMap<u64, u64> = HashMap::new();
        for export in &history.exports {
            let Some(acked) = export.ended_at() else { continue };
            let earliest = started.entry(acked).or_insert(export.started_at);
            *earliest = export.started_at.min(*earliest);
        }
        let mut lost = Self { by_fault: vec![Losses::default(); journal.faults.len()], unexplained: 0 };
        let total = found(report, "lost_spans");
        let batches = findings(report, LOST_ACKS).map_or(&[][..], |found| found.samples.as_slice());
        let mut told = 0;
        for batch in batches {
            let acked = batch.column_by_name("acked_at").and_then(|column| column.as_primitive_opt());
            let spans = batch.column_by_name("spans").and_then(|column| column.as_primitive_opt());
            let acked: Option<&PrimitiveArray<TimestampNanosecondType>> = acked;
            let spans: Option<&PrimitiveArray<Int64Type>> = spans;
            for (acked, spans) in acked.into_iter().flatten().zip(spans.into_iter().flatten()) {
                let (acked, spans) = (acked.unwrap_or_default().cast_unsigned(), spans.unwrap_or_default());
                let started = started.get(&acked).copied().unwrap_or(acked);
                told += spans.cast_unsigned();
                lost.add(Sent { started, acked }, spans.cast_unsigned(), journal);
            }
        }
        // Beyond what a check keeps of its findings.
        lost.unexplained += total.saturating_sub(told);
        lost
    }

    fn add(&mut self, sent: Sent, spans: u64, journal: &Journal) {
        let Some((fault, place)) = explanation(sent, journal) else {
            self.unexplained += spans;
            return;
        };
        let ended = journal.generations.iter().filter_map(|generation| generation.ended.as_ref());
        let ended = ended.filter(|end| end.by == EndedBy::Fault(fault)).map(|end| end.at).next();
        let losses = &mut self.by_fault[fault];
        let amount = match place {
            Where::Pending => &mut losses.pending,
            Where::InFlush => &mut losses.in_flush,
            Where::Meanwhile => &mut losses.meanwhile,
            Where::InDamaged => &mut losses.in_damaged,
        };
        amount.add(spans, ended.unwrap_or(journal.faults[fault].began).saturating_sub(sent.acked));
    }
}

fn explanation(sent: Sent, journal: &Journal) -> Option<(usize, Where)> {
    in_damaged(sent, journal).or_else(|| in_the_process(sent, journal)).or_else(|| meanwhile(sent, journal))
}

/// Findings of a check that failed.
pub(super) fn found(report: &AuditReport, check: &str) -> u64 {
    findings(report, check).map_or(0, |found| found.total)
}

fn findings<'a>(report: &'a AuditReport, check: &str) -> Option<&'a Findings> {
    report.checked.iter().find(|one| one.check.id == check)?.verdict.findings()
}

fn in_damaged(sent: Sent, journal: &Journal) -> Option<(usize, Where)> {
    // No process writes what another had in memory.
    let written_by = |file: &Damaged| {
        let processes = journal.generations.iter().map(|process| process.started);
        processes.filter(|started| *started < file.until).max().unwrap_or_default()
    };
    // What lies in segments is flushed by whoever comes next.
    let outlived_its_process = outlived_its_process(sent, journal);
    let overlaps = |file: &Damaged| {
        let is_handed_on = outlived_its_process && file.is_cold();
        let from = if is_handed_on { file.from } else { file.from.max(written_by(file)) };
        sent.started <= file.until && sent.acked >= from
    };
    let fault = journal.faults.iter().position(|fault| fault.effect.damaged.iter().any(overlaps))?;
    Some((fault, Where::InDamaged))
}

/// By the fault that ended the process which acked the span, unless the ack was too long before.
fn in_the_process(sent: Sent, journal: &Journal) -> Option<(usize, Where)> {
    let (fault, end) = end_of_its_process(sent, journal)?;
    match flush_cut_at(end, fault, journal) {
        // The flush first wrote what was in memory.
        Some(began) if sent.acked < began => Some((fault, Where::InFlush)),
        // On a busy machine the end is noticed long after it.
        _ => {
            let ended = end.at.min(journal.faults[fault].began);
            (sent.acked + PENDING >= ended).then_some((fault, Where::Pending))
        }
    }
}

/// How the process ended that acked it, if a fault ended it.
fn end_of_its_process(sent: Sent, journal: &Journal) -> Option<(usize, &End)> {
    // The ack of a dead process may still be on its way when the next has started.
    let of_process = |generation: &&Generation| generation.started <= sent.started;
    let end = journal.generations.iter().rev().find(of_process)?.ended.as_ref()?;
    let EndedBy::Fault(fault) = end.by else { return None };
    Some((fault, end))
}

/// When the flush began that a fault cut by ending a process; none where it came too late, and cut one of the next.
fn flush_cut_at(end: &End, fault: usize, journal: &Journal) -> Option<u64> {
    journal.faults[fault].effect.flush_began.filter(|began| *began < end.at)
}

/// Whether it was in a segment when its process ended.
fn outlived_its_process(sent: Sent, journal: &Journal) -> bool {
    end_of_its_process(sent, journal).is_some_and(|(fault, end)| match flush_cut_at(end, fault, journal) {
        Some(began) => sent.acked < began,
        None => sent.acked + PENDING < end.at.min(journal.faults[fault].began),
    })
}

fn meanwhile(sent: Sent, journal: &Journal) -> Option<(usize, Where)> {
    let fault = journal.faults.iter().position(|fault| {
        let until = fault.ended.unwrap_or(u64::MAX).saturating_add(PENDING);
        let lasts = !fault.step.nemesis.ends_it()
            && !matches!(fault.step.nemesis, Nemesis::TornSegment | Nemesis::EmptySegment | Nemesis::Crowd);
        lasts && (fault.began.saturating_sub(PENDING)..until).contains(&sent.acked)
    })?;
    Some((fault, Where::Meanwhile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chaos::{
            checkup::Checkup,
            journal::{Effect, End, FaultRecord},
        },
        ledger::chaos::Step,
    };

    const SECOND: u64 = 1_000_000_000;

    fn fault(nemesis: Nemesis, began: u64, ended: u64, effect: Effect) -> FaultRecord {
        let step = Step { at_ms: 0, nemesis, for_ms: 0 };
        let after = Checkup::default();
        FaultRecord { step, began: began * SECOND, ended: Some(ended * SECOND), effect, after }
    }

    fn generation(started: u64, ended: Option<(u64, EndedBy)>) -> Generation {
        let ended = ended.map(|(at, by)| End { at: at * SECOND, by });
        Generation { started: started * SECOND, ready: Some(started * SECOND), ended }
    }

    #[test]
    fn a_lost_span_is_laid_to_the_fault_that_explains_it() {
        // Nothing tells of a file before it; what an earlier process had in memory is not in it all the same.
        let torn = Damaged { path: "a.ipc".into(), from: 0, until: 69 * SECOND };
        let damage = Effect { damaged: vec![torn], ..Effect::default() };
        let cut = Effect { flush_began: Some(119 * SECOND), ..Effect::default() };
        let journal = Journal {
            generations: vec![
                generation(0, Some((20, EndedBy::Fault(0)))),
                generation(21, Some((50, EndedBy::Itself("signal 6".to_owned())))),
                generation(51, Some((120, EndedBy::Fault(3)))),
                generation(121, Some((200, EndedBy::Us))),
            ],
            faults: vec![
                fault(Nemesis::Sigterm, 20, 21, Effect::default()),
                fault(Nemesis::TornSegment, 70, 71, damage),
                fault(Nemesis::DiskFull, 90, 93, Effect::default()),
                fault(Nemesis::KillInDeletes, 118, 121, cut),
            ],
            ..Journal::default()
        };
        let explained_between = |started: u64, acked: u64| {
            explanation(Sent { started: started * SECOND, acked: acked * SECOND }, &journal)
        };
        let explained = |at: u64| explained_between(at, at);
        assert_eq!(explained(18), Some((0, Where::Pending)));
        assert_eq!(explained(5), None, "it was in a segment long before");
        assert_eq!(explained(49), None, "nobody ended that process");
        assert_eq!(explained(67), Some((1, Where::InDamaged)));
        assert_eq!(explained_between(68, 75), Some((1, Where::InDamaged)), "its ack came late");
        assert_eq!(explained(100), Some((3, Where::InFlush)));
        assert_eq!(explained(120), Some((3, Where::Pending)));
        assert_eq!(explained(150), None);
    }

    #[test]
    fn a_process_that_was_killed_too_late_loses_what_was_in_memory() {
        let cut = Effect { flush_began: Some(25 * SECOND), ..Effect::default() };
        let journal = Journal {
            generations: vec![
                generation(0, Some((20, EndedBy::Fault(0)))),
                generation(21, Some((26, EndedBy::Fault(0)))),
                generation(27, Some((50, EndedBy::Us))),
            ],
            faults: vec![fault(Nemesis::KillInDeletes, 18, 27, cut)],
            ..Journal::default()
        };
        let explained = |at: u64| explanation(Sent { started: at * SECOND, acked: at * SECOND }, &journal);
        assert_eq!(explained(19), Some((0, Where::Pending)));
        assert_eq!(explained(23), Some((0, Where::InFlush)));
    }

    #[test]
    fn what_lay_in_segments_is_lost_with_the_cold_file_that_took_it_up() {
        let cut = Effect { flush_began: Some(18 * SECOND), ..Effect::default() };
        let cold = Damaged { path: "a.parquet".into(), from: 5 * SECOND, until: 30 * SECOND };
        let power_loss = Effect { damaged: vec![cold], ..Effect::default() };
        let journal = Journal {
            generations: vec![
                generation(0, Some((20, EndedBy::Fault(0)))),
                generation(21, Some((32, EndedBy::Fault(1)))),
                generation(33, Some((50, EndedBy::Us))),
            ],
            faults: vec![
                fault(Nemesis::KillInSnapshot, 17, 21, cut),
                fault(Nemesis::PowerLoss, 32, 33, power_loss),
            ],
            ..Journal::default()
        };
        let explained = |at: u64| explanation(Sent { started: at * SECOND, acked: at * SECOND }, &journal);
        assert_eq!(explained(15), Some((1, Where::InDamaged)));
        assert_eq!(explained(19), Some((0, Where::Pending)), "it came after the flush that was cut");
        assert_eq!(explained(25), Some((1, Where::InDamaged)));
        assert_eq!(explained(31), Some((1, Where::Pending)));
    }
}
