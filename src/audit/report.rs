//! An audit as data: coverage, findings, verdict.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Serialize;

use super::{
    coverage::{self, Completeness, Coverage},
    evidence::{self, Evidence},
    executions::Execution,
    limits::Limit,
    verdict::{self, FailOn, Overall, Reason, Settled},
};
use crate::{
    checks::{baseline::Baseline, runner::Checked, summary::Summary},
    judge::{cache::usage::CacheUse, judgement::Judgement, runs::Runs},
    ledger::activity::Activity,
    store::layout::Layout,
};

/// A finished audit.
#[derive(Debug)]
pub(crate) struct AuditReport {
    pub(crate) overall: Overall,
    pub(crate) fail_on: FailOn,
    pub(crate) because: Vec<Reason>,
    /// What the verdict does not cover because it was told so.
    pub(crate) limits: Vec<Limit>,
    pub(crate) coverage: Coverage,
    /// Where the audit used a cache.
    pub(crate) cache: Option<CacheUse>,
    pub(crate) baseline: Option<BaselineUse>,
    pub(crate) completeness: Vec<Completeness>,
    pub(crate) summary: Summary,
    pub(crate) checked: Vec<Checked>,
    /// By check, of those that found something.
    pub(crate) evidence: BTreeMap<String, Evidence>,
    /// Junjo executions with findings, each with its tree.
    pub(crate) executions: Vec<Execution>,
    /// What the judged runs did over time; none where no run with an export was judged.
    pub(crate) activity: Option<Activity>,
    /// The words of the command that asks the same store further questions.
    pub(crate) sql_command: Vec<String>,
}

/// What came of a baseline.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BaselineUse {
    pub(crate) file: PathBuf,
    /// Findings that it accepts.
    pub(crate) accepted: u64,
    /// What it holds that was not found any more.
    pub(crate) stale: Vec<StaleFinding>,
    /// What it holds of checks that did not run, or not to their end.
    pub(crate) not_looked_for: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct StaleFinding {
    pub(crate) id: String,
    pub(crate) finding: String,
}

/// What an audit was asked, beyond what the judgement itself knows.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) runs: &'a Runs,
    pub(crate) fail_on: FailOn,
    pub(crate) limits: &'a [Limit],
    pub(crate) allow_uncovered: bool,
    pub(crate) baseline: Option<(&'a Path, &'a Baseline)>,
    pub(crate) took: Duration,
}

impl AuditReport {
    pub(crate) fn new(
        subject: &Subject<'_>,
        judgement: &Judgement,
        checked: Vec<Checked>,
        summary: Summary,
    ) -> anyhow::Result<Self> {
        let mut evidence = BTreeMap::new();
        for one in &checked {
            if let Some(found) = one.verdict.findings() {
                evidence.insert(one.check.id.clone(), evidence::gather(judgement, found)?);
            }
        }
        let services = judgement.judged.iter().flat_map(|run| coverage::completeness(judgement, run));
        let Settled { overall, because } = verdict::settle(subject, judgement, &checked, &summary.differing);
        let mut report = Self {
            overall,
            fail_on: subject.fail_on,
            because,
            limits: subject.limits.to_vec(),
            coverage: coverage::coverage(subject, judgement),
            cache: judgement.cache.clone(),
            baseline: subject.baseline.map(|(file, baseline)| baseline_use(file, baseline, &checked)),
            completeness: services.collect(),
            summary,
            checked,
            evidence,
            executions: Vec::new(),
            activity: Activity::of(judgement.judged.iter().map(|run| &run.history)),
            sql_command: Vec::new(),
        };
        report.ask_at(&subject.layout.spans);
        Ok(report)
    }

    /// Adds a reason that lies outside the checks; a failure outranks what is not known.
    pub(crate) fn qualify(&mut self, overall: Overall, why: Reason) {
        self.overall = self.overall.or(overall);
        self.because.push(why);
    }

    /// Further questions name the store by this path.
    pub(crate) fn ask_at(&mut self, path: &Path) {
        self.sql_command = ["e2e-store".to_owned(), "sql".to_owned(), path.display().to_string()].into();
    }

    /// What a baseline of this audit holds, where the ids of all findings were kept.
    pub(crate) fn all_findings(&self) -> Baseline {
        let mut all = Baseline::default();
        for found in self.checked.iter().filter_map(|one| one.verdict.findings()) {
            all.extend(found.noted.clone());
        }
        all
    }
}

fn baseline_use(file: &Path, baseline: &Baseline, checked: &[Checked]) -> BaselineUse {
    let stale = checked.iter().flat_map(|one| one.stale(baseline));
    let accepted = checked.iter().filter_map(|one| one.verdict.findings()).map(|found| found.accepted);
    let of_check = |one: &Checked| baseline.of_check(&one.check.id).count() as u64;
    let looked_for: u64 = checked.iter().filter(|one| one.looked()).map(of_check).sum();
    BaselineUse {
        file: file.to_owned(),
        accepted: accepted.sum(),
        stale: stale.map(|(id, finding)| StaleFinding { id, finding }).collect(),
        not_looked_for: baseline.len() - looked_for,
    }
}
