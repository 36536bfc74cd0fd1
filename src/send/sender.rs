//! Sends units and accounts for them: ledger before the call, ledger after it, then the sample.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};

use super::{
    sample::{NotStarted, Sample},
    unit::Unit,
};
use crate::{
    base::clock::unix_nanos,
    ledger::{entry::Entry, writer::LedgerWriter},
    traffic::{
        export::{EncodedResource, Encoder},
        plan::Plan,
    },
    wire::{
        exporter::{Exporter, Reply},
        retry::{self, Exported, RetryPolicy},
    },
};

/// The largest request that the studio decodes (contract, section 5).
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What all that send share.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) plan: Arc<Plan>,
    pub(crate) resources: Vec<EncodedResource>,
    /// By stream: its connections.
    pub(crate) exporters: Vec<Vec<Exporter>>,
    pub(crate) ledger: Arc<LedgerWriter>,
    retry: RetryPolicy,
    pub(crate) began: Instant,
    pub(crate) stop: watch::Receiver<bool>,
    events: mpsc::UnboundedSender<Event>,
    exports: AtomicU64,
    /// The highest number of a workflow of which anything was sent.
    highest_workflow: Arc<AtomicU64>,
    /// What found no free slot, by stream, first ordinal and the one after the last.
    skipped: Mutex<BTreeSet<(usize, u64, u64)>>,
    /// Set when the ledger could not be written.
    failed: AtomicBool,
}

/// What the summary hears of.
#[derive(Debug)]
pub(crate) enum Event {
    Sent(Sample),
    NotStarted(NotStarted),
}

/// Whose turn it is to be sent, and since when.
#[derive(Debug, Clone)]
pub(crate) struct Errand {
    pub(crate) unit: Unit,
    /// What of the unit is to be sent, by first ordinal and count.
    pub(crate) ranges: Vec<(u64, u32)>,
    /// When the plan calls for it, since the run began; none in a closed loop.
    pub(crate) planned: Option<Duration>,
}

impl Sender {
    pub(crate) fn new(
        plan: Arc<Plan>,
        exporters: Vec<Vec<Exporter>>,
        ledger: Arc<LedgerWriter>,
        retry: RetryPolicy,
        stop: watch::Receiver<bool>,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let resources = EncodedResource::all(&plan);
        Self {
            resources,
            plan,
            exporters,
            ledger,
            retry,
            began: Instant::now(),
            stop,
            events,
            exports: AtomicU64::new(0),
            highest_workflow: Arc::default(),
            skipped: Mutex::default(),
            failed: AtomicBool::new(false),
        }
    }

    pub(crate) fn highest_workflow(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.highest_workflow)
    }

    /// Sends what an errand names. An error means that the ledger could not be written: what was sent
    /// is then no longer accounted for.
    pub(crate) async fn send(
        &self,
        errand: &Errand,
        encoder: &mut Encoder<'_>,
        exporter: &mut Exporter,
    ) -> anyhow::Result<()> {
        let sent = self.send_ranges(errand, encoder, exporter).await;
        if sent.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        sent
    }

    async fn send_ranges(
        &self,
        errand: &Errand,
        encoder: &mut Encoder<'_>,
        exporter: &mut Exporter,
    ) -> anyhow::Result<()> {
        let stream = errand.unit.stream;
        let mut ranges: VecDeque<_> = errand.ranges.iter().copied().collect();
        // Only the first range can begin when the plan says: the others wait for its answer.
        let mut is_first = true;
        let mut making = Duration::ZERO;
        while let Some((first, count)) = ranges.pop_front() {
            let began_making = Instant::now();
            let mut request = Vec::with_capacity(8 * 1024);
            encoder.write(stream, first, count, &mut request);
            making += began_making.elapsed();
            if request.len() > MAX_REQUEST_BYTES && count > 1 {
                let half = count / 2;
                ranges.push_front((first + u64::from(half), count - half));
                ranges.push_front((first, half));
                continue;
            }
            let export = self.exports.fetch_add(1, Ordering::Relaxed);
            let entry =
                Entry::ExportStarted { export, stream: stream as u32, first, count, at: unix_nanos() };
            self.ledger.append(&entry)?;
            self.highest_workflow.fetch_max(errand.unit.last_workflow, Ordering::Relaxed);
            let started = self.began.elapsed();
            let on_retry = |attempt, reply: &Reply| {
                let outcome = reply.outcome;
                self.ledger.append(&Entry::ExportRetried { export, attempt, at: unix_nanos(), outcome })
            };
            let Exported { outcome, last, attempts } =
                retry::export_with_retries(exporter, request.into(), self.retry, &self.stop, on_retry)
                    .await?;
            let ended = self.began.elapsed();
            self.ledger.append(&Entry::ExportEnded { export, at: unix_nanos(), outcome: last.outcome })?;

            let workflows = self.plan.roots_in(stream, first..first + u64::from(count));
            let spans = count.into();
            self.tell(Event::Sent(Sample {
                stream,
                workflows,
                spans,
                reply: Reply { outcome, ..last },
                attempts,
                planned: errand.planned,
                punctual: std::mem::take(&mut is_first),
                started,
                ended,
                making: std::mem::take(&mut making),
            }));
        }
        Ok(())
    }

    /// Takes note of an errand that nobody was free for.
    pub(crate) fn skip(&self, errand: &Errand) {
        let Unit { stream, first, count, .. } = errand.unit;
        self.skipped().insert((stream, first, first + u64::from(count)));
        let workflows = errand
            .ranges
            .iter()
            .map(|&(first, count)| self.plan.roots_in(stream, first..first + u64::from(count)));
        let spans = errand.ranges.iter().map(|&(_, count)| u64::from(count));
        self.tell(Event::NotStarted(NotStarted {
            stream,
            workflows: workflows.sum(),
            spans: spans.sum(),
            at: self.began.elapsed(),
        }));
    }

    /// Whether a part of a trace belongs to one whose first part found no free slot.
    pub(crate) fn was_skipped(&self, part: &Unit) -> bool {
        let begin = self.plan.ordinals(part.last_workflow).start;
        let skipped = self.skipped();
        let before = skipped.range(..=(part.stream, begin, u64::MAX)).next_back();
        before.is_some_and(|&(stream, _, end)| stream == part.stream && begin < end)
    }

    fn skipped(&self) -> MutexGuard<'_, BTreeSet<(usize, u64, u64)>> {
        self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh connection for the next export of a stream.
    pub(crate) fn reconnect(&self, stream: usize, exporter: &mut Exporter) -> anyhow::Result<()> {
        *exporter = exporter.reconnected();
        self.ledger.append(&Entry::Reconnected { stream: stream as u32, at: unix_nanos() })
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow() || self.failed.load(Ordering::Relaxed)
    }

    /// The summary's end hangs up only after all senders.
    fn tell(&self, event: Event) {
        self.events.send(event).ok();
    }
}
