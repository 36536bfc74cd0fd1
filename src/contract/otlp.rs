//! From a stored row back to a span that will be stored as that row.
//!
//! Each column goes straight into a protobuf message, the JSON ones in one pass over their text. What
//! the store does not hold cannot be sent: scopes, schema URLs, the order of attributes, which texts
//! were bytes, and which nulls were NaN or an infinity. The row that will be stored is worked out
//! beside the message, so that a later audit has something to hold the store against.

use std::mem;

use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::{Message, encoding::WireType};

use self::{
    parts::{write_events, write_links},
    resource::SentResource,
};
use super::{
    id_remap::IdRemap,
    json_reader::{JsonError, JsonReader},
    mapping,
    protobuf::{close, key, open, write_bytes, write_fixed64, write_uint},
    row::{Cell, Row},
    schema::{COLUMN_COUNT, Schema, column, column_name},
    scrub::{Scrub, Scrubbed},
};

mod parts;
pub(crate) mod resource;

/// The values of one stored row in the order of schema 2; `None` where its file lacks the column.
pub(crate) type Cells<'a> = [Option<Cell<'a>>; COLUMN_COUNT];

/// What is changed on the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes {
    pub(crate) remap: IdRemap,
    /// What does not travel, wherever it stands.
    pub(crate) scrub: Scrub,
}

/// Why a row cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Unsendable {
    #[error("`{0}` has no value")]
    NoValue(&'static str),
    #[error("`{0}` is not hexadecimal")]
    NotHex(&'static str),
    #[error("`{0}` {1}")]
    NotJson(&'static str, JsonError),
}

/// What of a row no longer tells what it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Losses {
    /// Values that are null: absent ones, NaN and the infinities.
    pub(crate) nulls: u64,
    /// What was left out on purpose.
    pub(crate) scrubbed: Scrubbed,
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
pub(crate) struct RowToSpan {
    pub(crate) expected: Expected,
    id: Vec<u8>,
}

impl RowToSpan {
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
            Ok((losses, true)) if changes.scrub.is_empty() => Ok(losses),
            Ok((mut losses, _)) => {
                let Ok(mut span) = Span::decode(&out[start..]) else {
                    out.truncate(start);
                    return Err(too_deep(column::ATTRIBUTES));
                };
                losses.scrubbed = changes.scrub.span(&mut span);
                if losses.scrubbed != Scrubbed::default() {
                    out.truncate(start);
                    span.encode_raw(out);
                }
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
        let remap = changes.remap;
        let mut is_canonical = true;
        let mut id = |tag, column, text: &str, shown: &mut String, out: &mut Vec<u8>| {
            decode_hex(column, text, &mut self.id)?;
            is_canonical &= !text.bytes().any(|digit| digit.is_ascii_uppercase());
            remap.id(&mut self.id);
            write_bytes(tag, &self.id, out);
            *shown = const_hex::encode(&self.id);
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
        row.start_time = remap.time(number(cells, START_TIME)?.cast_unsigned()).cast_signed();
        row.end_time = remap.time(number(cells, column::END_TIME)?.cast_unsigned()).cast_signed();
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
        row.trace_flags = count(cells, column::TRACE_FLAGS)?;
        // The one tag that takes two bytes.
        out.extend_from_slice(&[0x80 | key(0, WireType::ThirtyTwoBit), 1]);
        out.extend_from_slice(&row.trace_flags.to_le_bytes());
        row.dropped_attributes_count = count(cells, DROPPED_ATTRIBUTES)?;
        row.dropped_events_count = count(cells, DROPPED_EVENTS)?;
        row.dropped_links_count = count(cells, DROPPED_LINKS)?;
        write_uint(10, row.dropped_attributes_count.into(), out);
        write_uint(12, row.dropped_events_count.into(), out);
        write_uint(14, row.dropped_links_count.into(), out);

        let mut losses = Losses::default();
        let attributes = text(cells, column::ATTRIBUTES)?;
        overwrite(&mut row.attributes, attributes);
        is_canonical &=
            read(column::ATTRIBUTES, attributes, &mut losses, |reader| reader.attributes(9, out))?;
        row.events.clear();
        events_v1.clear();
        is_canonical &= read(column::EVENTS, text(cells, column::EVENTS)?, &mut losses, |reader| {
            write_events(reader, changes, [&mut row.events, events_v1], out)
        })?;
        row.links.clear();
        let links = match cells[column::LINKS] {
            None => "[]",
            Some(_) => text(cells, column::LINKS)?,
        };
        is_canonical &= read(column::LINKS, links, &mut losses, |reader| {
            write_links(reader, changes, &mut self.id, &mut row.links, out)
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

/// One row as an OTLP span under its resource, with nothing changed.
pub(crate) fn resource_spans_of(cells: &Cells<'_>) -> Result<ResourceSpans, Unsendable> {
    let resource = SentResource::of(cells, &Scrub::default(), |_| None)?;
    let mut message = Vec::new();
    RowToSpan::default().write_span(cells, &Changes::default(), &mut message)?;
    let scope_spans = ScopeSpans {
        spans: vec![Span::decode(&*message).map_err(|_| too_deep(column::ATTRIBUTES))?],
        ..ScopeSpans::default()
    };
    Ok(ResourceSpans {
        resource: Some(
            Message::decode(&*resource.message).map_err(|_| too_deep(column::RESOURCE_ATTRIBUTES))?,
        ),
        scope_spans: vec![scope_spans],
        ..ResourceSpans::default()
    })
}

/// What prost does not decode was too deep for it: all else of it was written here.
fn too_deep(column: usize) -> Unsendable {
    Unsendable::NotJson(column_name(column), JsonError::TooDeep)
}

/// Reads a column's text; whether it is as the studio writes it comes back.
fn read(
    column: usize,
    text: &str,
    losses: &mut Losses,
    write: impl FnOnce(&mut JsonReader<'_>) -> Result<(), JsonError>,
) -> Result<bool, Unsendable> {
    let mut reader = JsonReader::new(text);
    write(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|error| Unsendable::NotJson(column_name(column), error))?;
    losses.nulls += reader.nulls;
    Ok(reader.canonical)
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

/// A counter; 0 where the file has none. One that it has is never null.
fn count(cells: &Cells<'_>, column: usize) -> Result<u32, Unsendable> {
    let Some(cell) = cells[column] else { return Ok(0) };
    let number = cell.number().and_then(|number| u32::try_from(number).ok());
    number.ok_or(Unsendable::NoValue(column_name(column)))
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

#[cfg(test)]
mod tests;
