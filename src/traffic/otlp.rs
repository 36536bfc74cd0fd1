//! Planned spans as OTLP protobuf bytes.
//!
//! Writes `Span` messages straight from borrowed spans, each field to where it is sent from: no owned
//! message is built on the way, and no buffer is copied into another.
//! Field numbers are those of opentelemetry-proto 1.x (`trace.proto`, `common.proto`).

use prost::encoding::{WireType, encoded_len_varint};

use super::planned::{Attribute, FLAGS, KIND_INTERNAL, PlannedEvent, PlannedSpan, Value};
use crate::contract::protobuf::{
    close, field_len, key, open, write_bytes, write_fixed64, write_head, write_varint,
};

/// Bytes that the length of a span takes: most have 128 to 16 383 bytes.
pub(crate) const SPAN_WIDTH: usize = 2;

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
