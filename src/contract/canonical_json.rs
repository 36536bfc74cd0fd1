//! JSON values as they were written, in one canonical text each.
//!
//! Texts that differ in form alone have the same: blanks, the order of keys, escapes, the spelling of a float.
//! No number is rounded: an int is its digits, however many; a float is the double nearest to its digits, with
//! the sign of a zero; an int is never a float. An object that repeats a key has no canonical text, since readers
//! differ in what they take of it.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    json,
    json_reader::{JsonError, JsonReader, Number},
};

/// A JSON value, to be compared with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CanonicalJson {
    /// The canonical text of each member.
    Object(BTreeMap<String, String>),
    Other(String),
}

impl CanonicalJson {
    pub(crate) fn parse(text: &str) -> Result<Self, JsonError> {
        let mut reader = JsonReader::new(text);
        let value = if reader.peek() == Some(b'{') {
            Self::Object(members(&mut reader)?)
        } else {
            let mut out = String::with_capacity(text.len());
            write_value(&mut reader, &mut out)?;
            Self::Other(out)
        };
        reader.end()?;
        Ok(value)
    }
}

/// The canonical text of a JSON text, which it mostly is itself.
pub(crate) fn canonical(text: &str) -> Result<Cow<'_, str>, JsonError> {
    let mut reader = JsonReader::new(text);
    reader.skip_value()?;
    reader.end()?;
    if reader.canonical && !reader.has_floats {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    write_value(&mut JsonReader::new(text), &mut out)?;
    Ok(Cow::Owned(out))
}

fn members(reader: &mut JsonReader<'_>) -> Result<BTreeMap<String, String>, JsonError> {
    let mut members = BTreeMap::new();
    reader.object(|reader, key| {
        let mut value = String::new();
        write_value(reader, &mut value)?;
        match members.insert(key.to_owned(), value) {
            None => Ok(()),
            Some(_) => Err(JsonError::RepeatedKey),
        }
    })?;
    Ok(members)
}

fn write_value(reader: &mut JsonReader<'_>, out: &mut String) -> Result<(), JsonError> {
    match reader.peek().ok_or(JsonError::Syntax)? {
        b'"' => json::write_str(out, &reader.string()?),
        b'{' => {
            out.push('{');
            for (key, value) in members(reader)? {
                json::separate(out);
                json::write_str(out, &key);
                out.push(':');
                out.push_str(&value);
            }
            out.push('}');
        }
        b'[' => {
            out.push('[');
            reader.array(|reader| {
                json::separate(out);
                write_value(reader, out)
            })?;
            out.push(']');
        }
        b'-' | b'0'..=b'9' => match reader.number()? {
            Number::Int(text) => out.push_str(text),
            Number::Float(text) => write_float(text, out),
        },
        _ => {
            let start = reader.position();
            reader.skip_value()?;
            out.push_str(reader.since(start));
        }
    }
    Ok(())
}

/// A float that no double is near to is its text.
fn write_float(text: &str, out: &mut String) {
    let is_zero = !text.split(['e', 'E']).next().unwrap_or(text).contains(|digit| matches!(digit, '1'..='9'));
    match text.parse::<f64>() {
        Ok(double) if double.is_finite() && (double != 0.0 || is_zero) => json::write_f64(out, double),
        _ => out.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn are_equal(one: &str, other: &str) -> bool {
        let equal = CanonicalJson::parse(one).unwrap() == CanonicalJson::parse(other).unwrap();
        assert_eq!(canonical(one).unwrap() == canonical(other).unwrap(), equal, "{one} {other}");
        equal
    }

    #[test]
    fn numbers_that_were_written_differently_differ() {
        for (one, other) in [
            ("0.0", "-0.0"),
            ("0", "-0.0"),
            ("0", "-0"),
            ("0.1", "0.09999999999999999"),
            ("1e300", "9.999999999999999e+299"),
            ("1", "1.0"),
            ("18446744073709551616", "18446744073709551617"),
            ("18446744073709551615", "18446744073709551616"),
            ("-9223372036854775809", "-9223372036854775810"),
            ("18446744073709551616", "1.8446744073709552e19"),
            ("9007199254740993.0", "9007199254740995.0"),
            ("1e400", "1e401"),
            ("1e-400", "0.0"),
            ("5e-324", "0.0"),
        ] {
            for (before, after) in [("", ""), ("[", "]"), (r#"{"a":{"b":"#, "}}")] {
                let text = |value: &str| format!("{before}{value}{after}");
                assert!(!are_equal(&text(one), &text(other)), "{one} {other}");
            }
        }
    }

    #[test]
    fn form_does_not_count() {
        for (one, other) in [
            ("1e16", "1e+16"),
            ("1e16", "10000000000000000.0"),
            ("-0.0", "-0"),
            ("0.0", "0e7"),
            (r#"{"a":1,"b":[{},"é"]}"#, " {\"b\": [{ },\"\\u00e9\"],\n\"a\":1}"),
            (r#""\n/""#, r#""\u000a\/""#),
        ] {
            assert!(are_equal(one, other), "{one} {other}");
        }
        assert_eq!(canonical(r#"{"b":1.50,"a":{}}"#).unwrap(), r#"{"a":{},"b":1.5}"#);
        assert!(matches!(canonical(r#"{"a":1,"b":"\n"}"#), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn a_repeated_key_has_no_canonical_text() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"[{"a":{"b":1,"b":2}}]"#,
            r#"{"b":1,"a":2,"b":3}"#,
            r#"{"\u0061":1,"a":1}"#,
        ] {
            assert_eq!(canonical(text), Err(JsonError::RepeatedKey), "{text}");
            assert_eq!(CanonicalJson::parse(text), Err(JsonError::RepeatedKey), "{text}");
        }
    }

    proptest! {
        /// Two doubles have the same canonical text exactly where they are the same bits.
        #[test]
        fn a_double_is_its_bits(one: f64, steps in -2_i64..3, spelling in 0..3) {
            prop_assume!(one.is_finite());
            let other = f64::from_bits(one.to_bits().wrapping_add_signed(steps));
            prop_assume!(other.is_finite());
            let spell = |double: f64| match spelling {
                0 => format!("{double:?}"),
                1 => format!("{double:.17e}"),
                _ => format!("{double:.400}"),
            };
            let ryu = |double: f64| ryu::Buffer::new().format_finite(double).to_owned();
            let exact = spelling != 2 || (one == 0.0 || one.abs() > 1e-90) && (other == 0.0 || other.abs() > 1e-90);
            prop_assume!(exact);
            prop_assert_eq!(are_equal(&ryu(one), &spell(other)), one.to_bits() == other.to_bits());
        }

        #[test]
        fn an_int_is_its_digits(one in "-?[1-9][0-9]{0,40}", other in "-?[1-9][0-9]{0,40}") {
            prop_assert_eq!(are_equal(&one, &other), one == other);
        }

        /// The canonical text is itself canonical, and written as the studio writes it.
        #[test]
        fn canonical_text_stays(text in r#"[\[\]{}:,"\\a-c0-2.eE+ -]{0,24}"#) {
            if let Ok(once) = canonical(&text) {
                prop_assert_eq!(canonical(&once).unwrap(), &*once);
                let mut reader = JsonReader::new(&once);
                prop_assert!(reader.skip_value().is_ok() && reader.canonical, "{}", once);
            }
        }
    }
}
