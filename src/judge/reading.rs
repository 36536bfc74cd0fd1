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
    arrow::{array::AsArray, datatypes::Int64Type},
    prelude::SessionContext,
};
use futures::StreamExt;

use super::{
    barrier::Barrier,
    claim::{Claim, KnownRuns},
    facts::{Address, Sighting},
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
    traffic::ids::RunId,
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
    let ledgers: Vec<u64> = question.known.iter().map(Run::ledger_len).collect();
    let began = Instant::now();
    let mut waited = Duration::ZERO;
    loop {
        let read_began = unix_nanos();
        let runs = Arc::new(KnownRuns::new(question.known.iter().map(|run| run.plan.clone())));
        let swept = sweep(question.layout, &runs, &session.task_ctx()).await?;
        let judged = judged_runs(question, &runs, &ledgers, read_began, waited)?;
        let judgement = conclude(swept, runs, judged, read_began, session).await?;
        let left = question.settle.saturating_sub(began.elapsed());
        if !question.wait
            || waited >= question.settle
            || !judgement.judged.iter().any(|run| run.has_pending(&judgement.runs))
        {
            return Ok(judgement);
        }
        waiting(left);
        wait_for_news(question.layout, left).await;
        waited = if began.elapsed() >= question.settle { question.settle } else { began.elapsed() };
    }
}

fn judged_runs(
    question: &Question<'_>,
    runs: &KnownRuns,
    ledgers: &[u64],
    read_began: u64,
    waited: Duration,
) -> anyhow::Result<Vec<JudgedRun>> {
    let seen = |index: &usize| {
        runs.runs[*index].was_seen() || question.wanted.contains(&question.known[*index].plan.run)
    };
    let judge = |index: usize| {
        let history = question.known[index].history(ledgers[index])?;
        let barrier = Barrier::new(&history, read_began, waited, question.settle);
        let exports = ExportIndex::new(&history.exports);
        Ok(JudgedRun { index, history, exports, barrier })
    };
    (0..question.known.len()).filter(|_| question.whole_store).filter(seen).map(judge).collect()
}

async fn conclude(
    swept: Swept,
    runs: Arc<KnownRuns>,
    judged: Vec<JudgedRun>,
    read_began: u64,
    session: &SessionContext,
) -> anyhow::Result<Judgement> {
    let Swept { files, facts, differences, rows, bytes_scanned, repeated, evidence } = swept;
    let sightings = if repeated.is_empty() {
        Vec::new()
    } else {
        sightings(evidence, &runs, &still_repeated(&runs, repeated), session).await?
    };
    let judgement =
        Judgement { runs, judged, files, facts, differences, sightings, rows, bytes_scanned, read_began };
    let suspects = judgement.suspects();
    judgement.judged.iter().for_each(|run| run.paint(&judgement.runs, &suspects));
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
    repeated: &HashSet<(usize, u64)>,
    session: &SessionContext,
) -> anyhow::Result<Vec<Sighting>> {
    let rows = session.read_table(scan::stored_spans(files.clone()))?;
    let columns = ["tier", "file", "row_number", "trace_id", "span_id"];
    let mut batches = rows.select_columns(&columns)?.execute_stream().await?;
    let mut found = Vec::new();
    while let Some(batch) = batches.next().await {
        let batch = batch?;
        let (file, row_number) = (batch.column(1), batch.column(2).as_primitive::<Int64Type>());
        let file = datafusion::arrow::compute::cast(file, &datafusion::arrow::datatypes::DataType::Utf8)?;
        let (file, trace, span) =
            (file.as_string::<i32>(), batch.column(3).as_string_view(), batch.column(4).as_string_view());
        for row in 0..batch.num_rows() {
            let Claim::Planned { run, slot, .. } = runs.claim(trace.value(row), span.value(row)) else {
                continue;
            };
            if !repeated.contains(&(run, slot)) {
                continue;
            }
            let shown = file.value(row);
            let tier = files.iter().find(|file| file.shown == shown).map_or(Tier::Cold, |file| file.tier);
            found.push(Sighting {
                address: Address {
                    tier,
                    file: shown.into(),
                    row_number: row_number.value(row).unsigned_abs(),
                },
                run: runs.runs[run].plan.run,
                trace_id: trace.value(row).to_owned(),
                span_id: span.value(row).to_owned(),
            });
        }
    }
    Ok(found)
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
