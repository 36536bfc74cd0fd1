//! An audit as data: what was read, what was found, what it comes to.

use std::{path::PathBuf, time::Duration};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    findings,
    numbers::{duration, moment},
};
use crate::{
    checks::runner::{Checked, Verdict},
    judge::{
        account::Account,
        barrier::{Proof, last_ack},
        judgement::{Health, JudgedRun, Judgement},
        runs::{self, Runs},
    },
    store::layout::{Layout, Tier},
};

/// The form of `--format json`.
const VERSION: u32 = 1;

/// What an audit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Overall {
    Pass,
    Fail,
    Inconclusive,
}

/// A finished audit.
#[derive(Debug)]
pub(crate) struct AuditReport {
    pub(crate) overall: Overall,
    /// Why the verdict is what it is, where the checks alone do not say so.
    pub(crate) because: Vec<String>,
    pub(crate) coverage: Coverage,
    pub(crate) completeness: Vec<Completeness>,
    pub(crate) checked: Vec<Checked>,
}

/// What was read, and what was not.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Coverage {
    pub(crate) store: PathBuf,
    /// Who was verified: an endpoint, or the stand-in. None where only files were audited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    pub(crate) tiers: Vec<TierCoverage>,
    pub(crate) rows: RowCoverage,
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
}

/// A judged run and its account.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RunCoverage {
    pub(crate) run: String,
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

/// What an audit was asked, beyond what the judgement itself knows.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) runs: &'a Runs,
    pub(crate) took: Duration,
}

#[derive(Serialize)]
struct Json<'a> {
    version: u32,
    verdict: Overall,
    because: &'a [String],
    coverage: &'a Coverage,
    completeness: &'a [Completeness],
    checks: Vec<CheckJson<'a>>,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    id: &'a str,
    family: &'a str,
    severity: &'static str,
    rule: &'a str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    examined: u64,
    findings: u64,
    samples: Vec<Value>,
}

impl AuditReport {
    pub(crate) fn new(subject: &Subject<'_>, judgement: &Judgement, checked: Vec<Checked>) -> Self {
        let mut report = Self {
            overall: Overall::Pass,
            because: Vec::new(),
            coverage: coverage(subject, judgement),
            completeness: judgement.judged.iter().flat_map(|run| completeness(judgement, run)).collect(),
            checked,
        };
        report.settle(subject, judgement);
        report
    }

    /// The verdict of the checks, and what keeps a silence from being a pass.
    fn settle(&mut self, subject: &Subject<'_>, judgement: &Judgement) {
        let failed = |one: &Checked| matches!(one.verdict, Verdict::Fail(_));
        let looked =
            |one: &Checked| matches!(one.verdict, Verdict::Pass | Verdict::Fail(_) | Verdict::Noted(..));
        let open = |one: &Checked| matches!(one.verdict, Verdict::Inconclusive(_) | Verdict::Broken(_));
        if self.checked.iter().any(open) {
            self.overall = Overall::Inconclusive;
        }
        if subject.runs.newest_unreadable {
            let why =
                "a run that had to be judged may be one whose manifest cannot be read; --run names another"
                    .to_owned();
            self.qualify(Overall::Inconclusive, why);
        }
        for run in &judgement.judged {
            let missing = subject.runs.known[run.index].missing();
            if !missing.is_empty() {
                let id = judgement.known(run).plan.outline.run;
                let shards = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                let why = format!(
                    "run {id}: the folders of shards {shards} are not here, and what they sent is not known"
                );
                self.qualify(Overall::Inconclusive, why);
            }
        }
        for run in judgement.judged.iter().filter(|run| run.wanted) {
            let acked: u64 = run.services.iter().map(|service| service.acked).sum();
            if acked == 0 {
                let id = judgement.known(run).plan.outline.run;
                self.qualify(
                    Overall::Inconclusive,
                    format!("run {id}: nothing was acked, so nothing can be lost"),
                );
            }
        }
        if judgement.rows.total() == 0 && judgement.account.acked == 0 {
            self.qualify(Overall::Inconclusive, "no row was read, and no acked span was expected".to_owned());
        } else if !self.checked.iter().any(looked) {
            self.qualify(Overall::Inconclusive, "no check had anything to look at".to_owned());
        }
        if self.checked.iter().any(failed) {
            self.overall = Overall::Fail;
        }
    }

    /// Adds a reason that lies outside the checks; a failure outranks what is not known.
    pub(crate) fn qualify(&mut self, overall: Overall, because: String) {
        if self.overall != Overall::Fail {
            self.overall = overall;
        }
        self.because.push(because);
    }

    /// The form of `--format json`.
    pub(crate) fn to_json(&self) -> anyhow::Result<Vec<u8>> {
        let json = Json {
            version: VERSION,
            verdict: self.overall,
            because: &self.because,
            coverage: &self.coverage,
            completeness: &self.completeness,
            checks: self.checked.iter().map(check_json).collect::<anyhow::Result<_>>()?,
        };
        let mut text = serde_json::to_vec_pretty(&json)?;
        text.push(b'\n');
        Ok(text)
    }
}

fn check_json(checked: &Checked) -> anyhow::Result<CheckJson<'_>> {
    let Checked { check, examined, verdict } = checked;
    let found = verdict.findings();
    Ok(CheckJson {
        id: &check.id,
        family: &check.family,
        severity: check.severity.name(),
        rule: &check.rule,
        verdict: verdict.name(),
        reason: match verdict {
            Verdict::Skipped(reason) | Verdict::Broken(reason) => Some(reason),
            Verdict::Pass | Verdict::Fail(_) | Verdict::Noted(..) | Verdict::Inconclusive(_) => None,
        },
        examined: *examined,
        findings: found.map_or(0, |findings| findings.total),
        samples: found.map_or_else(|| Ok(Vec::new()), |findings| findings::to_json(&findings.samples))?,
    })
}

fn coverage(subject: &Subject<'_>, judgement: &Judgement) -> Coverage {
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
            Health::Ok | Health::Flushed => return None,
            Health::Unreadable | Health::Torn | Health::Empty | Health::NotRead => file.problem.clone().unwrap_or_default(),
        };
        Some(NotRead { file: file.file.clone(), why })
    });
    Coverage {
        store: subject.layout.spans.clone(),
        of: None,
        tiers: Tier::ALL.map(tier).into(),
        rows: RowCoverage {
            as_planned: judgement.rows.as_planned,
            differing: judgement.rows.differing,
            by_structure: judgement.rows.by_structure,
        },
        bytes_scanned: judgement.bytes_scanned,
        runs: judgement.judged.iter().map(|run| run_coverage(subject, judgement, run)).collect(),
        other_runs: other_runs(subject, judgement),
        not_read: not_read.collect(),
        took: subject.took,
    }
}

fn run_coverage(subject: &Subject<'_>, judgement: &Judgement, judged: &JudgedRun) -> RunCoverage {
    let mut total = Account::default();
    judged.services.iter().for_each(|service| total += service);
    RunCoverage {
        run: judgement.known(judged).plan.outline.run.to_string(),
        planned: total.planned,
        acked: total.acked,
        rejected: total.rejected,
        indeterminate: total.indeterminate,
        not_started: total.not_started,
        found: total.found,
        unfinished: judged.history.torn || !subject.runs.known[judged.index].is_finished(),
        barrier: barrier(judgement, judged),
    }
}

fn barrier(judgement: &Judgement, judged: &JudgedRun) -> BarrierCoverage {
    let Some((acked_at, _)) = last_ack(&judged.history) else {
        return BarrierCoverage { kind: "nothing acked", text: "none needed: nothing was acked".to_owned() };
    };
    let after = |began: u64| duration(Duration::from_nanos(began.saturating_sub(acked_at)));
    let (kind, text) = match judged.proof() {
        Some(Proof::Flush { began }) => {
            ("flush", format!("FlushWAL at {}, {} after the last ack", moment(began), after(began)))
        }
        Some(Proof::Snapshot { began }) => (
            "snapshot",
            format!("PrepareHotSnapshot at {}, {} after the last ack", moment(began), after(began)),
        ),
        Some(Proof::Settled) => (
            "settled",
            format!("no flush after the last ack, but {} until the read", after(judgement.read_began)),
        ),
        None if judged.has_pending(&judgement.runs) => {
            ("none", "none: acked spans may still be in the studio's memory".to_owned())
        }
        None => ("none", "none, and none needed: every acked span was found".to_owned()),
    };
    BarrierCoverage { kind, text }
}

fn other_runs(subject: &Subject<'_>, judgement: &Judgement) -> Vec<OtherRun> {
    let judged = |index: usize| judgement.judged.iter().any(|run| run.index == index);
    let why = |index: usize| match judgement.runs.runs[index].was_seen() {
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

    let strange = judgement.collected.strange_runs().into_iter().map(|run| OtherRun {
        run: run.to_string(),
        why: "rows of it are here, its folder is not among the runs".to_owned(),
    });
    let unreadable = subject.runs.unreadable.iter().map(|unreadable| OtherRun {
        run: unreadable.name.clone(),
        why: format!("it cannot be judged: {:#}", unreadable.error),
    });
    idle.chain(strange).chain(unreadable).collect()
}

fn data_dir(subject: &Subject<'_>, index: usize) -> Option<PathBuf> {
    subject.runs.known[index].manifest.data_dir.clone()
}

fn completeness(judgement: &Judgement, judged: &JudgedRun) -> Vec<Completeness> {
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
    plan.outline.services.iter().zip(&judged.services).map(of_service).collect()
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
