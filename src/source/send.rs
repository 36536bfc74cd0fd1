//! The exports of a replay, sent by the one send loop.
//!
//! A replay that goes on makes the exports of the first one again, passes over those that were taken, and retries
//! the others under their own numbers.

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::stream;
use tokio::sync::{mpsc, watch};

use super::gather::PendingExport;
use crate::{
    base::problem::Problem,
    ledger::{expected::ExpectationWriter, history::Export, writer::LedgerWriter},
    send::{
        account::{Followed, follow},
        scheduled::{Content, RecordedExport, ScheduledExport},
        send_loop::{self, Slots, WhenFull},
        sender::Sender,
        summary::Summary,
    },
    wire::{exporter::Exporter, outcome::ExportOutcome, retry::RetryPolicy},
};

/// Exports in a row that nobody answered: the endpoint is gone.
const GONE_AFTER: u32 = 3;

/// Where drafts go, and where they are accounted for.
pub(crate) struct Sending {
    pub(crate) exporters: Vec<Exporter>,
    pub(crate) ledger: Arc<LedgerWriter>,
    pub(crate) expected: ExpectationWriter,
    pub(crate) retry: RetryPolicy,
    pub(crate) in_flight: usize,
    /// Whether drafts have times.
    pub(crate) keeps_time: bool,
    /// What was sent of the same plan before.
    pub(crate) before: Vec<Export>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) summary: Summary,
    pub(crate) elapsed: Duration,
    /// Spans that an earlier attempt at this plan had sent, and that were taken.
    pub(crate) taken_before: u64,
    /// Why the endpoint was given up.
    pub(crate) gave_up: Option<String>,
}

/// Sends until there are no more drafts, the endpoint is gone, or `stop` turns true.
pub(crate) async fn send_all(
    sending: Sending,
    drafts: mpsc::Receiver<PendingExport>,
    mut summary: Summary,
    stop: watch::Receiver<bool>,
    progress: impl Fn(&Summary, Duration),
) -> anyhow::Result<Sent> {
    let Sending { exporters, ledger, expected, retry, in_flight, keeps_time, before } = sending;
    let taken_before = before.iter().filter(|export| is_taken(export)).map(|export| u64::from(export.count));
    let taken_before = taken_before.sum();
    let (sender, channels) = Sender::new(vec![exporters], ledger, Some(expected), retry);
    let slots = Slots {
        in_flight,
        when_full: WhenFull::Wait,
        keeps_time,
        pause: Duration::ZERO,
        reconnect: false,
        until: None,
    };
    let exports = ReplayExports { drafts, before, number: 0, ordinal: 0, origin: None, began: sender.began };
    let exports = stream::try_unfold(exports, |mut exports| async move {
        anyhow::Ok(exports.next().await?.map(|export| (export, exports)))
    });
    let exports = Box::pin(exports);
    let sending = tokio::spawn(async move { send_loop::send_all(&sender, exports, slots).await.map(drop) });
    let followed = follow(sending, channels, &mut summary, stop, Some(GONE_AFTER), |summary, elapsed| {
        progress(summary, elapsed);
        ControlFlow::Continue(())
    });
    let Followed { elapsed, gave_up, .. } = followed.await?;
    let gave_up = gave_up.then(|| format!("{GONE_AFTER} exports in a row were not answered"));
    Ok(Sent { summary, elapsed, taken_before, gave_up })
}

fn is_taken(export: &Export) -> bool {
    matches!(export.outcome, ExportOutcome::Acked | ExportOutcome::Partial { .. })
}

/// Drafts as they come, and what was sent of them before.
struct ReplayExports {
    drafts: mpsc::Receiver<PendingExport>,
    before: Vec<Export>,
    number: u64,
    ordinal: u64,
    /// What the first one to be sent is due at, and when it was at hand: what comes before delays none.
    origin: Option<(Duration, Duration)>,
    began: Instant,
}

impl ReplayExports {
    /// The next one that was not taken yet.
    async fn next(&mut self) -> anyhow::Result<Option<ScheduledExport>> {
        loop {
            let Some(PendingExport { due, request, expectations }) = self.drafts.recv().await else {
                return Ok(None);
            };
            let (number, first, count) = (self.number, self.ordinal, expectations.len() as u32);
            self.number += 1;
            self.ordinal += u64::from(count);
            let before = self.before.get(usize::try_from(number)?);
            if before.is_some_and(|before| (before.first, before.count) != (first, count)) {
                return Err(other_source().into());
            }
            if before.is_some_and(is_taken) {
                continue;
            }
            let before = before.map(|before| (before.attempts, before.outcome));
            let (first_due, at_hand) =
                *self.origin.get_or_insert_with(|| (due.unwrap_or_default(), self.began.elapsed()));
            let due = due.map(|due| at_hand + due.saturating_sub(first_due));
            let recorded = RecordedExport { number, first, request, expectations, before };
            return Ok(Some(ScheduledExport { stream: 0, due, content: Content::Recorded(recorded) }));
        }
    }
}

fn other_source() -> Problem {
    Problem::new(
        "the source no longer gives the exports that were sent of it",
        "replay it from the beginning, without --resume",
    )
}
