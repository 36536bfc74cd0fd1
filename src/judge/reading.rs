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
    barrier::Barrier,
    claim::{Claim, KnownRun, KnownRuns},
    encode,
    evidence::{Address, Attempts, Sighting},
    judgement::{Depth, JudgedRun, Judgement},
    progress::Progress,
    replayed::left_behind::Replayed,
    scope::Scope,
    spool::Spool,
    sweep::{Sweep, Swept, sweep},
    sweep_output::Collected,
};
use crate::{
    base::{clock::unix_nanos, memory::Budget},
    ledger::{export_index::ExportIndex, runs::Run},
    store::{
        inventory::{self, FoundFile},
        layout::{Layout, Tier},
        scan,
    },
    traffic::{
        ids::{self, RunId},
        plan::SpanPlace,
    },
};

/// How long an acked span may stay in memory: the studio's WAL timer (3 s) three times, and a second.
pub(crate) const DEFAULT_SETTLE: Duration = Duration::from_secs(10);

const POLL: Duration = Duration::from_millis(100);

/// What to hold a store against.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) layout: &'a Layout,
    /// All runs whose rows are to be recognised.
    pub(crate) known: &'a [Run],
    /// What replays left behind: rows that are as they were sent are not judged by their structure.
    pub(crate) replayed: &'a Arc<Replayed>,
    /// The runs that must be judged although the store may hold none of them.
    pub(crate) wanted: &'a [RunId],
    /// Whether to leave out all others, even if rows of them are met.
    pub(crate) only_wanted: bool,
    /// Whether absences mean anything: not where one file is read alone.
    pub(crate) whole_store: bool,
    pub(crate) settle: Duration,
    /// Whether to wait until an absence means something.
    pub(crate) wait: bool,
    pub(crate) scope: Arc<Scope>,
    pub(crate) depth: Depth,
    pub(crate) budget: Budget,
    pub(crate) progress: Progress,
}

/// Reads the store, again if need be, and says by `waiting` how long that may take.
pub(crate) async fn read(
    question: &Question<'_>,
    session: &SessionContext,
    mut waiting: impl FnMut(Duration),
) -> anyhow::Result<Judgement> {
    // A generator may be at work while we read and wait: what it has acked by now is what is judged.
    let ledgers: Vec<Vec<u64>> = question.known.iter().map(Run::ledger_lens).collect();
    let began = Instant::now();
    let mut waited = Duration::ZERO;
    loop {
        let read_began = unix_nanos();
        let runs = KnownRuns::new(question.known.iter().map(|run| run.plan.clone()));
        let runs = Arc::new(runs.with_replayed(Arc::clone(question.replayed)));
        let task = Sweep {
            layout: question.layout.clone(),
            runs: Arc::clone(&runs),
            context: session.task_ctx(),
            collected: Arc::new(Collected::new(question.budget)),
            scope: Arc::clone(&question.scope),
            depth: question.depth,
            progress: question.progress.clone(),
            flushed: Arc::default(),
        };
        let swept = sweep(&task).await?;
        let judged = judged_runs(question, &runs, &ledgers, read_began, waited)?;
        let judgement = conclude(question, swept, &task, judged, read_began, session).await?;
        let left = question.settle.saturating_sub(began.elapsed());
        if !question.wait
            || waited >= question.settle
            || !judgement.judged.iter().any(|run| run.has_pending(&judgement.runs))
        {
            return Ok(judgement);
        }
        waiting(left);
        wait_for_news(question.layout, left).await;
        waited = began.elapsed().min(question.settle);
    }
}

fn judged_runs(
    question: &Question<'_>,
    runs: &KnownRuns,
    ledgers: &[Vec<u64>],
    read_began: u64,
    waited: Duration,
) -> anyhow::Result<Vec<JudgedRun>> {
    let asked_for = |index: usize| question.wanted.contains(&question.known[index].plan.outline.run);
    let met = |index: usize| !question.only_wanted && runs.runs[index].was_seen();
    let judge = |index: usize| {
        let history = question.known[index].history(&ledgers[index])?;
        let barrier = Barrier::new(&history, read_began, waited, question.settle);
        let exports = ExportIndex::new(&history.exports);
        Ok(JudgedRun { index, history, exports, barrier, wanted: asked_for(index), services: Vec::new() })
    };
    // What is absent is known only where all rows were looked at.
    let whole = question.whole_store && question.depth == Depth::Content;
    let judged = (0..question.known.len()).filter(|&index| whole && (asked_for(index) || met(index)));
    judged.map(judge).collect()
}

async fn conclude(
    question: &Question<'_>,
    swept: Swept,
    sweep: &Sweep,
    judged: Vec<JudgedRun>,
    read_began: u64,
    session: &SessionContext,
) -> anyhow::Result<Judgement> {
    let Swept { files, bytes_scanned, evidence } = swept;
    let Sweep { runs, collected, .. } = sweep;
    let seen = Arc::new(Spool::new(encode::sightings_schema(), question.budget.notes));
    if runs.runs.iter().any(KnownRun::has_repeated) {
        sightings(evidence, sweep, &judged, &seen, session).await?;
    }
    let mut judgement = Judgement {
        runs: Arc::clone(runs),
        judged,
        files,
        collected: Arc::clone(collected),
        sightings: seen,
        rows: collected.rows(),
        depth: question.depth,
        scope: Arc::clone(&question.scope),
        account: Account::default(),
        whole_store: question.whole_store,
        bytes_scanned,
        read_began,
    };
    let suspects = judgement.suspects();
    for run in &mut judgement.judged {
        run.paint(&judgement.runs, &suspects, &judgement.scope);
        run.services.iter().for_each(|service| judgement.account += service);
    }
    Ok(judgement)
}

/// Where each copy of the repeated spans lies: a second scan, of the two id columns alone.
async fn sightings(
    files: Vec<FoundFile>,
    sweep: &Sweep,
    judged: &[JudgedRun],
    seen: &Spool,
    session: &SessionContext,
) -> anyhow::Result<()> {
    let runs = &sweep.runs;
    let rows = session.read_table(scan::stored_spans(files))?;
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
            let Claim::Planned { run, slot, place } = runs.claim(traces.value(row), spans.value(row)) else {
                continue;
            };
            let known = &runs.runs[run];
            if known.tally().get(slot).found() < 2 {
                continue;
            }
            let tier = if tiers.value(row) == Tier::Wal.name() { Tier::Wal } else { Tier::Cold };
            let row_number = row_numbers.value(row).unsigned_abs();
            found.push(Sighting {
                address: Address { tier, file: files.value(row).into(), row_number },
                run: known.plan.outline.run,
                trace_id: const_hex::encode(ids::trace_id(known.plan.outline.run, place.workflow)),
                span_id: spans.value(row).to_owned(),
                attempts: attempts(judged, run, &place),
                alteration: sweep.collected.alteration(files.value(row), row_number),
            });
        }
        seen.push(encode::sightings(&found)?)?;
    }
    Ok(())
}

/// What the ledger of a known run says of the export that carried a span.
fn attempts(judged: &[JudgedRun], run: usize, place: &SpanPlace) -> Option<Attempts> {
    let export = judged.iter().find(|judged| judged.index == run)?.export_of(place)?;
    Some(Attempts { made: export.attempts, refused: export.refusals.into() })
}

/// Returns when the store has other files than now, or when the time is up.
async fn wait_for_news(layout: &Layout, at_most: Duration) {
    let names = || {
        [Tier::Wal, Tier::Cold]
            .map(|tier| inventory::list(layout, tier).files.into_iter().map(|f| f.path).collect::<Vec<_>>())
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
