//! From a stored row back to a span that will be stored as that row.
//!
//! Each column goes straight into a protobuf message, the JSON ones in one pass over their text. What
//! the store does not hold cannot be sent: scopes, schema URLs, the order of attributes, which texts
//! were bytes, and which nulls were NaN or an infinity. The row that will be stored is worked out
//! beside the message, so that a later audit has something to hold the store against.

use std::{collections::BTreeSet, mem};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::{Message, encoding::WireType};

use super::{
    json,
    json_walk::{NotJson, Walk, write_uint},
    mapping,
    protobuf::{close, key, open, write_bytes, write_fixed64},
    renewal::Renewal,
    row::{Cell, Row},
    schema::{COLUMN_COUNT, Schema, column, column_name},
};

/// The values of one stored row in the order of schema 2; `None` where its file lacks the column.
pub(crate) type Cells<'a> = [Option<Cell<'a>>; COLUMN_COUNT];

/// What is changed on the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) renewal: Renewal,
    /// Attributes that do not travel, wherever they stand.
    pub(crate) scrub: BTreeSet<Vec<u8>>,
}

/// Why a row cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Unsendable {
    #[error("`{0}` holds no value")]
    NoValue(&'static str),
    #[error("`{0}` is no hexadecimal text")]
    NotHex(&'static str),
    #[error("`{0}` {1}")]
    NotJson(&'static str, NotJson),
}

/// What of a row no longer tells what it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Values that are null: absent ones, NaN and the infinities.
    pub(crate) nulls: u64,
    /// Attributes that were left out on purpose.
    pub(crate) scrubbed: u64,
}

/// The row that the store is to hold of a span.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// In the form of schema 2.
    pub(crate) row: Row,
    /// What schema 1 writes in place of `row.events`.
    pub(crate) events_v1: String,
}

/// Writes rows as spans; its buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Reversal {
    pub(crate) expected: Expected,
    id: Vec<u8>,
}

impl Reversal {
    /// Appends a row's span as a `Span` message, without tag and length, and makes of `expected` what will
    /// be stored of it, the resource's part apart. Where that fails, `out` is as it was.
    pub(crate) fn write_span(
        &mut self,
        cells: &Cells<'_>,
        changes: &Changes,
        out: &mut Vec<u8>,
    ) -> Result<Losses, Unsendable> {
        let start = out.len();
        let written = self.write(cells, changes, out);
        match written {
            Ok((losses, true)) => Ok(losses),
            Ok((losses, false)) => {
                let span = Span::decode(&out[start..]).unwrap_or_default();
                self.expected.of_span(&span);
                Ok(losses)
            }
            Err(unsendable) => {
                out.truncate(start);
                Err(unsendable)
            }
        }
    }

    /// Whether the expected texts are those of the row is told beside the losses.
    fn write(
        &mut self,
        cells: &Cells<'_>,
        changes: &Changes,
        out: &mut Vec<u8>,
    ) -> Result<(Losses, bool), Unsendable> {
        let Expected { row, events_v1 } = &mut self.expected;
        let renewal = changes.renewal;
        let mut is_canonical = true;
        let mut id = |tag, column, text: &str, shown: &mut String, out: &mut Vec<u8>| {
            decode_hex(column, text, &mut self.id)?;
            is_canonical &= !text.bytes().any(|digit| digit.is_ascii_uppercase());
            renewal.id(&mut self.id);
            write_bytes(tag, &self.id, out);
            write_hex(&self.id, shown);
            Ok(())
        };
        id(1, column::TRACE_ID, text(cells, column::TRACE_ID)?, &mut row.trace_id, out)?;
        id(2, column::SPAN_ID, text(cells, column::SPAN_ID)?, &mut row.span_id, out)?;
        match optional(cells, column::PARENT_SPAN_ID).filter(|parent| !parent.is_empty()) {
            None => row.parent_span_id = None,
            Some(parent) => {
                id(4, column::PARENT_SPAN_ID, parent, row.parent_span_id.get_or_insert_default(), out)?;
            }
        }
        if let Some(state) = optional_into(&mut row.trace_state, cells, TRACE_STATE) {
            write_bytes(3, state.as_bytes(), out);
        }
        let name = text(cells, NAME)?;
        overwrite(&mut row.name, name);
        write_bytes(5, name.as_bytes(), out);

        let kind = number(cells, SPAN_KIND)?;
        row.span_kind = kind as i8;
        write_uint(6, kind.cast_unsigned(), out);
        row.start_time = renewal.time(number(cells, START_TIME)?.cast_unsigned()).cast_signed();
        row.end_time = renewal.time(number(cells, column::END_TIME)?.cast_unsigned()).cast_signed();
        row.duration_ns = row.end_time.wrapping_sub(row.start_time);
        write_fixed64(7, row.start_time.cast_unsigned(), out);
        write_fixed64(8, row.end_time.cast_unsigned(), out);

        row.status_code = number(cells, STATUS_CODE)? as i8;
        let message = optional_into(&mut row.status_message, cells, STATUS_MESSAGE);
        if row.status_code != 0 || message.is_some() {
            let status = open(15, 1, out);
            write_bytes(2, message.unwrap_or_default().as_bytes(), out);
            write_uint(3, i64::from(row.status_code).cast_unsigned(), out);
            close(status, out);
        }
        row.trace_flags = count(cells, column::TRACE_FLAGS);
        // The one tag that takes two bytes.
        out.extend_from_slice(&[0x80 | key(0, WireType::ThirtyTwoBit), 1]);
        out.extend_from_slice(&row.trace_flags.to_le_bytes());
        row.dropped_attributes_count = count(cells, DROPPED_ATTRIBUTES);
        row.dropped_events_count = count(cells, DROPPED_EVENTS);
        row.dropped_links_count = count(cells, DROPPED_LINKS);
        write_uint(10, row.dropped_attributes_count.into(), out);
        write_uint(12, row.dropped_events_count.into(), out);
        write_uint(14, row.dropped_links_count.into(), out);

        let mut losses = Losses::default();
        let attributes = text(cells, column::ATTRIBUTES)?;
        overwrite(&mut row.attributes, attributes);
        is_canonical &= walk(column::ATTRIBUTES, attributes, &mut losses, |walk, losses| {
            losses.scrubbed += walk.attributes(9, &changes.scrub, out)?;
            Ok(())
        })?;
        row.events.clear();
        events_v1.clear();
        is_canonical &= walk(column::EVENTS, text(cells, column::EVENTS)?, &mut losses, |walk, losses| {
            write_events(walk, changes, losses, [&mut row.events, events_v1], out)
        })?;
        row.links.clear();
        let links = optional(cells, column::LINKS).unwrap_or("[]");
        is_canonical &= walk(column::LINKS, links, &mut losses, |walk, losses| {
            write_links(walk, changes, losses, &mut self.id, &mut row.links, out)
        })?;
        Ok((losses, is_canonical))
    }
}

const NAME: usize = 4;
const SPAN_KIND: usize = 5;
const START_TIME: usize = 6;
const STATUS_CODE: usize = 9;
const STATUS_MESSAGE: usize = 10;
const TRACE_STATE: usize = 15;
const DROPPED_ATTRIBUTES: usize = 16;
const DROPPED_EVENTS: usize = 17;
const DROPPED_LINKS: usize = 18;
const RESOURCE_DROPPED_ATTRIBUTES: usize = 20;

impl Expected {
    /// What is stored of a span, the resource's part apart.
    pub(crate) fn of_span(&mut self, span: &Span) {
        mapping::write_span(span, Schema::V1, &mut self.row);
        self.events_v1 = mem::take(&mut self.row.events);
        mapping::write_span(span, Schema::V2, &mut self.row);
    }
}

/// A resource as it is sent, and what will be stored of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SentResource {
    /// A `Resource` message, without tag and length.
    pub(crate) message: Vec<u8>,
    pub(crate) service_name: String,
    pub(crate) attributes: String,
    pub(crate) dropped_attributes_count: u32,
    pub(crate) losses: Losses,
    /// Whether the row's own column names another service than its resource.
    pub(crate) disagrees: bool,
}

impl SentResource {
    /// The resource of a row. The name that travels is the resource's own, or what it is renamed to.
    pub(crate) fn of(
        cells: &Cells<'_>,
        scrub: &BTreeSet<Vec<u8>>,
        rename: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Unsendable> {
        let mut sent = Self::default();
        let attributes = text(cells, column::RESOURCE_ATTRIBUTES)?;
        walk(column::RESOURCE_ATTRIBUTES, attributes, &mut sent.losses, |walk, losses| {
            losses.scrubbed += walk.attributes(1, scrub, &mut sent.message)?;
            Ok(())
        })?;
        let mut resource =
            opentelemetry_proto::tonic::resource::v1::Resource::decode(&*sent.message).unwrap_or_default();
        resource.dropped_attributes_count = count(cells, RESOURCE_DROPPED_ATTRIBUTES);
        let own = mapping::ResourceFacts::of(Some(&resource));
        sent.disagrees = optional(cells, column::SERVICE_NAME).is_some_and(|name| name != own.service_name());
        if let Some(name) = rename(own.service_name()) {
            mapping::rename_service(&mut resource, &name);
        }
        sent.message = resource.encode_to_vec();
        let mut row = Row::default();
        mapping::ResourceFacts::of(Some(&resource)).write(Schema::V2, &mut row);
        sent.service_name = row.service_name;
        sent.attributes = row.resource_attributes;
        sent.dropped_attributes_count = row.resource_dropped_attributes_count;
        Ok(sent)
    }

    /// Overwrites the resource's part of a row.
    pub(crate) fn write(&self, row: &mut Row) {
        row.service_name.clone_from(&self.service_name);
        row.resource_attributes.clone_from(&self.attributes);
        row.resource_dropped_attributes_count = self.dropped_attributes_count;
    }
}

/// One row as a request of its own, with nothing changed.
#[expect(dead_code, reason = "for those who show single spans")]
pub(crate) fn request_of(cells: &Cells<'_>) -> Result<ExportTraceServiceRequest, Unsendable> {
    let resource = SentResource::of(cells, &BTreeSet::new(), |_| None)?;
    let mut message = Vec::new();
    Reversal::default().write_span(cells, &Changes::default(), &mut message)?;
    let scope_spans =
        ScopeSpans { spans: vec![Span::decode(&*message).unwrap_or_default()], ..ScopeSpans::default() };
    let resource_spans = ResourceSpans {
        resource: Some(Message::decode(&*resource.message).unwrap_or_default()),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    };
    Ok(ExportTraceServiceRequest { resource_spans: vec![resource_spans] })
}

/// Goes through a column's text; whether it is as the studio writes it comes back.
fn walk(
    column: usize,
    text: &str,
    losses: &mut Losses,
    write: impl FnOnce(&mut Walk<'_>, &mut Losses) -> Result<(), NotJson>,
) -> Result<bool, Unsendable> {
    let mut walk = Walk::new(text);
    write(&mut walk, losses)
        .and_then(|()| walk.end())
        .map_err(|not_json| Unsendable::NotJson(column_name(column), not_json))?;
    losses.nulls += walk.nulls;
    Ok(walk.canonical)
}

/// Writes events as fields of a span, and both schemas' text of them.
fn write_events(
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
fn write_links(
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

fn text<'a>(cells: &Cells<'a>, column: usize) -> Result<&'a str, Unsendable> {
    optional(cells, column).ok_or(Unsendable::NoValue(column_name(column)))
}

fn optional<'a>(cells: &Cells<'a>, column: usize) -> Option<&'a str> {
    cells[column].and_then(Cell::text)
}

fn number(cells: &Cells<'_>, column: usize) -> Result<i64, Unsendable> {
    cells[column].and_then(Cell::number).ok_or(Unsendable::NoValue(column_name(column)))
}

/// A counter; 0 where the file has none.
fn count(cells: &Cells<'_>, column: usize) -> u32 {
    cells[column].and_then(Cell::number).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
}

fn overwrite(text: &mut String, with: &str) {
    text.clear();
    text.push_str(with);
}

/// Overwrites an optional text; the store has null in place of an empty one.
fn optional_into<'a>(into: &mut Option<String>, cells: &Cells<'a>, column: usize) -> Option<&'a str> {
    let text = optional(cells, column).filter(|text| !text.is_empty());
    match text {
        None => *into = None,
        Some(text) => overwrite(into.get_or_insert_default(), text),
    }
    text
}

fn decode_hex(column: usize, text: &str, id: &mut Vec<u8>) -> Result<(), Unsendable> {
    id.resize(text.len() / 2, 0);
    const_hex::decode_to_slice(text, id).map_err(|_| Unsendable::NotHex(column_name(column)))
}

fn write_hex(id: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.clear();
    for byte in id {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests;
