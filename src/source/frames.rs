//! Cuts a file of OTLP requests into records.
//!
//! Two forms, known by their first bytes and not by the file's name: a request in JSON on each line, and
//! requests behind a length of four bytes, big end first, as the Collector's file exporter writes them. A
//! whole file may be compressed, or each request by itself.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::otlp_json;
use crate::contract::decoded_size::decoded_size;

/// A record is read whole. The largest that a studio takes has four megabytes.
const MAX_RECORD: u64 = 64 << 20;

/// What a record may become when it is decoded.
const MAX_DECODED: u64 = 256 << 20;

/// Requests without anything in them that are read one after the other: in a compressed file they take no room.
const MAX_EMPTY: u64 = 1_000_000;

/// What an object in JSON takes at most, as a span.
const JSON_OBJECT: u64 = 700;

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
            Self::JsonLines => "OTLP JSON lines",
            Self::Prefixed => "OTLP protobuf behind lengths",
            Self::Parquet => "Parquet",
            Self::Segment => "WAL segment",
        }
    }
}

/// The records of one file, in its order.
pub(crate) struct Records {
    reader: Box<dyn BufRead + Send>,
    pub(crate) form: Form,
    number: u64,
    /// Records of no bytes since the last that has any.
    empty: u64,
    ended: bool,
}

/// A record that is none, and where it stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) String);

impl Records {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(1 << 18, File::open(path)?);
        let start = peek(&mut reader)?;
        let mut reader: Box<dyn BufRead + Send> = if start.starts_with(&GZIP) {
            Box::new(BufReader::with_capacity(1 << 18, MultiGzDecoder::new(reader)))
        } else if start.starts_with(&ZSTD) {
            Box::new(BufReader::with_capacity(1 << 18, zstd::Decoder::with_buffer(reader)?))
        } else {
            Box::new(reader)
        };
        let form = form(&peek(&mut reader)?);
        Ok(Self { reader, form, number: 0, empty: 0, ended: false })
    }

    /// The next request; after one that is broken there may be others.
    pub(crate) fn next_request(&mut self) -> Option<Result<ExportTraceServiceRequest, Broken>> {
        let record = self.next_record()?;
        Some(
            record.and_then(|bytes| {
                decode(&bytes).map_err(|reason| Broken(format!("{} {reason}", self.place())))
            }),
        )
    }

    fn place(&self) -> String {
        let what = if self.form == Form::JsonLines { "line" } else { "request" };
        format!("{what} {}", self.number)
    }

    fn next_record(&mut self) -> Option<Result<Vec<u8>, Broken>> {
        if self.ended {
            return None;
        }
        self.number += 1;
        let record = match self.form {
            Form::JsonLines => self.line(),
            Form::Prefixed => self.prefixed(),
            Form::Empty | Form::Parquet | Form::Segment => Ok(None),
        };
        let record = self.within_bounds(record);
        self.ended = matches!(record, Ok(None) | Err(_));
        match record {
            Ok(record) => record.map(Ok),
            Err(reason) => Some(Err(Broken(format!("{} {reason}", self.place())))),
        }
    }

    fn within_bounds(&mut self, record: Result<Option<Vec<u8>>, String>) -> Result<Option<Vec<u8>>, String> {
        let is_empty = matches!(&record, Ok(Some(bytes)) if bytes.is_empty());
        self.empty = if is_empty { self.empty + 1 } else { 0 };
        if self.empty > MAX_EMPTY {
            return Err(format!("is the last of {MAX_EMPTY} empty ones, and the file is read no further"));
        }
        record
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            let mut line = Vec::new();
            let read = (&mut self.reader).take(MAX_RECORD).read_until(b'\n', &mut line);
            let read = read.map_err(|err| format!("cannot be read: {err}"))?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == MAX_RECORD {
                return Err(format!("is longer than {MAX_RECORD} bytes"));
            }
            let is_whole = || serde_json::from_slice::<serde::de::IgnoredAny>(&line).is_ok();
            if !line.ends_with(b"\n") && !line.iter().all(u8::is_ascii_whitespace) && !is_whole() {
                return Err("is half a line: its writer did not finish".to_owned());
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
            self.number += 1;
        }
    }

    fn prefixed(&mut self) -> Result<Option<Vec<u8>>, String> {
        let unreadable = |err| format!("cannot be read: {err}");
        let mut length = Vec::new();
        (&mut self.reader).take(4).read_to_end(&mut length).map_err(unreadable)?;
        if length.is_empty() {
            return Ok(None);
        }
        let Ok(length) = <[u8; 4]>::try_from(&*length) else {
            return Err("ends within its length".to_owned());
        };
        let length = u64::from(u32::from_be_bytes(length));
        if length > MAX_RECORD {
            return Err(format!("claims {length} bytes, and nothing so long is sent"));
        }
        let mut record = Vec::new();
        (&mut self.reader).take(length).read_to_end(&mut record).map_err(unreadable)?;
        if (record.len() as u64) < length {
            return Err(format!("has {} of {length} bytes: its writer did not finish", record.len()));
        }
        Ok(Some(record))
    }
}

fn decode(record: &[u8]) -> Result<ExportTraceServiceRequest, String> {
    if record.starts_with(&ZSTD) {
        let mut plain = Vec::new();
        let decoder = zstd::Decoder::new(record).map_err(|err| err.to_string())?;
        decoder
            .take(MAX_RECORD + 1)
            .read_to_end(&mut plain)
            .map_err(|err| format!("does not decompress: {err}"))?;
        if plain.len() as u64 > MAX_RECORD {
            return Err(format!("decompresses to more than {MAX_RECORD} bytes"));
        }
        return decode_plain(&plain);
    }
    decode_plain(record)
}

fn decode_plain(record: &[u8]) -> Result<ExportTraceServiceRequest, String> {
    if record.trim_ascii_start().starts_with(b"{") {
        // Each object of the text becomes a message or a map of its own.
        let objects = record.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() as u64;
        if objects * JSON_OBJECT > MAX_DECODED {
            return Err(format!("decodes to more than {} MB", MAX_DECODED >> 20));
        }
        return otlp_json::parse(record).map_err(|err| err.to_string());
    }
    decoded_size(record, MAX_DECODED).map_err(|err| err.to_string())?;
    ExportTraceServiceRequest::decode(record).map_err(|err| format!("is no OTLP request: {err}"))
}

fn form(start: &[u8]) -> Form {
    if start.is_empty() {
        Form::Empty
    } else if start.starts_with(&PARQUET) {
        Form::Parquet
    } else if start.starts_with(&ARROW) {
        Form::Segment
    } else if start.trim_ascii_start().starts_with(b"{") {
        Form::JsonLines
    } else {
        Form::Prefixed
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
        otlp_json::parse(LINE.as_bytes()).unwrap().encode_to_vec()
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
                Ok(request) if request.resource_spans.is_empty() => "nothing".to_owned(),
                Ok(request) => request.resource_spans[0].scope_spans[0].spans[0].name.clone(),
                Err(Broken(reason)) => reason,
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
        line 2 is no OTLP request: failed to decode Protobuf message: invalid wire type value: 6
        n
        line 4 holds no `resourceSpans`
        line 5 is half a line: its writer did not finish
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
        assert_eq!(wrong, ["request 1 claims 1952999795 bytes, and nothing so long is sent"]);
        // Small files that would become large: 60 MB of empty spans, and requests of no bytes without an end.
        let mut spans = b"\x12\x00".repeat(2_000_000);
        for tag in [0x12, 0x0a] {
            let mut message = vec![tag];
            prost::encoding::encode_varint(spans.len() as u64, &mut message);
            message.append(&mut spans);
            spans = message;
        }
        let (_, met) = read(&gzip(&framed(&spans)));
        assert_eq!(met, ["request 1 decodes to more than 256 MB"]);
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
