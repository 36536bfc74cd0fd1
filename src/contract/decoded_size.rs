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
        ResourceSpans, ScopeSpans, Span,
        span::{Event, Link},
    },
};

/// A message was larger than its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("decodes to more than {} MB", .0 >> 20)]
pub(crate) struct OverBudget(u64);

/// Prost decodes no message that is nested deeper.
const MAX_DEPTH: u32 = 100;

/// A vector that grows has up to twice the room that it needs.
const GROWTH: usize = 2;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Request,
    ResourceSpans,
    Resource,
    EntityRef,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    KeyValue,
    AnyValue,
    Array,
    Map,
}

impl Kind {
    /// The message in a field; none where it holds text or bytes.
    fn child(self, tag: u64) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Request, 1) => Self::ResourceSpans,
            (Self::ResourceSpans, 1) => Self::Resource,
            (Self::ResourceSpans, 2) => Self::ScopeSpans,
            (Self::Resource, 3) => Self::EntityRef,
            (Self::ScopeSpans, 1) => Self::Scope,
            (Self::ScopeSpans, 2) => Self::Span,
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::Resource | Self::Map, 1)
            | (Self::Scope | Self::Event, 3)
            | (Self::Span, 9)
            | (Self::Link, 4) => Self::KeyValue,
            (Self::KeyValue, 2) | (Self::Array, 1) => Self::AnyValue,
            (Self::AnyValue, 5) => Self::Array,
            (Self::AnyValue, 6) => Self::Map,
            _ => return None,
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Request => 0,
            Self::ResourceSpans => GROWTH * size_of::<ResourceSpans>(),
            Self::Resource => size_of::<Resource>(),
            Self::EntityRef => GROWTH * size_of::<EntityRef>(),
            Self::ScopeSpans => GROWTH * size_of::<ScopeSpans>(),
            Self::Scope => size_of::<InstrumentationScope>(),
            Self::Span => GROWTH * size_of::<Span>(),
            Self::Event => GROWTH * size_of::<Event>(),
            Self::Link => GROWTH * size_of::<Link>(),
            Self::KeyValue => GROWTH * size_of::<KeyValue>(),
            Self::AnyValue => GROWTH * size_of::<AnyValue>(),
            Self::Array => size_of::<ArrayValue>(),
            Self::Map => size_of::<KeyValueList>(),
        }
    }
}

/// An upper bound of what the request takes, if that is within `budget` bytes.
pub(crate) fn decoded_size(request: &[u8], budget: u64) -> Result<u64, OverBudget> {
    let mut left = budget;
    walk(Kind::Request, request, MAX_DEPTH, &mut left).ok_or(OverBudget(budget))?;
    Ok(budget - left)
}

/// None where the budget ends.
fn walk(kind: Kind, mut bytes: &[u8], depth: u32, left: &mut u64) -> Option<()> {
    while let Some(key) = varint(&mut bytes) {
        let fixed = match key & 7 {
            0 => varint(&mut bytes).map(|_| 0),
            1 => Some(8),
            5 => Some(4),
            2 => {
                let length = varint(&mut bytes).and_then(|length| usize::try_from(length).ok());
                let Some((field, rest)) = length.and_then(|length| bytes.split_at_checked(length)) else {
                    return Some(());
                };
                bytes = rest;
                let child = kind.child(key >> 3).filter(|_| depth > 0);
                let takes = child.map_or(field.len(), Kind::bytes) as u64;
                *left = left.checked_sub(takes)?;
                if let Some(child) = child {
                    walk(child, field, depth - 1, left)?;
                }
                Some(0)
            }
            _ => None,
        };
        let Some((_, rest)) = fixed.and_then(|fixed| bytes.split_at_checked(fixed)) else { return Some(()) };
        bytes = rest;
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
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
