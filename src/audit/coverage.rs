//! Coverage and completeness: what an audit read and what not, and what became of each service's plan.

use std::{path::PathBuf, time::Duration};

use serde::Serialize;

use super::report::Subject;
use crate::{
    judge::{
        account::Account,
        barrier::{Proof, last_ack},
        judgement::{Depth, JudgedRun, Judgement, Losses},
        runs,
        scope::Scope,
    },
    ledger::{any_run::AnyRun, runs::Replay},
    store::{health::Health, layout::Tier},
};

/// What was read, and what was not.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    pub(crate) store: PathBuf,
    /// Who was verified: an endpoint, or the stand-in. None where only files were audited.
    pub(crate) of: Option<String>,
    pub(crate) tiers: Vec<TierCoverage>,
    pub(crate) rows: RowCoverage,
    pub(crate) depth: Depth,
    pub(crate) scope: Scope,
    pub(crate) bytes_scanned: u64,
    pub(crate) runs: Vec<RunCoverage>,
    /// Runs that were not judged, and why not.
    pub(crate) other_runs: Vec<OtherRun>,
    /// Files of which not everything was read, and files that the studio does not read either.
    pub(crate) not_read: Vec<NotRead>,
    /// Cold files that were left out, because they were flushed before the judged runs began.
    pub(crate) skipped: Option<SkippedFiles>,
    pub(crate) took: Duration,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct TierCoverage {
    pub(crate) tier: &'static str,
    pub(crate) files: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The hot snapshot is a copy: counted, never evidence.
    pub(crate) evidence: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct RowCoverage {
    pub(crate) as_planned: u64,
    pub(crate) differing: u64,
    pub(crate) by_structure: u64,
    /// Of a known run, without a place in its plan.
    pub(crate) unexpected: u64,
    /// Passed over: of another service or another time than the audit is about.
    pub(crate) out_of_scope: u64,
}

/// A judged run and its account.
#[derive(Debug, Clone)]
pub(crate) struct RunCoverage {
    pub(crate) run: String,
    /// Of a replay: what was sent again.
    pub(crate) replay_of: Option<PathBuf>,
    pub(crate) planned: u64,
    pub(crate) acked: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
    pub(crate) not_started: u64,
    pub(crate) found: u64,
    /// The ledger ends in half a line, or the manifest has no results: the generator was killed, or is still at work.
    pub(crate) unfinished: bool,
    pub(crate) barrier: BarrierCoverage,
    /// None where no acked span is known to be lost.
    pub(crate) lost: Option<Losses>,
}

/// What lies between a run's last ack and the read. Times are Unix nanoseconds, durations since the last ack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BarrierCoverage {
    NothingAcked,
    Flush {
        at: u64,
        after: Duration,
    },
    Snapshot {
        at: u64,
        after: Duration,
    },
    /// So long that the studio's timer has written everything.
    Settled {
        after: Duration,
    },
    /// Acked spans may still be in memory.
    Pending,
    /// None, and every acked span was found.
    NotNeeded,
}

/// A run that was not judged.
#[derive(Debug, Clone)]
pub(crate) struct OtherRun {
    pub(crate) run: String,
    pub(crate) why: NotJudged,
}

/// Why a run was not judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotJudged {
    /// Less than the content of files was looked at.
    Depth(Depth),
    /// Rows of it were compared; another run was to be judged.
    OtherRunChosen,
    /// Rows of it were compared; one file cannot tell what is absent.
    OneFile,
    /// Sent to this store, and no span of it is here.
    NoSpanHere,
    /// No span of it is here, and its manifest names no store.
    NotOfThisStore,
    /// Its manifest names another store.
    OtherStore(PathBuf),
    /// Rows of it are here, and `--run none` was given.
    RunsLeftOut,
    /// Rows of it are here, and its folder is not among the runs.
    FolderAbsent,
    Unreadable(String),
}

#[derive(Debug, Clone)]
pub(crate) struct NotRead {
    pub(crate) file: String,
    pub(crate) why: NotReadWhy,
}

/// Files that cannot concern the judged runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct SkippedFiles {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Named before this, in Unix nanoseconds.
    pub(crate) before: i64,
}

/// Why a file was not read, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotReadWhy {
    /// The studio ignores it.
    Temporary,
    /// Nothing that a studio writes.
    Foreign,
    Problem(String),
}

/// What became of one service's plan.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Completeness {
    pub(crate) run: String,
    pub(crate) service: String,
    pub(crate) workflows: u64,
    /// Workflows of which all spans were found.
    pub(crate) workflows_found: u64,
    pub(crate) spans: u64,
    pub(crate) acked: u64,
    pub(crate) found: u64,
    /// Acked and found nowhere.
    pub(crate) missing: u64,
    /// Found, and found by the studio's pages, too; none where there is no index to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) visible: Option<u64>,
}

impl Completeness {
    /// All services together, without a name.
    pub(crate) fn total(services: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> u64| services.iter().map(of).sum();
        Self {
            run: String::new(),
            service: String::new(),
            workflows: sum(|service| service.workflows),
            workflows_found: sum(|service| service.workflows_found),
            spans: sum(|service| service.spans),
            acked: sum(|service| service.acked),
            found: sum(|service| service.found),
            missing: sum(|service| service.missing),
            visible: services.iter().map(|service| service.visible).sum(),
        }
    }
}

/// What one audit read of a store.
pub(crate) fn coverage(subject: &Subject<'_>, judgement: &Judgement) -> Coverage {
    let tier = |tier: Tier| {
        let read: Vec<_> =
            judgement.files.iter().filter(|file| file.tier == tier && file.health.is_read()).collect();
        TierCoverage {
            tier: tier.name(),
            files: read.len() as u64,
            rows: read.iter().map(|file| file.rows).sum(),
            bytes: read.iter().map(|file| file.size).sum(),
            evidence: tier != Tier::Hot,
        }
    };
    let not_read = judgement.files.iter().filter_map(|file| {
        let why = match file.health {
            Health::Temporary => NotReadWhy::Temporary,
            Health::Foreign => NotReadWhy::Foreign,
            Health::Ok | Health::Gone | Health::Skipped => return None,
            Health::Unreadable | Health::Torn | Health::Empty | Health::NotRead => {
                NotReadWhy::Problem(file.problem.as_ref().map(ToString::to_string).unwrap_or_default())
            }
        };
        Some(NotRead { file: file.file.clone(), why })
    });
    let runs = judgement.judged.iter().map(|run| run_coverage(subject, judgement, run));
    Coverage {
        store: subject.layout.spans.clone(),
        of: None,
        tiers: Tier::ALL.map(tier).into(),
        rows: RowCoverage {
            as_planned: judgement.rows.as_planned,
            differing: judgement.rows.differing,
            by_structure: judgement.rows.by_structure,
            unexpected: judgement.rows.strays,
            out_of_scope: judgement.rows.out_of_scope,
        },
        depth: judgement.depth,
        scope: Scope::clone(&judgement.scope),
        bytes_scanned: judgement.bytes_scanned,
        runs: runs.collect(),
        other_runs: other_runs(subject, judgement),
        not_read: not_read.collect(),
        skipped: skipped(judgement),
        took: subject.took,
    }
}

fn skipped(judgement: &Judgement) -> Option<SkippedFiles> {
    let files = || judgement.files.iter().filter(|file| file.health == Health::Skipped);
    Some(SkippedFiles {
        files: files().count() as u64,
        bytes: files().map(|file| file.size).sum(),
        before: judgement.skipped_before?,
    })
}

fn run_coverage(subject: &Subject<'_>, judgement: &Judgement, judged: &JudgedRun) -> RunCoverage {
    let mut total = Account::default();
    judged.services.iter().for_each(|service| total += service);
    let run = subject.runs.at(judged.index);
    let mut replay_of = None;
    if let AnyRun::Replay(Replay { manifest, .. }) = run {
        replay_of = Some(manifest.source.path.clone());
        if judgement.scope.is_all() {
            // What was not begun to be sent is in no record.
            let left = manifest.planned().saturating_sub(judgement.known(judged).expectation.spans());
            total.planned += left;
            total.not_started += left;
        }
    }
    RunCoverage {
        run: run.id().to_string(),
        replay_of,
        planned: total.planned,
        acked: total.acked,
        rejected: total.rejected,
        indeterminate: total.indeterminate,
        not_started: total.not_started,
        found: total.found,
        unfinished: judged.history.torn || !run.is_finished(),
        barrier: barrier(last_ack(&judged.history), judged.proof(), judgement.read_began, || {
            judged.has_pending(&judgement.runs)
        }),
        lost: judged.losses(&judgement.runs).filter(|_| judgement.whole_store),
    }
}

fn barrier(
    last_ack: Option<(u64, u16)>,
    proof: Option<Proof>,
    read_began: u64,
    has_pending: impl FnOnce() -> bool,
) -> BarrierCoverage {
    let Some((acked_at, _)) = last_ack else { return BarrierCoverage::NothingAcked };
    let after = |at: u64| Duration::from_nanos(at.saturating_sub(acked_at));
    match proof {
        Some(Proof::Flush { began }) => BarrierCoverage::Flush { at: began, after: after(began) },
        Some(Proof::Snapshot { began }) => BarrierCoverage::Snapshot { at: began, after: after(began) },
        Some(Proof::Settled) => BarrierCoverage::Settled { after: after(read_began) },
        None if has_pending() => BarrierCoverage::Pending,
        None => BarrierCoverage::NotNeeded,
    }
}

fn other_runs(subject: &Subject<'_>, judgement: &Judgement) -> Vec<OtherRun> {
    let judged = |index: usize| judgement.judged.iter().any(|run| run.index == index);
    let idle = (0..judgement.runs.runs.len()).filter(|&index| !judged(index));
    let idle = idle.map(|index| OtherRun {
        run: subject.runs.at(index).id().to_string(),
        why: not_judged(subject, judgement, index),
    });
    let strange = judgement.collected.strange_runs().into_iter().map(|run| OtherRun {
        run: run.to_string(),
        why: if subject.runs.left_out { NotJudged::RunsLeftOut } else { NotJudged::FolderAbsent },
    });
    let unreadable = subject.runs.unreadable.iter().map(|unreadable| OtherRun {
        run: unreadable.name.clone(),
        why: NotJudged::Unreadable(format!("{:#}", unreadable.error)),
    });
    idle.chain(strange).chain(unreadable).collect()
}

fn not_judged(subject: &Subject<'_>, judgement: &Judgement, index: usize) -> NotJudged {
    let run = subject.runs.at(index);
    if let Some((_, why)) = judgement.unreadable.iter().find(|(unreadable, _)| *unreadable == run.id()) {
        return NotJudged::Unreadable(why.clone());
    }
    if judgement.depth != Depth::Content {
        return NotJudged::Depth(judgement.depth);
    }
    if judgement.runs.runs[index].was_seen() {
        return if judgement.whole_store { NotJudged::OtherRunChosen } else { NotJudged::OneFile };
    }
    match (runs::is_at(run.data_dir(), subject.layout), run.data_dir()) {
        (Some(true), _) => NotJudged::NoSpanHere,
        (_, None) => NotJudged::NotOfThisStore,
        (_, Some(data_dir)) => NotJudged::OtherStore(data_dir.to_owned()),
    }
}

/// Spans of replays whose records do not tell their service.
const UNKNOWN_SERVICE: &str = "unknown";

/// What became of the plan of each service of a run.
pub(crate) fn completeness(judgement: &Judgement, judged: &JudgedRun) -> Vec<Completeness> {
    let known = judgement.known(judged);
    let of_service = |(service, account): (&str, &Account)| Completeness {
        run: known.run.to_string(),
        service: service.to_owned(),
        workflows: account.workflows,
        workflows_found: account.workflows_found,
        spans: account.planned,
        acked: account.acked,
        found: account.found,
        missing: account.missing,
        visible: None,
    };
    let services = known.expectation.services().iter().map(String::as_str);
    let services = services.chain([UNKNOWN_SERVICE]).zip(&judged.services);
    services.filter(|(service, _)| judgement.scope.has_service(&[Some(service)])).map(of_service).collect()
}
