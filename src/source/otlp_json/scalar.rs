//! ProtoJSON's scalars: texts, numbers in quotes or not, base64 in either alphabet, and OTLP's ids.

use std::borrow::Cow;

use super::{Fault, State};
use crate::contract::json_reader::{JsonReader, Number};

/// Digits beyond which no integer type of protobuf reaches.
const MAX_DIGITS: i64 = 30;

/// Texts that are repeated in an error.
const SHOWN: usize = 60;

pub(super) fn string(reader: &mut JsonReader<'_>, state: &mut State) -> Result<String, Fault> {
    let text = quoted(reader, "a string")?;
    state.take(text.len())?;
    Ok(text.into_owned())
}

pub(super) fn boolean(reader: &mut JsonReader<'_>) -> Result<bool, Fault> {
    match reader.peek() {
        Some(b't') => Ok(reader.word("true").map(|()| true)?),
        Some(b'f') => Ok(reader.word("false").map(|()| false)?),
        _ => Err(expected(reader, "true or false")),
    }
}

/// A whole number, in quotes or not, with an exponent or a fraction of zeros or without.
pub(super) fn integer<T: TryFrom<i128>>(reader: &mut JsonReader<'_>, type_name: &str) -> Result<T, Fault> {
    let text = number(reader)?;
    let Some(value) = whole(&text) else {
        return Err(Fault::new(format!("is no whole number: `{}`", shown(&text))));
    };
    T::try_from(value)
        .map_err(|_| Fault::new(format!("is out of the range of {type_name}: `{}`", shown(&text))))
}

pub(super) fn double(reader: &mut JsonReader<'_>) -> Result<f64, Fault> {
    if reader.peek() == Some(b'"') {
        let text = reader.string()?;
        return match &*text {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            text => finite(&checked(text)?),
        };
    }
    finite(&number(reader)?)
}

fn finite(text: &str) -> Result<f64, Fault> {
    let double: Option<f64> = text.parse().ok();
    double
        .filter(|double| double.is_finite())
        .ok_or_else(|| Fault::new(format!("is out of the range of a double: `{}`", shown(text))))
}

/// An enum's value by its name or its number.
pub(super) fn enumeration(
    reader: &mut JsonReader<'_>,
    by_name: impl Fn(&str) -> Option<i32>,
) -> Result<i32, Fault> {
    if reader.peek() != Some(b'"') {
        return integer(reader, "an enum");
    }
    let text = reader.string()?;
    if let Some(value) = by_name(&text) {
        return Ok(value);
    }
    match checked(&text).ok().and_then(|number| whole(&number)) {
        Some(value) => i32::try_from(value)
            .map_err(|_| Fault::new(format!("is out of the range of an enum: `{}`", shown(&text)))),
        None => Err(Fault::new(format!("is none of the names of its enum: `{}`", shown(&text)))),
    }
}

/// Hexadecimal digits. What looks like ProtoJSON's own form is told, because its bytes could be misread.
pub(super) fn id(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Vec<u8>, Fault> {
    let text = quoted(reader, "a string of hexadecimal digits")?;
    state.take(text.len() / 2)?;
    const_hex::decode(unprefixed(&text)).map_err(|_| {
        let is_base64 = base64(&text).is_some_and(|id| matches!(id.len(), 8 | 16));
        Fault::new(if is_base64 {
            format!("is base64, and OTLP writes ids in hexadecimal digits: `{}`", shown(&text))
        } else {
            format!("is not hexadecimal: `{}`", shown(&text))
        })
    })
}

/// `const_hex` takes `0x` for no part of the digits, and OTLP for none of them.
fn unprefixed(text: &str) -> &str {
    if text.starts_with("0x") || text.starts_with("0X") { "x" } else { text }
}

pub(super) fn bytes(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Vec<u8>, Fault> {
    let text = quoted(reader, "a string of base64")?;
    state.take(text.len())?;
    base64(&text).ok_or_else(|| Fault::new(format!("is no base64: `{}`", shown(&text))))
}

/// Either alphabet, with padding or without.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if digits.len() % 4 == 1 || padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in digits.bytes() {
        let six = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    Some(bytes)
}

fn quoted<'t>(reader: &mut JsonReader<'t>, what: &str) -> Result<Cow<'t, str>, Fault> {
    match reader.peek() {
        Some(b'"') => Ok(reader.string()?),
        _ => Err(expected(reader, what)),
    }
}

/// The text of a number, in quotes or not.
fn number<'t>(reader: &mut JsonReader<'t>) -> Result<Cow<'t, str>, Fault> {
    match reader.peek() {
        Some(b'"') => {
            let text = reader.string()?;
            checked(&text)?;
            Ok(text)
        }
        Some(b'-' | b'0'..=b'9') => {
            let (Number::Int(text) | Number::Float(text)) = reader.number()?;
            Ok(Cow::Borrowed(text))
        }
        _ => Err(expected(reader, "a number")),
    }
}

/// A text that is a number as JSON writes it.
fn checked(text: &str) -> Result<Cow<'_, str>, Fault> {
    let mut reader = JsonReader::new(text);
    let is_number = reader.number().is_ok() && reader.end().is_ok() && reader.since(0).len() == text.len();
    if is_number && !text.starts_with([' ', '\t', '\n', '\r']) && !text.ends_with([' ', '\t', '\n', '\r']) {
        Ok(Cow::Borrowed(text))
    } else {
        Err(Fault::new(format!("is no number: `{}`", shown(text))))
    }
}

/// The value of a number that has no fraction; one beyond all types where it is huge.
fn whole(text: &str) -> Option<i128> {
    let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (int, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{int}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let huge = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.parse::<i64>().unwrap_or(huge).clamp(i64::MIN / 2, i64::MAX / 2);
    let zeros = exponent - fraction.len() as i64 + trailing as i64;
    if zeros < 0 {
        return None;
    }
    if significant.len() as i64 + zeros > MAX_DIGITS {
        return Some(i128::MAX);
    }
    let value: i128 = significant.parse().ok()?;
    Some(sign * value * 10_i128.pow(u32::try_from(zeros).ok()?))
}

fn expected(reader: &mut JsonReader<'_>, what: &str) -> Fault {
    match reader.peek() {
        Some(_) => Fault::new(format!("is not {what}")),
        None => Fault::from(crate::contract::json_reader::JsonError::Syntax),
    }
}

pub(super) fn expect(reader: &mut JsonReader<'_>, begins: u8, what: &str) -> Result<(), Fault> {
    if reader.peek() == Some(begins) { Ok(()) } else { Err(expected(reader, what)) }
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_many_spellings() {
        for (text, value) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0.000e99999999999999999999", Some(0)),
            ("12", Some(12)),
            ("1.20e1", Some(12)),
            ("120e-1", Some(12)),
            ("-1E+3", Some(-1_000)),
            ("1.5", None),
            ("1e-1", None),
            ("1e-99999999999999999999", None),
            ("9223372036854775807", Some(i128::from(i64::MAX))),
            ("1e400", Some(i128::MAX)),
            ("1e99999999999999999999", Some(i128::MAX)),
        ] {
            assert_eq!(whole(text), value, "{text}");
        }
    }

    #[test]
    fn both_alphabets_of_base64_are_read_padded_or_not() {
        for (text, bytes) in [
            ("", Some(vec![])),
            ("_-8=", Some(vec![0xff, 0xef])),
            ("/+8=", Some(vec![0xff, 0xef])),
            ("_-8", Some(vec![0xff, 0xef])),
            ("AA==", Some(vec![0])),
            ("AA", Some(vec![0])),
            ("A", None),
            ("AA=", None),
            ("A===", None),
            ("A A=", None),
            ("====", None),
        ] {
            assert_eq!(base64(text), bytes, "{text}");
        }
    }
}
