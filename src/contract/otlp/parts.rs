//! Events and links of a stored row: into a span's message, and into the text that is stored of them again.

use prost::encoding::WireType;

use super::{Changes, Losses};
use crate::contract::{
    json,
    json_reader::{JsonError, JsonReader},
    protobuf::{close, key, open, write_bytes, write_fixed64, write_uint},
};

/// Writes events as fields of a span, and both schemas' text of them.
pub(super) fn write_events(
    reader: &mut JsonReader<'_>,
    changes: &Changes,
    losses: &mut Losses,
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
                    losses.scrubbed += reader.attributes(3, &changes.scrub, out)?;
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
        let time = changes.renewal.time(time);
        write_fixed64(1, time, out);
        write_uint(4, dropped.into(), out);
        close(event, out);
        for (text, quote) in [(&mut *v2, "\""), (&mut *v1, "")] {
            text.push_str(if text.len() == 1 { r#"{"attributes":"# } else { r#",{"attributes":"# });
            text.push_str(attributes);
            if !quote.is_empty() {
                text.push_str(r#","droppedAttributesCount":"#);
                json::write_u64(text, dropped.into());
            }
            text.push_str(r#","name":"#);
            text.push_str(name);
            text.push_str(r#","timeUnixNano":"#);
            text.push_str(quote);
            json::write_u64(text, time);
            text.push_str(quote);
            text.push('}');
        }
        Ok(())
    })?;
    v2.push(']');
    v1.push(']');
    Ok(())
}

/// A link's parts as they are stored, its ids renewed.
struct StoredLink<'a> {
    attributes: &'a str,
    dropped: u32,
    flags: u32,
    span_id: String,
    trace_id: String,
    trace_state: &'a str,
}

/// Writes links as fields of a span, and the text of them.
pub(super) fn write_links(
    reader: &mut JsonReader<'_>,
    changes: &Changes,
    losses: &mut Losses,
    id: &mut Vec<u8>,
    text: &mut String,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    text.push('[');
    reader.array(|reader| {
        let mut stored = StoredLink {
            attributes: "{}",
            dropped: 0,
            flags: 0,
            span_id: String::new(),
            trace_id: String::new(),
            trace_state: "\"\"",
        };
        let link = open(13, 2, out);
        reader.object(|reader, name| {
            let start = reader.position();
            match name {
                "attributes" => {
                    losses.scrubbed += reader.attributes(4, &changes.scrub, out)?;
                    stored.attributes = reader.since(start);
                }
                "droppedAttributesCount" => stored.dropped = narrow(reader.unsigned()?)?,
                "flags" => stored.flags = narrow(reader.unsigned()?)?,
                "spanId" | "traceId" => {
                    let hex = reader.string()?;
                    id.resize(hex.len() / 2, 0);
                    const_hex::decode_to_slice(&*hex, id).map_err(|_| JsonError::Syntax)?;
                    reader.canonical &= !hex.bytes().any(|digit| digit.is_ascii_uppercase());
                    changes.renewal.id(id);
                    let is_trace = name == "traceId";
                    write_bytes(if is_trace { 1 } else { 2 }, id, out);
                    *(if is_trace { &mut stored.trace_id } else { &mut stored.span_id }) =
                        const_hex::encode(&*id);
                }
                "traceState" => {
                    write_bytes(3, reader.string()?.as_bytes(), out);
                    stored.trace_state = reader.since(start);
                }
                _ => return Err(JsonError::Syntax),
            }
            Ok(())
        })?;
        write_uint(5, stored.dropped.into(), out);
        out.push(key(6, WireType::ThirtyTwoBit));
        out.extend_from_slice(&stored.flags.to_le_bytes());
        close(link, out);
        stored.write(text);
        Ok(())
    })?;
    text.push(']');
    Ok(())
}

impl StoredLink<'_> {
    fn write(&self, text: &mut String) {
        text.push_str(if text.len() == 1 { "" } else { "," });
        text.push_str(r#"{"attributes":"#);
        text.push_str(self.attributes);
        text.push_str(r#","droppedAttributesCount":"#);
        json::write_u64(text, self.dropped.into());
        text.push_str(r#","flags":"#);
        json::write_u64(text, self.flags.into());
        for (name, id) in [("spanId", &self.span_id), ("traceId", &self.trace_id)] {
            text.push_str(",\"");
            text.push_str(name);
            text.push_str("\":\"");
            text.push_str(id);
            text.push('"');
        }
        text.push_str(r#","traceState":"#);
        text.push_str(self.trace_state);
        text.push('}');
    }
}

fn narrow(number: u64) -> Result<u32, JsonError> {
    u32::try_from(number).map_err(|_| JsonError::Syntax)
}
