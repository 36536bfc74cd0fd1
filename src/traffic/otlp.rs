//! Planned spans as OTLP protobuf bytes.
//!
//! Writes `Span` messages straight from borrowed spans, each field to where it is sent from: no owned
//! message is built on the way, and no buffer is copied into another.
//! Field numbers are those of opentelemetry-proto 1.x (`trace.proto`, `common.proto`).

use prost::encoding::{WireType, encode_varint, encoded_len_varint};

use super::planned::{Attribute, FLAGS, KIND_INTERNAL, PlannedEvent, PlannedSpan, Value};

/// Up to this, a length or number takes one byte.
const ONE_BYTE: usize = 0x80;

/// Bytes that the length of a span takes: most have 128 to 16 383 bytes.
pub(crate) const SPAN_WIDTH: usize = 2;

/// A message field whose length is not known yet.
#[derive(Debug)]
pub(crate) struct Open {
    /// Where its content begins.
    start: usize,
    /// Bytes that were left free for the length.
    width: usize,
}

/// Begins a message field with a tag below 16, and leaves `width` bytes for its length.
pub(crate) fn open(tag: u8, width: usize, out: &mut Vec<u8>) -> Open {
    out.push(key(tag, WireType::LengthDelimited));
    out.resize(out.len() + width, 0);
    Open { start: out.len(), width }
}

/// Ends a message field and tells the width of its length. The content moves where the guess was wrong.
pub(crate) fn close(Open { start, width: guess }: Open, out: &mut Vec<u8>) -> usize {
    let end = out.len();
    let len = end - start;
    let width = encoded_len_varint(len as u64);
    if width != guess {
        let moved = start + width - guess;
        out.resize(end.max(moved + len), 0);
        out.copy_within(start..end, moved);
        out.truncate(moved + len);
    }
    let mut rest = len;
    let begin = start - guess;
    for byte in &mut out[begin..begin + width] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[begin + width - 1] &= 0x7f;
    width
}

/// Appends one span as a `Span` message, without its tag and length.
pub(crate) fn write_span(span: &PlannedSpan<'_>, out: &mut Vec<u8>) {
    write_bytes(1, &span.trace_id, out);
    write_bytes(2, &span.span_id, out);
    if let Some(parent) = &span.parent_span_id {
        write_bytes(4, parent, out);
    }
    write_bytes(5, span.name.as_bytes(), out);
    out.extend_from_slice(&[key(6, WireType::Varint), KIND_INTERNAL as u8]);
    write_fixed64(7, span.start_time, out);
    write_fixed64(8, span.end_time, out);
    for attribute in &span.attributes {
        write_key_value(9, attribute, out);
    }
    for event in &span.events {
        let message = open(11, SPAN_WIDTH, out);
        write_event(event, out);
        close(message, out);
    }
    // The SDK always sends a status message; an empty one means "unset".
    write_bytes(15, &[], out);
    // The one tag that takes two bytes.
    out.extend_from_slice(&[0x80 | key(0, WireType::ThirtyTwoBit), 1]);
    out.extend_from_slice(&FLAGS.to_le_bytes());
}

fn write_event(event: &PlannedEvent<'_>, out: &mut Vec<u8>) {
    write_fixed64(1, event.time, out);
    write_bytes(2, event.name.as_bytes(), out);
    for attribute in &event.attributes {
        write_key_value(3, attribute, out);
    }
}

fn write_key_value(tag: u8, (name, value): &Attribute<'_>, out: &mut Vec<u8>) {
    let value_len = match value {
        Value::Text(text) => field_len(text.len()),
        Value::Int(int) => 1 + encoded_len_varint(int.cast_unsigned()),
        Value::Bool(_) => 2,
    };
    write_head(tag, field_len(name.len()) + field_len(value_len), out);
    write_bytes(1, name.as_bytes(), out);
    write_head(2, value_len, out);
    match value {
        Value::Text(text) => write_bytes(1, text.as_bytes(), out),
        Value::Bool(bool) => out.extend_from_slice(&[key(2, WireType::Varint), u8::from(*bool)]),
        Value::Int(int) => {
            out.push(key(3, WireType::Varint));
            write_varint(int.cast_unsigned(), out);
        }
    }
}

pub(crate) fn write_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    write_head(tag, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Key and length of a length-delimited field with a tag below 16.
fn write_head(tag: u8, len: usize, out: &mut Vec<u8>) {
    let key = key(tag, WireType::LengthDelimited);
    if len < ONE_BYTE {
        out.extend_from_slice(&[key, len as u8]);
    } else {
        out.push(key);
        encode_varint(len as u64, out);
    }
}

/// What such a field takes in all.
fn field_len(len: usize) -> usize {
    let width = if len < ONE_BYTE { 1 } else { encoded_len_varint(len as u64) };
    1 + width + len
}

fn write_varint(number: u64, out: &mut Vec<u8>) {
    if number < ONE_BYTE as u64 {
        out.push(number as u8);
    } else {
        encode_varint(number, out);
    }
}

fn write_fixed64(tag: u8, number: u64, out: &mut Vec<u8>) {
    let mut field = [key(tag, WireType::SixtyFourBit); 9];
    field[1..].copy_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&field);
}

fn key(tag: u8, wire_type: WireType) -> u8 {
    tag << 3 | wire_type as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_own_length_whatever_was_guessed() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let content: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let mut expected = b"before".to_vec();
            prost::encoding::bytes::encode(3, &content, &mut expected);
            for width in 1..5 {
                let mut out = b"before".to_vec();
                let message = open(3, width, &mut out);
                out.extend_from_slice(&content);
                assert_eq!(close(message, &mut out), encoded_len_varint(len));
                assert!(out == expected, "{len} bytes, {width} guessed");
            }
        }
    }
}
