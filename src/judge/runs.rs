//! Which runs a store is held against.

use std::{fs, path::Path, sync::Arc};

use super::replayed::left_behind::Replayed;

use crate::{
    base::problem::Problem,
    ledger::runs::{self, Replay, Run, UnreadableRun},
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
    /// The user wanted none: no folder was looked at.
    pub(crate) left_out: bool,
    pub(crate) unreadable: Vec<UnreadableRun>,
    /// One of the unreadable may be a run that had to be judged.
    pub(crate) newest_unreadable: bool,
    /// Replays that must be in the store, too.
    pub(crate) replays: Vec<Replay>,
    /// Rows of these are recognised where they are as they were sent.
    pub(crate) other_replays: Vec<Replay>,
    /// What replays left behind.
    pub(crate) replayed: Arc<Replayed>,
}

/// The runs of a folder, and which of them must be in the store: the newest that may be its, all
/// that may, the one that `run` names, or none. Older ones may have been emptied out of it since. A replay is a
/// run; beside the newest run of generated traffic it counts where it is newer.
pub(crate) fn choose_runs(folder: &Path, run: &str, layout: &Layout) -> anyhow::Result<Arc<Runs>> {
    if run == "none" {
        return Ok(Arc::new(Runs { left_out: true, ..Runs::default() }));
    }
    if run.is_empty() {
        return Err(Problem::new("`` names no run", "name an id, `latest`, `all`, or `none`").into());
    }
    let runs::Loaded { runs: known, unreadable, replays } = runs::load_all(folder)?;
    let may_be_here = |run: &&Run| is_of(run, layout) != Some(false);
    let replay_may = |replay: &Replay| is_at(replay.manifest.data_dir.as_deref(), layout) != Some(false);
    let id = |run: &Run| run.plan.outline.run;
    let replay_id = |replay: &Replay| replay.manifest.run_id.clone();
    let mut chosen = Runs::default();
    let judged: Vec<String> = match run {
        "latest" => {
            let newest = known.iter().rev().find(may_be_here);
            let began = newest.map(|run| run.manifest.created_at);
            chosen.wanted = newest.map(id).into_iter().collect();
            let newer = |other: &UnreadableRun| {
                other.last_written.is_none_or(|written| Some(written) > began.map(|began| began.0))
            };
            chosen.newest_unreadable = unreadable.iter().any(newer);
            let newest = replays.iter().rev().find(|replay| replay_may(replay));
            let newest = newest.filter(|replay| Some(replay.manifest.created_at) > began);
            newest.map(replay_id).into_iter().collect()
        }
        "all" => {
            chosen.wanted = known.iter().filter(may_be_here).map(id).collect();
            chosen.newest_unreadable = !unreadable.is_empty();
            replays.iter().filter(|replay| replay_may(replay)).map(replay_id).collect()
        }
        name => {
            chosen.only_wanted = true;
            chosen.wanted = known.iter().map(id).filter(|id| id.to_string().starts_with(name)).collect();
            let named: Vec<_> = replays.iter().map(replay_id).filter(|id| id.starts_with(name)).collect();
            match chosen.wanted.len() + named.len() {
                1 => named,
                0 => return Err(absent(name, unreadable, folder)),
                _ => {
                    let what = format!("several runs in `{}` begin with `{name}`", folder.display());
                    return Err(Problem::new(what, "write more of the id").into());
                }
            }
        }
    };
    (chosen.replays, chosen.other_replays) =
        replays.into_iter().partition(|replay| judged.contains(&replay.manifest.run_id));
    Ok(Arc::new(Runs { known, unreadable, ..chosen }))
}

fn absent(name: &str, unreadable: Vec<UnreadableRun>, folder: &Path) -> anyhow::Error {
    if let Some(unreadable) = unreadable.into_iter().find(|unreadable| unreadable.name.starts_with(name)) {
        return unreadable.error;
    }
    let what = format!("there is no run `{name}` in `{}`", folder.display());
    Problem::new(what, "name a folder of it, `latest`, `all`, or `none`; --runs names another place").into()
}

/// Whether a run's manifest names this store; none if it leaves that open.
pub(crate) fn is_of(run: &Run, layout: &Layout) -> Option<bool> {
    is_at(run.manifest.data_dir.as_deref(), layout)
}

/// Whether a data directory is this store; none if there is none, or it is not there.
pub(crate) fn is_at(data_dir: Option<&Path>, layout: &Layout) -> Option<bool> {
    let other = Layout::find(Some(data_dir?)).ok()?;
    match (fs::canonicalize(&other.spans), fs::canonicalize(&layout.spans)) {
        // Of one file alone, its folder is known.
        (Ok(other), Ok(this)) if layout.single_file => Some(this.starts_with(other)),
        (Ok(other), Ok(this)) => Some(other == this),
        _ => None,
    }
}
