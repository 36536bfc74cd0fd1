//! What a studio promises, and whether it kept it under what was done to it.

use super::{
    journal::{EndedBy, FaultRecord, Journal},
    lost::{Losses, Lost},
};
use crate::{
    audit::report::AuditReport,
    checks::runner::Verdict,
    ledger::{
        chaos::Nemesis,
        history::{Export, History},
    },
    send::barrier::BarrierOutcome,
    text::numbers::{counted, duration},
    wire::outcome::ExportOutcome,
};

/// A promise, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    Survives(Nemesis),
    StoredOnce,
    RefusedLeavesNothing,
    StaysUp,
    CatchesUp,
    /// Whatever else an audit looks at.
    NothingElse,
}

/// Whether a promise was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Kept,
    Broken,
    NotTried,
}

/// A promise, and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) promise: Promise,
    pub(crate) standing: Standing,
    /// In words and numbers.
    pub(crate) because: String,
}

/// What is known when an experiment is over.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    /// The kinds of faults that were asked for.
    pub(crate) asked: &'a [Nemesis],
    pub(crate) journal: &'a Journal,
    pub(crate) lost: &'a Lost,
    pub(crate) history: &'a History,
    /// None where the studio was not there any more.
    pub(crate) flush: Option<&'a BarrierOutcome>,
    pub(crate) report: &'a AuditReport,
}

impl Promise {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Survives(Nemesis::Sigterm) => "acked spans survive SIGTERM",
            Self::Survives(Nemesis::Sigkill) => "acked spans survive SIGKILL",
            Self::Survives(Nemesis::Freeze) => "acked spans survive a freeze",
            Self::StoredOnce => "nothing is stored twice after a crash",
            Self::RefusedLeavesNothing => "a refused export leaves nothing",
            Self::StaysUp => "the studio runs until it is stopped",
            Self::CatchesUp => "after recovery the studio catches up by itself",
            Self::NothingElse => "all else that is stored is as it was sent",
        }
    }
}

impl Promise {
    /// Whether an experiment that cannot tell has not done what it was to do. The others depend on what comes about.
    pub(crate) fn is_always_asked(self) -> bool {
        match self {
            Self::Survives(_) | Self::StaysUp | Self::CatchesUp | Self::NothingElse => true,
            Self::StoredOnce | Self::RefusedLeavesNothing => false,
        }
    }
}

/// One line per promise. Those that nobody asked to try are left out.
pub(crate) fn judge(facts: &Facts<'_>) -> Vec<Judged> {
    let survivals = facts.asked.iter().map(|nemesis| Promise::Survives(*nemesis));
    let others = [
        Promise::StoredOnce,
        Promise::RefusedLeavesNothing,
        Promise::StaysUp,
        Promise::CatchesUp,
        Promise::NothingElse,
    ];
    survivals.chain(others).map(|promise| facts.judge(promise)).collect()
}

/// Checks whose findings are broken promises of their own.
const OF_A_PROMISE: [&str; 4] =
    ["lost_spans", "duplicate_spans", "conflicting_duplicates", "refused_but_stored"];

impl Facts<'_> {
    fn judge(&self, promise: Promise) -> Judged {
        let (standing, because) = match promise {
            Promise::Survives(nemesis) => self.survives(nemesis),
            Promise::StoredOnce => self.stored_once(),
            Promise::RefusedLeavesNothing => self.refused(),
            Promise::StaysUp => self.stays_up(),
            Promise::CatchesUp => self.catches_up(),
            Promise::NothingElse => self.nothing_else(),
        };
        Judged { promise, standing, because }
    }

    fn survives(&self, nemesis: Nemesis) -> (Standing, String) {
        let of_kind = self.journal.faults.iter().zip(&self.lost.by_fault);
        let of_kind: Vec<_> = of_kind.filter(|(fault, _)| fault.step.nemesis == nemesis).collect();
        let tried: Vec<&Losses> = of_kind
            .iter()
            .filter(|(fault, _)| fault.untried.is_none() && self.has_acks_before(fault))
            .map(|(_, losses)| *losses)
            .collect();
        let spans: u64 = of_kind.iter().map(|(_, losses)| losses.spans).sum();
        if spans > 0 {
            let costly = of_kind.iter().filter(|(_, losses)| losses.spans > 0).count();
            let oldest = of_kind.iter().map(|(_, losses)| losses.oldest).max().unwrap_or_default();
            let oldest = duration(std::time::Duration::from_nanos(oldest));
            let spans = counted(spans, "acked span");
            let because = format!(
                "{spans} lost by {costly} of {}, acked up to {oldest} before",
                counted_faults(&of_kind)
            );
            return (Standing::Broken, because);
        }
        if tried.is_empty() {
            let untried = of_kind.iter().find_map(|(fault, _)| fault.untried.clone());
            return (Standing::NotTried, untried.unwrap_or_else(|| "no acked span was at stake".to_owned()));
        }
        (Standing::Kept, counted(tried.len() as u64, "fault"))
    }

    /// Whether anything was acked that a fault could cost.
    fn has_acks_before(&self, fault: &FaultRecord) -> bool {
        self.history
            .exports
            .iter()
            .filter(|export| is_acked(export))
            .any(|export| export.ended_at().is_some_and(|at| at <= fault.ended.unwrap_or(u64::MAX)))
    }

    fn stored_once(&self) -> (Standing, String) {
        let crashes = self.journal.generations.iter().filter_map(|generation| generation.ended.as_ref());
        let crashes = crashes.filter(|end| end.by != EndedBy::Us).count() as u64;
        let copies = self.found("duplicate_spans") + self.found("conflicting_duplicates");
        match (crashes, copies) {
            (_, 1..) => (Standing::Broken, format!("{} stored more than once", counted(copies, "span"))),
            (0, 0) => (Standing::NotTried, "the studio never ended".to_owned()),
            (_, 0) => (Standing::Kept, format!("{crashes} ends of the studio")),
        }
    }

    fn refused(&self) -> (Standing, String) {
        let rejected = |export: &&Export| matches!(export.outcome, ExportOutcome::Rejected { .. });
        let refused = self.history.exports.iter().filter(rejected).count() as u64;
        let stored = self.found("refused_but_stored");
        match (refused, stored) {
            (_, 1..) => (Standing::Broken, format!("{} of refused exports stored", counted(stored, "span"))),
            (0, 0) => (Standing::NotTried, "no export was refused".to_owned()),
            (_, 0) => (Standing::Kept, counted(refused, "refused export")),
        }
    }

    fn stays_up(&self) -> (Standing, String) {
        let ends = self.journal.generations.iter().filter_map(|generation| match &generation.ended {
            Some(end) => match &end.by {
                EndedBy::Itself(how) => Some(how.clone()),
                EndedBy::Fault(_) | EndedBy::Us => None,
            },
            None => None,
        });
        let ends: Vec<String> = ends.collect();
        match ends.first() {
            Some(first) => {
                (Standing::Broken, format!("ended by itself {} times, first: {first}", ends.len()))
            }
            None => (Standing::Kept, format!("{} starts", self.journal.generations.len())),
        }
    }

    fn catches_up(&self) -> (Standing, String) {
        let tried = self.journal.faults.iter().filter(|fault| fault.untried.is_none()).count() as u64;
        match (&self.journal.gone, self.flush) {
            (Some(gone), _) => (Standing::Broken, gone.clone()),
            (None, Some(BarrierOutcome::Refused { rpc, refusal })) => {
                (Standing::Broken, format!("{rpc} fails: {refusal}"))
            }
            (None, _) if tried == 0 => (Standing::NotTried, "no fault was carried out".to_owned()),
            (None, Some(BarrierOutcome::Flushed { took } | BarrierOutcome::Snapshot { took, .. })) => {
                (Standing::Kept, format!("{} and a flush in {}", counted(tried, "fault"), duration(*took)))
            }
            (None, Some(BarrierOutcome::Unreachable(_)) | None) => {
                (Standing::Kept, format!("{}; the flush is the studio's own", counted(tried, "fault")))
            }
        }
    }

    fn nothing_else(&self) -> (Standing, String) {
        let failed = self.report.checked.iter().filter_map(|one| match &one.verdict {
            Verdict::Fail(findings) if !OF_A_PROMISE.contains(&one.check.id.as_str()) => {
                Some(format!("{} {}", one.check.id, findings.total))
            }
            _ => None,
        });
        let lost = (self.lost.unexplained > 0)
            .then(|| format!("{} lost that no fault explains", counted(self.lost.unexplained, "acked span")));
        let wrong: Vec<String> = lost.into_iter().chain(failed).collect();
        if !wrong.is_empty() {
            return (Standing::Broken, wrong.join(", "));
        }
        let open = self
            .report
            .checked
            .iter()
            .find(|one| matches!(one.verdict, Verdict::Inconclusive(_) | Verdict::Broken(_)));
        match open {
            Some(one) => (Standing::NotTried, format!("check {} could not be settled", one.check.id)),
            None => (Standing::Kept, counted(self.report.coverage.rows.as_planned, "row") + " as planned"),
        }
    }

    /// Findings of a check that failed.
    fn found(&self, check: &str) -> u64 {
        let failed = self.report.checked.iter().find(|one| one.check.id == check);
        failed.map_or(0, |one| match &one.verdict {
            Verdict::Fail(findings) => findings.total,
            _ => 0,
        })
    }
}

fn is_acked(export: &Export) -> bool {
    matches!(export.outcome, ExportOutcome::Acked)
}

fn counted_faults(faults: &[(&FaultRecord, &Losses)]) -> String {
    counted(faults.len() as u64, "fault")
}
