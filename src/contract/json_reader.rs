//! The one JSON tokenizer: reads the text of a stored column in one pass, without a tree.
//!
//! Accepts what RFC 8259 accepts, and notes on the way whether the text is as the studio writes it (contract,
//! section 3): compact, the keys of each object in the order of their bytes, no escape that JSON does not demand.
//! The spelling of floats does not count, since releases of `serde_json` differ in it.

use std::borrow::Cow;

use super::{
    json::{WORD, plain_bytes, plain_run},
    known_keys::{self, KnownKeys},
    object_shape::Member,
};

/// Arrays and objects inside each other; `serde_json` reads as many.
const MAX_DEPTH: usize = 127;

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("is not JSON of the form that a studio writes")]
    Syntax,
    #[error("is nested deeper than OTLP decoders go")]
    TooDeep,
    #[error("repeats a key")]
    RepeatedKey,
}

/// A number's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number<'t> {
    Int(&'t str),
    /// With a fraction or an exponent, or `-0`.
    Float(&'t str),
}

/// A position in a text. Every method that reads a token passes over the blanks before it.
#[derive(Debug)]
pub(crate) struct JsonReader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
    max_depth: usize,
    /// Whether everything so far is written as the studio writes it, the spelling of floats apart.
    pub(crate) canonical: bool,
    /// Whether the keys of every object so far rise: then none is repeated.
    pub(crate) sorted: bool,
    pub(crate) has_floats: bool,
    /// Nulls so far: absent values, NaN and the infinities.
    pub(crate) nulls: u64,
}

impl<'t> JsonReader<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self::with_depth(text, MAX_DEPTH)
    }

    /// For texts that may have so many arrays and objects inside each other.
    pub(crate) fn with_depth(text: &'t str, max_depth: usize) -> Self {
        Self { text, at: 0, depth: 0, max_depth, canonical: true, sorted: true, has_floats: false, nulls: 0 }
    }

    /// The text ends here.
    pub(crate) fn end(&mut self) -> Result<(), JsonError> {
        if self.peek().is_none() { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// Where the next token begins.
    pub(crate) fn position(&mut self) -> usize {
        self.peek();
        self.at
    }

    /// The text between a position and here.
    pub(crate) fn since(&self, start: usize) -> &'t str {
        &self.text[start..self.at]
    }

    /// The first byte of the next token.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte()? {
                b' ' | b'\t' | b'\n' | b'\r' => {
                    self.canonical = false;
                    self.at += 1;
                }
                byte => return Some(byte),
            }
        }
    }

    /// Passes over an array; `item` takes each of its values.
    pub(crate) fn array(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.array_of(item)
    }

    /// As [`Self::array`], for readers with errors of their own.
    pub(crate) fn array_of<E: From<JsonError>>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.enter(b'[')?;
        if !self.taken(b']') {
            loop {
                item(self)?;
                if self.taken(b']') {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Passes over an object; `value` gets each key and takes its value.
    pub(crate) fn object(
        &mut self,
        value: impl FnMut(&mut Self, &str) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.object_of(value)
    }

    /// As [`Self::object`], for readers with errors of their own.
    pub(crate) fn object_of<E: From<JsonError>>(
        &mut self,
        mut value: impl FnMut(&mut Self, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        self.enter(b'{')?;
        if !self.taken(b'}') {
            let mut last: Option<Cow<'t, str>> = None;
            loop {
                let key = self.string()?;
                self.sorted &= last.is_none_or(|last| last < key);
                self.canonical &= self.sorted;
                self.take(b':')?;
                value(self, &key)?;
                last = Some(key);
                if self.taken(b'}') {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Passes over an object whose keys are mostly known; `member` gets each by its number, and where its value lies.
    pub(super) fn known_object<T>(
        &mut self,
        keys: &mut KnownKeys<T>,
        mut member: impl FnMut(&KnownKeys<T>, Member),
    ) -> Result<(), JsonError> {
        self.enter(b'{')?;
        if !self.taken(b'}') {
            let mut last = known_keys::START;
            loop {
                let rises;
                if let Some((key, is_behind, length)) = keys.guess(last, &self.text.as_bytes()[self.at..]) {
                    (last, rises) = (key, is_behind);
                    self.at += length;
                } else {
                    let name = self.string()?;
                    let is_plain = matches!(name, Cow::Borrowed(_));
                    (last, rises) = keys.learn(last, &name, is_plain);
                    self.take(b':')?;
                }
                self.sorted &= rises;
                self.canonical &= self.sorted;
                let start = self.position();
                self.skip_value()?;
                member(keys, (last, start..self.at));
                if self.taken(b'}') {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Passes over a value of any kind.
    pub(crate) fn skip_value(&mut self) -> Result<(), JsonError> {
        match self.peek().ok_or(JsonError::Syntax)? {
            b'"' => self.skip_string(),
            b'{' => self.object(|reader, _| reader.skip_value()),
            b'[' => self.array(Self::skip_value),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.null(),
            _ => self.number().map(drop),
        }
    }

    pub(crate) fn null(&mut self) -> Result<(), JsonError> {
        self.word("null")?;
        self.nulls += 1;
        Ok(())
    }

    pub(crate) fn word(&mut self, word: &str) -> Result<(), JsonError> {
        if !self.text[self.at..].starts_with(word) {
            return Err(JsonError::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    /// A string's text.
    pub(crate) fn string(&mut self) -> Result<Cow<'t, str>, JsonError> {
        let start = self.begin_string()?;
        if self.at_byte(b'"') {
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut text = self.since(start).to_owned();
        self.rest_of_string(|part| text.push_str(part))?;
        Ok(Cow::Owned(text))
    }

    /// Appends a string's text; after an error a part of it.
    pub(crate) fn append_string(&mut self, out: &mut Vec<u8>) -> Result<(), JsonError> {
        self.take(b'"')?;
        let mut end = out.len();
        // A text is never longer than its JSON; whole words are written.
        out.resize(end + (self.text.len() - self.at) + WORD, 0);
        let appended = self.write_string(out, &mut end);
        out.truncate(end);
        appended
    }

    fn write_string(&mut self, out: &mut [u8], end: &mut usize) -> Result<(), JsonError> {
        loop {
            while let Some(word) = self.text.as_bytes()[self.at..].first_chunk::<WORD>() {
                out[*end..*end + WORD].copy_from_slice(word);
                let plain = plain_bytes(*word);
                self.at += plain;
                *end += plain;
                if plain < WORD {
                    break;
                }
            }
            match self.byte().ok_or(JsonError::Syntax)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    let mut text = [0; 4];
                    let text = self.escaped()?.encode_utf8(&mut text).as_bytes();
                    out[*end..*end + text.len()].copy_from_slice(text);
                    *end += text.len();
                }
                ..b' ' => return Err(JsonError::Syntax),
                byte => {
                    out[*end] = byte;
                    *end += 1;
                    self.at += 1;
                }
            }
        }
    }

    fn skip_string(&mut self) -> Result<(), JsonError> {
        self.begin_string()?;
        loop {
            match self.byte().ok_or(JsonError::Syntax)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => drop(self.escaped()?),
                ..b' ' => return Err(JsonError::Syntax),
                _ => {}
            }
            self.at += plain_run(&self.text.as_bytes()[self.at..]).ok_or(JsonError::Syntax)?;
        }
    }

    /// Passes over the opening quote and what needs no look; where the string's text begins.
    fn begin_string(&mut self) -> Result<usize, JsonError> {
        self.take(b'"')?;
        let start = self.at;
        self.at += plain_run(&self.text.as_bytes()[start..]).ok_or(JsonError::Syntax)?;
        Ok(start)
    }

    /// A string from its first escape on. Escapes are mostly quotes, and lie close to each other.
    fn rest_of_string(&mut self, mut part: impl FnMut(&str)) -> Result<(), JsonError> {
        loop {
            match self.byte().ok_or(JsonError::Syntax)? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => part(self.escaped()?.encode_utf8(&mut [0; 4])),
                ..b' ' => return Err(JsonError::Syntax),
                _ => {
                    let start = self.at;
                    self.at += plain_run(&self.text.as_bytes()[start..]).ok_or(JsonError::Syntax)?;
                    part(self.since(start));
                }
            }
        }
    }

    /// The character that a backslash and what follows it stand for: mostly a quote.
    #[inline]
    fn escaped(&mut self) -> Result<char, JsonError> {
        self.at += 1;
        if self.at_byte(b'"') { Ok('"') } else { self.escape() }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escape = self.byte().ok_or(JsonError::Syntax)?;
        self.at += 1;
        Ok(match escape {
            b'"' | b'\\' => char::from(escape),
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'/' => {
                self.canonical = false;
                '/'
            }
            b'u' => return self.unicode(),
            _ => return Err(JsonError::Syntax),
        })
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let start = self.at;
        let unit = self.code_unit()?;
        let has_short_form = matches!(unit, 8 | 9 | 10 | 12 | 13);
        let is_lower = !self.since(start).bytes().any(|digit| digit.is_ascii_uppercase());
        self.canonical &= unit < 0x20 && !has_short_form && is_lower;
        let code = if (0xd800..0xdc00).contains(&unit) {
            self.word("\\u")?;
            let low = self.code_unit()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(JsonError::Syntax);
            }
            0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
        } else {
            unit
        };
        char::from_u32(code).ok_or(JsonError::Syntax)
    }

    fn code_unit(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).ok_or(JsonError::Syntax)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(JsonError::Syntax);
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| JsonError::Syntax)
    }

    pub(crate) fn number(&mut self) -> Result<Number<'t>, JsonError> {
        let start = self.position();
        let is_negative = self.at_byte(b'-');
        let leads_with_zero = self.byte() == Some(b'0');
        let digits = self.digits()?;
        if leads_with_zero && digits > 1 {
            return Err(JsonError::Syntax);
        }
        let mut is_float = is_negative && leads_with_zero;
        if self.at_byte(b'.') {
            is_float = true;
            self.digits()?;
        }
        if self.at_byte(b'e') || self.at_byte(b'E') {
            is_float = true;
            if !self.at_byte(b'+') {
                self.at_byte(b'-');
            }
            self.digits()?;
        }
        let text = self.since(start);
        self.has_floats |= is_float;
        Ok(if is_float { Number::Float(text) } else { Number::Int(text) })
    }

    /// Passes over digits, at least one, and counts them.
    fn digits(&mut self) -> Result<usize, JsonError> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits > 0 { Ok(digits) } else { Err(JsonError::Syntax) }
    }

    /// A number that must be whole and not negative, in quotes or not.
    pub(crate) fn unsigned(&mut self) -> Result<u64, JsonError> {
        let digits = match self.peek() {
            Some(b'"') => self.string()?,
            _ => match self.number()? {
                Number::Int(text) => Cow::Borrowed(text),
                Number::Float(_) => return Err(JsonError::Syntax),
            },
        };
        let number = digits.parse().map_err(|_| JsonError::Syntax)?;
        self.canonical &= digits.len() == 1 || !digits.starts_with(['0', '+']);
        Ok(number)
    }

    fn enter(&mut self, bracket: u8) -> Result<(), JsonError> {
        self.take(bracket)?;
        self.depth += 1;
        if self.depth > self.max_depth { Err(JsonError::TooDeep) } else { Ok(()) }
    }

    fn take(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.taken(byte) { Ok(()) } else { Err(JsonError::Syntax) }
    }

    /// Passes over the next token where it is this byte.
    fn taken(&mut self, byte: u8) -> bool {
        self.peek();
        self.at_byte(byte)
    }

    /// Passes over the very next byte where it is this one.
    fn at_byte(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn read(text: &str) -> Option<bool> {
        let mut reader = JsonReader::new(text);
        reader.skip_value().and_then(|()| reader.end()).is_ok().then_some(reader.canonical)
    }

    #[test]
    fn every_text_is_read_or_refused_as_json_demands() {
        for text in ["-0", "1.5e+7", r#""\ud83d\ude00""#, " [ ] ", r#"{"a":{}}"#, "\"\u{7f}é\"", "1E5"] {
            assert!(read(text).is_some(), "{text}");
        }
        for text in ["", "01", "1.", ".5", "+1", "-", "1e", "tru", "[1,]", "{\"a\"}", "\"\n\"", "[1] 2"] {
            assert!(read(text).is_none(), "{text}");
        }
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\u12""#, r#""\x""#, r#""\u+041""#]
        {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read(&"[".repeat(MAX_DEPTH + 1)).is_none());
    }

    proptest! {
        /// The tokenizer accepts what `serde_json` accepts, whatever the range of a number.
        #[test]
        fn what_is_json_is_what_serde_json_reads(text in r#"[\[\]{}:,"\\a-c0-2.eE+u -]{0,24}"#) {
            prop_assert_eq!(read(&text).is_some(), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn strings_are_decoded_as_serde_json_decodes_them(text in "(\\PC|[\\x00-\\x1f\"\\\\/])*", pretty: bool) {
            let mut json = serde_json::to_string(&text).unwrap();
            if pretty {
                json = json.replace('/', "\\/");
            }
            let mut reader = JsonReader::new(&json);
            prop_assert_eq!(reader.string().unwrap(), &*text);
            prop_assert_eq!(reader.canonical, !(pretty && text.contains('/')));
            prop_assert!(reader.end().is_ok());
            let mut appended = b"before".to_vec();
            JsonReader::new(&json).append_string(&mut appended).unwrap();
            prop_assert_eq!(appended, [b"before", text.as_bytes()].concat());
            let cut = &json[..json.len() - 1];
            prop_assert!(JsonReader::new(cut).append_string(&mut Vec::new()).is_err());
        }
    }
}
