//! From a store and the runs that may be in it to a judgement.
//!
//! Waits where an absence would prove nothing yet: acked spans may lie in the studio's memory for
//! as long as its WAL timer lets them.

use std::{
    collections::HashSet,
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
    claim::{Claim, KnownRuns},
    facts::{Address, Attempts, Sighting},
    judgement::{ExportIndex, JudgedRun, Judgement},
    sweep::{Swept, sweep},
};
use crate::{
    clock::unix_nanos,
    ledger::runs::Run,
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
    /// The runs that must be judged although the store may hold none of them.
    pub(crate) wanted: &'a [RunId],
    /// Whether to leave out all others, even if rows of them are met.
    pub(crate) only_wanted: bool,
    /// Whether absences mean anything: not where one file is read alone.
    pub(crate) whole_store: bool,
    pub(crate) settle: Duration,
    /// Whether to wait until an absence means something.
    pub(crate) wait: bool,
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
        let runs = Arc::new(KnownRuns::new(question.known.iter().map(|run| run.plan.clone())));
        let swept = sweep(question.layout, &runs, &session.task_ctx()).await?;
        let judged = judged_runs(question, &runs, &ledgers, read_began, waited)?;
        let judgement = conclude(swept, runs, judged, question.whole_store, read_began, session).await?;
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
    let judged =
        (0..question.known.len()).filter(|&index| question.whole_store && (asked_for(index) || met(index)));
    judged.map(judge).collect()
}

async fn conclude(
    swept: Swept,
    runs: Arc<KnownRuns>,
    judged: Vec<JudgedRun>,
    whole_store: bool,
    read_began: u64,
    session: &SessionContext,
) -> anyhow::Result<Judgement> {
    let Swept { files, facts, differences, rows, bytes_scanned, repeated, evidence } = swept;
    let repeated = still_repeated(&runs, repeated);
    let sightings = if repeated.is_empty() {
        Vec::new()
    } else {
        sightings(evidence, &runs, &judged, &repeated, session).await?
    };
    let mut judgement = Judgement {
        runs,
        judged,
        files,
        facts,
        differences,
        sightings,
        rows,
        account: Account::default(),
        whole_store,
        bytes_scanned,
        read_began,
    };
    let suspects = judgement.suspects();
    for run in &mut judgement.judged {
        run.paint(&judgement.runs, &suspects);
        run.services.iter().for_each(|service| judgement.account += service);
    }
    Ok(judgement)
}

/// Without the spans whose second copy was a segment that has been flushed meanwhile.
fn still_repeated(runs: &KnownRuns, repeated: HashSet<(usize, u64)>) -> HashSet<(usize, u64)> {
    repeated.into_iter().filter(|&(run, slot)| runs.runs[run].tally().get(slot).found() > 1).collect()
}

/// Where each copy of the repeated spans lies: a second scan, of the two id columns alone.
async fn sightings(
    files: Vec<FoundFile>,
    runs: &KnownRuns,
    judged: &[JudgedRun],
    repeated: &HashSet<(usize, u64)>,
    session: &SessionContext,
) -> anyhow::Result<Vec<Sighting>> {
    let rows = session.read_table(scan::stored_spans(files))?;
    let columns = ["tier", "file", "row_number", "trace_id", "span_id"];
    let mut batches = rows.select_columns(&columns)?.execute_stream().await?;
    let mut found = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let text = |column: usize| cast(batch.column(column), &DataType::Utf8);
        let (tiers, files, traces, spans) = (text(0)?, text(1)?, text(3)?, text(4)?);
        let [tiers, files, traces, spans] = [&tiers, &files, &traces, &spans].map(AsArray::as_string::<i32>);
        let row_numbers = batch.column(2).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let Claim::Planned { run, slot, place } = runs.claim(traces.value(row), spans.value(row)) else {
                continue;
            };
            if !repeated.contains(&(run, slot)) {
                continue;
            }
            let tier = if tiers.value(row) == Tier::Wal.name() { Tier::Wal } else { Tier::Cold };
            let row_number = row_numbers.value(row).unsigned_abs();
            found.push(Sighting {
                address: Address { tier, file: files.value(row).into(), row_number },
                run: runs.runs[run].plan.outline.run,
                trace_id: const_hex::encode(ids::trace_id(runs.runs[run].plan.outline.run, place.workflow)),
                span_id: spans.value(row).to_owned(),
                attempts: attempts(judged, run, &place),
            });
        }
    }
    Ok(found)
}

/// What the ledger of a known run says of the export that carried a span.
fn attempts(judged: &[JudgedRun], run: usize, place: &SpanPlace) -> Option<Attempts> {
    let export = judged.iter().find(|judged| judged.index == run)?.export_of(place)?;
    Some(Attempts { made: export.attempts, refused: export.refusals })
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
