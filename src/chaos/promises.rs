//! What a studio promises, and whether it kept it under what was done to it.

use std::time::Duration;

use super::{
    idle::Idle,
    journal::{Effect, EndedBy, FaultRecord, Journal},
    lost::{Amount, Losses, Lost, found},
};
use crate::{
    audit::report::AuditReport,
    checks::runner::Verdict,
    ledger::{
        chaos::{Nemesis, Step},
        history::{Export, History},
    },
    send::barrier::BarrierOutcome,
    text::numbers::{counted, duration, grouped},
    wire::outcome::{ExportOutcome, GrpcCode},
};

/// A promise, in the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    SurvivesSigterm,
    SurvivesSigkill,
    SurvivesPowerLoss,
    SurvivesCutFlush,
    SurvivesFreeze,
    SurvivesClockStep,
    SurvivesNetwork,
    FullDiskRefuses,
    ReadOnlyRefuses,
    StoredOnce,
    BadFileStopsNothing,
    UpgradeKeepsWal,
    RefusedLeavesNothing,
    StaysUp,
    Answers,
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
    /// What was planned.
    pub(crate) steps: &'a [Step],
    pub(crate) journal: &'a Journal,
    pub(crate) lost: &'a Lost,
    pub(crate) history: &'a History,
    /// None where the studio was not there any more.
    pub(crate) flush: Option<&'a BarrierOutcome>,
    pub(crate) report: &'a AuditReport,
    pub(crate) idle: &'a Idle,
    /// The end of a process elsewhere is not seen.
    pub(crate) is_elsewhere: bool,
}

impl Promise {
    const ALL: [Self; 17] = [
        Self::SurvivesSigterm,
        Self::SurvivesSigkill,
        Self::SurvivesPowerLoss,
        Self::SurvivesCutFlush,
        Self::SurvivesFreeze,
        Self::SurvivesClockStep,
        Self::SurvivesNetwork,
        Self::FullDiskRefuses,
        Self::ReadOnlyRefuses,
        Self::StoredOnce,
        Self::BadFileStopsNothing,
        Self::UpgradeKeepsWal,
        Self::RefusedLeavesNothing,
        Self::StaysUp,
        Self::Answers,
        Self::CatchesUp,
        Self::NothingElse,
    ];

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::SurvivesSigterm => "acked spans survive SIGTERM",
            Self::SurvivesSigkill => "acked spans survive SIGKILL",
            Self::SurvivesPowerLoss => "acked spans survive a power loss",
            Self::SurvivesCutFlush => "acked spans survive a flush cut short",
            Self::SurvivesFreeze => "acked spans survive a freeze",
            Self::SurvivesClockStep => "acked spans survive a step of the clock",
            Self::SurvivesNetwork => "acked spans survive a bad network",
            Self::FullDiskRefuses => "a full disk refuses rather than loses",
            Self::ReadOnlyRefuses => "a read-only store refuses rather than loses",
            Self::StoredOnce => "nothing is stored twice",
            Self::BadFileStopsNothing => "one bad file does not stop the others",
            Self::UpgradeKeepsWal => "an upgrade keeps what was in the WAL",
            Self::RefusedLeavesNothing => "a refused export leaves nothing",
            Self::StaysUp => "the studio runs until it is stopped",
            Self::Answers => "a running studio answers every export",
            Self::CatchesUp => "after recovery the studio catches up by itself",
            Self::NothingElse => "all else that is stored is as it was sent",
        }
    }

    /// Whether a kind of fault puts it to the test.
    fn is_of(self, nemesis: Nemesis) -> bool {
        match self {
            Self::SurvivesSigterm => matches!(nemesis, Nemesis::Sigterm | Nemesis::Upgrade),
            Self::SurvivesSigkill => nemesis == Nemesis::Sigkill || nemesis.cuts(),
            Self::SurvivesPowerLoss => nemesis == Nemesis::PowerLoss,
            Self::SurvivesCutFlush => nemesis.cuts(),
            Self::UpgradeKeepsWal => nemesis == Nemesis::Upgrade,
            Self::SurvivesFreeze => nemesis == Nemesis::Freeze,
            Self::SurvivesClockStep => nemesis.is_of_clock(),
            Self::SurvivesNetwork => nemesis.is_of_network() || nemesis.is_internal(),
            Self::FullDiskRefuses => nemesis == Nemesis::DiskFull,
            Self::ReadOnlyRefuses => nemesis == Nemesis::ReadOnly,
            Self::BadFileStopsNothing => {
                matches!(nemesis, Nemesis::PowerLoss | Nemesis::TornSegment | Nemesis::EmptySegment)
            }
            Self::StoredOnce
            | Self::RefusedLeavesNothing
            | Self::StaysUp
            | Self::Answers
            | Self::CatchesUp
            | Self::NothingElse => true,
        }
    }

    /// What a fault cost that puts it to the test, of what it speaks of.
    fn cost(self, losses: &Losses) -> Amount {
        match self {
            Self::SurvivesSigterm | Self::SurvivesSigkill => losses.pending,
            Self::SurvivesCutFlush => losses.in_flush,
            Self::SurvivesPowerLoss => losses.total(),
            _ => losses.meanwhile,
        }
    }

    /// Whether a fault puts it to the test and, where `guilty` is asked for, is known to have broken it.
    pub(crate) fn is_at_stake(self, journal: &Journal, number: usize, losses: &Losses, guilty: bool) -> bool {
        let fault = &journal.faults[number];
        let is_guilty = match self {
            Self::BadFileStopsNothing | Self::UpgradeKeepsWal => fault.effect.wedged.is_some(),
            Self::StoredOnce => {
                let usually = fault.step.nemesis == Nemesis::KillInDeletes;
                journal.twice(number).map_or(usually, |twice| twice > 0)
            }
            Self::Answers => fault.step.nemesis == Nemesis::Crowd,
            _ => self.cost(losses).spans > 0,
        };
        fault.effect.untried.is_none() && self.is_of(fault.step.nemesis) && (is_guilty || !guilty)
    }

    /// Whether an experiment that cannot tell has not done what it was to do. The others depend on what comes about.
    pub(crate) fn is_asked(self, is_typed: bool) -> bool {
        match self {
            Self::RefusedLeavesNothing | Self::StaysUp => false,
            Self::StoredOnce | Self::Answers | Self::CatchesUp | Self::NothingElse => true,
            _ => is_typed,
        }
    }
}

/// One line per promise that the faults put to the test.
pub(crate) fn judge(facts: &Facts<'_>) -> Vec<Judged> {
    let asked = |promise: &Promise| facts.steps.iter().any(|step| promise.is_of(step.nemesis));
    Promise::ALL.into_iter().filter(asked).map(|promise| facts.judge(promise)).collect()
}

/// Checks whose findings are broken promises of their own.
const OF_A_PROMISE: [&str; 4] =
    ["lost_spans", "duplicate_spans", "conflicting_duplicates", "refused_but_stored"];

impl Facts<'_> {
    fn judge(&self, promise: Promise) -> Judged {
        let (standing, because) = match promise {
            Promise::SurvivesSigterm
            | Promise::SurvivesSigkill
            | Promise::SurvivesPowerLoss
            | Promise::SurvivesCutFlush
            | Promise::SurvivesFreeze
            | Promise::SurvivesClockStep
            | Promise::SurvivesNetwork
            | Promise::FullDiskRefuses
            | Promise::ReadOnlyRefuses => self.loses_nothing(promise),
            Promise::StoredOnce => self.stored_once(),
            Promise::BadFileStopsNothing => self.flushes_after(promise, "no segment came to harm"),
            Promise::UpgradeKeepsWal => self.flushes_after(promise, "no upgrade was carried out"),
            Promise::RefusedLeavesNothing => self.refused(),
            Promise::StaysUp => self.stays_up(),
            Promise::Answers => self.answers(),
            Promise::CatchesUp => self.catches_up(),
            Promise::NothingElse => self.nothing_else(),
        };
        Judged { promise, standing, because }
    }

    /// The faults that put a promise to the test.
    fn faults_of(&self, promise: Promise) -> impl Iterator<Item = (&FaultRecord, &Losses)> {
        let of_promise = move |(fault, _): &(&FaultRecord, &Losses)| promise.is_of(fault.step.nemesis);
        self.journal.faults.iter().zip(&self.lost.by_fault).filter(of_promise)
    }

    fn loses_nothing(&self, promise: Promise) -> (Standing, String) {
        let tried = |fault: &FaultRecord| fault.effect.untried.is_none() && self.has_acks_before(fault);
        let tried = self.faults_of(promise).filter(|(fault, _)| tried(fault)).count() as u64;
        let costs: Vec<Amount> = self.faults_of(promise).map(|(_, losses)| promise.cost(losses)).collect();
        let cost = costs.iter().fold(Amount::default(), |sum, cost| sum.and(*cost));
        if cost.spans > 0 {
            let costly = costs.iter().filter(|cost| cost.spans > 0).count();
            let oldest = duration(Duration::from_nanos(cost.oldest));
            let because = format!(
                "{} lost by {costly} of {}, acked up to {oldest} before",
                counted(cost.spans, "acked span"),
                counted(costs.len() as u64, "fault")
            );
            return (Standing::Broken, because);
        }
        if tried == 0 {
            return self.not_tried(promise, "no acked span was at stake");
        }
        (Standing::Kept, counted(tried, "fault"))
    }

    /// With what kept the faults from being carried out, if anything did.
    fn not_tried(&self, promise: Promise, otherwise: &str) -> (Standing, String) {
        let why = self.faults_of(promise).find_map(|(fault, _)| fault.effect.untried.clone());
        (Standing::NotTried, why.unwrap_or_else(|| otherwise.to_owned()))
    }

    /// Whether a flush went well with a damaged file, or one of another version, in the WAL.
    fn flushes_after(&self, promise: Promise, otherwise: &str) -> (Standing, String) {
        let met = |fault: &FaultRecord| {
            let Effect { untried, damaged, .. } = &fault.effect;
            let segments =
                damaged.iter().filter(|file| file.path.extension().is_some_and(|end| end == "ipc"));
            untried.is_none() && (promise == Promise::UpgradeKeepsWal || segments.count() > 0)
        };
        let faults = self.faults_of(promise).map(|(fault, _)| fault);
        let tried: Vec<&FaultRecord> = faults.filter(|fault| met(fault)).collect();
        let wedged: Vec<&String> = tried.iter().filter_map(|fault| fault.effect.wedged.as_ref()).collect();
        match wedged.first() {
            Some(first) => {
                let faults = counted(tried.len() as u64, "fault");
                (Standing::Broken, format!("no flush after {} of {faults}: {first}", wedged.len()))
            }
            None if tried.is_empty() => self.not_tried(promise, otherwise),
            None => (Standing::Kept, counted(tried.len() as u64, "fault")),
        }
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
        let at_the_end = self.found("duplicate_spans") + self.found("conflicting_duplicates");
        // A later fault may have destroyed a copy.
        let audited = self.journal.faults.iter().filter_map(|fault| fault.after.audited);
        match audited.map(|audited| audited.twice).fold(at_the_end, u64::max) {
            0 => (Standing::Kept, counted(crashes, "end") + " of the studio"),
            copies => (Standing::Broken, format!("{} stored more than once", counted(copies, "span"))),
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
            None if self.is_elsewhere => {
                (Standing::NotTried, "a studio behind --stop is not watched".to_owned())
            }
            None => (Standing::Kept, counted(self.journal.generations.len() as u64, "start")),
        }
    }

    /// Whether an export waited in vain for all the time that its sender has, while no fault kept the answer from it
    /// and the studio rested.
    fn answers(&self) -> (Standing, String) {
        let hindered = self.hindered();
        let is_free =
            |from: u64, until: u64| !hindered.iter().any(|(begin, end)| from < *end && *begin < until);
        let (mut answered, mut busy, mut waited) = (0, 0, Vec::new());
        for export in &self.history.exports {
            let until = export.ended_at().unwrap_or(u64::MAX);
            match export.outcome {
                ExportOutcome::Indeterminate { code: GrpcCode::DeadlineExceeded } => {
                    match self.idle.slept(export.started_at, until) {
                        _ if !is_free(export.started_at, until) => {}
                        Some(true) => waited.push(until - export.started_at),
                        // Nobody can look at a process elsewhere.
                        None if self.is_elsewhere => waited.push(until - export.started_at),
                        Some(false) | None => busy += 1,
                    }
                }
                _ => answered += 1,
            }
        }
        if let Some(least) = waited.iter().min() {
            let (missing, all) = (grouped(waited.len() as u64), self.history.exports.len() as u64);
            let least = duration(Duration::from_nanos(*least));
            let because = format!("{missing} of {} had no answer within {least}", counted(all, "export"));
            return (Standing::Broken, because);
        }
        match (busy, answered) {
            (1.., _) => {
                let because = format!("{} had no answer from a studio at work", counted(busy, "export"));
                (Standing::NotTried, because)
            }
            (0, 0) => (Standing::NotTried, "no export was sent in peace".to_owned()),
            (0, _) => (Standing::Kept, counted(answered, "answer")),
        }
    }

    /// When the studio was away, or a fault kept it from answering; Unix nanoseconds.
    fn hindered(&self) -> Vec<(u64, u64)> {
        let crowd = |fault: &&FaultRecord| fault.step.nemesis != Nemesis::Crowd;
        let faults = self.journal.faults.iter().filter(crowd);
        let faults = faults.map(|fault| (fault.began, fault.ended.unwrap_or(u64::MAX)));
        let mut processes = self.journal.generations.iter().peekable();
        let mut away = Vec::new();
        while let Some(process) = processes.next() {
            let back = processes.peek().and_then(|next| next.ready).unwrap_or(u64::MAX);
            away.extend(process.ended.as_ref().map(|end| (end.at, back)));
        }
        faults.chain(away).collect()
    }

    fn catches_up(&self) -> (Standing, String) {
        let tried = self.journal.faults.iter().filter(|fault| fault.effect.untried.is_none()).count() as u64;
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

    fn found(&self, check: &str) -> u64 {
        found(self.report, check)
    }
}

fn is_acked(export: &Export) -> bool {
    matches!(export.outcome, ExportOutcome::Acked)
}
