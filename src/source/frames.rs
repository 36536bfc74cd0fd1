//! Cuts a file of OTLP requests into records.
//!
//! Two forms, known by their first bytes and not by the file's name: requests in JSON (one on each line, documents
//! over many lines, or an array of them), and requests behind a length of four bytes, big end first, as the
//! Collector's file exporter writes them. A whole file may be compressed, or each request by itself.

use std::io::{self, BufRead, BufReader, Read};

use flate2::read::MultiGzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::{
    json_stream::{JsonStream, Met},
    otlp_json::{self, NotTraces, Parsed, foreign},
    unknown_fields,
    utf16::{self, Utf16},
};
use crate::{base::memory::decode_budget, contract::decoded_size::decoded_size};

/// Requests without anything in them that are read one after the other: in a compressed file they take no room.
const MAX_EMPTY: u64 = 1_000_000;

/// Of the budget for decoding, what the bytes of a record may take: its messages take several times as much.
const RECORD_SHARE: u64 = 4;

/// A length of so much or more is none: it would be beyond 64 MB.
const LONGEST: u8 = 4;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const PARQUET: [u8; 4] = *b"PAR1";
const ARROW: [u8; 4] = [0xff; 4];

/// What a file is by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Empty,
    JsonLines,
    Prefixed,
    Parquet,
    Segment,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty file",
            Self::JsonLines => "OTLP JSON",
            Self::Prefixed => "OTLP protobuf behind lengths",
            Self::Parquet => "Parquet",
            Self::Segment => "WAL segment",
        }
    }
}

/// The records of one file, in its order.
pub(crate) struct Records {
    pub(crate) form: Form,
    reader: Reader,
    number: u64,
    /// Records of no bytes since the last that has any.
    empty: u64,
    comments: u64,
    ended: bool,
}

enum Reader {
    Json(JsonStream<Box<dyn BufRead + Send>>),
    Prefixed(Box<dyn BufRead + Send>),
    Other,
}

/// A record that is none, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) reason: String,
    /// Whether it is in no form at all, as the lines of any text are.
    pub(crate) is_foreign: bool,
}

/// What goes before a reason: `line 7`.
struct Unread {
    place: String,
    reason: String,
    is_foreign: bool,
}

impl Records {
    #[cfg(test)]
    pub(crate) fn open(path: &std::path::Path) -> io::Result<Self> {
        Self::of(std::fs::File::open(path)?)
    }

    pub(crate) fn of(bytes: impl Read + Send + 'static) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(1 << 18, bytes);
        let start = peek(&mut reader)?;
        let mut reader: Box<dyn BufRead + Send> = if start.starts_with(&GZIP) {
            Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader)))
        } else if start.starts_with(&ZSTD) || is_skippable(&start) {
            Box::new(BufReader::with_capacity(1 << 18, zstd::Decoder::with_buffer(reader)?))
        } else {
            Box::new(reader)
        };
        let start = peek(&mut reader)?;
        if let Some(is_big_endian) = utf16::byte_order(&start) {
            reader = Box::new(BufReader::new(Utf16::new(reader, is_big_endian)));
        }
        let form = if utf16::byte_order(&start).is_some() { Form::JsonLines } else { form(&start) };
        let reader = match form {
            Form::JsonLines => Reader::Json(JsonStream::new(reader, max_record())),
            Form::Prefixed => Reader::Prefixed(reader),
            Form::Empty | Form::Parquet | Form::Segment => Reader::Other,
        };
        Ok(Self { form, reader, number: 0, empty: 0, comments: 0, ended: false })
    }

    /// The next request; after one that is broken there may be others.
    pub(crate) fn next_request(&mut self) -> Option<Result<Parsed, Broken>> {
        if self.ended {
            return None;
        }
        let next = match &mut self.reader {
            Reader::Json(_) => self.next_of_json(),
            Reader::Prefixed(_) => self.next_prefixed(),
            Reader::Other => Ok(None),
        };
        match next {
            Ok(None) => {
                self.ended = true;
                None
            }
            Ok(Some(mut parsed)) => {
                if self.comments > 0 {
                    parsed.extras.ignored.insert("line of comments".to_owned(), self.comments);
                    self.comments = 0;
                }
                Some(Ok(parsed))
            }
            Err(Unread { place, reason, is_foreign }) => {
                Some(Err(Broken { reason: format!("{place} {reason}"), is_foreign }))
            }
        }
    }

    fn next_of_json(&mut self) -> Result<Option<Parsed>, Unread> {
        let Reader::Json(stream) = &mut self.reader else { return Ok(None) };
        loop {
            let met = stream.next();
            let line = stream.begins;
            let unread = |reason: String| Unread { place: format!("line {line}"), reason, is_foreign: false };
            let met = met.map_err(|err| {
                self.ended = true;
                unread(format!("cannot be read: {err}"))
            })?;
            return match met {
                None => Ok(None),
                Some(Met::Object(text)) => decode_json(&text).map(Some).map_err(|not| {
                    let NotTraces { offset, reason } = not;
                    Unread { place: place_in(&text, line, offset), reason, is_foreign: false }
                }),
                Some(Met::Comment) => {
                    self.comments += 1;
                    continue;
                }
                Some(Met::Line(start)) => Err(Unread {
                    is_foreign: true,
                    ..unread(format!("is no JSON: it looks like {}", foreign::of_bytes(&start)))
                }),
                Some(Met::Half) => Err(unread("is half a request: its writer did not finish".to_owned())),
                Some(Met::Zeros(count)) => {
                    Err(unread(format!("is followed by {count} bytes of zeros, which nobody wrote")))
                }
                Some(Met::OpenArray) => Err(unread("ends within an array".to_owned())),
                Some(Met::TooLong) => {
                    self.ended = true;
                    Err(unread(too_long()))
                }
            };
        }
    }

    fn next_prefixed(&mut self) -> Result<Option<Parsed>, Unread> {
        let Reader::Prefixed(reader) = &mut self.reader else { return Ok(None) };
        self.number += 1;
        let unread =
            |reason: String| Unread { place: format!("request {}", self.number), reason, is_foreign: false };
        let record = prefixed(reader);
        let zeros = 4 * self.empty;
        let is_zeros = self.empty > 1;
        match record {
            Ok(Some(record)) => {
                self.empty = if record.is_empty() { self.empty + 1 } else { 0 };
                if self.empty > MAX_EMPTY {
                    self.ended = true;
                    let what = "empty ones, and the file is read no further";
                    return Err(unread(format!("is the last of {MAX_EMPTY} {what}")));
                }
                decode(&record).map(Some).map_err(unread)
            }
            Ok(None) if is_zeros => {
                self.ended = true;
                let place = format!("request {}", self.number - self.empty);
                let reason = format!("is the first of {zeros} bytes of zeros at the end, which nobody wrote");
                Err(Unread { place, reason, is_foreign: false })
            }
            Ok(None) => Ok(None),
            Err(reason) => {
                self.ended = true;
                Err(unread(reason))
            }
        }
    }
}

/// Bytes that a record may have.
fn max_record() -> u64 {
    decode_budget() / RECORD_SHARE
}

fn too_long() -> String {
    format!("is longer than {} MB: see --memory-limit", max_record() >> 20)
}

/// Where a byte of a record stands that begins in a line.
fn place_in(text: &[u8], line: u64, offset: Option<usize>) -> String {
    let Some(offset) = offset else { return format!("line {line}") };
    let before = &text[..offset.min(text.len())];
    let lines = before.split(|byte| *byte == b'\n').count() - 1;
    let column = before.len() - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1) + 1;
    format!("line {}, column {column}", line + lines as u64)
}

/// One record; none at the end.
fn prefixed(reader: &mut impl BufRead) -> Result<Option<Vec<u8>>, String> {
    let unreadable = |err| format!("cannot be read: {err}");
    let mut length = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut length).map_err(unreadable)?;
    if length.is_empty() {
        return Ok(None);
    }
    let Ok(length) = <[u8; 4]>::try_from(&*length) else {
        return Err("ends within its length".to_owned());
    };
    let length = u64::from(u32::from_be_bytes(length));
    if length > max_record() {
        return Err(format!("claims {length} bytes, and {}", too_long()));
    }
    let mut record = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut record).map_err(unreadable)?;
    if (record.len() as u64) < length {
        return Err(format!("has {} of {length} bytes: its writer did not finish", record.len()));
    }
    Ok(Some(record))
}

fn decode(record: &[u8]) -> Result<Parsed, String> {
    if record.starts_with(&ZSTD) {
        let mut plain = Vec::new();
        let decoder = zstd::Decoder::new(record).map_err(|err| err.to_string())?;
        decoder
            .take(max_record() + 1)
            .read_to_end(&mut plain)
            .map_err(|err| format!("does not decompress: {err}"))?;
        if plain.len() as u64 > max_record() {
            return Err(format!("decompresses to too much: it {}", too_long()));
        }
        return decode_plain(&plain);
    }
    decode_plain(record)
}

fn decode_plain(record: &[u8]) -> Result<Parsed, String> {
    if record.trim_ascii_start().starts_with(b"{") {
        return decode_json(record).map_err(|not| not.reason);
    }
    decoded_size(record, decode_budget()).map_err(|err| format!("{err}: see --memory-limit"))?;
    let mut parsed = Parsed::default();
    let request = ExportTraceServiceRequest::decode(&*unknown_fields::without(record, &mut parsed.extras));
    parsed.request = request.map_err(|err| format!("is no OTLP request: {err}"))?;
    Ok(parsed)
}

fn decode_json(text: &[u8]) -> Result<Parsed, NotTraces> {
    otlp_json::parse(text, decode_budget())
}

/// A frame of zstd that holds no data, as seekable files begin.
fn is_skippable(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn form(start: &[u8]) -> Form {
    match start.first() {
        None => Form::Empty,
        Some(_) if start.starts_with(&PARQUET) => Form::Parquet,
        Some(_) if start.starts_with(&ARROW) => Form::Segment,
        // What begins with a length that is none is a text, or is told to be no source line by line.
        Some(first) if *first < LONGEST => Form::Prefixed,
        Some(_) => Form::JsonLines,
    }
}

/// The first bytes of what is read, which stay there.
fn peek(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let start = reader.fill_buf()?;
    Ok(start[..start.len().min(64)].to_vec())
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    const LINE: &str =
        r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"","spanId":"","name":"n"}]}]}]}"#;

    fn message() -> Vec<u8> {
        otlp_json::parse(LINE.as_bytes(), 1 << 20).unwrap().request.encode_to_vec()
    }

    fn framed(record: &[u8]) -> Vec<u8> {
        [&(record.len() as u32).to_be_bytes()[..], record].concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> (Form, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, bytes).unwrap();
        let mut records = Records::open(&path).unwrap();
        let mut met = Vec::new();
        while let Some(request) = records.next_request() {
            met.push(match request {
                Ok(Parsed { request, .. }) if request.resource_spans.is_empty() => "nothing".to_owned(),
                Ok(Parsed { request, .. }) => request.resource_spans[0].scope_spans[0].spans[0].name.clone(),
                Err(Broken { reason, .. }) => reason,
            });
        }
        (records.form, met)
    }

    #[test]
    fn every_form_that_collectors_write_is_known_by_its_bytes() {
        let lines = format!("{LINE}\n\n{LINE}");
        let frames = [framed(&message()), framed(&message())].concat();
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
        let each = [framed(&zstd(&message())), framed(&zstd(LINE.as_bytes()))].concat();
        for (bytes, form) in [
            (lines.as_bytes().to_vec(), Form::JsonLines),
            (gzip(lines.as_bytes()), Form::JsonLines),
            (zstd(lines.as_bytes()), Form::JsonLines),
            (frames.clone(), Form::Prefixed),
            (gzip(&frames), Form::Prefixed),
            (zstd(&frames), Form::Prefixed),
            (each, Form::Prefixed),
        ] {
            assert_eq!(read(&bytes), (form, vec!["n".to_owned(); 2]));
        }
        assert_eq!(read(b""), (Form::Empty, vec![]));
    }

    #[test]
    fn what_is_broken_is_said_with_its_place_and_the_rest_is_read() {
        let (half, _) = LINE.split_at(40);
        let (_, met) = read(format!("{LINE}\nnonsense\n{LINE}\n{{\"resourceLogs\":[]}}\n{half}").as_bytes());
        insta::assert_snapshot!(met.join("\n"), @"
        n
        line 2 is no JSON: it looks like plain text
        n
        nothing
        line 5 is half a request: its writer did not finish
        ");

        let mut frames = [framed(&message()), framed(b"\x0a\xff"), framed(&message())].concat();
        frames.extend_from_slice(&[0, 0, 1]);
        insta::assert_snapshot!(read(&frames).1.join("\n"), @"
        n
        request 2 is no OTLP request: failed to decode Protobuf message: ExportTraceServiceRequest.resource_spans: invalid varint
        n
        request 4 ends within its length
        ");
        let cut = [framed(&message()), framed(&message())[..8].to_vec()].concat();
        let told = format!("request 2 has 4 of {} bytes: its writer did not finish", message().len());
        assert_eq!(read(&cut).1, ["n", &told]);
        let wrong = read(b"this is no OTLP").1;
        assert_eq!(wrong, ["line 1 is no JSON: it looks like plain text"]);
        // Small files that would become large: 60 MB of empty spans, and requests of no bytes without an end.
        let mut spans = b"\x12\x00".repeat(2_000_000);
        for tag in [0x12, 0x0a] {
            let mut message = vec![tag];
            prost::encoding::encode_varint(spans.len() as u64, &mut message);
            message.append(&mut spans);
            spans = message;
        }
        let (_, met) = read(&gzip(&framed(&spans)));
        assert_eq!(met, ["request 1 decodes to more than 256 MB: see --memory-limit"]);
        let (_, met) = read(&gzip(&vec![0; 4 * (MAX_EMPTY as usize + 10)]));
        let last = met.last().unwrap();
        assert!(last.contains("empty ones") && met.len() as u64 == MAX_EMPTY + 1, "{last}");
        let (_, met) = read(&gzip("{".repeat(500_000).as_bytes()));
        assert_eq!(met.len(), 1);
        let compressed = gzip(format!("{LINE}\n{LINE}\n").as_bytes());
        let (_, met) = read(&compressed[..compressed.len() - 9]);
        assert!(met.last().is_some_and(|last| last != "n"), "{met:?}");
    }
}
