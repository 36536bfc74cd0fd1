//! An audit: from a store and the runs that it is held against to a report.
//!
//! Used by `audit` and `verify`. Calls the judge, the checks and the report in turn; what is bad is none
//! of its business.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::prelude::SessionContext;

use self::{
    limits::Limit,
    report::{AuditReport, Subject},
    verdict::FailOn,
};
use crate::{
    base::{memory::Memory, problem::Problem},
    checks::{
        baseline::Baseline,
        catalog::Check,
        findings::{KEPT, SampleLimits},
        runner::{read_records, run_checks},
        summary::summarise,
    },
    judge::{
        barrier::LeftBehind,
        cache::{CacheOptions, OpenCache},
        engine::Engine,
        judgement::{Depth, Judgement},
        progress::Progress,
        reading::{self, DEFAULT_SETTLE, OldFiles, SweepInput},
        runs::Runs,
        scope::Scope,
    },
    store::{layout::Layout, session},
    tables::{
        judged::Judged,
        provider::{self, Tables},
        sources::Sources,
    },
};

pub(crate) mod coverage;
pub(crate) mod evidence;
pub(crate) mod executions;
mod explain;
pub(crate) mod limits;
#[cfg(test)]
mod live_tests;
#[cfg(test)]
pub(crate) mod random_tests;
#[cfg(test)]
mod replay_tests;
pub(crate) mod report;
#[cfg(test)]
mod same_report_tests;
mod uncovered;
pub(crate) mod verdict;
mod visible;

/// How to judge.
#[derive(Debug)]
pub(crate) struct AuditOptions {
    pub(crate) checks: Vec<Check>,
    pub(crate) settle: Duration,
    pub(crate) wait: bool,
    /// Findings to keep of each check.
    pub(crate) samples: usize,
    pub(crate) scope: Scope,
    pub(crate) depth: Depth,
    pub(crate) old_files: OldFiles,
    /// By a flush that failed just before.
    pub(crate) left_behind: LeftBehind,
    pub(crate) memory: Memory,
    pub(crate) progress: Progress,
    pub(crate) fail_on: FailOn,
    /// What was left out on purpose.
    pub(crate) limits: Vec<Limit>,
    /// Findings that were accepted before, and the file that says so.
    pub(crate) baseline: Option<(PathBuf, Baseline)>,
    /// Whether the ids of all findings are kept, for a baseline that is to be written.
    pub(crate) all_ids: bool,
    /// Whether an audit passes although rows differ from their plan in what none of its checks looks at.
    pub(crate) allow_uncovered: bool,
    /// Where what is concluded of cold files is remembered.
    pub(crate) cache: Option<CacheOptions>,
    /// Where cold files are judged, if that is not here.
    pub(crate) engine: Option<Arc<dyn Engine>>,
}

impl AuditOptions {
    /// Waits, fails on errors, knows no baseline.
    pub(crate) fn of(checks: Vec<Check>) -> Self {
        Self {
            checks,
            settle: DEFAULT_SETTLE,
            wait: true,
            samples: KEPT,
            fail_on: FailOn::Error,
            limits: Vec::new(),
            baseline: None,
            all_ids: false,
            allow_uncovered: false,
            scope: Scope::default(),
            depth: Depth::default(),
            old_files: OldFiles::default(),
            left_behind: LeftBehind::default(),
            memory: Memory::default(),
            progress: Progress::default(),
            cache: None,
            engine: None,
        }
    }
}

/// Reads a store, holds it against its runs, and says of every row of a known run in what it differs.
pub(crate) async fn judge(
    input: &SweepInput<'_>,
    session: &SessionContext,
    waiting: impl FnMut(Duration),
) -> anyhow::Result<Judgement> {
    let mut judgement = reading::read(input, session, waiting).await?;
    explain::explain(&mut judgement, input.runs, session).await?;
    reading::note_copies(&judgement, session).await?;
    Ok(judgement)
}

/// A store that was judged, and the session in which checks ask of it.
pub(crate) struct Judging {
    pub(crate) judgement: Arc<Judgement>,
    pub(crate) judged: Arc<Judged>,
    pub(crate) session: SessionContext,
    pub(crate) tables: Arc<Tables>,
}

/// Reads a store as options say.
pub(crate) async fn read(
    layout: &Layout,
    runs: &Arc<Runs>,
    options: &AuditOptions,
    waiting: impl FnMut(Duration),
) -> anyhow::Result<Judging> {
    let mut session = session::session(options.memory.session())?;
    let cache = options.cache.clone();
    let cache = cache.map(|cache| OpenCache::open(cache, layout.protected())).transpose()?;
    let input = SweepInput {
        layout,
        runs,
        settle: options.settle,
        wait: options.wait,
        scope: Arc::new(options.scope.clone()),
        depth: options.depth,
        keeps_records: read_records(&options.checks, &session),
        old_files: options.old_files,
        left_behind: &options.left_behind,
        budget: options.memory.budget(),
        progress: options.progress.clone(),
        cache: cache.as_ref(),
        engine: options.engine.clone(),
    };
    let judgement = judge(&input, &session, waiting).await?;
    if judgement.files.is_empty() && judgement.judged.is_empty() && judgement.unreadable.is_empty() {
        let what = format!(
            "nothing to audit: `{}` holds no file, and no run is said to be in it",
            layout.spans.display()
        );
        return Err(Problem::new(what, "`e2e-store generate` sends traffic to a studio").into());
    }
    let judgement = Arc::new(judgement);
    let judged = Arc::new(Judged::new(Arc::clone(&judgement), options.settle)?);
    let limits = options.memory.session();
    let sources = Sources::of_audit(layout.clone(), Arc::clone(runs), Arc::clone(&judged), limits)?;
    let tables = Tables::new(sources);
    provider::register(&mut session, &tables)?;
    Ok(Judging { judgement, judged, session, tables })
}

/// Reads the store, runs the checks, and puts both into a report.
pub(crate) async fn examine(
    layout: &Layout,
    runs: &Arc<Runs>,
    options: AuditOptions,
    waiting: impl FnMut(Duration),
) -> anyhow::Result<AuditReport> {
    let began = Instant::now();
    let Judging { judgement, judged, session, tables } = read(layout, runs, &options, waiting).await?;
    let baseline = options.baseline.as_ref();
    let keeping = SampleLimits {
        samples: options.samples,
        baseline: baseline.map(|(_, baseline)| baseline),
        all_ids: options.all_ids,
    };
    // The checks may end with a part of the facts in view.
    let summary = summarise(&session).await;
    let checked = run_checks(&session, &tables, &judged, options.checks, keeping).await;
    let subject = Subject {
        layout,
        runs,
        fail_on: options.fail_on,
        limits: &options.limits,
        allow_uncovered: options.allow_uncovered,
        baseline: baseline.map(|(file, baseline)| (file.as_path(), baseline)),
        took: began.elapsed(),
    };
    let mut report = AuditReport::new(&subject, &judgement, checked, summary)?;
    // Checks by trace may have left a part of the facts in view; what is asked here is of files.
    report.executions = executions::executions(&judged, &report)?;
    visible::note(&mut report.completeness, &judgement, &tables.sources, &session).await?;
    Ok(report)
}
