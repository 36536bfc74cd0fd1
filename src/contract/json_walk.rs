//! Stored JSON text, gone through once and written as OTLP values on the way.
//!
//! No tree is built: each value goes to where it is sent from. Notes whether the text is exactly what
//! the studio writes for the values that it holds; only then may the text itself pass for what will be
//! stored of them again.

use std::{borrow::Cow, collections::BTreeSet};

use prost::encoding::WireType;

use super::{
    json::plain_run,
    protobuf::{close, field_len, key, open, write_bytes, write_head, write_varint},
};

/// Arrays and objects inside each other. Each is two messages, and prost decodes a hundred.
const MAX_DEPTH: usize = 45;

/// Why a text cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum NotJson {
    #[error("is no JSON of the form that a studio writes")]
    Form,
    #[error("is nested deeper than OTLP decoders go")]
    Depth,
}

/// A place in a text.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether everything so far is written as the studio writes it.
    pub(super) canonical: bool,
    /// Values that were null: nothing, or NaN or an infinity.
    pub(super) nulls: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text: text.as_bytes(), at: 0, canonical: true, nulls: 0 }
    }

    /// The text ends here.
    pub(super) fn end(&mut self) -> Result<(), NotJson> {
        self.peek();
        if self.at == self.text.len() { Ok(()) } else { Err(NotJson::Form) }
    }

    /// Where the next token begins.
    pub(super) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// The text between a position and here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        str::from_utf8(&self.text[start..self.at]).unwrap_or_default()
    }

    /// Passes over each item of an array; the caller's function takes it.
    pub(super) fn array(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.take(b'[')?;
        if self.taken(b']') {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.taken(b']') {
                return Ok(());
            }
            self.take(b',')?;
        }
    }

    /// Hands each key of an object over; the caller's function takes its value.
    pub(super) fn object(
        &mut self,
        mut value: impl FnMut(&mut Self, &[u8]) -> Result<(), NotJson>,
    ) -> Result<(), NotJson> {
        self.take(b'{')?;
        if self.taken(b'}') {
            return Ok(());
        }
        let mut last: Option<Cow<'a, [u8]>> = None;
        loop {
            let name = self.string()?;
            // Of keys that are not in order, or repeated, another text will be stored.
            self.canonical &= last.as_ref().is_none_or(|last| last < &name);
            self.take(b':')?;
            value(self, &name)?;
            last = Some(name);
            if self.taken(b'}') {
                return Ok(());
            }
            self.take(b',')?;
        }
    }

    /// Writes an object as `KeyValue` fields of this tag, without the keys to leave out.
    pub(super) fn attributes(
        &mut self,
        tag: u8,
        without: &BTreeSet<Vec<u8>>,
        out: &mut Vec<u8>,
    ) -> Result<u64, NotJson> {
        let mut left_out = 0;
        self.object(|walk, name| {
            if without.contains(name) {
                left_out += 1;
                return walk.skip();
            }
            walk.key_value(tag, name, 0, out)
        })?;
        self.canonical &= left_out == 0;
        Ok(left_out)
    }

    fn key_value(&mut self, tag: u8, name: &[u8], depth: usize, out: &mut Vec<u8>) -> Result<(), NotJson> {
        if self.peek() == Some(b'"') {
            let text = self.string()?;
            let value_len = field_len(text.len());
            write_head(tag, field_len(name.len()) + field_len(value_len), out);
            write_bytes(1, name, out);
            write_head(2, value_len, out);
            write_bytes(1, &text, out);
            return Ok(());
        }
        let pair = open(tag, 1, out);
        write_bytes(1, name, out);
        let value = open(2, 1, out);
        self.value(depth, out)?;
        close(value, out);
        close(pair, out);
        Ok(())
    }

    /// Writes the fields of one `AnyValue`.
    fn value(&mut self, depth: usize, out: &mut Vec<u8>) -> Result<(), NotJson> {
        if depth > MAX_DEPTH {
            return Err(NotJson::Depth);
        }
        match self.peek().ok_or(NotJson::Form)? {
            b'"' => {
                let text = self.string()?;
                write_bytes(1, &text, out);
            }
            b't' => {
                self.word(b"true")?;
                out.extend_from_slice(&[key(2, WireType::Varint), 1]);
            }
            b'f' => {
                self.word(b"false")?;
                out.extend_from_slice(&[key(2, WireType::Varint), 0]);
            }
            b'n' => {
                self.word(b"null")?;
                self.nulls += 1;
            }
            b'[' => {
                let array = open(5, 1, out);
                self.array(|walk| {
                    let item = open(1, 1, out);
                    walk.value(depth + 1, out)?;
                    close(item, out);
                    Ok(())
                })?;
                close(array, out);
            }
            b'{' => {
                let list = open(6, 1, out);
                self.object(|walk, name| walk.key_value(1, name, depth + 1, out))?;
                close(list, out);
            }
            _ => match self.number()? {
                Number::Int(int) => {
                    out.push(key(3, WireType::Varint));
                    write_varint(int.cast_unsigned(), out);
                }
                Number::Double(double) => {
                    out.push(key(4, WireType::SixtyFourBit));
                    out.extend_from_slice(&double.to_le_bytes());
                }
            },
        }
        Ok(())
    }

    /// Passes over a value.
    fn skip(&mut self) -> Result<(), NotJson> {
        let nulls = self.nulls;
        self.value(0, &mut Vec::new())?;
        self.nulls = nulls;
        Ok(())
    }

    /// A string's bytes; they are UTF-8.
    pub(super) fn string(&mut self) -> Result<Cow<'a, [u8]>, NotJson> {
        self.take(b'"')?;
        let start = self.at;
        self.at += plain_run(&self.text[self.at..]).ok_or(NotJson::Form)?;
        match self.text[self.at] {
            b'"' => {
                self.at += 1;
                Ok(Cow::Borrowed(&self.text[start..self.at - 1]))
            }
            b'\\' => self.escaped(start).map(Cow::Owned),
            _ => Err(NotJson::Form),
        }
    }

    /// The rest of a string from its first escape on.
    fn escaped(&mut self, start: usize) -> Result<Vec<u8>, NotJson> {
        let mut plain = self.text[start..self.at].to_vec();
        loop {
            match *self.text.get(self.at).ok_or(NotJson::Form)? {
                b'"' => {
                    self.at += 1;
                    return Ok(plain);
                }
                b'\\' => {
                    self.at += 1;
                    self.escape(&mut plain)?;
                }
                0..b' ' => return Err(NotJson::Form),
                _ => {
                    let rest = &self.text[self.at..];
                    let run = plain_run(rest).ok_or(NotJson::Form)?;
                    plain.extend_from_slice(&rest[..run]);
                    self.at += run;
                }
            }
        }
    }

    fn escape(&mut self, plain: &mut Vec<u8>) -> Result<(), NotJson> {
        let escape = *self.text.get(self.at).ok_or(NotJson::Form)?;
        self.at += 1;
        let byte = match escape {
            b'"' | b'\\' => escape,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'/' => {
                self.canonical = false;
                b'/'
            }
            b'u' => return self.unicode(plain),
            _ => return Err(NotJson::Form),
        };
        plain.push(byte);
        Ok(())
    }

    fn unicode(&mut self, plain: &mut Vec<u8>) -> Result<(), NotJson> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NotJson::Form)?;
        let unit = self.code_unit()?;
        let has_short_form = matches!(unit, 8 | 9 | 10 | 12 | 13);
        self.canonical &= unit < 0x20 && !has_short_form && !digits.iter().any(u8::is_ascii_uppercase);
        let code = if (0xd800..0xdc00).contains(&unit) {
            if !self.text[self.at..].starts_with(b"\\u") {
                return Err(NotJson::Form);
            }
            self.at += 2;
            let low = self.code_unit()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(NotJson::Form);
            }
            0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
        } else {
            unit
        };
        let char = char::from_u32(code).ok_or(NotJson::Form)?;
        plain.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn code_unit(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(NotJson::Form)?;
        let digits = str::from_utf8(digits).map_err(|_| NotJson::Form)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NotJson::Form);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| NotJson::Form)
    }

    /// A number that must be whole and not negative, in quotes or not.
    pub(super) fn unsigned(&mut self) -> Result<u64, NotJson> {
        let quoted = self.peek() == Some(b'"');
        let text = if quoted { self.string()? } else { Cow::Borrowed(self.number_text()) };
        let digits = str::from_utf8(&text).map_err(|_| NotJson::Form)?;
        let number = digits.parse().map_err(|_| NotJson::Form)?;
        self.canonical &= digits.len() == 1 || !digits.starts_with(['0', '+']);
        Ok(number)
    }

    fn number_text(&mut self) -> &'a [u8] {
        self.peek();
        let rest = &self.text[self.at..];
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
        let len = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    /// Whole numbers are ints, those with a fraction or an exponent doubles.
    fn number(&mut self) -> Result<Number, NotJson> {
        let text = str::from_utf8(self.number_text()).map_err(|_| NotJson::Form)?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let leads_with_zero = digits.len() > 1 && digits.starts_with('0');
        if !digits.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(NotJson::Form);
        }
        if digits.bytes().all(|digit| digit.is_ascii_digit()) {
            if leads_with_zero {
                return Err(NotJson::Form);
            }
            match text.parse() {
                Ok(int) if text != "-0" => return Ok(Number::Int(int)),
                _ => {}
            }
        }
        let double: f64 = text.parse().map_err(|_| NotJson::Form)?;
        if !double.is_finite() {
            return Err(NotJson::Form);
        }
        self.canonical &= ryu::Buffer::new().format_finite(double) == text;
        Ok(Number::Double(double))
    }

    fn word(&mut self, word: &[u8]) -> Result<(), NotJson> {
        if !self.text[self.at..].starts_with(word) {
            return Err(NotJson::Form);
        }
        self.at += word.len();
        Ok(())
    }

    fn take(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.taken(byte) { Ok(()) } else { Err(NotJson::Form) }
    }

    fn taken(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The first byte of the next token; blanks before it are passed over.
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.text.get(self.at)?, b' ' | b'\t' | b'\n' | b'\r') {
            self.canonical = false;
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }
}

enum Number {
    Int(i64),
    Double(f64),
}

/// A varint field; one that is 0 is not written.
pub(super) fn write_uint(tag: u8, number: u64, out: &mut Vec<u8>) {
    if number != 0 {
        out.push(key(tag, WireType::Varint));
        write_varint(number, out);
    }
}
