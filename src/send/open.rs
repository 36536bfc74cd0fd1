//! The open loop: exports start when the plan says, whatever became of those before.
//!
//! A thread of its own keeps the time: the runtime's timers go by the millisecond. It sleeps until
//! shortly before each planned start and spins the rest. Times are absolute, so a delay never adds
//! up. An arrival that finds all slots taken is counted as not started.

use std::{
    ops::Range,
    panic::AssertUnwindSafe,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use futures::FutureExt;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
};

use super::{
    schedule::Schedule,
    sender::{Errand, Sender},
    unit::Units,
};
use crate::traffic::export::Encoder;

/// What a sleep may be late by.
const SPIN: Duration = Duration::from_micros(120);

/// How long the pacer sleeps at most before it looks whether the run was stopped.
const GLANCE: Duration = Duration::from_millis(50);

/// When exports start, and how many may be in flight.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    pub(crate) schedule: Schedule,
    /// The schedule as it was typed.
    pub(crate) shown: String,
    pub(crate) in_flight: usize,
}

/// Sends units at their times until there are no more, or the run is stopped; what of each stream was
/// handed out comes back.
pub(crate) async fn run(
    sender: &Arc<Sender>,
    mut units: Units,
    open: &Open,
) -> anyhow::Result<Vec<Range<u64>>> {
    let free = Arc::new(Semaphore::new(open.in_flight));
    let (failed, mut failure) = mpsc::unbounded_channel();
    let pacer = {
        let (sender, runtime) = (Arc::clone(sender), Handle::current());
        let schedule = open.schedule.clone();
        thread::Builder::new().name("pacer".to_owned()).spawn(move || {
            pace(&sender, &mut units, &schedule, |errand| match Arc::clone(&free).try_acquire_owned() {
                Err(_) => sender.skip(&errand),
                Ok(slot) => {
                    let (sender, failed) = (Arc::clone(&sender), failed.clone());
                    runtime.spawn(async move {
                        // A panic must not pass for an export that never began.
                        let ended = AssertUnwindSafe(start(&sender, &errand)).catch_unwind().await;
                        if let Err(err) = ended.unwrap_or_else(|_| Err(anyhow!("an export panicked"))) {
                            failed.send(err).ok();
                        }
                        drop(slot);
                    });
                }
            });
            units.handed_out()
        })?
    };
    let joined = tokio::task::spawn_blocking(move || pacer.join());
    // The channel closes when the pacer and all exports have ended; a failure ends both early.
    let failure = failure.recv().await;
    let handed_out = joined.await?.map_err(|_| anyhow!("the pacer panicked"))?;
    failure.map_or(Ok(handed_out), Err)
}

/// Hands over each unit at its time.
fn pace(sender: &Sender, units: &mut Units, schedule: &Schedule, mut hand_over: impl FnMut(Errand)) {
    let services = sender.plan.outline.services.len() as u64;
    while let Some(unit) = units.next() {
        let Some(due) = due(schedule, unit.last_workflow - units.first_workflow(), services) else { return };
        let errand = Errand { ranges: units.ranges(&unit), unit, planned: Some(due) };
        if !wait_until(sender, sender.began + due) {
            return;
        }
        if !errand.ranges.is_empty() {
            hand_over(errand);
        }
    }
}

/// When an arrival is due. What fills the last round arrives when the schedule ends, and nothing after it.
fn due(schedule: &Schedule, arrival: u64, services: u64) -> Option<Duration> {
    let fills_up =
        || schedule.arrivals().is_some_and(|arrivals| arrival < arrivals.next_multiple_of(services));
    schedule.at(arrival).or_else(|| schedule.duration().filter(|_| fills_up()))
}

/// Whether the moment came before the run was stopped.
fn wait_until(sender: &Sender, moment: Instant) -> bool {
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

async fn start(sender: &Sender, errand: &Errand) -> anyhow::Result<()> {
    let connections = &sender.exporters[errand.unit.stream];
    let mut exporter = connections[errand.unit.last_workflow as usize % connections.len()].clone();
    let mut encoder = Encoder::new(&sender.plan, &sender.resources);
    sender.send(errand, &mut encoder, &mut exporter).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_round_is_filled_up_and_no_other_begun() {
        let schedule = Schedule::constant("10/s".parse().unwrap(), Some(Duration::from_secs(1)));
        let due = |arrival| due(&schedule, arrival, 3).map(|due| due.as_millis());
        assert_eq!([8, 9, 10, 11, 12].map(due), [Some(800), Some(900), Some(1_000), Some(1_000), None]);
    }
}
