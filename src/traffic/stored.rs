//! Planned spans as the rows that a studio should have stored.
//!
//! The contract's mapping (section 3) for the values that planned traffic uses, written into a row
//! that is used again for the next span. A property test holds it against the general mapping.

use super::planned::{Attribute, FLAGS, KIND_INTERNAL, PlannedEvent, PlannedSpan, Value};
use crate::contract::{
    json::{write_i64, write_str},
    row::Row,
    schema::Schema,
};

/// Overwrites the span's part of a row; what comes from the resource stays.
pub(crate) fn write_row(span: &PlannedSpan<'_>, schema: Schema, row: &mut Row) {
    write_hex(&span.trace_id, &mut row.trace_id);
    write_hex(&span.span_id, &mut row.span_id);
    match &span.parent_span_id {
        Some(parent) => write_hex(parent, row.parent_span_id.get_or_insert_default()),
        None => row.parent_span_id = None,
    }
    row.name.clear();
    row.name.push_str(span.name);
    row.span_kind = KIND_INTERNAL as i8;
    row.start_time = span.start_time.cast_signed();
    row.end_time = span.end_time.cast_signed();
    row.duration_ns = row.end_time - row.start_time;
    row.status_code = 0;
    row.status_message = None;
    row.attributes.clear();
    write_attributes(&span.attributes, &mut row.attributes);
    row.events.clear();
    write_events(&span.events, schema, &mut row.events);
    row.links.clear();
    if schema == Schema::V2 {
        row.links.push_str("[]");
        row.trace_flags = FLAGS;
    } else {
        row.trace_flags = 0;
    }
    row.trace_state = None;
    row.dropped_attributes_count = 0;
    row.dropped_events_count = 0;
    row.dropped_links_count = 0;
}

fn write_hex(id: &[u8], out: &mut String) {
    out.clear();
    let mut digits = [0; 32];
    let digits = &mut digits[..2 * id.len()];
    const_hex::encode_to_slice(id, digits).expect("two digits for each byte");
    out.push_str(str::from_utf8(digits).expect("hex digits are ASCII"));
}

fn write_attributes(attributes: &[Attribute<'_>], out: &mut String) {
    debug_assert!(attributes.is_sorted_by_key(|(key, _)| key), "keys are planned in stored order");
    out.push('{');
    for (i, (key, value)) in attributes.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_str(out, key);
        out.push(':');
        match value {
            Value::Text(text) => write_str(out, text),
            Value::Int(int) => write_i64(out, *int),
            Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        }
    }
    out.push('}');
}

fn write_events(events: &[PlannedEvent<'_>], schema: Schema, out: &mut String) {
    out.push('[');
    for (i, event) in events.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str("{\"attributes\":");
        write_attributes(&event.attributes, out);
        let (loss_counter, quote) = match schema {
            Schema::V1 => ("", ""),
            Schema::V2 => (",\"droppedAttributesCount\":0", "\""),
        };
        out.push_str(loss_counter);
        out.push_str(",\"name\":");
        write_str(out, event.name);
        out.push_str(",\"timeUnixNano\":");
        out.push_str(quote);
        write_i64(out, event.time.cast_signed());
        out.push_str(quote);
        out.push('}');
    }
    out.push(']');
}
