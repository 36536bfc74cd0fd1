//! The delay that a server asks for: `google.rpc.RetryInfo` among the details of its status.
//!
//! The messages hold only the fields that are read here; prost skips the others.

use std::time::Duration;

use prost::Message;

const TYPE: &str = "google.rpc.RetryInfo";

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Detail {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(super) retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Delay {
    #[prost(int64, tag = "1")]
    pub(super) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(super) nanos: i32,
}

/// The delay in `grpc-status-details-bin`; zero where a server says that a retry may help, but not when.
pub(super) fn retry_delay(details: &[u8]) -> Option<Duration> {
    let status = RpcStatus::decode(details).ok()?;
    let is_info = |detail: &&Detail| detail.type_url.rsplit('/').next() == Some(TYPE);
    let info = RetryInfo::decode(status.details.iter().find(is_info)?.value.as_slice()).ok()?;
    let Delay { seconds, nanos } = info.retry_delay.unwrap_or_default();
    let whole = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    Some(whole.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())))
}

/// The details of a status that asks for a delay.
#[cfg(test)]
pub(super) fn details_of(delay: Option<Delay>) -> bytes::Bytes {
    let detail =
        |type_url: &str, value| Detail { type_url: format!("type.googleapis.com/{type_url}"), value };
    let info = RetryInfo { retry_delay: delay }.encode_to_vec();
    let details = vec![detail("google.rpc.DebugInfo", vec![1, 2, 3]), detail(TYPE, info)];
    RpcStatus { details }.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_read_from_among_other_details() {
        let of = |seconds, nanos| retry_delay(&details_of(Some(Delay { seconds, nanos })));
        assert_eq!(of(2, 500_000_000), Some(Duration::from_millis(2_500)));
        assert_eq!(of(-1, 0), Some(Duration::ZERO));
        assert_eq!(of(i64::MAX, i32::MAX), Some(Duration::new(i64::MAX.unsigned_abs() + 2, 147_483_647)));
        assert_eq!(retry_delay(&details_of(None)), Some(Duration::ZERO));
    }

    #[test]
    fn other_details_ask_for_nothing() {
        assert_eq!(retry_delay(b""), None);
        assert_eq!(retry_delay(b"no protobuf"), None);
        let other = Detail { type_url: "type.googleapis.com/google.rpc.Help".to_owned(), value: vec![] };
        assert_eq!(retry_delay(&RpcStatus { details: vec![other] }.encode_to_vec()), None);
    }
}
