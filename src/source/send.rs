//! Sends drafts in order, each at its time, and accounts for them.
//!
//! What to expect of an export's spans and that it begins are in files before its call, its outcome after it.
//! A replay that goes on makes the exports of the first one again, passes over those that were taken, and
//! tries the others once more under their own numbers.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

use super::gather::Draft;
use crate::{
    base::{clock::unix_nanos, notice, problem::Problem},
    ledger::{entry::Entry, expected::ExpectationWriter, history::Export, writer::LedgerWriter},
    send::{sample::Sample, summary::Summary},
    wire::{
        exporter::{Exporter, Reply},
        outcome::{GrpcCode, Outcome},
        retry::{self, Exported, RetryPolicy},
    },
};

/// So many exports in a row that nobody answered: the endpoint is gone.
const GONE_AFTER: u32 = 3;

/// Where drafts go, and where they are accounted for.
pub(crate) struct Sending {
    pub(crate) exporters: Vec<Exporter>,
    pub(crate) ledger: Arc<LedgerWriter>,
    pub(crate) expected: ExpectationWriter,
    pub(crate) retry: RetryPolicy,
    pub(crate) in_flight: usize,
    /// What was sent of the same plan before.
    pub(crate) before: Vec<Export>,
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) summary: Summary,
    pub(crate) elapsed: Duration,
    /// Spans that an earlier attempt at this plan had sent, and that were taken.
    pub(crate) taken_before: u64,
    /// Why the endpoint was given up.
    pub(crate) gave_up: Option<String>,
}

/// What the tasks of exports share.
struct Shared {
    ledger: Arc<LedgerWriter>,
    retry: RetryPolicy,
    stop: watch::Receiver<bool>,
    began: Instant,
    summary: Mutex<Summary>,
    unanswered: AtomicU32,
    /// Whether somebody was told that the endpoint does not answer.
    said_away: AtomicBool,
}

/// Sends until there are no more drafts, the endpoint is gone, or `stop` turns true.
pub(crate) async fn send_all(
    mut sending: Sending,
    mut drafts: mpsc::Receiver<Draft>,
    summary: Summary,
    stop: watch::Receiver<bool>,
    progress: impl Fn(&Summary, Duration),
) -> anyhow::Result<Sent> {
    let shared = Arc::new(Shared {
        ledger: Arc::clone(&sending.ledger),
        retry: sending.retry,
        stop: stop.clone(),
        began: Instant::now(),
        summary: Mutex::new(summary),
        unanswered: AtomicU32::new(0),
        said_away: AtomicBool::new(false),
    });
    let slots = Arc::new(Semaphore::new(sending.in_flight));
    let mut exports: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let (mut number, mut ordinal, mut taken_before) = (0_u64, 0_u64, 0_u64);
    // What the plan begins with, and when it was at hand: what comes before is nobody's delay.
    let mut origin = None;
    let mut gave_up = None;
    while let Some(draft) = receive(&mut drafts, &stop).await {
        let count = draft.expectations.len() as u32;
        let known = sending.before.get(usize::try_from(number)?);
        let range = (ordinal, count);
        let export = number;
        number += 1;
        ordinal += u64::from(count);
        if let Some(known) = known {
            if (known.first, known.count) != range {
                return Err(other_source().into());
            }
            if matches!(known.outcome, Outcome::Acked | Outcome::Partial { .. }) {
                taken_before += u64::from(count);
                continue;
            }
        }
        let (first_due, at_hand) =
            *origin.get_or_insert_with(|| (draft.due.unwrap_or_default(), shared.began.elapsed()));
        let planned = draft.due.map(|due| at_hand + due.saturating_sub(first_due));
        let Some(slot) = slot(&slots, &stop).await else { break };
        if !wait_until(shared.began, planned, &stop).await {
            break;
        }
        if shared.unanswered.load(Ordering::Relaxed) >= GONE_AFTER {
            gave_up = Some(format!("{GONE_AFTER} exports in a row were not answered"));
            break;
        }
        if let Some(known) = known {
            let (attempt, outcome) = (known.attempts + 1, known.outcome);
            let at = unix_nanos();
            sending.ledger.append(&Entry::ExportRetried { export, attempt, at, outcome })?;
        } else {
            sending.expected.append(&draft.expectations).context("cannot write what to expect")?;
            let (first, at) = (range.0, unix_nanos());
            sending.ledger.append(&Entry::ExportStarted { export, stream: 0, first, count, at })?;
        }
        let attempts = known.map_or(0, |known| known.attempts);
        let exporter = sending.exporters[number as usize % sending.exporters.len()].clone();
        let of_export = Arc::clone(&shared);
        let call = Call { export, request: draft.request, spans: count.into(), planned, attempts };
        exports.spawn(async move {
            let sent = of_export.send(exporter, call).await;
            drop(of_export);
            drop(slot);
            sent
        });
        while let Some(ended) = exports.try_join_next() {
            ended??;
        }
        let summary = shared.summary.lock().unwrap_or_else(PoisonError::into_inner);
        progress(&summary, shared.began.elapsed());
    }
    drop(drafts);
    while let Some(ended) = exports.join_next().await {
        ended??;
    }
    let elapsed = shared.began.elapsed();
    let shared = Arc::into_inner(shared).context("an export is still under way")?;
    let mut summary = shared.summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.interrupted = *stop.borrow();
    if gave_up.is_none() && shared.unanswered.load(Ordering::Relaxed) >= GONE_AFTER {
        gave_up = Some("the last exports were not answered".to_owned());
    }
    Ok(Sent { summary, elapsed, taken_before, gave_up })
}

struct Call {
    export: u64,
    request: Vec<u8>,
    spans: u64,
    planned: Option<Duration>,
    /// That were made before.
    attempts: u32,
}

impl Shared {
    async fn send(&self, mut exporter: Exporter, call: Call) -> anyhow::Result<()> {
        let Call { export, request, spans, planned, attempts: before } = call;
        let started = self.began.elapsed();
        let on_retry = |attempt, reply: &Reply| {
            let is_away = reply.outcome.code() == Some(GrpcCode::Unavailable);
            if is_away && !self.said_away.swap(true, Ordering::Relaxed) {
                notice::note("the endpoint does not answer: exports are tried again, as --retry says");
            }
            let (attempt, at, outcome) = (attempt + before, unix_nanos(), reply.outcome);
            self.ledger.append(&Entry::ExportRetried { export, attempt, at, outcome })
        };
        let Exported { outcome, last, attempts } =
            retry::export_with_retries(&mut exporter, request.into(), self.retry, &self.stop, on_retry)
                .await?;
        let ended = self.began.elapsed();
        self.ledger.append(&Entry::ExportEnded { export, at: unix_nanos(), outcome: last.outcome })?;
        if outcome.code() == Some(GrpcCode::Unavailable) {
            self.unanswered.fetch_add(1, Ordering::Relaxed);
        } else {
            self.unanswered.store(0, Ordering::Relaxed);
        }
        let sample = Sample {
            stream: 0,
            workflows: 0,
            spans,
            reply: Reply { outcome, ..last },
            attempts,
            planned,
            punctual: true,
            started,
            ended,
            making: Duration::ZERO,
        };
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).record(&sample);
        Ok(())
    }
}

async fn receive(drafts: &mut mpsc::Receiver<Draft>, stop: &watch::Receiver<bool>) -> Option<Draft> {
    tokio::select! {
        biased;
        () = stopped(stop) => None,
        draft = drafts.recv() => draft,
    }
}

async fn slot(
    slots: &Arc<Semaphore>,
    stop: &watch::Receiver<bool>,
) -> Option<tokio::sync::OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        () = stopped(stop) => None,
        slot = Arc::clone(slots).acquire_owned() => slot.ok(),
    }
}

/// Whether the moment came before the replay was stopped.
async fn wait_until(began: Instant, planned: Option<Duration>, stop: &watch::Receiver<bool>) -> bool {
    let Some(planned) = planned else { return true };
    let moment = tokio::time::Instant::from_std(began + planned);
    tokio::select! {
        biased;
        () = stopped(stop) => false,
        () = tokio::time::sleep_until(moment) => true,
    }
}

async fn stopped(stop: &watch::Receiver<bool>) {
    let mut stop = stop.clone();
    // Whoever could have stopped us may have gone.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn other_source() -> Problem {
    Problem::new(
        "the source no longer gives the exports that were sent of it",
        "replay it from the beginning, without --resume",
    )
}
