//! An audit: from a store and the runs that it is held against to a report.
//!
//! Used by `audit` and `verify`. Calls the judge, the checks and the report in turn; what is bad is none
//! of its business.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    replay_proof::Proof,
    report::{AuditReport, FailOn, Subject},
};
use crate::{
    base::{memory::Memory, problem::Problem},
    checks::{
        baseline::Baseline,
        catalog::Check,
        findings::{KEPT, Keeping},
        runner::run_checks,
        summary::summarise,
    },
    judge::{
        judgement::{Depth, Judgement},
        progress::Progress,
        reading::{self, DEFAULT_SETTLE, Question},
        runs::Runs,
        scope::Scope,
    },
    ledger::runs::Replay,
    store::{
        health::Health,
        inventory::{self, FoundFile, Inventory},
        layout::{Layout, Tier},
        scan, session,
    },
    tables::judged,
};

pub(crate) mod coverage;
pub(crate) mod evidence;
#[cfg(test)]
mod live_tests;
#[cfg(test)]
pub(crate) mod random_tests;
pub(crate) mod replay_proof;
#[cfg(test)]
mod replay_tests;
pub(crate) mod report;

/// A table that only checks of the users' read: each such check pays for a scan of its own.
const STORED: &str = "stored_spans";

/// How to judge.
#[derive(Debug)]
pub(crate) struct Manner {
    pub(crate) checks: Vec<Check>,
    pub(crate) settle: Duration,
    pub(crate) wait: bool,
    /// Findings to keep of each check.
    pub(crate) samples: usize,
    pub(crate) scope: Scope,
    pub(crate) depth: Depth,
    pub(crate) memory: Memory,
    pub(crate) progress: Progress,
    pub(crate) fail_on: FailOn,
    /// Findings that were accepted before, and the file that says so.
    pub(crate) baseline: Option<(PathBuf, Baseline)>,
    /// Whether the ids of all findings are kept, for a baseline that is to be written.
    pub(crate) all_ids: bool,
}

impl Manner {
    /// Waits, fails on errors, knows no baseline.
    pub(crate) fn of(checks: Vec<Check>) -> Self {
        Self {
            checks,
            settle: DEFAULT_SETTLE,
            wait: true,
            samples: KEPT,
            fail_on: FailOn::Error,
            baseline: None,
            all_ids: false,
            scope: Scope::default(),
            depth: Depth::default(),
            memory: Memory::default(),
            progress: Progress::default(),
        }
    }
}

/// Reads the store, runs the checks, and puts both into a report.
pub(crate) async fn examine(
    layout: &Layout,
    runs: &Runs,
    manner: Manner,
    mut waiting: impl FnMut(Duration),
) -> anyhow::Result<AuditReport> {
    let began = Instant::now();
    let session = session::session(manner.memory.session())?;
    let question = Question {
        layout,
        known: &runs.known,
        replayed: &runs.replayed,
        wanted: &runs.wanted,
        only_wanted: runs.only_wanted,
        whole_store: !layout.single_file,
        settle: manner.settle,
        wait: manner.wait,
        scope: Arc::new(manner.scope),
        depth: manner.depth,
        budget: manner.memory.budget(),
        progress: manner.progress.clone(),
    };
    let mut judgement = reading::read(&question, &session, &mut waiting).await?;
    if judgement.files.is_empty() && judgement.judged.is_empty() && runs.replays.is_empty() {
        let what = format!(
            "nothing to audit: `{}` holds no file, and no run is said to be in it",
            layout.spans.display()
        );
        return Err(Problem::new(what, "`e2e-store generate` sends traffic to a studio").into());
    }
    let proofs = if manner.depth == Depth::Content {
        prove(layout, runs, manner.settle, manner.wait, waiting).await?
    } else {
        Vec::new()
    };
    for proof in &proofs {
        judgement.account += &proof.reckoning.account;
    }
    let judgement = Arc::new(judgement);
    let replayed = proofs.iter().map(Proof::rows).collect::<anyhow::Result<_>>()?;
    let settle = u64::try_from(manner.settle.as_nanos()).unwrap_or(u64::MAX);
    let settled_before = judgement.read_began.saturating_sub(settle);
    let source = judged::register(&session, &judgement, replayed, settled_before.cast_signed()).await?;
    if manner.checks.iter().any(|check| check.sql.contains(STORED)) {
        session.register_table(STORED, scan::stored_spans(whole_files(layout, &judgement)))?;
    }
    let baseline = manner.baseline.as_ref();
    let keeping = Keeping {
        samples: manner.samples,
        baseline: baseline.map(|(_, baseline)| baseline),
        all_ids: manner.all_ids,
    };
    // The checks may end with a part of the facts in view.
    let summary = summarise(&session).await;
    let checked = run_checks(&session, &judgement, &source, manner.checks, keeping).await;
    let subject = Subject {
        layout,
        runs,
        proofs: &proofs,
        fail_on: manner.fail_on,
        baseline: baseline.map(|(file, baseline)| (file.as_path(), baseline)),
        took: began.elapsed(),
    };
    AuditReport::new(&subject, &judgement, checked, summary)
}

/// The files that a query can read on its own.
fn whole_files(layout: &Layout, judgement: &Judgement) -> Vec<FoundFile> {
    let whole = judgement.files.iter().filter(|file| file.health == Health::Ok);
    let whole: HashSet<&str> = whole.map(|file| file.file.as_str()).collect();
    let found = Tier::ALL.map(|tier| inventory::list(layout, tier));
    let found = found.iter().flat_map(Inventory::data);
    found.filter(|file| whole.contains(file.shown.as_str())).cloned().collect()
}

/// Holds the store against the replays that must be in it. One file alone shows nothing of what is absent.
async fn prove(
    layout: &Layout,
    runs: &Runs,
    settle: Duration,
    wait: bool,
    mut waiting: impl FnMut(Duration),
) -> anyhow::Result<Vec<Proof>> {
    let mut proofs = Vec::new();
    for Replay { manifest, folder } in runs.replays.iter().filter(|_| !layout.single_file) {
        proofs.push(replay_proof::prove(folder, manifest, layout, settle, wait, &mut waiting).await?);
    }
    Ok(proofs)
}
