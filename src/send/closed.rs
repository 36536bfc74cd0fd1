//! The closed loop: so many senders, each with one export at a time.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::try_join_all;

use super::{
    sender::{Errand, Sender},
    unit::Units,
};
use crate::{traffic::export::Encoder, wire::retry};

/// How a closed loop goes round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Exports that may be in flight.
    pub(crate) in_flight: usize,
    /// Between an answer and the sender's next export.
    pub(crate) pause: Duration,
    /// Whether every export has a connection of its own.
    pub(crate) reconnect: bool,
}

/// Sends units until there are no more, the time is up, or the run is stopped; what of each stream was
/// handed out comes back.
pub(crate) async fn run(
    sender: &Arc<Sender>,
    units: Units,
    closed: Closed,
    until: Option<Instant>,
) -> anyhow::Result<Vec<Range<u64>>> {
    let units = Arc::new(Mutex::new(units));
    let senders = (0..closed.in_flight).map(|index| {
        let (sender, units) = (Arc::clone(sender), Arc::clone(&units));
        tokio::spawn(async move { go_round(&sender, &units, closed, until, index).await })
    });
    for ended in try_join_all(senders).await? {
        ended?;
    }
    let units = units.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(units.handed_out())
}

async fn go_round(
    sender: &Sender,
    units: &Mutex<Units>,
    closed: Closed,
    until: Option<Instant>,
    index: usize,
) -> anyhow::Result<()> {
    let mut encoder = Encoder::new(&sender.plan, &sender.resources);
    while !sender.is_stopped() && until.is_none_or(|until| Instant::now() < until) {
        let Some(errand) = next(units) else { break };
        if sender.was_skipped(&errand.unit) {
            continue;
        }
        let stream = errand.unit.stream;
        let connections = &sender.exporters[stream];
        let mut exporter = connections[index % connections.len()].clone();
        if closed.reconnect {
            sender.reconnect(stream, &mut exporter)?;
        }
        sender.send(&errand, &mut encoder, &mut exporter).await?;
        if !closed.pause.is_zero() {
            retry::stopped_within(&sender.stop, closed.pause).await;
        }
    }
    Ok(())
}

fn next(units: &Mutex<Units>) -> Option<Errand> {
    let mut units = units.lock().unwrap_or_else(PoisonError::into_inner);
    let unit = units.next()?;
    Some(Errand { ranges: units.ranges(&unit), unit, planned: None })
}
