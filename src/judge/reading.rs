//! From a store and the runs that may be in it to a judgement.
//!
//! Waits where an absence would prove nothing yet: acked spans may lie in the studio's memory for
//! as long as its WAL timer lets them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use datafusion::{
    arrow::{
        array::AsArray,
        compute::cast,
        datatypes::{DataType, Int64Type},
    },
    prelude::SessionContext,
};
use futures::StreamExt;

use super::{
    account::Account,
    barrier::{Barrier, LeftBehind, RecentFlush, recent_flushes},
    cache::OpenCache,
    claim::{KnownRun, KnownRuns, Slot},
    encode,
    engine::Engine,
    evidence::{Address, Attempts, Sighting},
    expectation::{Derived, Expectation, Recorded},
    judgement::{Depth, JudgedRun, Judgement, SnapshotRecord},
    progress::Progress,
    runs::Runs,
    scope::Scope,
    spool::Spool,
    sweep::{Sweep, Swept, sweep},
    sweep_output::SweepOutput,
};
use crate::{
    base::{clock::unix_nanos, memory::Budget},
    ledger::{
        any_run::AnyRun, expected::ExpectedSpans, export_index::ExportIndex, history::Export,
        outcome_counts::RunResults, runs::expected_path,
    },
    store::{
        health::Health,
        inventory,
        layout::{Layout, Tier},
        scan,
    },
    traffic::ids::RunId,
};

/// How long an acked span may stay in memory: the studio's WAL timer (3 s) three times, and a second.
pub(crate) const DEFAULT_SETTLE: Duration = Duration::from_secs(10);

/// How often that long is waited where flushes go on.
const SETTLES_FOR_FLUSHES: u32 = 6;

const POLL: Duration = Duration::from_millis(100);

/// What to hold a store against, and how.
#[derive(Debug)]
pub(crate) struct SweepInput<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) runs: &'a Runs,
    pub(crate) settle: Duration,
    /// Whether to wait until an absence means something.
    pub(crate) wait: bool,
    pub(crate) scope: Arc<Scope>,
    pub(crate) depth: Depth,
    /// Whether what the rows say of Junjo's executions is kept.
    pub(crate) keeps_records: bool,
    /// Which cold files are left out where the user named the run to judge.
    pub(crate) old_files: OldFiles,
    /// By a flush that failed just before.
    pub(crate) left_behind: &'a LeftBehind,
    pub(crate) budget: Budget,
    pub(crate) progress: Progress,
    pub(crate) cache: Option<&'a OpenCache>,
    /// Where cold files are judged, if that is not here.
    pub(crate) engine: Option<Arc<dyn Engine>>,
}

/// Cold files that were flushed before the judged runs began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldFiles {
    Read,
    /// Left out, if the clocks of generator and studio differ by no more than this.
    Skip {
        clock_skew: Duration,
    },
}

/// How far the clocks of generator and studio may be apart.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_mins(10);

impl Default for OldFiles {
    fn default() -> Self {
        Self::Skip { clock_skew: CLOCK_SKEW }
    }
}

/// One reading of a store in time.
struct Read<'a> {
    /// Unix nanoseconds.
    began: u64,
    /// How long before that the ledgers were read.
    waited: Duration,
    flushes: &'a [RecentFlush],
    /// When the newest file was written, in Unix nanoseconds.
    last_put: Option<u64>,
}

/// What all known runs should have left, however often the store is read.
struct Expectations {
    /// In the order of [`Runs::all`].
    runs: Vec<(RunId, Arc<Expectation>)>,
    unreadable: Vec<(RunId, String)>,
}

impl Expectations {
    fn load(runs: &Runs) -> Self {
        let mut unreadable = Vec::new();
        let mut load = |run: AnyRun<'_>| match run {
            AnyRun::Generated(run) => Expectation::Derived(Derived::new(run.plan.clone())),
            AnyRun::Replay(replay) => {
                let spans = replay.expected().unwrap_or_else(|err| {
                    unreadable.push((replay.id, format!("{err:#}")));
                    ExpectedSpans::default()
                });
                let services = replay.manifest.services.clone();
                let (keeps_ids, file) = (replay.manifest.keeps_ids(), expected_path(&replay.folder));
                Expectation::Recorded(Recorded { spans, services, keeps_ids, file })
            }
        };
        let runs = runs.all().map(|run| (run.id(), Arc::new(load(run)))).collect();
        Self { runs, unreadable }
    }

    /// The same runs, of which nothing was found yet.
    fn known(&self, wanted: &[RunId]) -> KnownRuns {
        let known = |(run, expectation): &(RunId, Arc<Expectation>)| {
            KnownRun::new(*run, Arc::clone(expectation), wanted.contains(run))
        };
        KnownRuns::new(self.runs.iter().map(known))
    }

    fn is_readable(&self, run: RunId) -> bool {
        self.unreadable.iter().all(|(unreadable, _)| *unreadable != run)
    }
}

/// Reads the store, again if need be, and says by `waiting` how long that may take.
pub(crate) async fn read(
    input: &SweepInput<'_>,
    session: &SessionContext,
    mut waiting: impl FnMut(Duration),
) -> anyhow::Result<Judgement> {
    // A generator may be at work while we read and wait: what it has acked by now is what is judged.
    let ledgers: Vec<Vec<u64>> = input.runs.all().map(AnyRun::ledger_lens).collect();
    let expectations = Expectations::load(input.runs);
    let began = Instant::now();
    let mut waited = Duration::ZERO;
    let mut skip_before = skip_before(input);
    loop {
        let read_began = unix_nanos();
        let runs = Arc::new(expectations.known(&input.runs.wanted));
        let task = Sweep {
            layout: input.layout.clone(),
            runs: Arc::clone(&runs),
            context: session.task_ctx(),
            collected: Arc::new(SweepOutput::new(input.budget, input.keeps_records)),
            scope: Arc::clone(&input.scope),
            depth: input.depth,
            progress: input.progress.clone(),
            skip_before,
            flushed: Arc::default(),
            is_indexed: input.layout.index().is_some_and(|index| index.exists()),
            cache: input.cache.map(OpenCache::share),
            engine: input.engine.clone(),
            task: None,
        };
        if let Some(cache) = &task.cache {
            cache.begin(&runs, &input.scope, read_began)?;
        }
        let swept = sweep(&task).await?;
        if task.cache.as_ref().is_some_and(|cache| cache.is_to_be_distrusted()) {
            continue;
        }
        let flushes = recent_flushes(&swept.files, input.left_behind, read_began, input.settle);
        let last_put = swept.files.iter().filter_map(|file| u64::try_from(file.modified_at?).ok()).max();
        let time = Read { began: read_began, waited, flushes: &flushes, last_put };
        let judged = judged_runs(input, &expectations, &runs, &ledgers, &time)?;
        let mut judgement = conclude(input, swept, &task, judged, read_began);
        judgement.unreadable.clone_from(&expectations.unreadable);
        // A flush that holds the timer back is waited for, too, as long as that is not for ever.
        let most = if flushes.is_empty() { input.settle } else { input.settle * SETTLES_FOR_FLUSHES };
        // What is not in a bucket by now need not come by itself.
        let is_copy = input.layout.bucket.is_some();
        if !input.wait
            || is_copy
            || waited >= most
            || !judgement.judged.iter().any(|run| run.has_pending(&judgement.runs))
        {
            if judgement.skipped_before.is_none() || !asks_for_old_files(&judgement) {
                judgement.cache = task.cache.map(|cache| cache.finish());
                return Ok(judgement);
            }
            skip_before = None;
            continue;
        }
        let elapsed = began.elapsed();
        let left = match input.settle.saturating_sub(elapsed) {
            Duration::ZERO => most.saturating_sub(elapsed).min(input.settle),
            left => left,
        };
        waiting(left);
        wait_for_news(input.layout, left).await;
        waited = began.elapsed();
    }
}

/// Files named before this cannot hold rows of the runs that the user named: cold files are named when they are
/// flushed. The rows of a hot snapshot may have been flushed from the moment on when it was made.
fn skip_before(input: &SweepInput<'_>) -> Option<i64> {
    let OldFiles::Skip { clock_skew } = input.old_files else { return None };
    if !input.runs.only_wanted || input.layout.single_file || input.depth != Depth::Content {
        return None;
    }
    let wanted: Vec<_> = input.runs.all().filter(|run| input.runs.wanted.contains(&run.id())).collect();
    // Names by a clock that was stepped tell nothing.
    if wanted.iter().any(|run| run.has_stepped_clock()) {
        return None;
    }
    let began = wanted.iter().map(|run| run.created_at().0.cast_signed()).min()?;
    let snapshots = inventory::list(input.layout, Tier::Hot);
    let first = snapshots.data().filter_map(|file| file.modified_at).fold(began, i64::min);
    Some(first.saturating_sub(i64::try_from(clock_skew.as_nanos()).unwrap_or(i64::MAX)))
}

/// A wrong clock must not make a loss: what was left out is read before anything is called absent.
fn asks_for_old_files(judgement: &Judgement) -> bool {
    let has_others = |snapshot: &SnapshotRecord| !snapshot.others.is_empty();
    judgement.judged.iter().any(|run| run.lacks_acked(&judgement.runs))
        || judgement.files.iter().any(|file| file.snapshot.as_ref().is_some_and(has_others))
}

fn judged_runs(
    input: &SweepInput<'_>,
    expectations: &Expectations,
    runs: &KnownRuns,
    ledgers: &[Vec<u64>],
    time: &Read<'_>,
) -> anyhow::Result<Vec<JudgedRun>> {
    // What is absent is known only where all rows were looked at.
    if input.layout.single_file || input.depth != Depth::Content {
        return Ok(Vec::new());
    }
    let mut judged = Vec::new();
    for (index, run) in input.runs.all().enumerate() {
        let known = &runs.runs[index];
        let is_wanted = input.runs.wanted.contains(&run.id());
        // Rows of a replay that kept its ids may be those of its source.
        let met = !input.runs.only_wanted && known.was_seen() && !known.keeps_ids();
        if !(is_wanted || met) || !expectations.is_readable(run.id()) {
            continue;
        }
        let mut history = run.history(&ledgers[index])?;
        let results = RunResults::of(run, &history.exports);
        if let Expectation::Recorded(Recorded { spans, .. }) = &*known.expectation {
            // What began to be sent since its records were read.
            history.exports.retain(|export| export.first + u64::from(export.count) <= spans.len());
        }
        let barrier = match input.layout.bucket {
            Some(_) => Barrier::of_copy(&history, time.last_put),
            None => Barrier::new(&history, time.began, time.waited, input.settle, time.flushes),
        };
        let exports = ExportIndex::new(&history.exports);
        judged.push(JudgedRun {
            index,
            history,
            exports,
            barrier,
            wanted: is_wanted,
            results,
            services: Vec::new(),
        });
    }
    Ok(judged)
}

fn conclude(
    input: &SweepInput<'_>,
    swept: Swept,
    sweep: &Sweep,
    judged: Vec<JudgedRun>,
    read_began: u64,
) -> Judgement {
    let Swept { files, bytes_scanned, evidence } = swept;
    let Sweep { runs, collected, .. } = sweep;
    let mut judgement = Judgement {
        runs: Arc::clone(runs),
        judged,
        files,
        collected: Arc::clone(collected),
        sightings: Arc::new(Spool::new(encode::sightings_schema(), input.budget.notes)),
        evidence,
        unreadable: Vec::new(),
        unexplained: Vec::new(),
        rows: collected.rows(),
        depth: input.depth,
        scope: Arc::clone(&input.scope),
        account: Account::default(),
        whole_store: !input.layout.single_file,
        bytes_scanned,
        skipped_before: None,
        read_began,
        cache: None,
    };
    if judgement.files.iter().any(|file| file.health == Health::Skipped) {
        judgement.skipped_before = sweep.skip_before;
    }
    let suspects = judgement.suspects();
    for run in &mut judgement.judged {
        run.set_fates(&judgement.runs, &suspects, &judgement.scope);
        run.services.iter().for_each(|service| judgement.account += service);
    }
    judgement
}

/// Notes where each copy of the repeated spans lies: a second scan, of the two id columns alone.
pub(crate) async fn note_copies(judgement: &Judgement, session: &SessionContext) -> anyhow::Result<()> {
    let runs = &judgement.runs;
    if !runs.runs.iter().any(KnownRun::has_repeated) {
        return Ok(());
    }
    let rows = session.read_table(scan::stored_spans(judgement.evidence.clone()))?;
    let columns = ["tier", "file", "row_number", "trace_id", "span_id"];
    let mut batches = rows.select_columns(&columns)?.execute_stream().await?;
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
        let (tiers, files, traces, spans) = (text(0)?, text(1)?, text(3)?, text(4)?);
        let [tiers, files, traces, spans] = [&tiers, &files, &traces, &spans].map(AsArray::as_string::<i32>);
        let row_numbers = batch.column(2).as_primitive::<Int64Type>();
        let mut found = Vec::new();
        for row in 0..batch.num_rows() {
            let same = runs.spans_with(traces.value(row), spans.value(row));
            let is_repeated = |span: &&Slot| {
                let known = &runs.runs[span.run];
                known.was_seen() && known.tally().get(span.slot).found() > 1
            };
            let Some(span) = same.iter().find(is_repeated) else { continue };
            let known = &runs.runs[span.run];
            let tier = if tiers.value(row) == Tier::Wal.name() { Tier::Wal } else { Tier::Cold };
            let row_number = row_numbers.value(row).unsigned_abs();
            let trace_id = known.expectation.trace_id(span.slot).map(const_hex::encode);
            found.push(Sighting {
                address: Address { tier, file: files.value(row).into(), row_number },
                run: known.run,
                trace_id: trace_id.unwrap_or_else(|| traces.value(row).to_owned()),
                span_id: spans.value(row).to_owned(),
                attempts: attempts(judgement, span.run, &same),
                alteration: judgement.collected.alteration(files.value(row), row_number)?,
            });
        }
        judgement.sightings.push(encode::sightings(&found)?)?;
    }
    Ok(())
}

/// What the ledger of a judged run says of the exports that carried spans with the same ids.
fn attempts(judgement: &Judgement, run: usize, spans: &[Slot]) -> Option<Attempts> {
    let judged = judgement.judged.iter().find(|judged| judged.index == run)?;
    let expectation = &judgement.known(judged).expectation;
    let of_run = spans.iter().filter(|span| span.run == run);
    let exports = of_run.filter_map(|span| judged.export_of(expectation, span.slot));
    let of_export = |export: &Export| Attempts { made: export.attempts, refused: export.refusals.into() };
    exports.map(of_export).reduce(|a, b| Attempts { made: a.made + b.made, refused: a.refused + b.refused })
}

/// Returns when the store has other files than now, or when the time is up.
async fn wait_for_news(layout: &Layout, at_most: Duration) {
    let names = || {
        [Tier::Wal, Tier::Cold].map(|tier| {
            inventory::list(layout, tier).files.into_iter().map(|file| file.place).collect::<Vec<_>>()
        })
    };
    let before = names();
    let began = Instant::now();
    while began.elapsed() < at_most {
        tokio::time::sleep(POLL.min(at_most.saturating_sub(began.elapsed()))).await;
        if names() != before {
            return;
        }
    }
}
