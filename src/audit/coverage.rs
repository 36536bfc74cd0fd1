//! What an audit read, and what it did not; and what became of each service's plan.

use std::{path::PathBuf, time::Duration};

use serde::{Serialize, Serializer};

use super::{replay_proof, report::Subject};
use crate::{
    judge::{
        account::Account,
        barrier::{Proof, last_ack},
        judgement::{Depth, JudgedRun, Judgement},
        runs,
        scope::Scope,
    },
    ledger::runs::Replay,
    store::{health::Health, layout::Tier},
    text::numbers::{counted, duration, moment},
};

/// What was read, and what was not.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Coverage {
    pub(crate) store: PathBuf,
    /// Who was verified: an endpoint, or the stand-in. None where only files were audited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    pub(crate) tiers: Vec<TierCoverage>,
    pub(crate) rows: RowCoverage,
    /// How much of each file was looked at.
    pub(crate) depth: &'static str,
    /// Absent where it was all of the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<ScopeCoverage>,
    pub(crate) bytes_scanned: u64,
    pub(crate) runs: Vec<RunCoverage>,
    /// Runs that were not judged, and why not.
    pub(crate) other_runs: Vec<OtherRun>,
    /// Files of which not everything was read, and files that the studio does not read either.
    pub(crate) not_read: Vec<NotRead>,
    #[serde(serialize_with = "seconds")]
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

/// The part of the store that was asked about. Times are RFC 3339, in UTC.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ScopeCoverage {
    pub(crate) services: Vec<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
}

/// A judged run and its account.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunCoverage {
    pub(crate) run: String,
    /// Of a replay: what was sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
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
}

/// What lies between a run's last ack and the read.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BarrierCoverage {
    /// `flush`, `snapshot`, `settled`, `none`, or `nothing acked`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct OtherRun {
    pub(crate) run: String,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct NotRead {
    pub(crate) file: String,
    pub(crate) why: String,
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
}

impl Completeness {
    /// All services together.
    pub(crate) fn total(services: &[Self]) -> Self {
        let sum = |of: fn(&Self) -> u64| services.iter().map(of).sum();
        Self {
            run: String::new(),
            service: format!("all {}", counted(services.len() as u64, "service")),
            workflows: sum(|service| service.workflows),
            workflows_found: sum(|service| service.workflows_found),
            spans: sum(|service| service.spans),
            acked: sum(|service| service.acked),
            found: sum(|service| service.found),
            missing: sum(|service| service.missing),
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
            Health::Temporary => "temporary: the studio ignores it".to_owned(),
            Health::Foreign => "not a file of the studio's".to_owned(),
            Health::Ok | Health::Gone => return None,
            Health::Unreadable | Health::Torn | Health::Empty | Health::NotRead => {
                file.problem.as_ref().map(ToString::to_string).unwrap_or_default()
            }
        };
        Some(NotRead { file: file.file.clone(), why })
    });
    let generated = judgement.judged.iter().map(|run| run_coverage(subject, judgement, run));
    let replays = subject.proofs.iter().zip(&subject.runs.replays);
    let replays = replays.map(|(proof, replay)| replay_coverage(proof, replay, judgement.read_began));
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
        depth: judgement.depth.name(),
        scope: (!judgement.scope.is_all()).then(|| scope(&judgement.scope)),
        bytes_scanned: judgement.bytes_scanned,
        runs: generated.chain(replays).collect(),
        other_runs: other_runs(subject, judgement),
        not_read: not_read.collect(),
        took: subject.took,
    }
}

fn scope(scope: &Scope) -> ScopeCoverage {
    let time = |at: Option<i64>| at.map(|at| moment(at.unsigned_abs()));
    ScopeCoverage { services: scope.services.clone(), from: time(scope.from), to: time(scope.to) }
}

fn run_coverage(subject: &Subject<'_>, judgement: &Judgement, judged: &JudgedRun) -> RunCoverage {
    let mut total = Account::default();
    judged.services.iter().for_each(|service| total += service);
    RunCoverage {
        run: judgement.known(judged).plan.outline.run.to_string(),
        replay_of: None,
        planned: total.planned,
        acked: total.acked,
        rejected: total.rejected,
        indeterminate: total.indeterminate,
        not_started: total.not_started,
        found: total.found,
        unfinished: judged.history.torn || !subject.runs.known[judged.index].is_finished(),
        barrier: barrier(last_ack(&judged.history), judged.proof(), judgement.read_began, || {
            judged.has_pending(&judgement.runs)
        }),
    }
}

fn replay_coverage(proof: &replay_proof::Proof, replay: &Replay, read_began: u64) -> RunCoverage {
    let Account { planned, acked, rejected, indeterminate, found, .. } = proof.reckoning.account;
    let results = replay.manifest.results.as_ref();
    RunCoverage {
        run: proof.run_id.to_string(),
        replay_of: Some(replay.manifest.source.path.clone()),
        planned: replay.manifest.spans,
        acked,
        rejected,
        indeterminate,
        not_started: replay.manifest.spans.saturating_sub(planned),
        found,
        unfinished: results.is_none(),
        barrier: barrier(proof.last_ack, proof.barrier, read_began, || proof.reckoning.pending.total > 0),
    }
}

fn barrier(
    last_ack: Option<(u64, u16)>,
    proof: Option<Proof>,
    read_began: u64,
    has_pending: impl FnOnce() -> bool,
) -> BarrierCoverage {
    let Some((acked_at, _)) = last_ack else {
        return BarrierCoverage { kind: "nothing acked", text: "none needed: nothing was acked".to_owned() };
    };
    let after = |began: u64| duration(Duration::from_nanos(began.saturating_sub(acked_at)));
    let (kind, text) = match proof {
        Some(Proof::Flush { began }) => {
            ("flush", format!("FlushWAL at {}, {} after the last ack", moment(began), after(began)))
        }
        Some(Proof::Snapshot { began }) => (
            "snapshot",
            format!("PrepareHotSnapshot at {}, {} after the last ack", moment(began), after(began)),
        ),
        Some(Proof::Settled) => {
            ("settled", format!("no flush after the last ack, but {} until the read", after(read_began)))
        }
        None if has_pending() => ("none", "none: acked spans may still be in the studio's memory".to_owned()),
        None => ("none", "none, and none needed: every acked span was found".to_owned()),
    };
    BarrierCoverage { kind, text }
}

fn other_runs(subject: &Subject<'_>, judgement: &Judgement) -> Vec<OtherRun> {
    let judged = |index: usize| judgement.judged.iter().any(|run| run.index == index);
    let why = |index: usize| match judgement.runs.runs[index].was_seen() {
        _ if judgement.depth != Depth::Content => {
            format!("whether spans of it are here was not looked at (--depth {})", judgement.depth.name())
        }
        true if judgement.whole_store => {
            "rows of it are here and were compared; another run is judged".to_owned()
        }
        true => "rows of it are here and were compared; one file cannot tell what is absent".to_owned(),
        false => match (runs::is_of(&subject.runs.known[index], subject.layout), data_dir(subject, index)) {
            (Some(true), _) => {
                "it was sent to this store, and no span of it is here: `--run all` judges it".to_owned()
            }
            (_, None) => "no span of it is in this store".to_owned(),
            (_, Some(data_dir)) => format!("its manifest names another store, `{}`", data_dir.display()),
        },
    };
    let idle = (0..subject.runs.known.len()).filter(|&index| !judged(index));
    let idle = idle.map(|index| OtherRun {
        run: subject.runs.known[index].plan.outline.run.to_string(),
        why: why(index),
    });

    let replays = subject.runs.other_replays.iter().map(|replay| OtherRun {
        run: replay.manifest.run_id.clone(),
        why: match replay.manifest.data_dir.as_deref() {
            Some(data_dir) if runs::is_at(Some(data_dir), subject.layout) == Some(false) => {
                format!("a replay, whose manifest names another store, `{}`", data_dir.display())
            }
            _ => {
                "a replay; of its spans only those that are here were looked at: `--run` names it".to_owned()
            }
        },
    });
    let strange = judgement.collected.strange_runs().into_iter().map(|run| OtherRun {
        run: run.to_string(),
        why: if subject.runs.left_out {
            "rows of it are here, and no run was to be looked at (--run none)".to_owned()
        } else {
            "rows of it are here, its folder is not among the runs".to_owned()
        },
    });
    let unreadable = subject.runs.unreadable.iter().map(|unreadable| OtherRun {
        run: unreadable.name.clone(),
        why: format!("it cannot be judged: {:#}", unreadable.error),
    });
    idle.chain(replays).chain(strange).chain(unreadable).collect()
}

fn data_dir(subject: &Subject<'_>, index: usize) -> Option<PathBuf> {
    subject.runs.known[index].manifest.data_dir.clone()
}

/// What became of the plan of each service of a run.
pub(crate) fn completeness(judgement: &Judgement, judged: &JudgedRun) -> Vec<Completeness> {
    let plan = &judgement.known(judged).plan;
    let of_service = |(service, account): (&String, &Account)| Completeness {
        run: plan.outline.run.to_string(),
        service: service.clone(),
        workflows: account.workflows,
        workflows_found: account.workflows_found,
        spans: account.planned,
        acked: account.acked,
        found: account.found,
        missing: account.missing,
    };
    let services = plan.outline.services.iter().zip(&judged.services);
    services.filter(|(service, _)| judgement.scope.has_service(&[Some(service)])).map(of_service).collect()
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
