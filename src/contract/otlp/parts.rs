//! Events and links of a stored row: into a span's message, and into the text that is stored of them again.

use prost::encoding::WireType;

use super::{Changes, Losses, write_hex};
use crate::contract::{
    json,
    json_walk::{NotJson, Walk, write_uint},
    protobuf::{close, key, open, write_bytes, write_fixed64},
};

/// Writes events as fields of a span, and both schemas' text of them.
pub(super) fn write_events(
    walk: &mut Walk<'_>,
    changes: &Changes,
    losses: &mut Losses,
    [v2, v1]: [&mut String; 2],
    out: &mut Vec<u8>,
) -> Result<(), NotJson> {
    v2.push('[');
    v1.push('[');
    walk.array(|walk| {
        let (mut attributes, mut name, mut time, mut dropped) = ("{}", "\"\"", 0, 0);
        let event = open(11, 2, out);
        walk.object(|walk, key| {
            let start = walk.position();
            match key {
                b"attributes" => {
                    losses.scrubbed += walk.attributes(3, &changes.scrub, out)?;
                    attributes = walk.since(start);
                }
                b"droppedAttributesCount" => {
                    dropped = narrow(walk.unsigned()?)?;
                }
                b"name" => {
                    write_bytes(2, &walk.string()?, out);
                    name = walk.since(start);
                }
                b"timeUnixNano" => time = walk.unsigned()?,
                _ => return Err(NotJson::Form),
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
    walk: &mut Walk<'_>,
    changes: &Changes,
    losses: &mut Losses,
    id: &mut Vec<u8>,
    text: &mut String,
    out: &mut Vec<u8>,
) -> Result<(), NotJson> {
    text.push('[');
    walk.array(|walk| {
        let mut stored = StoredLink {
            attributes: "{}",
            dropped: 0,
            flags: 0,
            span_id: String::new(),
            trace_id: String::new(),
            trace_state: "\"\"",
        };
        let link = open(13, 2, out);
        walk.object(|walk, name| {
            let start = walk.position();
            match name {
                b"attributes" => {
                    losses.scrubbed += walk.attributes(4, &changes.scrub, out)?;
                    stored.attributes = walk.since(start);
                }
                b"droppedAttributesCount" => stored.dropped = narrow(walk.unsigned()?)?,
                b"flags" => stored.flags = narrow(walk.unsigned()?)?,
                b"spanId" | b"traceId" => {
                    let hex = walk.string()?;
                    id.resize(hex.len() / 2, 0);
                    const_hex::decode_to_slice(&*hex, id).map_err(|_| NotJson::Form)?;
                    walk.canonical &= !hex.iter().any(u8::is_ascii_uppercase);
                    changes.renewal.id(id);
                    let is_trace = name == b"traceId";
                    write_bytes(if is_trace { 1 } else { 2 }, id, out);
                    write_hex(id, if is_trace { &mut stored.trace_id } else { &mut stored.span_id });
                }
                b"traceState" => {
                    write_bytes(3, &walk.string()?, out);
                    stored.trace_state = walk.since(start);
                }
                _ => return Err(NotJson::Form),
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

fn narrow(number: u64) -> Result<u32, NotJson> {
    u32::try_from(number).map_err(|_| NotJson::Form)
}
