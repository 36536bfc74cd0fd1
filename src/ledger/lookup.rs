//! Runs by the names that people give them.

use std::path::Path;

use super::{
    history::History,
    manifest::Manifest,
    results::Results,
    runs::{Loaded, Part, Replay, Run},
};
use crate::base::problem::Problem;

/// What was sent from one place: a run, or a shard of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) run: &'a Run,
    pub(crate) part: &'a Part,
}

impl<'a> Sent<'a> {
    /// The run's id, with the shard where it is one: `41f0d2b94d3b.1-of-2`.
    pub(crate) fn name(&self) -> String {
        self.manifest().folder_name()
    }

    pub(crate) fn manifest(&self) -> &'a Manifest {
        &self.part.manifest
    }

    /// None where it did not end by itself.
    pub(crate) fn results(&self) -> Option<&'a Results> {
        self.part.manifest.results.as_ref()
    }

    /// Spans that were to be sent.
    pub(crate) fn planned(&self) -> u64 {
        let parts = self.part.shard().parts(&self.run.plan);
        parts.into_iter().map(|ordinals| ordinals.end - ordinals.start).sum()
    }

    pub(crate) fn history(&self) -> anyhow::Result<History> {
        self.run.history_of(self.part, u64::MAX)
    }
}

/// What was sent, of either kind.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named<'a> {
    Run(Sent<'a>),
    Replay(&'a Replay),
}

impl Loaded {
    /// The run or the replay whose name begins so, or the latest of both.
    pub(crate) fn named(&self, name: &str, folder: &Path) -> Result<Named<'_>, Problem> {
        let is_later = |replay: &&Replay| {
            let created_at = replay.manifest.created_at;
            self.sent().last().is_none_or(|sent| sent.manifest().created_at < created_at)
        };
        if name == "latest" {
            return match self.replays.last().filter(is_later) {
                Some(replay) => Ok(Named::Replay(replay)),
                None => self.find(name, folder).map(Named::Run),
            };
        }
        let begins = |replay: &&Replay| !name.is_empty() && replay.manifest.run_id.starts_with(name);
        let replays: Vec<_> = self.replays.iter().filter(begins).collect();
        let runs: Vec<_> = self.sent().into_iter().filter(|sent| sent.name().starts_with(name)).collect();
        match (replays.as_slice(), runs.is_empty()) {
            ([], _) => self.find(name, folder).map(Named::Run),
            ([replay], true) => Ok(Named::Replay(replay)),
            _ => {
                let names =
                    runs.iter().map(Sent::name).chain(replays.iter().map(|one| one.manifest.run_id.clone()));
                Err(ambiguous(names, name, folder))
            }
        }
    }

    /// Oldest first.
    pub(crate) fn sent(&self) -> Vec<Sent<'_>> {
        self.runs.iter().flat_map(|run| run.parts.iter().map(move |part| Sent { run, part })).collect()
    }

    /// The one whose name begins so, or the `latest`; `folder` is where they were loaded from.
    pub(crate) fn find(&self, name: &str, folder: &Path) -> Result<Sent<'_>, Problem> {
        let (sent, shown) = (self.sent(), folder.display());
        if name == "latest" {
            let hint = "`e2e-store generate` makes one; --runs names another place";
            return sent
                .last()
                .copied()
                .ok_or_else(|| Problem::new(format!("there is no run in `{shown}`"), hint));
        }
        if name.is_empty() {
            return Err(Problem::new("`` names no run", "name an id, or `latest`"));
        }
        let named: Vec<_> = sent.into_iter().filter(|sent| sent.name().starts_with(name)).collect();
        match named.as_slice() {
            [one] => Ok(*one),
            [] => Err(self.unreadable_or_absent(name, folder)),
            several => Err(ambiguous(several.iter().map(Sent::name), name, folder)),
        }
    }

    fn unreadable_or_absent(&self, name: &str, folder: &Path) -> Problem {
        if let Some(unreadable) = self.unreadable.iter().find(|unreadable| unreadable.name.starts_with(name))
        {
            let what = format!("run `{}` cannot be read", unreadable.name);
            Problem::new(what, "restore the run's folder, or remove it")
                .caused_by(format!("{:#}", unreadable.error))
        } else {
            let what = format!("there is no run `{name}` in `{}`", folder.display());
            Problem::new(what, "`e2e-store runs` lists them; --runs names another place")
        }
    }
}

fn ambiguous(names: impl Iterator<Item = String>, name: &str, folder: &Path) -> Problem {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    let what = format!("several runs in `{}` begin with `{name}`: {}", folder.display(), names.join(", "));
    Problem::new(what, "write more of the id")
}

/// The replay whose id begins so.
pub(crate) fn find_replay(loaded: Loaded, id: &str, folder: &Path) -> Result<Replay, Problem> {
    let mut named: Vec<_> =
        loaded.replays.into_iter().filter(|replay| replay.manifest.run_id.starts_with(id)).collect();
    match (named.len(), named.pop()) {
        (1, Some(replay)) => Ok(replay),
        (0, _) => {
            let what = format!("there is no replay `{id}` in `{}`", folder.display());
            Err(Problem::new(what, "name the run id that the replay printed; --runs names another place"))
        }
        _ => {
            let what = format!("several replays in `{}` begin with `{id}`", folder.display());
            Err(Problem::new(what, "write more of the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::ledger::runs::load_all;

    #[test]
    fn a_shard_has_a_name_and_a_plan_of_its_own() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/getting-started/studio-0.82.1/runs/75ab2a233443/manifest.json");
        let manifest: serde_json::Value = serde_json::from_slice(&fs::read(golden).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for index in 1..=2 {
            let shard = folder.path().join(format!("75ab2a233443.{index}-of-2"));
            fs::create_dir(&shard).unwrap();
            let mut manifest = manifest.clone();
            manifest["shard"] = format!("{index}/2").into();
            fs::write(shard.join("manifest.json"), manifest.to_string()).unwrap();
        }
        let loaded = load_all(folder.path()).unwrap();
        let find = |name: &str| loaded.find(name, Path::new("runs"));
        let second = find("75ab2a233443.2").unwrap();
        assert_eq!((second.name(), second.planned()), ("75ab2a233443.2-of-2".to_owned(), 10));
        assert_eq!(find("latest").unwrap().name(), second.name());
        let ambiguous = find("75").unwrap_err();
        assert_eq!(
            ambiguous.to_string(),
            "several runs in `runs` begin with `75`: `75ab2a233443.1-of-2`, `75ab2a233443.2-of-2`"
        );
    }
}
