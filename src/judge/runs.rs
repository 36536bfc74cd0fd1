//! Which runs a store is held against.

use std::{fs, path::Path, sync::Arc};

use crate::{
    base::problem::Problem,
    ledger::{
        any_run::AnyRun,
        runs::{self, Replay, Run, UnreadableRun},
    },
    store::layout::Layout,
    traffic::ids::RunId,
};

/// The runs of a folder, seen from one store. Rows of all of them are recognised.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// Runs with a plan.
    pub(crate) known: Vec<Run>,
    pub(crate) replays: Vec<Replay>,
    /// Runs of either kind that must be in the store.
    pub(crate) wanted: Vec<RunId>,
    /// The user named a run: others are recognised, not judged.
    pub(crate) only_wanted: bool,
    /// The user wanted none: no folder was looked at.
    pub(crate) left_out: bool,
    pub(crate) unreadable: Vec<UnreadableRun>,
    /// One of the unreadable may be a run that had to be judged.
    pub(crate) newest_unreadable: bool,
}

impl Runs {
    /// The generated ones first: the order of `KnownRuns`.
    pub(crate) fn all(&self) -> impl Iterator<Item = AnyRun<'_>> {
        self.known.iter().map(AnyRun::Generated).chain(self.replays.iter().map(AnyRun::Replay))
    }

    /// By its place in [`Runs::all`].
    pub(crate) fn at(&self, index: usize) -> AnyRun<'_> {
        match self.known.get(index) {
            Some(run) => AnyRun::Generated(run),
            None => AnyRun::Replay(&self.replays[index - self.known.len()]),
        }
    }
}

/// The runs of a folder, and which of them must be in the store: where `run` says nothing, the newest that may be
/// its; `latest`, the newest; `all` that may be its; the one that it names; or none. Older ones may have been emptied
/// out of it since. Beside the newest run of generated traffic, the newest replay counts where it is newer.
pub(crate) fn choose_runs<'r>(
    folder: &Path,
    run: impl Into<Option<&'r str>>,
    layout: &Layout,
) -> anyhow::Result<Arc<Runs>> {
    let said = run.into();
    let run = said.unwrap_or("latest");
    if run == "none" {
        return Ok(Arc::new(Runs { left_out: true, ..Runs::default() }));
    }
    if run.is_empty() {
        return Err(Problem::new("`` names no run", "name an id, `latest`, `all`, or `none`").into());
    }
    let runs::Loaded { runs: known, unreadable, replays } = runs::load_all(folder)?;
    let mut chosen = Runs { known, replays, ..Runs::default() };
    let may_be_here = |run: &AnyRun<'_>| is_at(run.data_dir(), layout) != Some(false);
    match run {
        "latest" => {
            // A store may have been copied from where a run was sent: who says `latest` means the newest.
            let counts = |run: &AnyRun<'_>| said.is_some() || may_be_here(run);
            let newest = chosen.known.iter().rev().map(AnyRun::Generated).find(counts);
            let began = newest.map(AnyRun::created_at);
            let replay = chosen.replays.iter().rev().map(AnyRun::Replay).find(counts);
            let replay = replay.filter(|replay| Some(replay.created_at()) > began);
            let newer = |other: &UnreadableRun| {
                other.last_written.is_none_or(|written| Some(written) > began.map(|began| began.0))
            };
            chosen.newest_unreadable = unreadable.iter().any(newer);
            chosen.wanted = newest.into_iter().chain(replay).map(AnyRun::id).collect();
        }
        "all" => {
            chosen.wanted = chosen.all().filter(may_be_here).map(AnyRun::id).collect();
            chosen.newest_unreadable = !unreadable.is_empty();
        }
        name => {
            let begins = |run: &RunId| run.to_string().starts_with(name);
            chosen.wanted = chosen.all().map(AnyRun::id).filter(begins).collect();
            chosen.only_wanted = true;
            match chosen.wanted.len() {
                1 => {}
                0 => return Err(absent(name, unreadable, folder)),
                _ => {
                    let what = format!("several runs in `{}` begin with `{name}`", folder.display());
                    return Err(Problem::new(what, "write more of the id").into());
                }
            }
        }
    }
    Ok(Arc::new(Runs { unreadable, ..chosen }))
}

fn absent(name: &str, unreadable: Vec<UnreadableRun>, folder: &Path) -> anyhow::Error {
    if let Some(unreadable) = unreadable.into_iter().find(|unreadable| unreadable.name.starts_with(name)) {
        return unreadable.error;
    }
    let what = format!("there is no run `{name}` in `{}`", folder.display());
    Problem::new(what, "name a folder of it, `latest`, `all`, or `none`; --runs names another place").into()
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
