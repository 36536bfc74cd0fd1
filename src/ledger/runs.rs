//! The folder of runs.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::Context;

use super::{
    expected::ExpectedSpans,
    export_index::ExportIndex,
    history::{Export, History},
    manifest::Manifest,
    replay::{self, ReplayManifest},
    shard::Shard,
    writer::LedgerWriter,
};
use crate::{
    base::{private, problem::Problem},
    traffic::{ids::RunId, plan::Plan},
};

/// Where runs lie unless told otherwise, relative to the working directory.
pub(crate) const DEFAULT_FOLDER: &str = "runs";

/// A run as its folder tells it, or the folders of its shards.
#[derive(Debug)]
pub(crate) struct Run {
    /// Of the shard that was sent first.
    pub(crate) manifest: Manifest,
    pub(crate) plan: Plan,
    /// In the order of their shards.
    pub(crate) parts: Vec<Part>,
}

/// What was sent from one place.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
}

impl Part {
    pub(crate) fn shard(&self) -> Shard {
        self.manifest.shard.unwrap_or(Shard::WHOLE)
    }
}

impl Run {
    /// Whether every part of the plan that was sent has ended by itself.
    pub(crate) fn is_finished(&self) -> bool {
        self.parts.iter().all(|part| part.manifest.results.is_some())
    }

    /// The shards of the plan whose folders are not here.
    pub(crate) fn missing(&self) -> Vec<Shard> {
        let of = self.parts.first().map_or(1, |part| part.shard().of);
        let shards = (1..=of).map(|index| Shard { index, of });
        shards.filter(|shard| self.parts.iter().all(|part| part.shard() != *shard)).collect()
    }

    /// What the ledgers said when they were so many bytes long, if every export in them is one that the
    /// plan has. What a missing shard sent, and whether, is not known.
    pub(crate) fn history(&self, known: &[u64]) -> anyhow::Result<History> {
        let mut together = History::default();
        for (number, (part, known)) in self.parts.iter().zip(known).enumerate() {
            let number = u16::try_from(number).context("a run of more folders than can be judged")?;
            together.append(number, self.history_of(part, *known)?);
        }
        for shard in self.missing() {
            let parts = shard.parts(&self.plan);
            together.assume(parts.into_iter().enumerate(), self.plan.outline.base_time);
        }
        Ok(together)
    }

    /// What the ledger of one part said when it was so long.
    pub(crate) fn history_of(&self, part: &Part, known: u64) -> anyhow::Result<History> {
        let path = ledger_path(&part.folder);
        let history = History::read(&path, known)?;
        let planned = |export: &Export| {
            let end = export.first.checked_add(export.count.into());
            let stream = export.stream as usize;
            stream < self.plan.streams() && end.is_some_and(|end| end <= self.plan.spans_of_stream(stream))
        };
        let wrong = if !history.exports.iter().all(planned) {
            "has an export that its manifest does not plan"
        } else if ExportIndex::new(&history.exports).has_overlap(&history.exports) {
            "sends the same spans in two exports"
        } else {
            return Ok(history);
        };
        let hint = "restore the run's folder, or audit with --run ID of another run";
        Err(Problem::new(format!("ledger `{}` {wrong}", path.display()), hint).into())
    }
}

/// The folder that was named, if it is there, or the default one, which need not be.
pub(crate) fn folder(named: Option<&Path>, hint: &str) -> Result<PathBuf, Problem> {
    match named {
        Some(named) if !named.is_dir() => {
            Err(Problem::new(format!("there is no runs folder `{}`", named.display()), hint))
        }
        Some(named) => Ok(named.to_owned()),
        None => Ok(PathBuf::from(DEFAULT_FOLDER)),
    }
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
    let folder = runs.join(manifest.folder_name());
    if let Some(sent) = sent_before(runs, manifest) {
        let what = format!("`{}` is there already: this plan was sent before", sent.display());
        return Err(Problem::new(
            what,
            "spans are sent once; make a new plan, or name another --runs folder",
        )
        .into());
    }
    private::create_folder(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    manifest.write(&manifest_path(&folder))?;
    let ledger = LedgerWriter::create(&ledger_path(&folder))?;
    Ok((folder, ledger))
}

/// The folder of a run of the same id that shares spans with this one: itself, or another division's.
fn sent_before(runs: &Path, manifest: &Manifest) -> Option<PathBuf> {
    let entries = fs::read_dir(runs).ok()?;
    let of_run = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let rest = name.strip_prefix(&manifest.run_id)?.to_owned();
        Some((name, rest))
    });
    let of = manifest
        .shard
        .map(|shard| (format!(".{}-of-{}", shard.index, shard.of), format!("-of-{}", shard.of)));
    let mut clashing = of_run.filter(|(_, rest)| match &of {
        Some((this, division)) => rest == this || !rest.ends_with(division.as_str()),
        None => rest.is_empty() || rest.starts_with('.'),
    });
    clashing.next().map(|(name, _)| runs.join(name))
}

pub(crate) fn manifest_path(folder: &Path) -> PathBuf {
    folder.join("manifest.json")
}

pub(crate) fn ledger_path(folder: &Path) -> PathBuf {
    folder.join("ledger.ndjson")
}

/// Of a replay: what it was to leave in the store.
pub(crate) fn expected_path(folder: &Path) -> PathBuf {
    folder.join("expected.bin")
}

/// What a folder of runs holds.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// Oldest first.
    pub(crate) runs: Vec<Run>,
    pub(crate) unreadable: Vec<UnreadableRun>,
    /// Replays, oldest first.
    pub(crate) replays: Vec<Replay>,
}

/// A replay as its folder tells it.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) id: RunId,
    pub(crate) manifest: ReplayManifest,
    pub(crate) folder: PathBuf,
}

impl Replay {
    pub(crate) fn load(folder: PathBuf) -> anyhow::Result<Self> {
        let path = manifest_path(&folder);
        let manifest = ReplayManifest::read(&path)?;
        let id = manifest.run_id.parse().with_context(|| format!("the run id in `{}`", path.display()))?;
        Ok(Self { id, manifest, folder })
    }

    /// What it sent; an error where the ledger has begun to send more than there are records of.
    pub(crate) fn expected(&self) -> anyhow::Result<ExpectedSpans> {
        // Records are written before the export that sends their spans begins, so the ledger is read first.
        let history = History::read(&ledger_path(&self.folder), u64::MAX)?;
        let path = expected_path(&self.folder);
        let spans = ExpectedSpans::read(&path, self.manifest.is_v2())?;
        let ends = history.exports.iter().map(|export| export.first.saturating_add(export.count.into()));
        let sent = ends.max().unwrap_or_default();
        let wrong = if sent > spans.len() {
            format!("has records of {} spans, and {sent} were sent", spans.len())
        } else if ExportIndex::new(&history.exports).has_overlap(&history.exports) {
            "belongs to a ledger that sends the same spans in two exports".to_owned()
        } else {
            return Ok(spans);
        };
        Err(Problem::new(format!("`{}` {wrong}", path.display()), "restore the run's folder").into())
    }
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
        // A run is a folder: a report or a `.gitignore` beside runs is none.
        if fs::metadata(&folder).is_ok_and(|entry| !entry.is_dir()) {
            continue;
        }
        let absent = |path: PathBuf| matches!(path.try_exists(), Ok(false));
        if absent(manifest_path(&folder)) && absent(ledger_path(&folder)) {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let last_written = last_written(&ledger_path(&folder));
        if replay::is_replay(&manifest_path(&folder)) {
            match Replay::load(folder) {
                Ok(replay) => loaded.replays.push(replay),
                Err(error) => loaded.unreadable.push(UnreadableRun { name, error, last_written }),
            }
            continue;
        }
        match load(folder) {
            Ok(run) => loaded.runs.push(run),
            Err(error) => loaded.unreadable.push(UnreadableRun { name, error, last_written }),
        }
    }
    loaded.runs = join_shards(std::mem::take(&mut loaded.runs), &mut loaded.unreadable);
    loaded.runs.sort_by_key(|run| (run.manifest.created_at, run.plan.outline.run));
    loaded.replays.sort_by(|a, b| {
        let order = |replay: &Replay| (replay.manifest.created_at, replay.manifest.run_id.clone());
        order(a).cmp(&order(b))
    });
    loaded.unreadable.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(loaded)
}

fn last_written(path: &Path) -> Option<u64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    u64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

fn load(folder: PathBuf) -> anyhow::Result<Run> {
    let path = manifest_path(&folder);
    let mut manifest = Manifest::read(&path)?;
    let no_plan = |err| {
        let hint = "restore the run's folder, or leave it out with --run ID of another run";
        Problem::new(format!("`{}` holds no plan", path.display()), hint).caused_by(err)
    };
    let mut plan = manifest.plan().map_err(no_plan)?;
    if manifest.config.open_ended {
        bound(&mut manifest, &plan, &folder)?;
        plan = manifest.plan().map_err(no_plan)?;
    }
    let part = Part { folder, manifest: manifest.clone() };
    Ok(Run { manifest, plan, parts: vec![part] })
}

/// Bounds the plan of a run that only time was to end, and that has not ended by itself: what its ledger
/// names, and room for what a living generator sends while a store is read.
fn bound(manifest: &mut Manifest, plan: &Plan, folder: &Path) -> anyhow::Result<()> {
    const ROOM: u64 = 4_000_000;
    let history = History::read(&ledger_path(folder), u64::MAX)?;
    let last = |export: &Export| {
        let last = export.first.checked_add(export.count.into())?.checked_sub(1)?;
        let stream = export.stream as usize;
        let planned = stream < plan.streams() && last < plan.spans_of_stream(stream);
        planned.then(|| plan.place_in(stream, last).workflow)
    };
    let issued = history.exports.iter().filter_map(last).max().unwrap_or_default();
    let planned = manifest.config.workflows_per_service;
    manifest.settle(issued + ROOM);
    manifest.config.workflows_per_service = manifest.config.workflows_per_service.min(planned);
    manifest.config.open_ended = true;
    Ok(())
}

/// Makes one run of the folders that say they are shards of one plan. Folders of one run id that do not
/// belong together can none of them be used.
fn join_shards(mut loaded: Vec<Run>, unreadable: &mut Vec<UnreadableRun>) -> Vec<Run> {
    loaded.sort_by_key(|run| (run.plan.outline.run, run.parts[0].shard()));
    let mut runs = Vec::new();
    for same in loaded.chunk_by_mut(|one, other| one.plan.outline.run == other.plan.outline.run) {
        let trouble = same.windows(2).find_map(|pair| clash(&pair[0], &pair[1]));
        if let Some((what, hint)) = trouble {
            unreadable.extend(same.iter().map(|run| {
                let folder = &run.parts[0].folder;
                UnreadableRun {
                    name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                    error: Problem::new(what.clone(), hint).into(),
                    last_written: last_written(&ledger_path(folder)),
                }
            }));
        } else {
            let parts = same.iter_mut().flat_map(|run| std::mem::take(&mut run.parts)).collect();
            let first = same.iter().min_by_key(|run| run.manifest.created_at);
            runs.extend(first.map(|run| Run {
                manifest: run.manifest.clone(),
                plan: run.plan.clone(),
                parts,
            }));
        }
    }
    runs
}

/// Why two folders of one run id cannot both be, and what to do: `shard` comes after `run` in the order of shards.
fn clash(run: &Run, shard: &Run) -> Option<(String, &'static str)> {
    let (last, next) = (&run.parts[0], &shard.parts[0]);
    let shown = format!("`{}` and `{}`", last.folder.display(), next.folder.display());
    if last.shard() == next.shard() {
        return Some((format!("{shown} are the same run"), "remove one of the two folders"));
    }
    if last.shard().of != next.shard().of {
        let what =
            format!("{shown} are shards of different divisions, {} and {}", last.shard(), next.shard());
        return Some((what, "keep the folders of one division"));
    }
    if run.plan.outline != shard.plan.outline {
        let what = format!("{shown} have the same run id and different plans");
        return Some((what, "keep the folders of one plan"));
    }
    None
}
