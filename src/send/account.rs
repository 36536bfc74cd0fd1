//! Follows a run while it is sent: its summary, its progress, and what ends it early.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{sender::Event, summary::Summary};

/// How often progress is told, and the thresholds are looked at.
const TICK: Duration = Duration::from_millis(100);

/// The other ends of a sender's channels.
#[derive(Debug)]
pub(crate) struct Channels {
    pub(crate) events: mpsc::UnboundedReceiver<Event>,
    /// Ends the run.
    pub(crate) abort: watch::Sender<bool>,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Followed<T> {
    /// What the sending task gave back.
    pub(crate) value: T,
    pub(crate) elapsed: Duration,
    /// Whether exports in a row were unanswered until the endpoint was given up.
    pub(crate) gave_up: bool,
}

/// Keeps the account of a run until it has ended: by itself, because `stop` turned true or `on_tick` broke off, or
/// after `patience` unanswered exports in a row.
pub(crate) async fn follow<T>(
    sending: JoinHandle<anyhow::Result<T>>,
    Channels { mut events, abort }: Channels,
    summary: &mut Summary,
    mut stop: watch::Receiver<bool>,
    patience: Option<u32>,
    mut on_tick: impl FnMut(&Summary, Duration) -> ControlFlow<()>,
) -> anyhow::Result<Followed<T>> {
    let began = Instant::now();
    let mut gave_up = false;
    let mut tick = tokio::time::interval(TICK);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            count = events.recv_many(&mut batch, 1_024) => {
                if count == 0 {
                    break;
                }
                for event in batch.drain(..) {
                    match event {
                        Event::Sent(sample) => summary.record(&sample),
                        Event::NotStarted(what) => summary.not_started(&what),
                    }
                    gave_up |= patience.is_some_and(|patience| summary.unanswered >= patience);
                }
                if gave_up {
                    abort.send_replace(true);
                }
            }
            _ = tick.tick() => {
                if on_tick(summary, began.elapsed()).is_break() {
                    abort.send_replace(true);
                }
            }
            Ok(_) = stop.wait_for(|stop| *stop), if !*abort.borrow() => {
                summary.interrupted = true;
                abort.send_replace(true);
            }
        }
    }
    let value = sending.await??;
    Ok(Followed { value, elapsed: began.elapsed(), gave_up })
}
