//! Protobuf's wire format, written straight into a buffer.
//!
//! For encoders that hold no message: each field goes to where it is sent from. All tags are below 16,
//! so that a key takes one byte; what is longer, its writer spells out.

use prost::encoding::{WireType, encode_varint, encoded_len_varint};

/// Up to this, a length or number takes one byte.
const ONE_BYTE: usize = 0x80;

/// A message field whose length is not known yet.
#[derive(Debug)]
pub(crate) struct Open {
    /// Where its content begins.
    start: usize,
    /// Bytes that were left free for the length.
    width: usize,
}

/// Begins a message field with a tag below 16, and leaves `width` bytes for its length.
pub(crate) fn open(tag: u8, width: usize, out: &mut Vec<u8>) -> Open {
    out.push(key(tag, WireType::LengthDelimited));
    out.resize(out.len() + width, 0);
    Open { start: out.len(), width }
}

/// Ends a message field and tells the width of its length. The content moves where the guess was wrong.
pub(crate) fn close(Open { start, width: guess }: Open, out: &mut Vec<u8>) -> usize {
    let end = out.len();
    let len = end - start;
    let width = encoded_len_varint(len as u64);
    if width != guess {
        let moved = start + width - guess;
        out.resize(end.max(moved + len), 0);
        out.copy_within(start..end, moved);
        out.truncate(moved + len);
    }
    let mut rest = len;
    let begin = start - guess;
    for byte in &mut out[begin..begin + width] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[begin + width - 1] &= 0x7f;
    width
}

pub(crate) fn write_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    write_head(tag, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Key and length of a length-delimited field with a tag below 16.
pub(crate) fn write_head(tag: u8, len: usize, out: &mut Vec<u8>) {
    let key = key(tag, WireType::LengthDelimited);
    if len < ONE_BYTE {
        out.extend_from_slice(&[key, len as u8]);
    } else {
        out.push(key);
        encode_varint(len as u64, out);
    }
}

/// What such a field takes in all.
pub(crate) fn field_len(len: usize) -> usize {
    let width = if len < ONE_BYTE { 1 } else { encoded_len_varint(len as u64) };
    1 + width + len
}

pub(crate) fn write_varint(number: u64, out: &mut Vec<u8>) {
    if number < ONE_BYTE as u64 {
        out.push(number as u8);
    } else {
        encode_varint(number, out);
    }
}

/// A varint field; one that is 0 is not written.
pub(crate) fn write_uint(tag: u8, number: u64, out: &mut Vec<u8>) {
    if number != 0 {
        out.push(key(tag, WireType::Varint));
        write_varint(number, out);
    }
}

pub(crate) fn write_fixed64(tag: u8, number: u64, out: &mut Vec<u8>) {
    let mut field = [key(tag, WireType::SixtyFourBit); 9];
    field[1..].copy_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&field);
}

pub(crate) fn key(tag: u8, wire_type: WireType) -> u8 {
    tag << 3 | wire_type as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_own_length_whatever_was_guessed() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let content: Vec<u8> = (0..len).map(|index| index as u8).collect();
            let mut expected = b"before".to_vec();
            prost::encoding::bytes::encode(3, &content, &mut expected);
            for width in 1..5 {
                let mut out = b"before".to_vec();
                let message = open(3, width, &mut out);
                out.extend_from_slice(&content);
                assert_eq!(close(message, &mut out), encoded_len_varint(len));
                assert!(out == expected, "{len} bytes, {width} guessed");
            }
        }
    }
}
