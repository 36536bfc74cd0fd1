//! Events and links of a stored row: into a span's message, and into the text that is stored of them again.

use prost::encoding::WireType;

use super::Changes;
use crate::contract::{
    json,
    json_reader::{JsonError, JsonReader},
    mapping,
    protobuf::{close, key, open, write_bytes, write_fixed64, write_uint},
    schema::Schema,
};

/// Writes events as fields of a span, and both schemas' text of them.
pub(super) fn write_events(
    reader: &mut JsonReader<'_>,
    changes: &Changes,
    [v2, v1]: [&mut String; 2],
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    v2.push('[');
    v1.push('[');
    reader.array(|reader| {
        let (mut attributes, mut name, mut time, mut dropped) = ("{}", "\"\"", 0, 0);
        let event = open(11, 2, out);
        reader.object(|reader, key| {
            let start = reader.position();
            match key {
                "attributes" => {
                    reader.attributes(3, out)?;
                    attributes = reader.since(start);
                }
                "droppedAttributesCount" => {
                    dropped = narrow(reader.unsigned()?)?;
                }
                "name" => {
                    write_bytes(2, reader.string()?.as_bytes(), out);
                    name = reader.since(start);
                }
                "timeUnixNano" => time = reader.unsigned()?,
                _ => return Err(JsonError::Syntax),
            }
            Ok(())
        })?;
        let time = changes.remap.time(time);
        write_fixed64(1, time, out);
        write_uint(4, dropped.into(), out);
        close(event, out);
        for (text, schema) in [(&mut *v2, Schema::V2), (&mut *v1, Schema::V1)] {
            json::separate(text);
            let [attributes, name] =
                [attributes, name].map(|json| move |out: &mut String| out.push_str(json));
            mapping::event_text(text, schema, attributes, dropped, name, time);
        }
        Ok(())
    })?;
    v2.push(']');
    v1.push(']');
    Ok(())
}

/// Writes links as fields of a span, and the text of them.
pub(super) fn write_links(
    reader: &mut JsonReader<'_>,
    changes: &Changes,
    id: &mut Vec<u8>,
    text: &mut String,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    text.push('[');
    reader.array(|reader| {
        let (mut attributes, mut trace_state, mut counts) = ("{}", "\"\"", [0; 2]);
        let mut ids = [String::new(), String::new()];
        let link = open(13, 2, out);
        reader.object(|reader, name| {
            let start = reader.position();
            match name {
                "attributes" => {
                    reader.attributes(4, out)?;
                    attributes = reader.since(start);
                }
                "droppedAttributesCount" => counts[0] = narrow(reader.unsigned()?)?,
                "flags" => counts[1] = narrow(reader.unsigned()?)?,
                "spanId" | "traceId" => {
                    let hex = reader.string()?;
                    id.resize(hex.len() / 2, 0);
                    const_hex::decode_to_slice(&*hex, id).map_err(|_| JsonError::Syntax)?;
                    reader.canonical &= !hex.bytes().any(|digit| digit.is_ascii_uppercase());
                    changes.remap.id(id);
                    let is_trace = name == "traceId";
                    write_bytes(if is_trace { 1 } else { 2 }, id, out);
                    ids[usize::from(is_trace)] = const_hex::encode(&*id);
                }
                "traceState" => {
                    write_bytes(3, reader.string()?.as_bytes(), out);
                    trace_state = reader.since(start);
                }
                _ => return Err(JsonError::Syntax),
            }
            Ok(())
        })?;
        write_uint(5, counts[0].into(), out);
        out.push(key(6, WireType::ThirtyTwoBit));
        out.extend_from_slice(&counts[1].to_le_bytes());
        close(link, out);
        json::separate(text);
        let [attributes, trace_state] =
            [attributes, trace_state].map(|json| move |out: &mut String| out.push_str(json));
        mapping::link_text(text, attributes, counts, &ids, trace_state);
        Ok(())
    })?;
    text.push(']');
    Ok(())
}

fn narrow(number: u64) -> Result<u32, JsonError> {
    u32::try_from(number).map_err(|_| JsonError::Syntax)
}
