//! Planned spans as OTLP protobuf bytes.
//!
//! Writes `ExportTraceServiceRequest` straight from borrowed spans: no owned message is built on
//! the way. Field numbers are those of opentelemetry-proto 1.x (`trace.proto`, `common.proto`).

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use super::{
    plan::Resource,
    planned::{Attribute, FLAGS, KIND_INTERNAL, PlannedEvent, PlannedSpan, SCOPE, Value},
};

/// Appends one export: a resource, the `junjo` scope and its spans.
pub(crate) fn write_export<'s>(
    resource: &Resource,
    spans: impl IntoIterator<Item = PlannedSpan<'s>>,
    out: &mut Vec<u8>,
) {
    let mut resource_spans = Vec::with_capacity(out.capacity());
    let mut scratch = Vec::with_capacity(256);
    for attribute in resource.attributes() {
        write_key_value(1, &attribute, &mut scratch);
    }
    write_bytes(1, &scratch, &mut resource_spans);

    let mut scope_spans = Vec::with_capacity(out.capacity());
    scratch.clear();
    write_bytes(1, SCOPE.as_bytes(), &mut scratch);
    write_bytes(1, &scratch, &mut scope_spans);
    let mut body = Vec::with_capacity(4_096);
    for span in spans {
        body.clear();
        write_span(&span, &mut scratch, &mut body);
        write_bytes(2, &body, &mut scope_spans);
    }
    write_bytes(2, &scope_spans, &mut resource_spans);
    write_bytes(1, &resource_spans, out);
}

fn write_span(span: &PlannedSpan<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    write_bytes(1, &span.trace_id, out);
    write_bytes(2, &span.span_id, out);
    if let Some(parent) = &span.parent_span_id {
        write_bytes(4, parent, out);
    }
    write_bytes(5, span.name.as_bytes(), out);
    write_varint(6, KIND_INTERNAL.unsigned_abs().into(), out);
    write_fixed64(7, span.start_time, out);
    write_fixed64(8, span.end_time, out);
    for attribute in &span.attributes {
        write_key_value(9, attribute, out);
    }
    for event in &span.events {
        scratch.clear();
        write_event(event, scratch);
        write_bytes(11, scratch, out);
    }
    // The SDK always sends a status message; an empty one means "unset".
    write_bytes(15, &[], out);
    encode_key(16, WireType::ThirtyTwoBit, out);
    out.extend_from_slice(&FLAGS.to_le_bytes());
}

fn write_event(event: &PlannedEvent<'_>, out: &mut Vec<u8>) {
    write_fixed64(1, event.time, out);
    write_bytes(2, event.name.as_bytes(), out);
    for attribute in &event.attributes {
        write_key_value(3, attribute, out);
    }
}

fn write_key_value(tag: u32, (key, value): &Attribute<'_>, out: &mut Vec<u8>) {
    // Tags below 16 take one byte, and so do all tags inside a KeyValue and an AnyValue.
    let value_len = match value {
        Value::Text(text) => 1 + encoded_len_varint(text.len() as u64) + text.len(),
        Value::Int(int) => 1 + encoded_len_varint(int.cast_unsigned()),
        Value::Bool(_) => 2,
    };
    let len = 1
        + encoded_len_varint(key.len() as u64)
        + key.len()
        + 1
        + encoded_len_varint(value_len as u64)
        + value_len;
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(len as u64, out);
    write_bytes(1, key.as_bytes(), out);
    encode_key(2, WireType::LengthDelimited, out);
    encode_varint(value_len as u64, out);
    match value {
        Value::Text(text) => write_bytes(1, text.as_bytes(), out),
        Value::Bool(bool) => write_varint(2, u64::from(*bool), out),
        Value::Int(int) => write_varint(3, int.cast_unsigned(), out),
    }
}

fn write_bytes(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn write_varint(tag: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(tag, WireType::Varint, out);
    encode_varint(value, out);
}

fn write_fixed64(tag: u32, value: u64, out: &mut Vec<u8>) {
    encode_key(tag, WireType::SixtyFourBit, out);
    out.extend_from_slice(&value.to_le_bytes());
}
