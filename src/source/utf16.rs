//! Text of sixteen-bit units as UTF-8: what editors and shells of Windows write.

use std::io::{self, BufRead, Read};

/// A byte that is in no UTF-8: half a pair of surrogates must be seen, and not become another character.
const NONE: u8 = 0xff;

pub(super) struct Utf16<R> {
    reader: R,
    is_big_endian: bool,
    /// The first half of a pair.
    high: Option<u16>,
    ready: Vec<u8>,
}

impl<R: BufRead> Utf16<R> {
    pub(super) fn new(reader: R, is_big_endian: bool) -> Self {
        Self { reader, is_big_endian, high: None, ready: Vec::new() }
    }

    /// Makes more ready; whether there was more.
    fn advance(&mut self) -> io::Result<bool> {
        let mut units = Vec::new();
        (&mut self.reader).take(1 << 14).read_to_end(&mut units)?;
        let (pairs, rest) = units.as_chunks::<2>();
        for pair in pairs {
            let unit = if self.is_big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
            self.add(unit);
        }
        if !rest.is_empty() || (units.is_empty() && self.high.take().is_some()) {
            self.ready.push(NONE);
        }
        Ok(!units.is_empty())
    }

    fn add(&mut self, unit: u16) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(pair)) = char::decode_utf16([high, unit]).next() {
                return self.push(pair);
            }
            self.ready.push(NONE);
        }
        match char::from_u32(unit.into()) {
            Some(single) => self.push(single),
            None if unit < 0xdc00 => self.high = Some(unit),
            None => self.ready.push(NONE),
        }
    }

    fn push(&mut self, character: char) {
        self.ready.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && self.advance()? {}
        let count = buffer.len().min(self.ready.len());
        buffer[..count].copy_from_slice(&self.ready[..count]);
        self.ready.drain(..count);
        Ok(count)
    }
}

/// Whether a text begins so in big-endian units, or in little-endian ones; none where it does neither.
pub(super) fn byte_order(start: &[u8]) -> Option<bool> {
    match start {
        [0xfe, 0xff, ..] | [0, b'{' | b'[', 0, b'"' | b'{' | b' ' | b'\r' | b'\n', ..] => Some(true),
        [0xff, 0xfe, third, ..] if *third != 0xff => Some(false),
        [b'{' | b'[', 0, b'"' | b'{' | b' ' | b'\r' | b'\n', 0, ..] => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn pairs_are_joined_and_halves_are_seen() {
        let read = |units: &[u16], is_big_endian: bool| {
            let bytes: Vec<u8> = units
                .iter()
                .flat_map(|unit| if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect();
            let mut text = Vec::new();
            Utf16::new(BufReader::with_capacity(3, &*bytes), is_big_endian).read_to_end(&mut text).unwrap();
            text
        };
        let text = "{\"é\": \"😀\"}".repeat(3_000);
        let units: Vec<u16> = text.encode_utf16().collect();
        for is_big_endian in [true, false] {
            assert!(read(&units, is_big_endian) == text.as_bytes());
        }
        assert_eq!(read(&[0xd83d], true), [NONE]);
        assert_eq!(read(&[0xd83d, 0x41], true), [NONE, b'A']);
        assert_eq!(read(&[0xdc00, 0x41], true), [NONE, b'A']);
    }
}
