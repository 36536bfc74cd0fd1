//! What a replay sent, as far as an audit must know: 32 bytes a span, in the order of its ordinals.
//!
//! A replay's traffic is a function of its source, which may be gone when the store is judged. So the ids
//! and the digests of each row that is to be stored are kept beside the ledger, and written before the
//! export that sends them begins.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
};

use crate::{
    base::{private, regular},
    contract::digest::hash,
};

/// Bytes that a span takes in the file.
pub(crate) const WIDTH: usize = 32;

/// One span that was, or was to be, sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expectation {
    pub(crate) ids: IdKey,
    /// Of the row that a store of schema 1 is to hold, and of schema 2.
    pub(crate) digests: [u64; 2],
}

/// A trace id and a span id in 16 bytes. The span id is itself where it has OTLP's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct IdKey {
    pub(crate) trace: u64,
    pub(crate) span: u64,
}

impl IdKey {
    pub(crate) fn of(trace_id: &[u8], span_id: &[u8]) -> Self {
        let span = span_id.try_into().map_or_else(|_| hash(span_id), u64::from_be_bytes);
        Self { trace: hash(trace_id), span }
    }

    /// The same of ids as the store has them; none where they are no hexadecimal text.
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
}

impl Expectation {
    fn to_bytes(self) -> [u8; WIDTH] {
        let mut bytes = [0; WIDTH];
        let numbers = [self.ids.trace, self.ids.span, self.digests[0], self.digests[1]];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: [u8; WIDTH]) -> Self {
        let number = |index: usize| {
            u64::from_le_bytes(bytes[8 * index..8 * index + 8].try_into().expect("eight of 32 bytes"))
        };
        Self { ids: IdKey { trace: number(0), span: number(1) }, digests: [number(2), number(3)] }
    }
}

/// Appends to a run's expectations.
#[derive(Debug)]
pub(crate) struct ExpectationWriter(File);

impl ExpectationWriter {
    /// Creates the file, or goes on after so many spans of one that exists.
    pub(crate) fn open(path: &Path, known: u64) -> io::Result<Self> {
        let file = private::options().create(true).append(true).open(path)?;
        let known = known * WIDTH as u64;
        if file.metadata()?.len() < known {
            return Err(io::Error::other("it is shorter than the ledger says"));
        }
        file.set_len(known)?;
        Ok(Self(file))
    }

    /// The spans are in the system's hands when this returns.
    pub(crate) fn append(&mut self, expectations: &[Expectation]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(expectations.len() * WIDTH);
        for expectation in expectations {
            bytes.extend_from_slice(&expectation.to_bytes());
        }
        self.0.write_all(&bytes)
    }
}

/// All whole entries of a file; half of one at its end is that of a writer that was killed.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Expectation>> {
    let file = regular::open(path)?;
    let spans = file.metadata()?.len() / WIDTH as u64;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut all = Vec::with_capacity(usize::try_from(spans).unwrap_or_default());
    let mut entry = [0; WIDTH];
    for _ in 0..spans {
        reader.read_exact(&mut entry)?;
        all.push(Expectation::from_bytes(entry));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_half_an_entry_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expected.bin");
        let expectation = |number: u64| Expectation {
            ids: IdKey::of(&[number as u8; 16], &number.to_be_bytes()),
            digests: [number, u64::MAX - number],
        };
        let all: Vec<_> = (0..5).map(expectation).collect();
        ExpectationWriter::open(&path, 0).unwrap().append(&all[..3]).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"half").unwrap();
        assert_eq!(read(&path).unwrap(), all[..3]);

        ExpectationWriter::open(&path, 2).unwrap().append(&all[2..]).unwrap();
        assert_eq!(read(&path).unwrap(), all);
        assert!(ExpectationWriter::open(&path, 6).is_err());
    }

    #[test]
    fn ids_are_known_by_their_text() {
        let key = IdKey::of(&[0xab; 16], &[0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(key.span, 0x102);
        assert_eq!(IdKey::of_hex(&"ab".repeat(16), "0000000000000102"), Some(key));
        assert_eq!(IdKey::of_hex("", "01"), Some(IdKey::of(&[], &[1])));
        assert_eq!(IdKey::of_hex("x", "01"), None);
    }
}
