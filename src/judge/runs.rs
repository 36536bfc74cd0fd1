//! Which runs a store is held against.

use std::{fs, path::Path, sync::Arc};

use super::replayed::Replayed;

use crate::{
    ledger::runs::{self, Replay, Run, UnreadableRun},
    problem::Problem,
    store::layout::Layout,
    traffic::ids::RunId,
};

/// The runs of a folder, seen from one store.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Rows of these are recognised.
    pub(crate) known: Vec<Run>,
    /// These must be in the store.
    pub(crate) wanted: Vec<RunId>,
    /// The user named a run: others are recognised, not judged.
    pub(crate) only_wanted: bool,
    pub(crate) unreadable: Vec<UnreadableRun>,
    /// One of the unreadable may be a run that had to be judged.
    pub(crate) newest_unreadable: bool,
    /// Replays that must be in the store, too.
    pub(crate) replays: Vec<Replay>,
    /// What they left behind.
    pub(crate) replayed: Arc<Replayed>,
}

/// The runs of a folder, and which of them must be in the store: the newest that may be its, all
/// that may, the one that `run` names, or none. Older ones may have been emptied out of it since.
pub(crate) fn choose_runs(folder: &Path, run: &str, layout: &Layout) -> anyhow::Result<Runs> {
    if run == "none" {
        return Ok(Runs::default());
    }
    let runs::Loaded { runs: known, unreadable, .. } = runs::load_all(folder)?;
    if run == "latest" {
        let newest = known.iter().rev().find(|run| is_of(run, layout) != Some(false));
        let began = newest.map(|run| run.manifest.created_at.0);
        let wanted = newest.map(|run| run.plan.outline.run).into_iter().collect();
        let newer = |other: &UnreadableRun| other.last_written.is_none_or(|written| Some(written) > began);
        let newest_unreadable = unreadable.iter().any(newer);
        return Ok(Runs {
            wanted,
            known,
            only_wanted: false,
            unreadable,
            newest_unreadable,
            ..Runs::default()
        });
    }
    if run == "all" {
        let wanted = known
            .iter()
            .filter(|run| is_of(run, layout) != Some(false))
            .map(|run| run.plan.outline.run)
            .collect();
        let newest_unreadable = !unreadable.is_empty();
        return Ok(Runs {
            wanted,
            known,
            only_wanted: false,
            unreadable,
            newest_unreadable,
            ..Runs::default()
        });
    }
    let named: Vec<RunId> = known
        .iter()
        .map(|known| known.plan.outline.run)
        .filter(|id| id.to_string().starts_with(run))
        .collect();
    match named.as_slice() {
        _ if run.is_empty() => {
            Err(Problem::new("`` names no run", "name an id, `latest`, `all`, or `none`").into())
        }
        [id] => Ok(Runs {
            wanted: vec![*id],
            known,
            only_wanted: true,
            unreadable,
            newest_unreadable: false,
            ..Runs::default()
        }),
        [] => {
            if let Some(unreadable) =
                unreadable.into_iter().find(|unreadable| unreadable.name.starts_with(run))
            {
                return Err(unreadable.error);
            }
            let what = format!("there is no run `{run}` in `{}`", folder.display());
            Err(Problem::new(
                what,
                "name a folder of it, `latest`, `all`, or `none`; --runs names another place",
            )
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
    is_at(run.manifest.data_dir.as_deref(), layout)
}

/// Whether a data directory is this store; none if there is none, or it is not there.
pub(crate) fn is_at(data_dir: Option<&Path>, layout: &Layout) -> Option<bool> {
    let other = Layout::find(Some(data_dir?)).ok()?;
    match (fs::canonicalize(&other.spans), fs::canonicalize(&layout.spans)) {
        (Ok(other), Ok(this)) => Some(other == this),
        _ => None,
    }
}
