//! Sends exports and accounts for them: ledger before the call, ledger after it, then the sample.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::sync::{mpsc, watch};

use super::{
    account::Channels,
    sample::{NotStarted, Sample},
    scheduled::{Content, PlannedExport, RecordedExport, ScheduledExport},
};
use crate::{
    base::{clock::unix_nanos, notice},
    ledger::{entry::Entry, expected::ExpectationWriter, writer::LedgerWriter},
    traffic::export::Encoder,
    wire::{
        exporter::{Exporter, Reply},
        outcome::GrpcCode,
        retry::{self, Exported, RetryPolicy},
    },
};

/// The largest request that the studio decodes (contract, section 5).
const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;

/// What all exports of a run share.
#[derive(Debug)]
pub(crate) struct Sender {
    /// By stream: its connections.
    exporters: Vec<Vec<Exporter>>,
    pub(crate) ledger: Arc<LedgerWriter>,
    /// Where it is written what to expect of spans that no plan tells of.
    expected: Option<Mutex<ExpectationWriter>>,
    retry: RetryPolicy,
    pub(crate) began: Instant,
    pub(crate) stop: watch::Receiver<bool>,
    events: mpsc::UnboundedSender<Event>,
    /// The number of the next export of a plan.
    next_number: AtomicU64,
    /// Set when the ledger could not be written.
    failed: AtomicBool,
    /// Whether it was said that the endpoint does not answer.
    said_away: AtomicBool,
}

/// What the summary hears of.
#[derive(Debug)]
pub(crate) enum Event {
    Sent(Sample),
    NotStarted(NotStarted),
}

/// An export that is in the ledger, and about to be sent.
struct Call {
    export: u64,
    stream: usize,
    workflows: u64,
    spans: u64,
    request: Vec<u8>,
    attempts_before: u32,
    due: Option<Duration>,
    punctual: bool,
    making: Duration,
}

impl Sender {
    pub(crate) fn new(
        exporters: Vec<Vec<Exporter>>,
        ledger: Arc<LedgerWriter>,
        expected: Option<ExpectationWriter>,
        retry: RetryPolicy,
    ) -> (Arc<Self>, Channels) {
        let (abort, stop) = watch::channel(false);
        let (events, received) = mpsc::unbounded_channel();
        let sender = Self {
            exporters,
            ledger,
            expected: expected.map(Mutex::new),
            retry,
            began: Instant::now(),
            stop,
            events,
            next_number: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            said_away: AtomicBool::new(false),
        };
        (Arc::new(sender), Channels { events: received, abort })
    }

    /// One of a stream's connections, which take turns.
    pub(crate) fn exporter(&self, stream: usize, turn: usize) -> Exporter {
        let connections = &self.exporters[stream];
        connections[turn % connections.len()].clone()
    }

    /// Writes down that an export begins, where that has to be in order: exports of a plan write it themselves.
    pub(crate) fn begin(&self, export: &ScheduledExport) -> anyhow::Result<()> {
        let Content::Recorded(recorded) = &export.content else { return Ok(()) };
        let RecordedExport { number: export, first, expectations, before, .. } = recorded;
        let (export, first, at) = (*export, *first, unix_nanos());
        if let Some((attempts, outcome)) = *before {
            return self.ledger.append(&Entry::ExportRetried { export, attempt: attempts + 1, at, outcome });
        }
        if let Some(expected) = &self.expected {
            let mut expected = expected.lock().unwrap_or_else(PoisonError::into_inner);
            expected.append(expectations).context("cannot write what to expect")?;
        }
        let count = expectations.len() as u32;
        self.ledger.append(&Entry::ExportStarted { export, stream: 0, first, count, at })
    }

    /// Sends an export. An error means that the ledger could not be written: no further export is started.
    pub(crate) async fn send(&self, export: ScheduledExport, exporter: &mut Exporter) -> anyhow::Result<()> {
        let ScheduledExport { stream, due, content } = export;
        let sent = match content {
            Content::Planned(planned) => self.send_planned(planned, due, exporter).await,
            Content::Recorded(RecordedExport { number, request, expectations, before, .. }) => {
                let call = Call {
                    export: number,
                    stream,
                    workflows: 0,
                    spans: expectations.len() as u64,
                    request,
                    attempts_before: before.map_or(0, |(attempts, _)| attempts),
                    due,
                    punctual: true,
                    making: Duration::ZERO,
                };
                self.call(call, exporter).await
            }
        };
        self.fail_if(&sent);
        sent
    }

    async fn send_planned(
        &self,
        PlannedExport { plan: sent, unit, ranges }: PlannedExport,
        due: Option<Duration>,
        exporter: &mut Exporter,
    ) -> anyhow::Result<()> {
        let stream = unit.stream;
        let mut encoder = Encoder::new(&sent.plan, &sent.resources);
        let mut ranges = VecDeque::from(ranges);
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
            let export = self.next_number.fetch_add(1, Ordering::Relaxed);
            let at = unix_nanos();
            self.ledger.append(&Entry::ExportStarted { export, stream: stream as u32, first, count, at })?;
            sent.note_sent(&unit);
            let call = Call {
                export,
                stream,
                workflows: sent.plan.roots_in(stream, first..first + u64::from(count)),
                spans: count.into(),
                request,
                attempts_before: 0,
                due,
                punctual: mem::take(&mut is_first),
                making: mem::take(&mut making),
            };
            self.call(call, exporter).await?;
        }
        Ok(())
    }

    async fn call(&self, call: Call, exporter: &mut Exporter) -> anyhow::Result<()> {
        let Call { export, stream, workflows, spans, request, attempts_before, due, punctual, making } = call;
        let started = self.began.elapsed();
        let on_retry = |attempt, reply: &Reply| {
            let is_away = reply.outcome.code() == Some(GrpcCode::Unavailable);
            if is_away && !self.said_away.swap(true, Ordering::Relaxed) {
                notice::note("the endpoint does not answer: exports are retried, as --retry says");
            }
            let (attempt, at, outcome) = (attempt + attempts_before, unix_nanos(), reply.outcome);
            self.ledger.append(&Entry::ExportRetried { export, attempt, at, outcome })
        };
        let Exported { outcome, last, attempts } =
            retry::export_with_retries(exporter, request.into(), self.retry, &self.stop, on_retry).await?;
        let ended = self.began.elapsed();
        self.ledger.append(&Entry::ExportEnded { export, at: unix_nanos(), outcome: last.outcome })?;
        self.tell(Event::Sent(Sample {
            stream,
            workflows,
            spans,
            reply: Reply { outcome, ..last },
            attempts,
            planned: due,
            punctual,
            started,
            ended,
            making,
        }));
        Ok(())
    }

    /// Takes note of an export that found no free slot.
    pub(crate) fn skip(&self, export: &ScheduledExport) {
        let stream = export.stream;
        let (workflows, spans) = match &export.content {
            Content::Recorded(recorded) => (0, recorded.expectations.len() as u64),
            Content::Planned(PlannedExport { plan: sent, unit, ranges }) => {
                sent.note_skipped(unit);
                let roots = ranges
                    .iter()
                    .map(|&(first, count)| sent.plan.roots_in(stream, first..first + u64::from(count)));
                (roots.sum(), ranges.iter().map(|&(_, count)| u64::from(count)).sum())
            }
        };
        self.tell(Event::NotStarted(NotStarted { stream, workflows, spans, at: self.began.elapsed() }));
    }

    /// A fresh connection for the next export of a stream.
    pub(crate) fn reconnect(&self, stream: usize, exporter: &mut Exporter) -> anyhow::Result<()> {
        *exporter = exporter.reconnected();
        self.ledger.append(&Entry::Reconnected { stream: stream as u32, at: unix_nanos() })
    }

    /// No further export is started after a failure.
    pub(crate) fn fail_if<T>(&self, result: &anyhow::Result<T>) {
        self.failed.fetch_or(result.is_err(), Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow() || self.failed.load(Ordering::Relaxed)
    }

    /// The summary's end hangs up only after all senders.
    fn tell(&self, event: Event) {
        self.events.send(event).ok();
    }
}
