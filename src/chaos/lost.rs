//! Which fault explains a lost span.

use datafusion::arrow::{array::AsArray, datatypes::TimestampNanosecondType};

use super::journal::{EndedBy, Generation, Journal};
use crate::{audit::report::AuditReport, ledger::chaos::Nemesis};

/// Older spans were not waiting for the studio's timer any more when it ended, nanoseconds.
const PENDING: u64 = 10_000_000_000;

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
    pub(crate) spans: u64,
    /// How long before the fault the oldest of them was acked, in nanoseconds.
    pub(crate) oldest: u64,
}

impl Lost {
    pub(crate) fn of(report: &AuditReport, journal: &Journal) -> Self {
        let mut lost = Self { by_fault: vec![Losses::default(); journal.faults.len()], unexplained: 0 };
        let found = report.checked.iter().find(|one| one.check.id == "lost_spans");
        let Some(findings) = found.and_then(|one| one.verdict.findings()) else { return lost };
        let mut kept = 0;
        for batch in &findings.samples {
            let Some(acked_at) = batch.column_by_name("acked_at") else { continue };
            let Some(acked_at) = acked_at.as_primitive_opt::<TimestampNanosecondType>() else { continue };
            kept += acked_at.len() as u64;
            acked_at.iter().flatten().for_each(|at| lost.add(at.cast_unsigned(), journal));
        }
        lost.unexplained += findings.total - kept;
        lost
    }

    fn add(&mut self, acked_at: u64, journal: &Journal) {
        match explanation(acked_at, journal) {
            Some((fault, age)) => {
                let losses = &mut self.by_fault[fault];
                losses.spans += 1;
                losses.oldest = losses.oldest.max(age);
            }
            None => self.unexplained += 1,
        }
    }
}

/// The fault that ended the process which acked a span, unless the ack was long ago; else a freeze that the ack came
/// in. With how long before the fault the ack came.
fn explanation(acked_at: u64, journal: &Journal) -> Option<(usize, u64)> {
    let of_process = |generation: &&Generation| generation.started <= acked_at;
    let generation = journal.generations.iter().rev().find(of_process)?;
    if let Some(end) = &generation.ended
        && let EndedBy::Fault(fault) = end.by
    {
        // An ack may be written down after the signal that its studio did not live to see.
        let age = journal.faults[fault].began.saturating_sub(acked_at);
        return (age <= PENDING && acked_at <= end.at + PENDING).then_some((fault, age));
    }
    let freeze = journal.faults.iter().position(|fault| {
        let until = fault.ended.unwrap_or(u64::MAX).saturating_add(PENDING);
        fault.step.nemesis == Nemesis::Freeze && (fault.began..until).contains(&acked_at)
    })?;
    Some((freeze, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        chaos::journal::{End, FaultRecord},
        ledger::chaos::Step,
    };

    const SECOND: u64 = 1_000_000_000;

    fn fault(nemesis: Nemesis, began: u64, ended: u64) -> FaultRecord {
        let step = Step { at_ms: 0, nemesis, for_ms: 0 };
        FaultRecord { step, began: began * SECOND, ended: Some(ended * SECOND), untried: None }
    }

    fn generation(started: u64, ended: Option<(u64, EndedBy)>) -> Generation {
        let ended = ended.map(|(at, by)| End { at: at * SECOND, by });
        Generation { started: started * SECOND, ready: Some(started * SECOND), ended }
    }

    #[test]
    fn a_lost_span_is_laid_to_the_end_of_the_process_that_acked_it() {
        let journal = Journal {
            generations: vec![
                generation(0, Some((20, EndedBy::Fault(0)))),
                generation(21, Some((50, EndedBy::Itself("signal 6".to_owned())))),
                generation(51, Some((90, EndedBy::Us))),
            ],
            faults: vec![fault(Nemesis::Sigterm, 20, 21), fault(Nemesis::Freeze, 60, 63)],
            ..Journal::default()
        };
        let explained =
            |at: u64| explanation(at * SECOND, &journal).map(|(fault, age)| (fault, age / SECOND));
        assert_eq!(explained(18), Some((0, 2)));
        assert_eq!(explained(5), None, "it was in a segment long before");
        assert_eq!(explained(49), None, "nobody ended that process");
        assert_eq!(explained(61), Some((1, 0)));
        assert_eq!(explained(85), None);
    }
}
