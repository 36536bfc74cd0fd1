//! What a load tells its summary: one account per export, and what never became one.

use std::time::Duration;

use crate::wire::exporter::Reply;

/// One export's account. Times are since the run's first planned start.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) stream: usize,
    /// Workflows whose last span it carries.
    pub(crate) workflows: u64,
    pub(crate) spans: u64,
    pub(crate) reply: Reply,
    /// Calls that were made; more than one where it was sent again.
    pub(crate) attempts: u32,
    /// When the plan called for it; none in a closed loop, which has no plan in time.
    pub(crate) planned: Option<Duration>,
    /// Whether it could have begun then: the further exports of a unit follow the answer to the first.
    pub(crate) punctual: bool,
    /// When the first call began.
    pub(crate) started: Duration,
    pub(crate) ended: Duration,
    /// How long the request took to be made, before it was sent.
    pub(crate) making: Duration,
}

/// What never started because no slot was free, or because the run was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotStarted {
    pub(crate) stream: usize,
    pub(crate) workflows: u64,
    pub(crate) spans: u64,
    /// Since the run's first planned start.
    pub(crate) at: Duration,
}

impl Sample {
    /// From the first call to the last answer.
    pub(crate) fn service_time(&self) -> Duration {
        self.ended.saturating_sub(self.started)
    }

    /// As a user would have felt it: from the planned start, where there is one, to the last answer.
    pub(crate) fn response_time(&self) -> Duration {
        self.ended.saturating_sub(self.planned.unwrap_or(self.started))
    }

    /// How much later than planned it started; none in a closed loop, and where it had to wait for another.
    pub(crate) fn start_error(&self) -> Option<Duration> {
        Some(self.started.saturating_sub(self.planned.filter(|_| self.punctual)?))
    }
}
