//! JSON as Python's standard library writes it: ASCII only, and with spaces behind its separators.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

/// Separators as Python has them by default.
struct Spaced;

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        out.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// The text of `json.dumps(value)`.
pub(crate) fn dumps(value: &impl Serialize) -> String {
    write(value, Spaced)
}

/// The text of `json.dumps(value, indent=2)`.
pub(crate) fn dumps_indented(value: &impl Serialize) -> String {
    write(value, PrettyFormatter::new())
}

fn write(value: &impl Serialize, formatter: impl Formatter) -> String {
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, formatter))
        .expect("what a profile makes has a JSON form, and a vector takes it");
    let text = String::from_utf8(bytes).expect("JSON is text");
    let mut ascii = String::with_capacity(text.len());
    for letter in text.chars() {
        // JSON has letters beyond ASCII in its strings alone, and there an escape means the same.
        if letter.is_ascii() {
            ascii.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(ascii, "\\u{unit:04x}").ok();
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_spaced_and_ascii() {
        let value = json!([{"op": "add", "path": "/größe", "value": [1, null, "𝄞\n\""]}, {}, []]);
        let text =
            r#"[{"op": "add", "path": "/gr\u00f6\u00dfe", "value": [1, null, "\ud834\udd1e\n\""]}, {}, []]"#;
        assert_eq!(dumps(&value), text);
        assert_eq!(dumps_indented(&json!({"a": ["ü"]})), "{\n  \"a\": [\n    \"\\u00fc\"\n  ]\n}");
    }
}
