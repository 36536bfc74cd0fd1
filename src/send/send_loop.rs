//! The send loop: exports in their order, each at its time and in a slot of its own.
//!
//! Where exports have times, a thread of its own keeps them: the runtime's timers go by the millisecond. It sleeps
//! until shortly before each one and spins the rest. Times are absolute, so a delay never adds up.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use futures::{Stream, StreamExt};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinSet},
};

use super::{scheduled::ScheduledExport, sender::Sender};
use crate::wire::retry;

/// What a sleep may be late by.
const SPIN: Duration = Duration::from_micros(120);

/// How long the pacer sleeps at most before it looks whether the run was stopped.
const GLANCE: Duration = Duration::from_millis(50);

/// How many exports are in flight, and what a slot does between two of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slots {
    pub(crate) in_flight: usize,
    pub(crate) when_full: WhenFull,
    /// Whether exports have times.
    pub(crate) keeps_time: bool,
    /// Between an answer and the slot's next export.
    pub(crate) pause: Duration,
    /// Whether every export has a connection of its own.
    pub(crate) reconnect: bool,
    /// When to stop starting exports.
    pub(crate) until: Option<Instant>,
}

/// What becomes of an export that finds no free slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    Wait,
    /// It is not sent, and counted as not started.
    Skip,
}

/// Sends until there are no more exports, the time is up, or the run is stopped; what is left of the stream comes
/// back. An error means that the ledger could not be written: what was sent is then no longer accounted for.
pub(crate) async fn send_all<S>(sender: &Arc<Sender>, exports: S, slots: Slots) -> anyhow::Result<S>
where
    S: Stream<Item = anyhow::Result<ScheduledExport>> + Send + Unpin + 'static,
{
    let sending = dispatch(Arc::clone(sender), exports, slots);
    if !slots.keeps_time {
        return sending.await;
    }
    let runtime = Handle::current();
    let pacer = thread::Builder::new().name("pacer".to_owned()).spawn(move || runtime.block_on(sending))?;
    let joined = tokio::task::spawn_blocking(move || pacer.join()).await?;
    joined.map_err(|_| anyhow!("the pacer panicked"))?
}

async fn dispatch<S>(sender: Arc<Sender>, mut exports: S, slots: Slots) -> anyhow::Result<S>
where
    S: Stream<Item = anyhow::Result<ScheduledExport>> + Send + Unpin,
{
    let mut in_flight = JoinSet::new();
    let handed_over = hand_over(&sender, &mut exports, slots, &mut in_flight).await;
    sender.fail_if(&handed_over);
    let mut sent = handed_over;
    while let Some(ended) = in_flight.join_next().await {
        sent = sent.and(flattened(ended));
    }
    sent.map(|()| exports)
}

/// Starts exports, each as a task of its own.
async fn hand_over<S>(
    sender: &Arc<Sender>,
    exports: &mut S,
    slots: Slots,
    in_flight: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()>
where
    S: Stream<Item = anyhow::Result<ScheduledExport>> + Send + Unpin,
{
    let free = Arc::new(Semaphore::new(slots.in_flight.min(Semaphore::MAX_PERMITS)));
    let stopped = retry::stopped(sender.stop.clone());
    tokio::pin!(stopped);
    for turn in 0.. {
        let waited_for = async {
            let slot = match slots.when_full {
                WhenFull::Wait => Some(Arc::clone(&free).acquire_owned().await?),
                WhenFull::Skip => None,
            };
            let is_over = sender.is_stopped() || slots.until.is_some_and(|until| Instant::now() >= until);
            let export = if is_over { None } else { exports.next().await.transpose()? };
            anyhow::Ok(export.map(|export| (slot, export)))
        };
        let (slot, export) = tokio::select! {
            biased;
            () = &mut stopped => break,
            waited_for = waited_for => match waited_for? {
                Some(found) => found,
                None => break,
            },
        };
        if !wait_until(sender, export.due) {
            break;
        }
        let Some(slot) = slot.or_else(|| Arc::clone(&free).try_acquire_owned().ok()) else {
            sender.skip(&export);
            continue;
        };
        sender.begin(&export)?;
        in_flight.spawn(in_slot(Arc::clone(sender), export, turn, slots, slot));
        while let Some(ended) = in_flight.try_join_next() {
            flattened(ended)?;
        }
    }
    Ok(())
}

async fn in_slot(
    sender: Arc<Sender>,
    export: ScheduledExport,
    turn: usize,
    slots: Slots,
    slot: OwnedSemaphorePermit,
) -> anyhow::Result<()> {
    let mut exporter = sender.exporter(export.stream, turn);
    if slots.reconnect {
        sender.reconnect(export.stream, &mut exporter)?;
    }
    sender.send(export, &mut exporter).await?;
    if !slots.pause.is_zero() {
        retry::stopped_within(&sender.stop, slots.pause).await;
    }
    drop(slot);
    Ok(())
}

fn flattened(ended: Result<anyhow::Result<()>, JoinError>) -> anyhow::Result<()> {
    // A panic must not pass for an export that never began.
    ended.context("an export panicked")?
}

/// Whether the moment came before the run was stopped.
fn wait_until(sender: &Sender, due: Option<Duration>) -> bool {
    let Some(due) = due else { return true };
    let moment = sender.began + due;
    while !sender.is_stopped() {
        let left = moment.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        if left > SPIN {
            thread::sleep(left.saturating_sub(SPIN).min(GLANCE));
        } else {
            std::hint::spin_loop();
        }
    }
    false
}
