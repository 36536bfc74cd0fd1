//! What an `ExportTraceServiceRequest` takes in memory once it is decoded, told from its bytes.
//!
//! Two bytes on the wire can be an empty span, which takes hundreds when it is decoded. So whoever decodes what
//! others wrote first walks its fields, which takes no memory, and stops where a budget ends. Bytes that are no
//! message count as far as they are one: decoding them fails anyway.

use std::mem::size_of;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};

use super::request_fields::{Fields, Kind, MAX_DEPTH};

/// A message was larger than its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("decodes to more than {} MB", .0 >> 20)]
pub(crate) struct OverBudget(u64);

/// A vector that grows has up to twice the room that it needs.
const GROWTH: usize = 2;

/// What a message of this kind takes by itself.
fn size_of_kind(kind: Kind) -> usize {
    match kind {
        Kind::Request => 0,
        Kind::ResourceSpans => GROWTH * size_of::<ResourceSpans>(),
        Kind::Resource => size_of::<Resource>(),
        Kind::EntityRef => GROWTH * size_of::<EntityRef>(),
        Kind::ScopeSpans => GROWTH * size_of::<ScopeSpans>(),
        Kind::Scope => size_of::<InstrumentationScope>(),
        Kind::Span => GROWTH * size_of::<Span>(),
        Kind::Status => size_of::<Status>(),
        Kind::Event => GROWTH * size_of::<Event>(),
        Kind::Link => GROWTH * size_of::<Link>(),
        Kind::KeyValue => GROWTH * size_of::<KeyValue>(),
        Kind::AnyValue => GROWTH * size_of::<AnyValue>(),
        Kind::Array => size_of::<ArrayValue>(),
        Kind::Map => size_of::<KeyValueList>(),
    }
}

/// An upper bound of what the request takes, if that is within `budget` bytes.
pub(crate) fn decoded_size(request: &[u8], budget: u64) -> Result<u64, OverBudget> {
    let mut left = budget;
    walk(Kind::Request, request, MAX_DEPTH, &mut left).ok_or(OverBudget(budget))?;
    Ok(budget - left)
}

/// None where the budget ends.
fn walk(kind: Kind, bytes: &[u8], depth: u32, left: &mut u64) -> Option<()> {
    for field in (Fields { rest: bytes }) {
        let Some(content) = field.content else { continue };
        let child = kind.child(field.tag).filter(|_| depth > 0);
        let takes = child.map_or(content.len(), size_of_kind) as u64;
        *left = left.checked_sub(takes)?;
        if let Some(child) = child {
            walk(child, content, depth - 1, left)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    use super::*;

    #[test]
    fn empty_messages_count_for_what_they_become() {
        let spans = vec![Span::default(); 10_000];
        let scope = ScopeSpans { spans, ..ScopeSpans::default() };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans: vec![scope], ..ResourceSpans::default() }],
        };
        let bytes = request.encode_to_vec();
        assert!(bytes.len() < 21_000);
        let size = decoded_size(&bytes, 1 << 30).unwrap();
        assert!(size >= 10_000 * size_of::<Span>() as u64, "{size}");
        assert_eq!(decoded_size(&bytes, size), Ok(size));
        assert_eq!(decoded_size(&bytes, size - 1), Err(OverBudget(size - 1)));
        for cut in [0, 1, 2, 5, 100] {
            assert!(decoded_size(&bytes[..cut], 1 << 30).is_ok());
        }
        assert!(decoded_size(&[0xff; 40], 1 << 30).is_ok());
    }
}
