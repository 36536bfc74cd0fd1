//! What is kept of a row that carries Junjo telemetry: its columns as numbers, and the attributes and events that
//! are judged, their JSON decoded once.
//!
//! A record is bytes that this process writes and reads back, in memory or in a file without a name. Behind its columns
//! all of it is text, lengths and times in digits of seven bits, so that it is looked through for UTF-8 once.

use std::io;

use memchr::memchr;

use super::key::Key;
use crate::{
    contract::{
        json_form::{self, Form},
        json_reader::{JsonError, JsonReader},
    },
    judge::{
        fact::{Fact, Marks},
        interner::Symbol,
    },
};

/// The columns of a row.
#[expect(clippy::struct_excessive_bools, reason = "independent facts of a row")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) trace: u128,
    pub(crate) span: u64,
    pub(crate) parent: u64,
    pub(crate) has_parent: bool,
    pub(crate) start_time: i64,
    pub(crate) end_time: i64,
    pub(crate) file: Symbol,
    pub(crate) row_number: u32,
    pub(crate) in_wal: bool,
    pub(crate) service: Symbol,
    /// A digest of the resource; 0 where that is of another service than the row.
    pub(crate) resource: u64,
    pub(crate) status: i64,
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
    /// Whether its attributes are an object that repeats no key.
    pub(crate) has_attributes: bool,
    /// Whether its events were read.
    pub(crate) has_events: bool,
}

/// An attribute's value: decoded text, or the JSON text of anything else, and of the snapshot of a graph: that is
/// long, and mostly known by its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'b> {
    Text(&'b str),
    Json(&'b str),
}

impl<'b> Value<'b> {
    pub(crate) fn text(self) -> Option<&'b str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(_) => None,
        }
    }

    pub(crate) fn number(self) -> Option<i64> {
        match self {
            Self::Json(text) => text.parse().ok(),
            Self::Text(_) => None,
        }
    }

    pub(crate) fn flag(self) -> Option<bool> {
        match self {
            Self::Json("true") => Some(true),
            Self::Json("false") => Some(false),
            Self::Json(_) | Self::Text(_) => None,
        }
    }
}

/// Attributes that are judged, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct Members<'b>(Vec<(Key, Value<'b>)>);

impl<'b> Members<'b> {
    pub(crate) fn get(&self, key: Key) -> Option<Value<'b>> {
        self.0.iter().find(|(of, _)| *of == key).map(|(_, value)| *value)
    }

    pub(crate) fn text(&self, key: Key) -> Option<&'b str> {
        self.get(key)?.text()
    }

    /// The JSON of a text that is not decoded.
    pub(crate) fn literal(&self, key: Key) -> Option<&'b str> {
        match self.get(key)? {
            Value::Json(json) if json.starts_with('"') => Some(json),
            Value::Json(_) | Value::Text(_) => None,
        }
    }

    pub(crate) fn number(&self, key: Key) -> Option<i64> {
        self.get(key)?.number()
    }

    pub(crate) fn has(&self, key: Key) -> bool {
        self.get(key).is_some()
    }
}

/// An event of a span.
#[derive(Debug)]
pub(crate) struct Event<'b> {
    pub(crate) kind: EventKind,
    pub(crate) time: i64,
    pub(crate) members: Members<'b>,
}

/// The events that are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    SetState,
    Exception,
}

/// A record as it is read back.
#[derive(Debug)]
pub(crate) struct Record<'b> {
    pub(crate) head: Head,
    pub(crate) name: &'b str,
    pub(crate) attributes: Members<'b>,
    pub(crate) events: Vec<Event<'b>>,
}

/// What a row says beside its fact.
#[derive(Debug)]
pub(crate) struct RowText<'t> {
    pub(crate) name: &'t str,
    /// The attributes that are judged, with their values as JSON; none where they could not be read.
    pub(crate) attributes: Option<&'t [(Key, &'t str)]>,
    pub(crate) events: Option<&'t str>,
    pub(crate) resource: u64,
    pub(crate) status: i64,
    pub(crate) dropped_attributes: u32,
    pub(crate) dropped_events: u32,
}

const IN_WAL: u8 = 1;
const HAS_ATTRIBUTES: u8 = 1 << 1;
const HAS_EVENTS: u8 = 1 << 2;
const HAS_PARENT: u8 = 1 << 3;

/// Appends the record of a row.
pub(crate) fn encode(fact: &Fact, row: &RowText<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&fact.trace.to_le_bytes());
    out.extend_from_slice(&fact.span.to_le_bytes());
    out.extend_from_slice(&fact.parent.to_le_bytes());
    out.extend_from_slice(&fact.start_time.to_le_bytes());
    out.extend_from_slice(&fact.end_time.to_le_bytes());
    out.extend_from_slice(&fact.file.0.to_le_bytes());
    out.extend_from_slice(&fact.row_number.to_le_bytes());
    out.extend_from_slice(&fact.service.0.to_le_bytes());
    out.extend_from_slice(&row.resource.to_le_bytes());
    out.extend_from_slice(&row.status.to_le_bytes());
    out.extend_from_slice(&row.dropped_attributes.to_le_bytes());
    out.extend_from_slice(&row.dropped_events.to_le_bytes());
    let flags = out.len();
    out.push(0);
    let mark = |flag: u8, whether: bool| if whether { flag } else { 0 };
    let mut marks = mark(IN_WAL, fact.marks.has(Marks::IN_WAL)) | mark(HAS_PARENT, fact.has_parent());
    put_text(row.name, out);
    let before = out.len();
    if encode_members(row.attributes.unwrap_or_default().iter().copied(), out).is_ok() {
        marks |= mark(HAS_ATTRIBUTES, row.attributes.is_some());
    } else {
        out.truncate(before);
        out.push(0);
    }
    let before = out.len();
    if row.events.is_some_and(|events| encode_events(events, out).is_ok()) {
        marks |= HAS_EVENTS;
    } else {
        out.truncate(before);
        out.extend_from_slice(&[0; LENGTH]);
    }
    out[flags] = marks;
}

/// Where a record names its file, and where its service.
const FILE: usize = 48;
const SERVICE: usize = 56;

/// Gives a record the numbers of another process for its file and its service; none where it is cut, or the service
/// has no number.
pub(crate) fn relabel(
    record: &mut [u8],
    file: Symbol,
    service: impl FnOnce(Symbol) -> Option<Symbol>,
) -> Option<()> {
    *record.get_mut(FILE..)?.first_chunk_mut()? = file.0.to_le_bytes();
    let place = record.get_mut(SERVICE..)?.first_chunk_mut()?;
    *place = service(Symbol(u32::from_le_bytes(*place)))?.0.to_le_bytes();
    Some(())
}

fn encode_members<'t>(
    members: impl Iterator<Item = (Key, &'t str)>,
    out: &mut Vec<u8>,
) -> Result<(), JsonError> {
    let count = out.len();
    out.push(0);
    for (key, json) in members {
        out.push(key.number());
        let quoted = json.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let is_plain = |text: &&str| key != Key::GraphSnapshot && memchr(b'\\', text.as_bytes()).is_none();
        if let Some(plain) = quoted.filter(is_plain) {
            out.push(0);
            put_text(plain, out);
        } else if quoted.is_some() && key != Key::GraphSnapshot {
            out.push(0);
            let length = out.len();
            out.extend_from_slice(&[0; LENGTH]);
            JsonReader::new(json).append_string(out)?;
            let bytes = out.len() - length - LENGTH;
            out[length..length + LENGTH].copy_from_slice(&digits::<LENGTH>(bytes as u64));
        } else {
            out.push(1);
            put_text(json, out);
        }
        out[count] += 1;
    }
    Ok(())
}

fn encode_events(text: &str, out: &mut Vec<u8>) -> Result<(), JsonError> {
    let at = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    if text == "[]" {
        return Ok(());
    }
    let mut count = 0;
    let mut reader = JsonReader::new(text);
    let mut members = Vec::new();
    reader.array(|reader| {
        let (mut kind, mut time, mut attributes) = (None, 0, "{}");
        members.clear();
        reader.object(|reader, key| {
            match key {
                "name" => {
                    kind = match &*reader.string()? {
                        "set_state" => Some(EventKind::SetState),
                        "exception" => Some(EventKind::Exception),
                        _ => None,
                    }
                }
                "timeUnixNano" => time = reader.unsigned()?.cast_signed(),
                "attributes" => {
                    let start = reader.position();
                    attribute_members(reader, &mut members)?;
                    attributes = reader.since(start);
                }
                _ => reader.skip_value()?,
            }
            Ok(())
        })?;
        let Some(kind) = kind else { return Ok(()) };
        // Rising keys repeat none.
        let is_object = reader.sorted && attributes.starts_with('{')
            || matches!(json_form::object(attributes, |_, _| ()).0, Form::Canonical | Form::Valid);
        if !is_object {
            return Err(JsonError::Syntax);
        }
        out.push(kind as u8);
        out.extend_from_slice(&digits::<NUMBER>(time.cast_unsigned()));
        encode_members(members.iter().copied(), out)?;
        count += 1;
        Ok(())
    })?;
    reader.end()?;
    out[at..at + LENGTH].copy_from_slice(&digits::<LENGTH>(count));
    Ok(())
}

/// Those members of an event's attributes that are judged; of what is no object none.
fn attribute_members<'t>(
    reader: &mut JsonReader<'t>,
    members: &mut Vec<(Key, &'t str)>,
) -> Result<(), JsonError> {
    if reader.peek() != Some(b'{') {
        return reader.skip_value();
    }
    reader.object(|reader, key| {
        let key = Key::of(key);
        let start = reader.position();
        reader.skip_value()?;
        members.extend(key.map(|key| (key, reader.since(start))));
        Ok(())
    })
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&digits::<LENGTH>(text.len() as u64));
    out.extend_from_slice(text.as_bytes());
}

/// The digits of a length, and of any number of 64 bits.
const LENGTH: usize = 5;
const NUMBER: usize = 10;

/// A number as so many characters, the least digit first.
fn digits<const N: usize>(number: u64) -> [u8; N] {
    std::array::from_fn(|digit| (number >> (7 * digit)) as u8 & 0x7f)
}

impl Head {
    /// Reads the beginning of what [`encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> io::Result<Self> {
        Cursor(bytes).head().ok_or_else(cut)
    }
}

impl<'b> Record<'b> {
    /// Reads what [`encode`] wrote.
    pub(crate) fn decode(bytes: &'b [u8]) -> io::Result<Self> {
        let mut columns = Cursor(bytes);
        let head = columns.head().ok_or_else(cut)?;
        let texts = str::from_utf8(columns.0).map_err(|_| cut())?;
        Texts(texts).record(head).ok_or_else(cut)
    }
}

pub(super) fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a record of the sweep is cut")
}

/// The columns, and what is behind them.
struct Cursor<'b>(&'b [u8]);

impl Cursor<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    fn head(&mut self) -> Option<Head> {
        let mut head = Head {
            trace: self.array().map(u128::from_le_bytes)?,
            span: self.u64()?,
            parent: self.u64()?,
            has_parent: false,
            start_time: self.i64()?,
            end_time: self.i64()?,
            file: Symbol(self.u32()?),
            row_number: self.u32()?,
            in_wal: false,
            service: Symbol(self.u32()?),
            resource: self.u64()?,
            status: self.i64()?,
            dropped_attributes: self.u32()?,
            dropped_events: self.u32()?,
            has_attributes: false,
            has_events: false,
        };
        let marks = self.byte()?;
        head.in_wal = marks & IN_WAL != 0;
        head.has_parent = marks & HAS_PARENT != 0;
        head.has_attributes = marks & HAS_ATTRIBUTES != 0;
        head.has_events = marks & HAS_EVENTS != 0;
        Some(head)
    }
}

/// What is behind the columns.
struct Texts<'b>(&'b str);

impl<'b> Texts<'b> {
    fn take(&mut self, length: usize) -> Option<&'b str> {
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.bytes().next()
    }

    fn number(&mut self, digits: usize) -> Option<u64> {
        let digits = self.take(digits)?.bytes().rev();
        Some(digits.fold(0, |number, digit| number << 7 | u64::from(digit)))
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = self.number(LENGTH)? as usize;
        self.take(length)
    }

    fn members(&mut self) -> Option<Members<'b>> {
        let count = self.byte()?;
        let mut members = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let key = Key::from_number(self.byte()?)?;
            let is_json = self.byte()? == 1;
            let text = self.text()?;
            members.push((key, if is_json { Value::Json(text) } else { Value::Text(text) }));
        }
        Some(Members(members))
    }

    fn event(&mut self) -> Option<Event<'b>> {
        let kind = match self.byte()? {
            0 => EventKind::SetState,
            _ => EventKind::Exception,
        };
        Some(Event { kind, time: self.number(NUMBER)?.cast_signed(), members: self.members()? })
    }

    fn record(&mut self, head: Head) -> Option<Record<'b>> {
        let name = self.text()?;
        let attributes = self.members()?;
        let count = self.number(LENGTH)?;
        let events = (0..count).map(|_| self.event()).collect::<Option<_>>()?;
        Some(Record { head, name, attributes, events })
    }
}
