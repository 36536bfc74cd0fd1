//! `expected.bin`: what a replay sent, one record of fixed width per span, in the order of its ordinals.
//!
//! A replay's traffic is a function of its source, which may be gone when the store is judged. So the ids, the
//! service and the digests of each row that is to be stored are kept beside the ledger, and written before the
//! export that sends them begins. Version 2 has a header, and digests of canonical JSON; version 1 had digests of
//! the JSON's text, and knew no service and no parent.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use anyhow::Context;
use twox_hash::XxHash3_128;

use crate::{
    base::{private, problem::Problem, regular},
    contract::digest::{DigestVersion, hash},
};

/// Begins every file from version 2 on: a magic, the version, and the width of a record.
const MAGIC: &[u8; 8] = b"E2ESPANS";
const VERSION: u32 = 2;
const HEADER: usize = 16;
const WIDTH: usize = 56;

/// Bytes of a record of version 1.
const WIDTH_V1: usize = 32;

const NO_SERVICE: u32 = u32::MAX;

/// One span that was, or was to be, sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExpectedSpan {
    pub(crate) ids: SpanIds,
    pub(crate) parent: Option<u64>,
    /// Index into the services of the manifest.
    pub(crate) service: Option<u32>,
    /// Of the row that a store of schema 1 is to hold, and of schema 2.
    pub(crate) digests: [u64; 2],
}

/// A trace id and a span id, ordered by the latter. Ids of another length than OTLP's are there by their hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SpanIds {
    span: u64,
    trace: [u8; 16],
    hashed: Hashed,
}

/// Which of two ids are hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hashed {
    None,
    Span,
    Trace,
    Both,
    /// Of version 1, which hashed every trace id to eight bytes.
    V1,
}

/// A trace id and a span id in 16 bytes, the trace id hashed: enough to tell spans apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct IdKey {
    pub(crate) trace: u64,
    pub(crate) span: u64,
}

impl IdKey {
    pub(crate) fn of(trace_id: &[u8], span_id: &[u8]) -> Self {
        Self { trace: hash(trace_id), span: span_number(span_id).0 }
    }
}

/// Whether the number is a hash is told beside it.
fn span_number(span_id: &[u8]) -> (u64, bool) {
    span_id.try_into().map_or_else(|_| (hash(span_id), true), |bytes| (u64::from_be_bytes(bytes), false))
}

/// The number of a parent's id; none of a root.
pub(crate) fn parent_number(span_id: &[u8]) -> Option<u64> {
    (!span_id.is_empty()).then(|| span_number(span_id).0).filter(|number| *number != 0)
}

impl SpanIds {
    pub(crate) fn of(trace_id: &[u8], span_id: &[u8]) -> Self {
        let (span, span_hashed) = span_number(span_id);
        let trace: Option<[u8; 16]> = trace_id.try_into().ok();
        let hashed = match (trace.is_none(), span_hashed) {
            (false, false) => Hashed::None,
            (false, true) => Hashed::Span,
            (true, false) => Hashed::Trace,
            (true, true) => Hashed::Both,
        };
        let trace = trace.unwrap_or_else(|| XxHash3_128::oneshot(trace_id).to_be_bytes());
        Self { span, trace, hashed }
    }

    /// Of ids as the store has them; none where they are no hexadecimal text.
    pub(crate) fn of_hex(trace_id: &str, span_id: &str) -> Option<Self> {
        let mut bytes = [0; 24];
        let (trace, span) = bytes.split_at_mut(16);
        if (trace_id.len(), span_id.len()) == (32, 16) {
            const_hex::decode_to_slice(trace_id, trace).ok()?;
            const_hex::decode_to_slice(span_id, span).ok()?;
            return Some(Self::of(trace, span));
        }
        Some(Self::of(&const_hex::decode(trace_id).ok()?, &const_hex::decode(span_id).ok()?))
    }

    /// The trace id; none where only its hash is known.
    pub(crate) fn trace(&self) -> Option<[u8; 16]> {
        match self.hashed {
            Hashed::None | Hashed::Span => Some(self.trace),
            Hashed::Trace | Hashed::Both | Hashed::V1 => None,
        }
    }

    pub(crate) fn span(&self) -> u64 {
        self.span
    }

    /// Another span of the same trace.
    pub(crate) fn sibling(self, span: u64) -> Self {
        Self { span, ..self }
    }

    /// As version 1 has them.
    fn to_v1(self) -> Self {
        let low = |bytes: [u8; 16]| u128::from_be_bytes(bytes) as u64;
        let number = self.trace().map_or_else(|| low(self.trace), |trace| hash(&trace));
        Self::v1(number, self.span)
    }

    fn v1(trace: u64, span: u64) -> Self {
        Self { trace: u128::from(trace).to_be_bytes(), span, hashed: Hashed::V1 }
    }
}

impl ExpectedSpan {
    fn to_bytes(self) -> [u8; WIDTH] {
        let mut bytes = [0; WIDTH];
        let hashed = match self.ids.hashed {
            Hashed::None => 0_u32,
            Hashed::Span => 1,
            Hashed::Trace => 2,
            Hashed::Both | Hashed::V1 => 3,
        };
        bytes[..16].copy_from_slice(&self.ids.trace);
        bytes[16..24].copy_from_slice(&self.ids.span.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.parent.unwrap_or_default().to_le_bytes());
        bytes[32..40].copy_from_slice(&self.digests[0].to_le_bytes());
        bytes[40..48].copy_from_slice(&self.digests[1].to_le_bytes());
        bytes[48..52].copy_from_slice(&self.service.unwrap_or(NO_SERVICE).to_le_bytes());
        bytes[52..].copy_from_slice(&hashed.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let hashed = match short(bytes, 52) {
            0 => Hashed::None,
            1 => Hashed::Span,
            2 => Hashed::Trace,
            _ => Hashed::Both,
        };
        let trace = bytes[..16].try_into().expect("16 bytes of a record");
        Self {
            ids: SpanIds { trace, span: long(bytes, 16), hashed },
            parent: Some(long(bytes, 24)).filter(|parent| *parent != 0),
            service: Some(short(bytes, 48)).filter(|service| *service != NO_SERVICE),
            digests: [long(bytes, 32), long(bytes, 40)],
        }
    }

    fn from_v1(bytes: &[u8]) -> Self {
        let ids = SpanIds::v1(long(bytes, 0), long(bytes, 8));
        Self { ids, parent: None, service: None, digests: [long(bytes, 16), long(bytes, 24)] }
    }
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes of a record"))
}

fn short(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes of a record"))
}

fn header() -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..].copy_from_slice(&(WIDTH as u32).to_le_bytes());
    bytes
}

/// Appends to a run's expectations.
#[derive(Debug)]
pub(crate) struct ExpectationWriter(File);

impl ExpectationWriter {
    /// Creates the file, or goes on after so many spans of one that exists.
    pub(crate) fn open(path: &Path, known: u64) -> io::Result<Self> {
        let mut file = private::options().create(true).append(true).open(path)?;
        if known == 0 {
            file.set_len(0)?;
            file.write_all(&header())?;
            return Ok(Self(file));
        }
        let known = HEADER as u64 + known * WIDTH as u64;
        if file.metadata()?.len() < known {
            return Err(io::Error::other("it is shorter than the ledger says"));
        }
        file.set_len(known)?;
        Ok(Self(file))
    }

    /// The spans are in the system's hands when this returns.
    pub(crate) fn append(&mut self, spans: &[ExpectedSpan]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(spans.len() * WIDTH);
        for span in spans {
            bytes.extend_from_slice(&span.to_bytes());
        }
        self.0.write_all(&bytes)
    }
}

/// The records of a file, by ordinal and by ids.
#[derive(Debug, Default)]
pub(crate) struct ExpectedSpans {
    bytes: Vec<u8>,
    is_v1: bool,
    /// Ordinals in the order of their ids.
    by_ids: Vec<u32>,
}

impl ExpectedSpans {
    /// All whole records; half of one at the end is that of a writer that was killed. A file of a replay whose
    /// manifest is of version 2 has no header.
    pub(crate) fn read(path: &Path, is_v1: bool) -> anyhow::Result<Self> {
        let shown = path.display();
        let mut bytes = regular::read(path).with_context(|| format!("cannot read `{shown}`"))?;
        if !is_v1 {
            if bytes.get(..HEADER) != Some(&header()) {
                let what = format!("`{shown}` is not a record of sent spans of version {VERSION}");
                return Err(Problem::new(what, "restore the run's folder").into());
            }
            bytes.drain(..HEADER);
        }
        let mut spans = Self { bytes, is_v1, by_ids: Vec::new() };
        let count = u32::try_from(spans.bytes.len() / spans.width())
            .with_context(|| format!("`{shown}` has more spans than can be judged"))?;
        let mut by_ids: Vec<u32> = (0..count).collect();
        by_ids.sort_unstable_by_key(|ordinal| (spans.get(u64::from(*ordinal)).ids, *ordinal));
        spans.by_ids = by_ids;
        Ok(spans)
    }

    /// How its rows were digested.
    pub(crate) fn digests(&self) -> DigestVersion {
        if self.is_v1 { DigestVersion::V1 } else { DigestVersion::V2 }
    }

    /// Files with the same hold the same records.
    pub(crate) fn digest(&self) -> u128 {
        XxHash3_128::oneshot_with_seed(self.width() as u64, &self.bytes)
    }

    fn width(&self) -> usize {
        if self.is_v1 { WIDTH_V1 } else { WIDTH }
    }

    pub(crate) fn len(&self) -> u64 {
        self.by_ids.len() as u64
    }

    pub(crate) fn get(&self, ordinal: u64) -> ExpectedSpan {
        let width = self.width();
        let record = &self.bytes[ordinal as usize * width..][..width];
        if self.is_v1 { ExpectedSpan::from_v1(record) } else { ExpectedSpan::from_bytes(record) }
    }

    /// Ordinals of the spans with these ids; more than one where a source has a span twice.
    pub(crate) fn find(&self, ids: SpanIds) -> &[u32] {
        let ids = if self.is_v1 { ids.to_v1() } else { ids };
        self.find_by(&ids, |ids| *ids)
    }

    /// Ordinals of the spans with this span id, in whatever trace.
    pub(crate) fn find_span(&self, span_id: u64) -> &[u32] {
        self.find_by(&span_id, SpanIds::span)
    }

    fn find_by<K: Ord>(&self, key: &K, key_of: impl Fn(&SpanIds) -> K) -> &[u32] {
        let of = |ordinal: &u32| key_of(&self.get(u64::from(*ordinal)).ids);
        let first = self.by_ids.partition_point(|ordinal| of(ordinal) < *key);
        let count = self.by_ids[first..].iter().take_while(|ordinal| of(ordinal) == *key).count();
        &self.by_ids[first..first + count]
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};

    use super::*;

    fn span(number: u64) -> ExpectedSpan {
        ExpectedSpan {
            ids: SpanIds::of(&[number as u8; 16], &number.to_be_bytes()),
            parent: number.checked_sub(1).filter(|parent| *parent > 0),
            service: (number != 3).then_some(number as u32),
            digests: [number, u64::MAX - number],
        }
    }

    #[test]
    fn what_is_written_is_read_and_half_a_record_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expected.bin");
        let all: Vec<_> = [4, 0, 3, 4, 1].map(span).into();
        let read = || {
            let spans = ExpectedSpans::read(&path, false).unwrap();
            (0..spans.len()).map(|ordinal| spans.get(ordinal)).collect::<Vec<_>>()
        };
        ExpectationWriter::open(&path, 0).unwrap().append(&all[..3]).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"half").unwrap();
        assert_eq!(read(), all[..3]);

        ExpectationWriter::open(&path, 2).unwrap().append(&all[2..]).unwrap();
        assert_eq!(read(), all);
        assert!(ExpectationWriter::open(&path, 6).is_err());
        let spans = ExpectedSpans::read(&path, false).unwrap();
        assert_eq!(spans.find(span(4).ids), [0, 3]);
        assert_eq!(spans.find(span(2).ids), [] as [u32; 0]);
        assert_eq!((spans.find_span(3), spans.find_span(2)), (&[2][..], &[][..]));
    }

    #[test]
    fn a_file_without_a_header_is_of_version_1_or_of_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expected.bin");
        let ids = [[7; 16], [5; 16]].map(|trace| SpanIds::of(&trace, &9_u64.to_be_bytes()));
        let numbers = [hash(&[7; 16]), 9, 1, 2];
        fs::write(&path, numbers.map(u64::to_le_bytes).concat()).unwrap();
        let spans = ExpectedSpans::read(&path, true).unwrap();
        assert_eq!((spans.len(), spans.find(ids[0]), spans.find(ids[1])), (1, &[0][..], &[][..]));
        let read = spans.get(0);
        assert_eq!((read.ids.trace(), read.service, read.digests), (None, None, [1, 2]));
        assert!(ExpectedSpans::read(&path, false).is_err());
    }

    #[test]
    fn ids_are_known_by_their_text() {
        let ids = SpanIds::of(&[0xab; 16], &[0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((ids.trace(), ids.span()), (Some([0xab; 16]), 0x102));
        assert_eq!(SpanIds::of_hex(&"ab".repeat(16), "0000000000000102"), Some(ids));
        assert_eq!(SpanIds::of_hex("", "01"), Some(SpanIds::of(&[], &[1])));
        assert_eq!(SpanIds::of_hex("", "01").unwrap().trace(), None);
        assert_eq!(SpanIds::of_hex("x", "01"), None);
    }
}
