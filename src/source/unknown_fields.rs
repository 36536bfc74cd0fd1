//! Requests with fields that OTLP does not know: what prost would pass over in silence is named and counted.
//!
//! A value of an unknown form has nothing that it could be sent as, and would become a null. As in JSON, its attribute
//! is left out and counted; within an array, which has no gaps, the array's attribute.

use std::borrow::Cow;

use prost::encoding::{WireType, encode_key, encode_varint};

use super::otlp_json::Extras;
use crate::contract::request_fields::{Fields, Kind, MAX_DEPTH, are_all_known};

/// The request without what nothing is known of; the same bytes where there is no such thing.
pub(super) fn without<'b>(request: &'b [u8], extras: &mut Extras) -> Cow<'b, [u8]> {
    if are_all_known(Kind::Request, request, MAX_DEPTH) {
        return Cow::Borrowed(request);
    }
    // Nothing but a value is of an unknown form.
    rewritten(Kind::Request, request, MAX_DEPTH, extras).map_or(Cow::Borrowed(request), Cow::Owned)
}

/// `Err` names the field of a value that has no other.
fn rewritten(kind: Kind, bytes: &[u8], depth: u32, extras: &mut Extras) -> Result<Vec<u8>, u64> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut fields = Fields { rest: bytes };
    let (mut is_known, mut unknown) = (false, None);
    for field in fields.by_ref() {
        if !kind.knows(field.tag) {
            unknown = Some(field.tag);
            if kind != Kind::AnyValue {
                count(kind, field.tag, extras);
            }
            continue;
        }
        is_known = true;
        let child = kind.child(field.tag).zip(field.content).filter(|_| depth > 0);
        let Some((child, content)) = child else {
            out.extend_from_slice(field.bytes);
            continue;
        };
        match rewritten(child, content, depth - 1, extras) {
            Ok(content) => {
                encode_key(u32::try_from(field.tag).unwrap_or_default(), WireType::LengthDelimited, &mut out);
                encode_varint(content.len() as u64, &mut out);
                out.extend_from_slice(&content);
            }
            Err(tag) if child == Kind::KeyValue => {
                extras.lost += 1;
                extras
                    .count(Cow::Owned(format!("attribute left out, its value of the unknown form `{tag}`")));
            }
            Err(tag) => return Err(tag),
        }
    }
    out.extend_from_slice(fields.rest);
    match unknown {
        Some(tag) if kind == Kind::AnyValue && !is_known => return Err(tag),
        Some(tag) if kind == Kind::AnyValue => count(kind, tag, extras),
        _ => {}
    }
    Ok(out)
}

fn count(kind: Kind, tag: u64, extras: &mut Extras) {
    extras.count(Cow::Owned(format!("unknown field `{}.{tag}`", kind.name())));
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    use super::*;

    fn inside(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag << 3 | 2, content.len() as u8], content].concat()
    }

    fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
        inside(9, &[inside(1, key.as_bytes()), inside(2, value)].concat())
    }

    fn read(span: &[Vec<u8>]) -> (Vec<String>, Extras) {
        let request = inside(1, &inside(2, &inside(2, &span.concat())));
        let mut extras = Extras::default();
        let known = without(&request, &mut extras);
        let request = ExportTraceServiceRequest::decode(&*known).unwrap();
        let span = request.resource_spans[0].scope_spans[0].spans[0].clone();
        assert!(span.attributes.iter().all(|pair| pair.value.as_ref().unwrap().value.is_some()));
        (span.attributes.into_iter().map(|pair| pair.key).collect(), extras)
    }

    #[test]
    fn what_otlp_does_not_know_is_named_and_counted_and_no_null() {
        let (text, odd) = (inside(1, b"x"), inside(12, b"x"));
        let array = |values: &[Vec<u8>]| inside(5, &values.concat());
        let pair =
            |key: &str, value: &[u8]| inside(1, &[inside(1, key.as_bytes()), inside(2, value)].concat());
        let (keys, extras) = read(&[
            inside(5, b"name"),
            vec![0xf8, 0x01, 7],
            vec![0xf8, 0x01, 8],
            attribute("a", &odd),
            attribute("b", &[text.clone(), odd.clone()].concat()),
            attribute("c", &array(&[inside(1, &text), inside(1, &odd)])),
            attribute("d", &inside(6, &[pair("e", &odd), pair("f", &text)].concat())),
            inside(15, &inside(9, b"x")),
        ]);
        assert_eq!((keys, extras.lost), (vec!["b".to_owned(), "d".to_owned()], 3));
        let named: Vec<_> = extras.ignored.iter().map(|(what, count)| format!("{count} {what}")).collect();
        insta::assert_snapshot!(named.join("\n"), @"
        3 attribute left out, its value of the unknown form `12`
        1 unknown field `AnyValue.12`
        2 unknown field `Span.31`
        1 unknown field `Status.9`
        ");
    }

    #[test]
    fn a_request_of_known_fields_is_left_as_it_is() {
        let (keys, extras) = read(&[inside(5, b"name"), attribute("a", &inside(1, b"x"))]);
        assert_eq!((keys, extras), (vec!["a".to_owned()], Extras::default()));
        let cut = b"\x0a\xff";
        assert_eq!(without(cut, &mut Extras::default()), &cut[..]);
    }
}
