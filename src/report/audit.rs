//! An audit as data: what was read, what was found, what it comes to.

use std::{path::PathBuf, time::Duration};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::findings;
use crate::{
    checks::{
        catalog::Severity,
        runner::{Checked, Verdict},
    },
    judge::{
        barrier::{Proof, last_ack},
        judgement::{Health, JudgedRun, Judgement},
        tally::Standing,
    },
    ledger::runs::Run,
    store::layout::{Layout, Tier},
    wire::outcome::Outcome,
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
    pub(crate) coverage: Coverage,
    pub(crate) completeness: Vec<Completeness>,
    pub(crate) checked: Vec<Checked>,
}

/// What was read, and what was not.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Coverage {
    pub(crate) store: PathBuf,
    /// Who was audited: an endpoint, the stand-in, or nothing but the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<String>,
    pub(crate) tiers: Vec<TierCoverage>,
    pub(crate) rows: RowCoverage,
    pub(crate) bytes_scanned: u64,
    pub(crate) runs: Vec<RunCoverage>,
    /// Runs of the folder that were not judged, and runs that rows name but whose folder is not here.
    pub(crate) other_runs: Vec<OtherRun>,
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
    /// The ledger ends in half a line, or the manifest has no results: the generator did not end by itself.
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
    pub(crate) why: &'static str,
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
    pub(crate) of: Option<String>,
    pub(crate) known: &'a [Run],
    pub(crate) took: Duration,
}

impl AuditReport {
    pub(crate) fn new(
        subject: &Subject<'_>,
        judgement: &Judgement,
        checked: Vec<Checked>,
        fail_on: Severity,
    ) -> Self {
        let coverage = coverage(subject, judgement);
        let completeness = judgement.judged.iter().flat_map(|run| completeness(judgement, run)).collect();
        let overall = overall(&coverage, &checked, fail_on);
        Self { overall, coverage, completeness, checked }
    }

    /// `{"version":1,"verdict":…,"coverage":…,"completeness":…,"checks":[…]}`.
    pub(crate) fn to_json(&self) -> anyhow::Result<Value> {
        let checks = self.checked.iter().map(check_json).collect::<anyhow::Result<Vec<_>>>()?;
        let mut report = Map::new();
        report.insert("version".to_owned(), VERSION.into());
        report.insert("verdict".to_owned(), serde_json::to_value(self.overall)?);
        report.insert("coverage".to_owned(), serde_json::to_value(&self.coverage)?);
        report.insert("completeness".to_owned(), serde_json::to_value(&self.completeness)?);
        report.insert("checks".to_owned(), checks.into());
        Ok(report.into())
    }
}

fn check_json(checked: &Checked) -> anyhow::Result<Value> {
    let Checked { check, examined, verdict } = checked;
    let found = verdict.findings();
    let mut json = serde_json::json!({
        "id": check.id,
        "family": check.family,
        "severity": check.severity.name(),
        "rule": check.rule,
        "verdict": verdict.name(),
        "examined": examined,
        "findings": found.map_or(0, |findings| findings.total),
        "samples": found.map_or_else(|| Ok(Vec::new()), |findings| findings::to_json(&findings.samples))?,
    });
    if let Verdict::Skipped(reason) | Verdict::Broken(reason) = verdict {
        json["reason"] = reason.as_str().into();
    }
    Ok(json)
}

fn overall(coverage: &Coverage, checked: &[Checked], fail_on: Severity) -> Overall {
    let failed = |one: &Checked| matches!(one.verdict, Verdict::Fail(_)) && one.check.severity >= fail_on;
    let open = |one: &Checked| matches!(one.verdict, Verdict::Inconclusive(_) | Verdict::Broken(_));
    let settled = |one: &Checked| matches!(one.verdict, Verdict::Pass | Verdict::Fail(_));
    let nothing_acked = !coverage.runs.is_empty() && coverage.runs.iter().all(|run| run.acked == 0);
    if checked.iter().any(failed) {
        Overall::Fail
    } else if checked.iter().any(open) || nothing_acked || !checked.iter().any(settled) {
        Overall::Inconclusive
    } else {
        Overall::Pass
    }
}

fn coverage(subject: &Subject<'_>, judgement: &Judgement) -> Coverage {
    let tier = |tier: Tier| {
        let read = judgement.files.iter().filter(|file| file.tier == tier);
        let read: Vec<_> =
            read.filter(|file| !matches!(file.health, Health::Temporary | Health::Foreign)).collect();
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
            Health::Unreadable | Health::Torn => file.problem.clone().unwrap_or_default(),
        };
        Some(NotRead { file: file.file.clone(), why })
    });
    Coverage {
        store: subject.layout.spans.clone(),
        of: subject.of.clone(),
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
    let known = &judgement.runs.runs[judged.index];
    let tally = known.tally();
    let mut run = RunCoverage {
        run: known.plan.run.to_string(),
        planned: tally.len(),
        acked: 0,
        rejected: 0,
        indeterminate: 0,
        not_started: 0,
        unfinished: judged.history.torn || subject.known[judged.index].manifest.results.is_none(),
        barrier: barrier(judgement, judged),
    };
    for slot in 0..tally.len() {
        match tally.get(slot).standing() {
            None | Some(Standing::NotStarted) => run.not_started += 1,
            Some(Standing::Durable | Standing::Pending | Standing::Unread) => run.acked += 1,
            Some(Standing::Rejected) => run.rejected += 1,
            Some(Standing::Indeterminate) => run.indeterminate += 1,
            Some(Standing::Partial) => {}
        }
    }
    for export in &judged.history.exports {
        if let Outcome::Partial { rejected_spans } = export.outcome {
            let rejected = rejected_spans.min(export.count.into());
            run.rejected += rejected;
            run.acked += u64::from(export.count) - rejected;
        }
    }
    run
}

fn barrier(judgement: &Judgement, judged: &JudgedRun) -> BarrierCoverage {
    use super::numbers::{duration, moment};

    let Some(acked_at) = last_ack(&judged.history) else {
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
        Some(Proof::Settled) => {
            let read = after(judgement.read_began);
            ("settled", format!("no flush since the last ack, but it was {read} old when the store was read"))
        }
        None if judged.has_pending(&judgement.runs) => {
            ("none", "none: acked spans may still be in the studio's memory".to_owned())
        }
        None => ("none", "none, and none needed: every acked span was found".to_owned()),
    };
    BarrierCoverage { kind, text }
}

fn other_runs(subject: &Subject<'_>, judgement: &Judgement) -> Vec<OtherRun> {
    let judged = |index: &usize| judgement.judged.iter().any(|run| run.index == *index);
    let idle = (0..subject.known.len()).filter(|index| !judged(index)).map(|index| OtherRun {
        run: subject.known[index].plan.run.to_string(),
        why: "no span of it is in this store",
    });
    let mut strange: Vec<_> =
        judgement.facts.iter().filter(|fact| !fact.run_known).filter_map(|fact| fact.run).collect();
    strange.sort_unstable();
    strange.dedup();
    let strange = strange
        .into_iter()
        .map(|run| OtherRun { run: run.to_string(), why: "rows of it are here, its folder is not" });
    idle.chain(strange).collect()
}

fn completeness(judgement: &Judgement, judged: &JudgedRun) -> Vec<Completeness> {
    let known = &judgement.runs.runs[judged.index];
    let (plan, tally) = (&known.plan, known.tally());
    let of_service = |(service, name): (usize, &String)| {
        let mut account = Completeness {
            run: plan.run.to_string(),
            service: name.clone(),
            workflows: plan.workflows_per_service,
            workflows_found: 0,
            spans: plan.spans_per_stream(),
            acked: 0,
            found: 0,
            missing: 0,
        };
        let first = plan.first_slot(service);
        for workflow in
            (0..plan.workflows_per_service).map(|turn| turn * plan.services.len() as u64 + service as u64)
        {
            let (ordinal, count) = plan.ordinals(workflow);
            let slots = first + ordinal..first + ordinal + u64::from(count);
            let mut whole = true;
            for slot in slots {
                let state = tally.get(slot);
                let acked = matches!(
                    state.standing(),
                    Some(Standing::Durable | Standing::Pending | Standing::Unread)
                );
                let found = state.found() > 0;
                account.acked += u64::from(acked);
                account.found += u64::from(found);
                account.missing += u64::from(acked && !found);
                whole &= found;
            }
            account.workflows_found += u64::from(whole);
        }
        account
    };
    plan.services.iter().enumerate().map(of_service).collect()
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
