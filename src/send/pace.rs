//! When the exports of a plan start.

use std::time::Duration;

use super::schedule::Schedule;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pace {
    /// Rounds in flight, each of one workflow of every service.
    Rounds(u64),
    Closed(Closed),
    Open(Open),
}

/// A closed loop: a slot's next export follows the answer to its last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Exports in flight at most.
    pub(crate) in_flight: usize,
    /// Between an answer and the slot's next export.
    pub(crate) pause: Duration,
    /// Whether every export has a connection of its own.
    pub(crate) reconnect: bool,
}

/// An open loop: exports start when the schedule says; one that finds no free slot is skipped.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Open {
    pub(crate) schedule: Schedule,
    /// The schedule as it was typed.
    pub(crate) shown: String,
    pub(crate) in_flight: usize,
}

impl Pace {
    /// Rounds in flight, or exports.
    pub(crate) fn concurrency(&self) -> u64 {
        match self {
            Self::Rounds(rounds) => *rounds,
            Self::Closed(Closed { in_flight, .. }) | Self::Open(Open { in_flight, .. }) => *in_flight as u64,
        }
    }

    /// This pace as a closed loop over a number of streams.
    pub(crate) fn closed(&self, streams: usize) -> Closed {
        match self {
            Self::Rounds(rounds) => {
                let rounds = usize::try_from(*rounds).unwrap_or(usize::MAX);
                Closed { in_flight: rounds.saturating_mul(streams), ..Closed::default() }
            }
            Self::Closed(closed) => *closed,
            Self::Open(open) => Closed { in_flight: open.in_flight, ..Closed::default() },
        }
    }
}
