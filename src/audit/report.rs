//! An audit as data: what was read, what was found, what it comes to.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    coverage::{self, Completeness, Coverage},
    evidence::{self, Evidence},
    replay_proof::Proof,
};
use crate::{
    checks::{
        baseline::Baseline,
        catalog::Severity,
        runner::{Checked, Verdict},
        summary::Summary,
    },
    judge::{
        judgement::{Depth, Judgement},
        runs::Runs,
    },
    store::layout::Layout,
};

/// What an audit comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Overall {
    Pass,
    Fail,
    Inconclusive,
}

/// From which severity on a finding fails an audit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FailOn {
    #[default]
    Error,
    Warn,
}

/// A finished audit.
#[derive(Debug)]
pub(crate) struct AuditReport {
    pub(crate) overall: Overall,
    pub(crate) fail_on: FailOn,
    /// Why the verdict is what it is, where the checks alone do not say so.
    pub(crate) because: Vec<String>,
    pub(crate) coverage: Coverage,
    pub(crate) baseline: Option<BaselineUse>,
    pub(crate) completeness: Vec<Completeness>,
    pub(crate) summary: Summary,
    pub(crate) checked: Vec<Checked>,
    /// By check, of those that found something.
    pub(crate) evidence: BTreeMap<String, Evidence>,
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
    /// The replays that the store was held against.
    pub(crate) proofs: &'a [Proof],
    pub(crate) fail_on: FailOn,
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
        let mut report = Self {
            overall: Overall::Pass,
            fail_on: subject.fail_on,
            because: Vec::new(),
            coverage: coverage::coverage(subject, judgement),
            baseline: subject.baseline.map(|(file, baseline)| baseline_use(file, baseline, &checked)),
            completeness: services.collect(),
            summary,
            checked,
            evidence,
            sql_command: Vec::new(),
        };
        report.ask_at(&subject.layout.spans);
        report.settle(subject, judgement);
        Ok(report)
    }

    /// The verdict of the checks, and what keeps a silence from being a pass.
    fn settle(&mut self, subject: &Subject<'_>, judgement: &Judgement) {
        let looked = |one: &Checked| one.looked() && !matches!(one.verdict, Verdict::Inconclusive(_));
        let open = |one: &Checked| matches!(one.verdict, Verdict::Inconclusive(_) | Verdict::Broken(_));
        let warned = |one: &Checked| matches!(one.verdict, Verdict::Noted(Severity::Warn, _));
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
                let part = if judgement.scope.is_all() { "" } else { " of what was asked about" };
                let why = format!("run {id}: nothing{part} was acked, so nothing can be lost");
                self.qualify(Overall::Inconclusive, why);
            }
        }
        for proof in subject.proofs {
            for remark in proof.remarks() {
                self.because.push(remark);
            }
            if proof.reckoning.account.acked == 0 {
                let why = format!("replay {}: nothing was acked, so nothing can be lost", proof.run_id);
                self.qualify(Overall::Inconclusive, why);
            }
        }
        self.settle_places(judgement);
        if judgement.depth != Depth::Content {
            let depth = judgement.depth.name();
            self.because.push(format!("only files were looked at (--depth {depth}): no row was judged"));
        } else if judgement.rows.total() == 0 && judgement.account.acked == 0 {
            self.qualify(Overall::Inconclusive, "no row was read, and no acked span was expected".to_owned());
        } else if !self.checked.iter().any(looked) {
            self.qualify(Overall::Inconclusive, "no check had anything to look at".to_owned());
        }
        if self.checked.iter().any(|one| matches!(one.verdict, Verdict::Fail(_))) {
            self.overall = Overall::Fail;
        } else if subject.fail_on == FailOn::Warn && self.checked.iter().any(warned) {
            self.qualify(Overall::Fail, "warnings fail this audit (--fail-on warn)".to_owned());
        }
    }

    /// What this user may not look into may hold anything.
    fn settle_places(&mut self, judgement: &Judgement) {
        let mut places = judgement.not_read();
        let Some(first) = places.next() else { return };
        let more = match places.count() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let what = format!(
            "`{}`{more}: {}",
            first.file,
            first.problem.as_ref().map(ToString::to_string).unwrap_or_default()
        );
        let hint = "give this user permission to read files and to list and enter folders (`chmod -R u+rX`)";
        self.qualify(Overall::Inconclusive, format!("not everything could be read: {what}; {hint}"));
    }

    /// Adds a reason that lies outside the checks; a failure outranks what is not known.
    pub(crate) fn qualify(&mut self, overall: Overall, because: String) {
        if self.overall != Overall::Fail {
            self.overall = overall;
        }
        self.because.push(because);
    }

    /// Further questions name the store by this path.
    pub(crate) fn ask_at(&mut self, path: &Path) {
        self.sql_command = ["e2e-store".to_owned(), "sql".to_owned(), path.display().to_string()].into();
    }

    /// The form of `--format json`, with every sample that was kept.
    #[cfg(test)]
    pub(crate) fn to_json(&self) -> anyhow::Result<Vec<u8>> {
        crate::report::audit_json::render(self, usize::MAX)
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
