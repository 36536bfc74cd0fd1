//! Whether an export that was not acked is sent again, and when.
//!
//! The decision is a function of what is known; the loop beside it asks, waits, and tells its caller before
//! every further attempt, so that the ledger has the attempt before it is made. All attempts carry the same
//! bytes, and so the same ids: that is what lets an audit tell a copy that a retry made from any other.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::watch;

use super::{
    exporter::{Exporter, Reply},
    outcome::{ExportOutcome, GrpcCode},
    target::Target,
    transport::Transport,
};
use crate::{
    base::{notice, problem::Problem},
    text::numbers,
};

/// Which exports are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RetryPolicy {
    /// Every export is tried once
    None,
    /// What the OTLP specification calls retryable
    Spec,
    /// Whatever is not hopeless, INTERNAL and a broken connection included
    Stubborn,
}

/// Long enough for a busy server to breathe, and short beside the seconds that a restart takes.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// A restarted ingestion service is back within seconds; a longer pause would only be idle.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// What is down for a minute needs a person, and a run must end.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);

/// What came of an export with all its attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exported {
    /// All attempts together.
    pub(crate) outcome: ExportOutcome,
    /// What the last of them brought.
    pub(crate) last: Reply,
    pub(crate) attempts: u32,
}

impl RetryPolicy {
    /// As it is typed.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Spec => "spec",
            Self::Stubborn => "stubborn",
        }
    }

    /// How long to wait before the next attempt; nothing if there is to be none.
    ///
    /// `attempt` is the number of the one that ended, from 1 on, and `elapsed` the time since the first began.
    /// `fraction`, from 0 to 1, spreads clients that failed together: a delay lies between half and the whole of
    /// what doubles with every attempt, and is never less than the server asks for.
    pub(crate) fn delay(
        self,
        attempt: u32,
        elapsed: Duration,
        reply: &Reply,
        fraction: f64,
    ) -> Option<Duration> {
        if !self.retries(reply) {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(16);
        let whole = FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY);
        let delay = whole.mul_f64(0.5 + fraction.clamp(0.0, 1.0) / 2.0);
        let delay = delay.max(reply.retry_after.unwrap_or_default());
        (elapsed.saturating_add(delay) <= GIVE_UP_AFTER).then_some(delay)
    }

    fn retries(self, reply: &Reply) -> bool {
        let (ExportOutcome::Rejected { code } | ExportOutcome::Indeterminate { code }) = reply.outcome else {
            // OTLP forbids to send again what was taken in part.
            return false;
        };
        if says_too_large(reply) {
            return false;
        }
        match self {
            Self::None => false,
            Self::Spec => match code {
                GrpcCode::Cancelled
                | GrpcCode::DeadlineExceeded
                | GrpcCode::Aborted
                | GrpcCode::OutOfRange
                | GrpcCode::Unavailable
                | GrpcCode::DataLoss => true,
                GrpcCode::ResourceExhausted => reply.retry_after.is_some(),
                _ => false,
            },
            Self::Stubborn => !matches!(
                code,
                GrpcCode::InvalidArgument
                    | GrpcCode::PermissionDenied
                    | GrpcCode::Unauthenticated
                    | GrpcCode::Unimplemented
            ),
        }
    }
}

/// Whether the message will be too large the next time, too. tonic says so with OUT_OF_RANGE, which the
/// specification calls retryable; grpc-go with RESOURCE_EXHAUSTED.
fn says_too_large(reply: &Reply) -> bool {
    ["message length too large", "message larger than max"].iter().any(|words| reply.message.contains(words))
}

/// Connects, and proves with an empty export that the server takes our key. What would be tried again of an export
/// is tried again here.
pub(crate) async fn connect(
    target: &Target,
    api_key: &str,
    transport: &Transport,
    policy: RetryPolicy,
) -> Result<Exporter, Problem> {
    let mut exporter = Exporter::open(target, api_key, transport).await?;
    let began = Instant::now();
    let mut attempts = 1;
    loop {
        let Err(refused) = exporter.prove().await else { return Ok(exporter) };
        let Some(delay) = policy.delay(attempts, began.elapsed(), &refused.reply, rand::random()) else {
            return Err(refused.problem);
        };
        if attempts == 1 {
            notice::note(&format!(
                "no export is taken yet, which is tried again for {}, as --retry says: {}",
                numbers::long(GIVE_UP_AFTER),
                refused.problem
            ));
        }
        attempts += 1;
        tokio::time::sleep(delay).await;
    }
}

/// Exports until it is acked, hopeless, or given up, or until `stop` turns true between two attempts.
///
/// `on_retry` hears, before each further attempt, of that one's number and of how the one before ended; where
/// it fails, the export is left as it is.
pub(crate) async fn export_with_retries(
    exporter: &mut Exporter,
    request: Bytes,
    policy: RetryPolicy,
    stop: &watch::Receiver<bool>,
    mut on_retry: impl FnMut(u32, &Reply) -> anyhow::Result<()>,
) -> anyhow::Result<Exported> {
    let began = Instant::now();
    let mut attempts = 1;
    let mut last = exporter.export(request.clone()).await;
    let mut outcome = last.outcome;
    while let Some(delay) = policy.delay(attempts, began.elapsed(), &last, rand::random()) {
        if stopped_within(stop, delay).await {
            break;
        }
        attempts += 1;
        on_retry(attempts, &last)?;
        last = exporter.export(request.clone()).await;
        outcome = outcome.with_retry(last.outcome);
    }
    Ok(Exported { outcome, last, attempts })
}

/// Waits; true, and at once, where the run is stopped meanwhile.
pub(crate) async fn stopped_within(stop: &watch::Receiver<bool>, delay: Duration) -> bool {
    tokio::time::timeout(delay, stopped(stop.clone())).await.is_ok()
}

/// Waits until the run is stopped.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    // Whoever could have stopped it may have gone.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODES: [GrpcCode; 16] = [
        GrpcCode::Cancelled,
        GrpcCode::Unknown,
        GrpcCode::InvalidArgument,
        GrpcCode::DeadlineExceeded,
        GrpcCode::NotFound,
        GrpcCode::AlreadyExists,
        GrpcCode::PermissionDenied,
        GrpcCode::ResourceExhausted,
        GrpcCode::FailedPrecondition,
        GrpcCode::Aborted,
        GrpcCode::OutOfRange,
        GrpcCode::Unimplemented,
        GrpcCode::Internal,
        GrpcCode::Unavailable,
        GrpcCode::DataLoss,
        GrpcCode::Unauthenticated,
    ];

    fn reply(outcome: ExportOutcome) -> Reply {
        Reply { outcome, message: String::new(), retry_after: None }
    }

    fn unavailable() -> Reply {
        reply(ExportOutcome::Rejected { code: GrpcCode::Unavailable })
    }

    fn retried(policy: RetryPolicy, reply: &Reply) -> bool {
        policy.delay(1, Duration::ZERO, reply, 0.5).is_some()
    }

    #[test]
    fn each_policy_has_its_codes() {
        let codes = |policy| {
            let is_retried = |code: &&GrpcCode| {
                let outcomes =
                    [ExportOutcome::Rejected { code: **code }, ExportOutcome::Indeterminate { code: **code }];
                let [refused, unknown] = outcomes.map(|outcome| retried(policy, &reply(outcome)));
                assert_eq!(refused, unknown);
                refused
            };
            CODES.iter().filter(is_retried).map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(codes(RetryPolicy::None), "");
        assert_eq!(
            codes(RetryPolicy::Spec),
            "CANCELLED DEADLINE_EXCEEDED ABORTED OUT_OF_RANGE UNAVAILABLE DATA_LOSS"
        );
        assert_eq!(
            codes(RetryPolicy::Stubborn),
            "CANCELLED UNKNOWN DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS RESOURCE_EXHAUSTED \
             FAILED_PRECONDITION ABORTED OUT_OF_RANGE INTERNAL UNAVAILABLE DATA_LOSS"
        );
    }

    #[test]
    fn what_was_taken_or_is_too_large_is_never_sent_again() {
        let too_large = |code, message: &str| Reply {
            message: message.to_owned(),
            retry_after: Some(Duration::ZERO),
            ..reply(ExportOutcome::Rejected { code })
        };
        let tonic = "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes";
        let go = "grpc: received message larger than max (5 vs. 4)";
        for policy in [RetryPolicy::None, RetryPolicy::Spec, RetryPolicy::Stubborn] {
            assert!(!retried(policy, &reply(ExportOutcome::Acked)));
            assert!(!retried(policy, &reply(ExportOutcome::Partial { rejected_spans: 1 })));
            assert!(!retried(policy, &too_large(GrpcCode::OutOfRange, tonic)));
            assert!(!retried(policy, &too_large(GrpcCode::ResourceExhausted, go)));
        }
    }

    #[test]
    fn an_exhausted_server_is_tried_again_if_it_says_that_this_may_help() {
        let exhausted = reply(ExportOutcome::Rejected { code: GrpcCode::ResourceExhausted });
        assert!(!retried(RetryPolicy::Spec, &exhausted));
        let asks = Reply { retry_after: Some(Duration::from_secs(7)), ..exhausted };
        assert_eq!(RetryPolicy::Spec.delay(1, Duration::ZERO, &asks, 1.0), Some(Duration::from_secs(7)));
        let now = Reply { retry_after: Some(Duration::ZERO), ..asks };
        assert_eq!(RetryPolicy::Spec.delay(1, Duration::ZERO, &now, 1.0), Some(FIRST_DELAY));
    }

    #[test]
    fn delays_double_up_to_five_seconds_and_end_after_a_minute() {
        let delay = |attempt, fraction| {
            RetryPolicy::Spec.delay(attempt, Duration::ZERO, &unavailable(), fraction).unwrap().as_millis()
        };
        assert_eq!(
            [1, 2, 3, 6, 7, 99].map(|attempt| delay(attempt, 1.0)),
            [100, 200, 400, 3_200, 5_000, 5_000]
        );
        assert_eq!([0.0, 0.5, 1.0].map(|fraction| delay(2, fraction)), [100, 150, 200]);

        let after = |seconds| RetryPolicy::Spec.delay(9, Duration::from_secs(seconds), &unavailable(), 1.0);
        assert_eq!(after(55), Some(LONGEST_DELAY));
        assert_eq!(after(56), None);
        let later = Reply { retry_after: Some(Duration::from_secs(61)), ..unavailable() };
        assert_eq!(RetryPolicy::Stubborn.delay(1, Duration::ZERO, &later, 1.0), None);
    }
}
