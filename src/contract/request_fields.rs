//! The fields of an `ExportTraceServiceRequest`, met in its bytes without decoding them.
//!
//! Prost passes over a field that it does not know, and a whole message takes memory when it is decoded. What has to
//! be known before is told from the wire format and from what OTLP says of its messages.

/// Prost decodes no message that is nested deeper.
pub(crate) const MAX_DEPTH: u32 = 100;

/// A message of OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Request,
    ResourceSpans,
    Resource,
    EntityRef,
    ScopeSpans,
    Scope,
    Span,
    Status,
    Event,
    Link,
    KeyValue,
    AnyValue,
    Array,
    Map,
}

impl Kind {
    /// The message in a field; none where it holds text or bytes.
    pub(crate) fn child(self, tag: u64) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Request, 1) => Self::ResourceSpans,
            (Self::ResourceSpans, 1) => Self::Resource,
            (Self::ResourceSpans, 2) => Self::ScopeSpans,
            (Self::Resource, 3) => Self::EntityRef,
            (Self::ScopeSpans, 1) => Self::Scope,
            (Self::ScopeSpans, 2) => Self::Span,
            (Self::Span, 11) => Self::Event,
            (Self::Span, 13) => Self::Link,
            (Self::Span, 15) => Self::Status,
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

    /// Whether OTLP has such a field.
    pub(crate) fn knows(self, tag: u64) -> bool {
        let most = match self {
            Self::Request | Self::Array | Self::Map => 1,
            Self::ResourceSpans | Self::Resource | Self::ScopeSpans | Self::KeyValue => 3,
            Self::EntityRef | Self::Scope | Self::Event => 4,
            // Its first field is gone.
            Self::Status => return matches!(tag, 2 | 3),
            Self::Link => 6,
            Self::AnyValue => 8,
            Self::Span => 16,
        };
        (1..=most).contains(&tag)
    }

    /// What OTLP calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Request => "ExportTraceServiceRequest",
            Self::ResourceSpans => "ResourceSpans",
            Self::Resource => "Resource",
            Self::EntityRef => "EntityRef",
            Self::ScopeSpans => "ScopeSpans",
            Self::Scope => "InstrumentationScope",
            Self::Span => "Span",
            Self::Status => "Status",
            Self::Event => "Event",
            Self::Link => "Link",
            Self::KeyValue => "KeyValue",
            Self::AnyValue => "AnyValue",
            Self::Array => "ArrayValue",
            Self::Map => "KeyValueList",
        }
    }
}

/// A field of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'b> {
    pub(crate) tag: u64,
    /// With its key and length.
    pub(crate) bytes: &'b [u8],
    /// Its content, where that has a length of its own.
    pub(crate) content: Option<&'b [u8]>,
}

/// The fields of a message, up to where its bytes are none.
#[derive(Debug)]
pub(crate) struct Fields<'b> {
    /// What has not been met yet.
    pub(crate) rest: &'b [u8],
}

impl<'b> Iterator for Fields<'b> {
    type Item = Field<'b>;

    fn next(&mut self) -> Option<Field<'b>> {
        let mut rest = self.rest;
        let key = varint(&mut rest)?;
        let content = value(key, &mut rest, MAX_DEPTH)?;
        let bytes = &self.rest[..self.rest.len() - rest.len()];
        self.rest = rest;
        Some(Field { tag: key >> 3, bytes, content: (key & 7 == LENGTH).then_some(content) })
    }
}

const LENGTH: u64 = 2;
const GROUP: u64 = 3;
const GROUP_END: u64 = 4;

/// Takes the value that belongs to a key.
fn value<'b>(key: u64, bytes: &mut &'b [u8], depth: u32) -> Option<&'b [u8]> {
    let fixed = match key & 7 {
        0 => varint(bytes).map(|_| 0)?,
        1 => 8,
        LENGTH => varint(bytes).and_then(|length| usize::try_from(length).ok())?,
        // Of old: prost passes over it, and what comes behind it counts.
        GROUP if depth > 0 => loop {
            let inner = varint(bytes)?;
            if inner & 7 == GROUP_END {
                break 0;
            }
            value(inner, bytes, depth - 1)?;
        },
        5 => 4,
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(fixed)?;
    *bytes = rest;
    Some(content)
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

/// Whether OTLP knows every field of a message.
pub(crate) fn are_all_known(kind: Kind, bytes: &[u8], depth: u32) -> bool {
    Fields { rest: bytes }.all(|field| {
        let child = kind.child(field.tag).zip(field.content).filter(|_| depth > 0);
        kind.knows(field.tag) && child.is_none_or(|(child, content)| are_all_known(child, content, depth - 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_met_up_to_where_the_bytes_are_none() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x01, b'a', 0x1d, 1, 2, 3, 4, 0x21, 1, 2];
        let mut fields = Fields { rest: &bytes };
        let met: Vec<_> =
            fields.by_ref().map(|field| (field.tag, field.bytes.len(), field.content)).collect();
        assert_eq!(met, [(1, 3, None), (2, 3, Some(&b"a"[..])), (3, 5, None)]);
        assert_eq!(fields.rest, &bytes[11..]);
        // A group within a group, and a field behind them.
        let bytes = [0x0b, 0x08, 1, 0x13, 0x12, 1, b'a', 0x14, 0x0c, 0x18, 7];
        let tags: Vec<_> = Fields { rest: &bytes }.map(|field| (field.tag, field.bytes.len())).collect();
        assert_eq!(tags, [(1, 9), (3, 2)]);
    }

    #[test]
    fn a_field_that_otlp_lacks_is_told_at_any_depth() {
        let inside = |tag: u8, content: &[u8]| [&[tag << 3 | 2, content.len() as u8], content].concat();
        let of_span = |fields: &[u8]| inside(1, &inside(2, &inside(2, fields)));
        let are_known = |bytes: &[u8]| are_all_known(Kind::Request, bytes, MAX_DEPTH);
        assert!(are_known(&of_span(&inside(9, &inside(2, &inside(1, b"x"))))));
        assert!(!are_known(&of_span(&[0xf8, 0x01, 1])));
        assert!(!are_known(&of_span(&inside(9, &inside(2, &inside(12, b"x"))))));
        assert!(!are_known(&of_span(&inside(15, &inside(1, b"x")))));
    }
}
