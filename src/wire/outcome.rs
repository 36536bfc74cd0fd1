//! What an export call tells us about the spans it carried (contract, section 5).

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use serde::{Deserialize, Serialize};
use tonic::{Code, ConnectError, Status};

/// The outcome of one export, in Jepsen's sense: known, or known to be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum ExportOutcome {
    /// All spans were taken. In memory, not yet on disk.
    Acked,
    /// Refused before a span was looked at.
    Rejected { code: GrpcCode },
    /// The spans may or may not be stored; neither is a finding.
    Indeterminate { code: GrpcCode },
    /// OTLP partial success: all but a number of spans were taken; the answer does not say which.
    Partial { rejected_spans: u32 },
}

/// A gRPC status code by its name in the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum GrpcCode {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl ExportOutcome {
    pub(crate) fn of_status(status: &Status) -> Self {
        let code = match status.code() {
            // tonic's name for a connection that broke; gRPC's is UNAVAILABLE, and policies go by that.
            Code::Unknown if std::error::Error::source(status).is_some() => GrpcCode::Unavailable,
            code => GrpcCode::from(code),
        };
        if is_refusal(status) { Self::Rejected { code } } else { Self::Indeterminate { code } }
    }

    /// A partial success without refused spans is a warning. No export has more spans than a `u32` counts.
    pub(crate) fn of_response(response: &ExportTraceServiceResponse) -> Self {
        match response.partial_success.as_ref().map_or(0, |partial| partial.rejected_spans) {
            ..=0 => Self::Acked,
            rejected => Self::Partial { rejected_spans: u32::try_from(rejected).unwrap_or(u32::MAX) },
        }
    }

    /// The outcome of an attempt and a later one at the same export together.
    ///
    /// An ack is for all spans, whatever became of them before. Without one, an attempt that is not known
    /// keeps the whole from being known: after it, a partial success proves only that at least its number
    /// of spans is stored, not which of the others came in before.
    pub(crate) fn with_retry(self, later: Self) -> Self {
        match (self, later) {
            (Self::Acked, _) | (_, Self::Acked) => Self::Acked,
            (Self::Indeterminate { code }, _) | (_, Self::Indeterminate { code }) => {
                Self::Indeterminate { code }
            }
            // Two halves may be the same half: the number of stored spans is not known.
            (Self::Partial { .. }, Self::Partial { .. }) => Self::Indeterminate { code: GrpcCode::Ok },
            (partial @ Self::Partial { .. }, Self::Rejected { .. })
            | (Self::Rejected { .. }, partial @ Self::Partial { .. }) => partial,
            (Self::Rejected { .. }, rejected @ Self::Rejected { .. }) => rejected,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Acked => "acked",
            Self::Rejected { .. } => "rejected",
            Self::Indeterminate { .. } => "indeterminate",
            Self::Partial { .. } => "partial",
        }
    }

    /// Of a partial success: how many spans were refused.
    pub(crate) fn rejected_spans(self) -> Option<i64> {
        match self {
            Self::Partial { rejected_spans } => Some(rejected_spans.into()),
            Self::Acked | Self::Rejected { .. } | Self::Indeterminate { .. } => None,
        }
    }

    pub(crate) fn code(self) -> Option<GrpcCode> {
        match self {
            Self::Acked | Self::Partial { .. } => None,
            Self::Rejected { code } | Self::Indeterminate { code } => Some(code),
        }
    }
}

/// How tonic begins the message of a status that it derives from a bare HTTP response.
const NO_GRPC_STATUS: &str = "grpc-status header missing";

/// Whether no span of the call can have been kept.
fn is_refusal(status: &Status) -> bool {
    match std::error::Error::source(status) {
        // A status with a source was made on our side: only a failed connect sent nothing.
        Some(_) => failed_to_connect(status),
        // A proxy's answer says nothing of what it passed on.
        None if status.message().starts_with(NO_GRPC_STATUS) => false,
        // INTERNAL is not here: the studio pushes spans one at a time and may have kept some.
        None => matches!(
            status.code(),
            Code::InvalidArgument
                | Code::OutOfRange
                | Code::PermissionDenied
                | Code::ResourceExhausted
                | Code::Unauthenticated
                | Code::Unavailable
                | Code::Unimplemented
        ),
    }
}

fn failed_to_connect(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(err) = cause {
        if err.is::<ConnectError>() {
            return true;
        }
        cause = err.source();
    }
    false
}

impl From<Code> for GrpcCode {
    fn from(code: Code) -> Self {
        match code {
            Code::Ok => Self::Ok,
            Code::Cancelled => Self::Cancelled,
            Code::Unknown => Self::Unknown,
            Code::InvalidArgument => Self::InvalidArgument,
            Code::DeadlineExceeded => Self::DeadlineExceeded,
            Code::NotFound => Self::NotFound,
            Code::AlreadyExists => Self::AlreadyExists,
            Code::PermissionDenied => Self::PermissionDenied,
            Code::ResourceExhausted => Self::ResourceExhausted,
            Code::FailedPrecondition => Self::FailedPrecondition,
            Code::Aborted => Self::Aborted,
            Code::OutOfRange => Self::OutOfRange,
            Code::Unimplemented => Self::Unimplemented,
            Code::Internal => Self::Internal,
            Code::Unavailable => Self::Unavailable,
            Code::DataLoss => Self::DataLoss,
            Code::Unauthenticated => Self::Unauthenticated,
        }
    }
}

impl std::fmt::Display for GrpcCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_refused_was_not_kept() {
        for code in [Code::Unauthenticated, Code::ResourceExhausted, Code::OutOfRange, Code::Unimplemented] {
            let outcome = ExportOutcome::of_status(&Status::new(code, "refused"));
            assert_eq!(outcome, ExportOutcome::Rejected { code: code.into() });
        }
    }

    #[test]
    fn anything_in_between_is_unknown() {
        for code in [Code::Internal, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown, Code::Aborted] {
            let outcome = ExportOutcome::of_status(&Status::new(code, "?"));
            assert_eq!(outcome, ExportOutcome::Indeterminate { code: code.into() });
        }
    }

    const ACKED: ExportOutcome = ExportOutcome::Acked;
    const REFUSED: ExportOutcome = ExportOutcome::Rejected { code: GrpcCode::ResourceExhausted };
    const REFUSED_AGAIN: ExportOutcome = ExportOutcome::Rejected { code: GrpcCode::Unavailable };
    const UNKNOWN: ExportOutcome = ExportOutcome::Indeterminate { code: GrpcCode::DeadlineExceeded };
    const UNKNOWN_AGAIN: ExportOutcome = ExportOutcome::Indeterminate { code: GrpcCode::Internal };
    const PARTIAL: ExportOutcome = ExportOutcome::Partial { rejected_spans: 2 };
    const PARTIAL_AGAIN: ExportOutcome = ExportOutcome::Partial { rejected_spans: 3 };
    const NO_COUNT: ExportOutcome = ExportOutcome::Indeterminate { code: GrpcCode::Ok };

    #[test]
    fn an_attempt_and_its_retry_come_to_one_outcome() {
        for (first, retry, both) in [
            (ACKED, ACKED, ACKED),
            (ACKED, REFUSED_AGAIN, ACKED),
            (ACKED, UNKNOWN_AGAIN, ACKED),
            (ACKED, PARTIAL_AGAIN, ACKED),
            (REFUSED, ACKED, ACKED),
            (REFUSED, REFUSED_AGAIN, REFUSED_AGAIN),
            (REFUSED, UNKNOWN_AGAIN, UNKNOWN_AGAIN),
            (REFUSED, PARTIAL_AGAIN, PARTIAL_AGAIN),
            (UNKNOWN, ACKED, ACKED),
            (UNKNOWN, REFUSED_AGAIN, UNKNOWN),
            (UNKNOWN, UNKNOWN_AGAIN, UNKNOWN),
            (UNKNOWN, PARTIAL_AGAIN, UNKNOWN),
            (PARTIAL, ACKED, ACKED),
            (PARTIAL, REFUSED_AGAIN, PARTIAL),
            (PARTIAL, UNKNOWN_AGAIN, UNKNOWN_AGAIN),
            (PARTIAL, PARTIAL_AGAIN, NO_COUNT),
        ] {
            assert_eq!(first.with_retry(retry), both, "{first:?}, then {retry:?}");
        }
    }

    #[test]
    fn three_attempts_come_to_the_same_however_they_are_grouped() {
        let all = [ACKED, REFUSED, REFUSED_AGAIN, UNKNOWN, UNKNOWN_AGAIN, PARTIAL, NO_COUNT];
        for first in all {
            for second in all {
                for third in all {
                    let from_the_left = first.with_retry(second).with_retry(third);
                    assert_eq!(from_the_left.name(), first.with_retry(second.with_retry(third)).name());
                }
            }
        }
    }

    #[test]
    fn an_unavailable_server_refused_but_a_broken_connection_is_unknown() {
        let said = Status::unavailable("key validation is down");
        assert_eq!(ExportOutcome::of_status(&said), ExportOutcome::Rejected { code: GrpcCode::Unavailable });

        let proxy = Status::unavailable("grpc-status header missing, mapped from HTTP status code 504");
        assert_eq!(
            ExportOutcome::of_status(&proxy),
            ExportOutcome::Indeterminate { code: GrpcCode::Unavailable }
        );

        let mut broken = Status::unavailable("connection reset");
        broken.set_source(std::sync::Arc::new(std::io::Error::other("reset")));
        assert_eq!(
            ExportOutcome::of_status(&broken),
            ExportOutcome::Indeterminate { code: GrpcCode::Unavailable }
        );
    }
}
