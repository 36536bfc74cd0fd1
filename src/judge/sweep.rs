//! Reads every file of a store once and judges each row.
//!
//! Segments are read before cold files are listed: a flush in between can show a span twice, but
//! never hide it. One plan per file, so that damage stays with its file; who has no file left judges batches of others.

use std::{
    collections::HashSet,
    ffi::OsString,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
    vec,
};

use anyhow::Context;
use datafusion::execution::TaskContext;
use tokio::sync::Semaphore;

use self::{
    batches::SharedBatches,
    file::{SweptFile, help, sweep_file},
    flushed::Flushed,
};
use super::{
    cache::Cache,
    claim::KnownRuns,
    engine::Engine,
    judgement::{Depth, FileRecord},
    partial::RowSink,
    progress::Progress,
    scope::Scope,
    sweep_output::SweepOutput,
    tally::Evidence,
};
use crate::{
    base::{own_thread, temporary::Temporary},
    store::{
        health::Health,
        inventory::{self, FoundFile, Inventory},
        layout::{Layout, Tier},
        open::open,
        problem::FileProblem,
    },
};

mod batches;
mod depth;
mod elsewhere;
mod file;
mod flushed;
mod part;
mod record;
mod remembered;
mod row;
mod snapshot;
#[cfg(any(test, feature = "cluster"))]
pub(crate) mod task;

/// How long a flush may take between its rename and its last delete before that is a finding.
const FLUSH_GRACE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What a sweep works with.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    pub(crate) layout: Layout,
    pub(crate) runs: Arc<KnownRuns>,
    pub(crate) context: Arc<TaskContext>,
    pub(crate) collected: Arc<SweepOutput>,
    pub(crate) scope: Arc<Scope>,
    pub(crate) depth: Depth,
    pub(crate) progress: Progress,
    /// Cold files named before this are listed and not read, in Unix nanoseconds.
    pub(crate) skip_before: Option<i64>,
    /// Rows of cold files that a hot snapshot has, too.
    pub(crate) flushed: Arc<Flushed>,
    /// Whether the studio has an index to hold cold files against.
    pub(crate) is_indexed: bool,
    /// What earlier audits remember of cold files.
    pub(crate) cache: Option<Arc<Cache>>,
    /// Where cold files are judged, if that is not here.
    pub(crate) engine: Option<Arc<dyn Engine>>,
    /// Of one file that is judged for another process: what its rows say goes there and is not kept here.
    pub(super) task: Option<Arc<dyn RowSink>>,
}

impl Sweep {
    /// What a row of a tier is evidence of, where its spans are counted here.
    fn evidence(&self, tier: Tier) -> Option<Evidence> {
        Evidence::of(tier).filter(|_| self.task.is_none())
    }
}

/// What the sweep says of files.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    pub(crate) files: Vec<FileRecord>,
    pub(crate) bytes_scanned: u64,
    /// The files that a second look can read: healthy ones, and torn segments as far as they go.
    pub(crate) evidence: Vec<FoundFile>,
}

/// Sweeps all tiers. The hot snapshot is looked at but is never evidence.
pub(crate) async fn sweep(sweep: &Sweep) -> anyhow::Result<Swept> {
    let mut swept = Swept::default();
    let wal = inventory::list(&sweep.layout, Tier::Wal);
    swept.note_others(&wal);
    let mut segments = sweep_files(wal.data().cloned().collect(), sweep).await?;
    for (_, one) in &segments {
        sweep.collected.watch(&one.rows.output.facts);
    }
    let hot = inventory::list(&sweep.layout, Tier::Hot);
    swept.note_others(&hot);
    let mut snapshots = Vec::new();
    for file in hot.data() {
        snapshots.push(snapshot::read(file, sweep).await);
    }

    let mut cold = ColdTier::default();
    let listed = cold.catch_up(sweep).await?;
    swept.note_others(&listed);
    settle_flushes(&mut segments, &mut cold, &mut swept, sweep).await?;
    for snapshot in snapshots {
        swept.files.push(snapshot::compare(snapshot, &segments, sweep));
    }
    swept.files.extend(cold.skipped.iter().map(record::of_skipped));
    if let Some(cache) = &sweep.cache {
        cache.pass_over(cold.skipped.iter().map(|file| file.shown.as_str()));
    }
    for (file, mut one) in cold.files.into_iter().chain(segments) {
        sweep.collected.take(&mut one.rows.output)?;
        swept.add(file, one);
    }
    sweep.collected.settle(&sweep.runs)?;
    swept.files.sort_by(|a, b| (a.tier, &a.file).cmp(&(b.tier, &b.file)));
    Ok(swept)
}

/// The cold files that were swept so far. A flush may add to them at any time.
#[derive(Debug, Default)]
struct ColdTier {
    seen: HashSet<OsString>,
    skipped: Vec<FoundFile>,
    files: Vec<(FoundFile, SweptFile)>,
}

impl ColdTier {
    /// Sweeps what has come since the last time.
    async fn catch_up(&mut self, sweep: &Sweep) -> anyhow::Result<Inventory> {
        let listed = inventory::list(&sweep.layout, Tier::Cold);
        let new = listed.data().filter(|file| self.seen.insert(file.place.identity())).cloned();
        let (old, new) = new.partition(|file| is_before(file, sweep.skip_before));
        self.skipped.extend::<Vec<FoundFile>>(old);
        self.files.extend(sweep_files(new, sweep).await?);
        Ok(listed)
    }
}

/// Lets flushes finish that happen while we look; the segments that stay are left.
///
/// A flush writes a cold file, then deletes its segments. The rows of a segment that has gone are in a
/// cold file by now: that one is swept, and what the segment said is dropped. While rows are in both
/// and the segment stays, the deletes may still be under way.
async fn settle_flushes(
    segments: &mut Vec<(FoundFile, SweptFile)>,
    cold: &mut ColdTier,
    swept: &mut Swept,
    sweep: &Sweep,
) -> anyhow::Result<()> {
    let began = Instant::now();
    loop {
        let gone: Vec<_> = segments.extract_if(.., |(file, _)| file.place.is_gone()).collect();
        if !gone.is_empty() {
            cold.catch_up(sweep).await?;
            for (_, one) in gone {
                one.forget(sweep);
                swept.files.push(FileRecord { health: Health::Gone, problem: None, ..one.record });
            }
            continue;
        }
        let overlap = segments.iter().any(|(_, one)| one.overlaps(sweep));
        if !overlap || began.elapsed() > FLUSH_GRACE {
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Swept {
    fn add(&mut self, file: FoundFile, one: SweptFile) {
        if matches!(one.record.health, Health::Ok | Health::Torn) {
            self.evidence.push(file);
        }
        self.bytes_scanned += one.bytes_scanned;
        self.files.push(one.record);
    }

    /// Entries that hold no rows for us, and places that we could not look into.
    fn note_others(&mut self, inventory: &Inventory) {
        for file in inventory.files.iter().filter(|file| !file.kind.is_data()) {
            self.files.push(record::of(file, &open(file)));
        }
        self.files.extend(inventory.unlisted.iter().map(record::of_unlisted));
    }
}

/// A file without a time in its name may be of any time.
fn is_before(file: &FoundFile, moment: Option<i64>) -> bool {
    file.named_at.zip(moment).is_some_and(|(named_at, moment)| named_at < moment)
}

async fn sweep_files(files: Vec<FoundFile>, sweep: &Sweep) -> anyhow::Result<Vec<(FoundFile, SweptFile)>> {
    // Numbers of names order files, whichever worker comes first.
    for file in &files {
        sweep.collected.names.name(&file.shown);
    }
    sweep.progress.expect(&files);
    let mut elsewhere = elsewhere::Swept::default();
    if let Some(engine) = &sweep.engine
        && files.first().is_some_and(|file| file.tier == Tier::Cold)
    {
        elsewhere = elsewhere::sweep_files(engine, &files, sweep).await?;
    }
    let (mut done, mut here) = (Vec::new(), Vec::new());
    for (number, file) in files.into_iter().enumerate() {
        match elsewhere.remove(&number) {
            Some(one) => done.push((number, file, one)),
            None => here.push((number, file)),
        }
    }
    done.extend(sweep_here(here, sweep).await?);
    done.sort_by_key(|(number, ..)| *number);
    Ok(done.into_iter().map(|(_, file, one)| (file, one)).collect())
}

/// Files with their numbers.
async fn sweep_here(
    files: Vec<(usize, FoundFile)>,
    sweep: &Sweep,
) -> anyhow::Result<Vec<(usize, FoundFile, SweptFile)>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let jobs = sweep.collected.facts.jobs.get();
    let queue: Queue = Arc::new(Mutex::new(files.into_iter()));
    // While some judge, others wait for an object.
    let workers = if sweep.layout.bucket.is_some() { jobs * 2 } else { jobs };
    let batches = Arc::new(SharedBatches::of(workers));
    let judging = Arc::new(Semaphore::new(jobs));
    let work = || work_off(Arc::clone(&queue), Arc::clone(&batches), Arc::clone(&judging), sweep.clone());
    let workers: Vec<_> = (0..workers).map(|_| own_thread::start(work())).collect();
    let mut done = Vec::new();
    for worker in workers {
        done.extend(worker.await.context("a reader of files ended before its work")?);
    }
    Ok(done)
}

/// Files that no worker has taken yet, by their number.
type Queue = Arc<Mutex<vec::IntoIter<(usize, FoundFile)>>>;

async fn work_off(
    queue: Queue,
    batches: Arc<SharedBatches>,
    judging: Arc<Semaphore>,
    sweep: Sweep,
) -> Vec<(usize, FoundFile, SweptFile)> {
    let mut done = Vec::new();
    let reader = batches.reader();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((number, file)) = next else { break };
        let one = match fetched(&file, sweep.depth) {
            Ok(_held) => {
                let _permit = judging.acquire().await;
                match sweep.depth {
                    Depth::Content => sweep_file(&file, &sweep, &reader).await,
                    shallow => depth::look(&file, shallow),
                }
            }
            Err(problem) => file::of_unread(&file, problem),
        };
        sweep.progress.file_done(&file);
        done.extend(one.map(|one| (number, file, one)));
    }
    drop(reader);
    help(&batches, &sweep);
    done
}

/// What keeps an object here until it was read.
fn fetched(file: &FoundFile, depth: Depth) -> Result<Option<Arc<Temporary>>, FileProblem> {
    if depth == Depth::Files { Ok(None) } else { file.place.fetch() }
}
