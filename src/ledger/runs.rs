//! The folder of runs.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::Context;

use super::{
    history::{Export, History},
    manifest::Manifest,
    writer::LedgerWriter,
};
use crate::{
    problem::Problem,
    traffic::{ids::RunId, plan::Plan},
};

/// Where runs lie unless told otherwise, relative to the working directory.
pub(crate) const DEFAULT_FOLDER: &str = "runs";

/// A run as its folder tells it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) plan: Plan,
}

impl Run {
    /// How long the ledger is now; 0 if there is none.
    pub(crate) fn ledger_len(&self) -> u64 {
        fs::metadata(ledger_path(&self.folder)).map_or(0, |metadata| metadata.len())
    }

    /// What the ledger said when it was `known` bytes long, if every export in it is one that the plan has.
    pub(crate) fn history(&self, known: u64) -> anyhow::Result<History> {
        let path = ledger_path(&self.folder);
        let history = History::read(&path, known)?;
        let planned = |export: &Export| {
            let end = export.first.checked_add(export.count.into());
            (export.stream as usize) < self.plan.services.len()
                && end.is_some_and(|end| end <= self.plan.spans_per_stream())
        };
        let wrong = if !history.exports.iter().all(planned) {
            "has an export that its manifest does not plan"
        } else if sends_twice(&history.exports) {
            "sends the same spans in two exports"
        } else {
            return Ok(history);
        };
        let hint = "restore the run's folder, or audit with --run ID of another run";
        Err(Problem::new(format!("ledger `{}` {wrong}", path.display()), hint).into())
    }
}

/// Whether two exports of a stream overlap: then a span would have two outcomes.
fn sends_twice(exports: &[Export]) -> bool {
    let mut ranges: Vec<_> =
        exports.iter().map(|export| (export.stream, export.first, u64::from(export.count))).collect();
    ranges.sort_unstable();
    ranges.windows(2).any(|pair| pair[0].0 == pair[1].0 && pair[0].1 + pair[0].2 > pair[1].1)
}

/// Draws a run id that no folder here has.
pub(crate) fn draw_id(runs: &Path) -> RunId {
    loop {
        let id = RunId::from_bits(rand::random());
        if !runs.join(id.to_string()).exists() {
            return id;
        }
    }
}

/// Makes a run's folder with its manifest and an empty ledger.
pub(crate) fn create(runs: &Path, manifest: &Manifest) -> anyhow::Result<(PathBuf, LedgerWriter)> {
    let folder = runs.join(&manifest.run_id);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    manifest.write(&manifest_path(&folder))?;
    let ledger = LedgerWriter::create(&ledger_path(&folder))?;
    Ok((folder, ledger))
}

pub(crate) fn manifest_path(folder: &Path) -> PathBuf {
    folder.join("manifest.json")
}

fn ledger_path(folder: &Path) -> PathBuf {
    folder.join("ledger.ndjson")
}

/// What a folder of runs holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// Oldest first.
    pub(crate) runs: Vec<Run>,
    pub(crate) unreadable: Vec<UnreadableRun>,
}

/// A run's folder whose manifest cannot be used.
#[derive(Debug)]
pub(crate) struct UnreadableRun {
    pub(crate) name: String,
    pub(crate) error: anyhow::Error,
    /// When its ledger was last written to, in Unix nanoseconds, where that can be told.
    pub(crate) last_written: Option<u64>,
}

/// All runs of a folder. One that does not exist holds none.
pub(crate) fn load_all(runs: &Path) -> anyhow::Result<Loaded> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Loaded::default()),
        Err(err) => return Err(err).with_context(|| format!("cannot read runs folder `{}`", runs.display())),
    };
    let mut loaded = Loaded::default();
    for entry in entries {
        let folder = entry.with_context(|| format!("cannot read runs folder `{}`", runs.display()))?.path();
        let absent = |path: PathBuf| matches!(path.try_exists(), Ok(false));
        if absent(manifest_path(&folder)) && absent(ledger_path(&folder)) {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let last_written = last_written(&ledger_path(&folder));
        match load(folder) {
            Ok(run) => loaded.runs.push(run),
            Err(error) => loaded.unreadable.push(UnreadableRun { name, error, last_written }),
        }
    }
    loaded.runs.sort_by_key(|run| run.plan.run);
    if let Some(pair) = loaded.runs.windows(2).find(|pair| pair[0].plan.run == pair[1].plan.run) {
        let what =
            format!("`{}` and `{}` are the same run", pair[0].folder.display(), pair[1].folder.display());
        return Err(Problem::new(what, "remove one of the two folders").into());
    }
    loaded.runs.sort_by_key(|run| (run.manifest.created_at, run.plan.run));
    loaded.unreadable.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(loaded)
}

fn last_written(path: &Path) -> Option<u64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    u64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

fn load(folder: PathBuf) -> anyhow::Result<Run> {
    let path = manifest_path(&folder);
    let manifest = Manifest::read(&path)?;
    let plan = manifest.plan().map_err(|err| {
        let hint = "restore the run's folder, or leave it out with --run ID of another run";
        Problem::new(format!("`{}` holds no plan", path.display()), hint).caused_by(err)
    })?;
    Ok(Run { folder, manifest, plan })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::outcome::Outcome;

    #[test]
    fn a_span_is_in_one_export_only() {
        let export = |stream, first| Export {
            stream,
            first,
            count: 5,
            started_at: 0,
            ended_at: None,
            outcome: Outcome::Acked,
        };
        assert!(!sends_twice(&[export(0, 5), export(1, 3), export(0, 0)]));
        assert!(sends_twice(&[export(0, 5), export(0, 0), export(0, 9)]));
    }
}
