//! Whether the generator kept up with its own plan.
//!
//! A slow generator makes a fast studio look slow, so no figure of a run means anything before this is
//! settled. What it cannot see: a machine so busy that answers lie unread; those count as the studio's time.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::sample::Sample;
use crate::ledger::results::Bottleneck;

/// A start that is further behind its plan is late.
pub(crate) const LATE: Duration = Duration::from_millis(10);

/// The share of starts that may be late before the plan counts as missed.
const LATE_SHARE: f64 = 0.01;

/// What the generator's own work took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Health {
    /// Exports that had a planned start.
    pub(crate) planned_starts: u64,
    /// Of those, how many began more than [`LATE`] after it.
    pub(crate) late_starts: u64,
    /// Time spent making requests, added up over all that were in flight at once.
    #[serde(rename = "making_seconds", serialize_with = "seconds")]
    pub(crate) making: Duration,
    /// Time spent sending them and waiting for answers, added up likewise.
    #[serde(rename = "waiting_seconds", serialize_with = "seconds")]
    pub(crate) waiting: Duration,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

impl Health {
    pub(crate) fn record(&mut self, sample: &Sample) {
        if let Some(error) = sample.start_error() {
            self.planned_starts += 1;
            self.late_starts += u64::from(error > LATE);
        }
        self.making = self.making.saturating_add(sample.making);
        self.waiting = self.waiting.saturating_add(sample.service_time());
    }

    /// What on our side kept the run from being faster; none where it was not us.
    ///
    /// A free slot takes an arrival at once, so a late start is ours whatever the studio does. A slot
    /// is busy making a request or waiting for its answer: if it is mostly making, a faster studio
    /// would not help, neither in a closed loop nor where arrivals found no free slot.
    pub(crate) fn bottleneck(&self) -> Option<Bottleneck> {
        if self.late_starts as f64 > self.planned_starts as f64 * LATE_SHARE {
            Some(Bottleneck::LateStarts)
        } else if self.making > self.waiting {
            Some(Bottleneck::Making)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_side_is_the_bottleneck_where_the_studio_could_not_have_helped() {
        let millis = Duration::from_millis;
        for (planned_starts, late_starts, making, waiting, expected) in [
            (0, 0, 10, 90, None),
            (0, 0, 51, 49, Some(Bottleneck::Making)),
            (1_000, 10, 10, 90, None),
            (1_000, 11, 10, 90, Some(Bottleneck::LateStarts)),
            (0, 0, 0, 0, None),
        ] {
            let health =
                Health { planned_starts, late_starts, making: millis(making), waiting: millis(waiting) };
            assert_eq!(health.bottleneck(), expected, "{health:?}");
        }
    }
}
