//! An audit: which runs a store is held against, and from both to a report.
//!
//! Used by `audit` and `verify`. Chooses, then calls the judge, the checks and the report in turn; what
//! is bad is none of its business.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    checks::{catalog::Check, runner::run_checks},
    judge::{
        reading::{self, Question},
        tables,
    },
    ledger::runs::{self, Run, UnreadableRun},
    problem::Problem,
    report::audit::{AuditReport, Subject},
    store::{
        layout::{Layout, LayoutError},
        session::{self, Limits},
    },
    traffic::ids::RunId,
};

/// Which runs a store is held against.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Rows of these are recognised.
    pub(crate) known: Vec<Run>,
    /// These must be in the store.
    pub(crate) wanted: Vec<RunId>,
    /// The user named a run: others are recognised, not judged.
    pub(crate) only_wanted: bool,
    pub(crate) unreadable: Vec<UnreadableRun>,
    /// One of the unreadable may be the newest, so the run that had to be judged may not have been.
    pub(crate) newest_unreadable: bool,
}

/// How to judge.
#[derive(Debug)]
pub(crate) struct Manner {
    pub(crate) checks: Vec<Check>,
    pub(crate) settle: Duration,
    pub(crate) wait: bool,
    /// Findings to keep of each check.
    pub(crate) samples: usize,
}

const SESSION: Limits = Limits { memory: 512 << 20, partitions: 1, batch_rows: 8_192 };

/// The store at a path, or at the default places.
pub(crate) fn find_store(path: Option<&Path>) -> Result<Layout, Problem> {
    Layout::find(path).map_err(|err| {
        let hint = match &err {
            LayoutError::NoDefault(_) | LayoutError::Missing(_) => {
                "name the studio's data directory: `e2e-store audit PATH`; in the shipped compose files it is `.dbdata`"
            }
            LayoutError::NotAStore(_) => "a data directory holds `spans/wal` or `spans/parquet`",
            LayoutError::Unreadable { .. } => "give this user the right to read the folder",
        };
        match err {
            LayoutError::Unreadable { path, source } => {
                Problem::new(format!("cannot look into `{}`", path.display()), hint).caused_by(source)
            }
            err => Problem::new(err.to_string(), hint),
        }
    })
}

/// The runs of a folder, and which of them must be in the store: the newest that may be its, and every
/// one whose manifest names it; or the one that `run` names; or none.
pub(crate) fn choose_runs(folder: &Path, run: &str, layout: &Layout) -> anyhow::Result<Runs> {
    if run == "none" {
        return Ok(Runs::default());
    }
    let runs::Loaded { runs: known, unreadable } = runs::load_all(folder)?;
    if run == "latest" {
        let newest = known.iter().rev().find(|run| is_of(run, layout) != Some(false));
        let began = newest.map(|run| run.manifest.created_at.0);
        let newest = newest.map(|run| run.plan.run);
        let newer = |other: &UnreadableRun| other.last_written.is_none_or(|written| Some(written) > began);
        let newest_unreadable = unreadable.iter().any(newer);
        let wanted =
            known.iter().filter(|run| Some(run.plan.run) == newest || is_of(run, layout) == Some(true));
        let wanted = wanted.map(|run| run.plan.run).collect();
        return Ok(Runs { wanted, known, only_wanted: false, unreadable, newest_unreadable });
    }
    let named: Vec<RunId> =
        known.iter().map(|known| known.plan.run).filter(|id| id.to_string().starts_with(run)).collect();
    match named.as_slice() {
        _ if run.is_empty() => Err(Problem::new("`` names no run", "name an id, `latest`, or `none`").into()),
        [id] => {
            Ok(Runs { wanted: vec![*id], known, only_wanted: true, unreadable, newest_unreadable: false })
        }
        [] => {
            if let Some(unreadable) =
                unreadable.into_iter().find(|unreadable| unreadable.name.starts_with(run))
            {
                return Err(unreadable.error);
            }
            let what = format!("there is no run `{run}` in `{}`", folder.display());
            Err(Problem::new(what, "name a folder of it, `latest`, or `none`; --runs names another place")
                .into())
        }
        _ => {
            let what = format!("several runs in `{}` begin with `{run}`", folder.display());
            Err(Problem::new(what, "write more of the id").into())
        }
    }
}

/// Whether a run's manifest names this store; none if it leaves that open.
pub(crate) fn is_of(run: &Run, layout: &Layout) -> Option<bool> {
    let data_dir = run.manifest.data_dir.as_ref()?;
    let other = Layout::find(Some(data_dir)).ok()?;
    match (fs::canonicalize(&other.spans), fs::canonicalize(&layout.spans)) {
        (Ok(other), Ok(this)) => Some(other == this),
        _ => None,
    }
}

/// Reads the store, runs the checks, and puts both into a report.
pub(crate) async fn examine(
    layout: &Layout,
    runs: &Runs,
    manner: Manner,
    waiting: impl FnMut(Duration),
) -> anyhow::Result<AuditReport> {
    let began = Instant::now();
    let session = session::session(SESSION)?;
    let question = Question {
        layout,
        known: &runs.known,
        wanted: &runs.wanted,
        only_wanted: runs.only_wanted,
        whole_store: !layout.single_file,
        settle: manner.settle,
        wait: manner.wait,
    };
    let judgement = Arc::new(reading::read(&question, &session, waiting).await?);
    if judgement.files.is_empty() && judgement.judged.is_empty() {
        let what =
            format!("nothing to audit: `{}` holds no file, and there is no run", layout.spans.display());
        return Err(Problem::new(what, "`e2e-store generate` sends traffic to a studio").into());
    }
    let settle = u64::try_from(manner.settle.as_nanos()).unwrap_or(u64::MAX);
    let settled_before = judgement.read_began.saturating_sub(settle);
    tables::register(&session, &judgement, settled_before.cast_signed())?;
    let checked = run_checks(&session, &judgement, manner.checks, manner.samples).await;
    let subject = Subject { layout, runs, took: began.elapsed() };
    Ok(AuditReport::new(&subject, &judgement, checked))
}
