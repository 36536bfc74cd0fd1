//! JSON text as the studio stores it, written straight into a `String`.
//!
//! Compact, keys in the order of their UTF-8 bytes, the last of repeated keys wins, text and
//! numbers exactly as the studio's `serde_json` writes them (contract, section 3), without its checks of each fragment. The primitives
//! also serve writers that already hold their keys in order; they allocate nothing of their own.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};

/// Bytes of a string that are looked at together.
pub(crate) const WORD: usize = 8;

/// How many bytes come before the first that ends a plain run inside a string: a quote, a backslash, or a control
/// character. None where there is no such byte.
pub(crate) fn plain_run(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<WORD>();
    for (index, word) in words.iter().enumerate() {
        let plain = plain_bytes(*word);
        if plain < WORD {
            return Some(WORD * index + plain);
        }
    }
    rest.iter().position(|byte| needs_escape(*byte)).map(|at| WORD * words.len() + at)
}

/// How many bytes of a word come before such a byte; all where there is none.
pub(crate) fn plain_bytes(word: [u8; WORD]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; WORD]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; WORD]);
    // The lowest bit that is set is right, whatever the subtraction carries into the bytes above.
    let less_than = |word: u64, byte: u8| word.wrapping_sub(ONES * u64::from(byte)) & !word & HIGH;
    let equal = |word: u64, byte: u8| less_than(word ^ (ONES * u64::from(byte)), 1);
    let word = u64::from_le_bytes(word);
    let stops = equal(word, b'"') | equal(word, b'\\') | less_than(word, b' ');
    stops.trailing_zeros() as usize / 8
}

/// Writes `text` in quotes, escaped where JSON demands it, with the escapes of `serde_json`.
pub(crate) fn write_str(out: &mut String, text: &str) {
    out.push('"');
    if needs_no_escape(text) {
        out.push_str(text);
    } else {
        write_escaped(out, text);
    }
    out.push('"');
}

/// Whether a text stands as it is inside a JSON string.
pub(crate) fn needs_no_escape(text: &str) -> bool {
    // Folds instead of stopping early: whole blocks are compared at once.
    !text.bytes().fold(false, |found, byte| found | needs_escape(byte))
}

/// Text with escapes is mostly JSON inside of JSON: quotes lie close to each other.
fn write_escaped(out: &mut String, text: &str) {
    out.reserve(text.len() + text.len() / 8);
    let mut rest = text;
    while let Some(plain) = plain_run(rest.as_bytes()) {
        out.push_str(&rest[..plain]);
        match rest.as_bytes()[plain] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => {
                out.push_str("\\u00");
                out.push_str(&const_hex::encode([control]));
            }
        }
        rest = &rest[plain + 1..];
    }
    out.push_str(rest);
}

pub(crate) fn write_i64(out: &mut String, number: i64) {
    out.push_str(itoa::Buffer::new().format(number));
}

pub(crate) fn write_u64(out: &mut String, number: u64) {
    out.push_str(itoa::Buffer::new().format(number));
}

/// Writes a number with a fraction or an exponent; NaN and the infinities become `null`.
pub(crate) fn write_f64(out: &mut String, number: f64) {
    // The studio's `serde_json` formats with `ryu`; releases after 1.0.145 write `1e+16` for `1e16`.
    if number.is_finite() {
        out.push_str(ryu::Buffer::new().format_finite(number));
    } else {
        out.push_str("null");
    }
}

/// Writes attributes as an object. A pair without a value is left out.
pub(crate) fn write_attributes(out: &mut String, attributes: &[KeyValue]) {
    let mut pairs: Vec<&KeyValue> = attributes.iter().filter(|pair| pair.value.is_some()).collect();
    pairs.sort_by(|a, b| a.key.cmp(&b.key));

    out.push('{');
    for (index, pair) in pairs.iter().enumerate() {
        if pairs.get(index + 1).is_some_and(|next| next.key == pair.key) {
            continue;
        }
        separate(out);
        write_str(out, &pair.key);
        out.push(':');
        write_value(out, pair.value.as_ref());
    }
    out.push('}');
}

/// Writes `items` as an array, each with `write`.
pub(crate) fn write_array<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for item in items {
        separate(out);
        write(out, item);
    }
    out.push(']');
}

fn write_value(out: &mut String, value: Option<&AnyValue>) {
    match value.and_then(|any| any.value.as_ref()) {
        Some(Value::StringValue(text)) => write_str(out, text),
        Some(Value::BoolValue(flag)) => out.push_str(if *flag { "true" } else { "false" }),
        Some(Value::IntValue(number)) => write_i64(out, *number),
        Some(Value::DoubleValue(number)) => write_f64(out, *number),
        Some(Value::ArrayValue(array)) => {
            write_array(out, &array.values, |out, item| write_value(out, Some(item)));
        }
        Some(Value::KvlistValue(list)) => write_attributes(out, &list.values),
        Some(Value::BytesValue(bytes)) => write_str(out, &const_hex::encode(bytes)),
        // The studio's OTLP messages are older than the string index and do not see it.
        Some(Value::StringValueStrindex(_)) | None => out.push_str("null"),
    }
}

/// Writes a comma unless an object or array has just been opened.
pub(super) fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

/// Whether a byte of a text has to be escaped inside a JSON string.
pub(super) fn needs_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn only_a_finite_double_is_a_number() {
        let numbers = [1.0, -0.0, 1e-7, 1e16, 1e300, 5e-324, f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let texts = numbers.map(|number| written(|out| write_f64(out, number)));
        assert_eq!(texts, ["1.0", "-0.0", "1e-7", "1e16", "1e300", "5e-324", "null", "null", "null"]);
    }

    proptest! {
        #[test]
        fn a_plain_run_ends_where_a_look_at_each_byte_ends_it(
            bytes in prop::collection::vec(prop_oneof![8 => b' '..=255, 1 => any::<u8>()], 0..40),
        ) {
            let each = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
            prop_assert_eq!(plain_run(&bytes), each);
        }

        /// Whatever the text, both paths write what `serde_json` reads back as the same text.
        #[test]
        fn any_text_survives(text in "(\\PC|[\\x00-\\x1f\"\\\\\\x7f])*") {
            let json = written(|out| write_str(out, &text));
            prop_assert_eq!(serde_json::to_string(&text).unwrap(), json);
        }
    }
}
