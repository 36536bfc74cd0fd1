//! Durations as people type them: `100ms`, `30s`, `1m30s`.
//!
//! The one place that reads them, so that every flag takes the same words. A number without a unit is
//! refused as ambiguous.

use std::time::Duration;

/// A year: longer ones are a slip of the keyboard, and shorter ones can be added up without a check.
const LONGEST: Duration = Duration::from_hours(8760);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidDuration {
    #[error("invalid duration `{0}`: expected e.g. `500ms`, `30s`, `2m` or `1h`")]
    Form(String),
    #[error("invalid duration `{0}`: no unit, expected e.g. `{0}s` or `{0}ms`")]
    NoUnit(String),
    #[error("invalid duration `{text}`: unknown unit `{unit}`, expected us, ms, s, m or h")]
    Unit { text: String, unit: String },
    #[error("invalid duration `{0}`: longer than a year")]
    TooLong(String),
}

/// Numbers with units, one after the other; fractions are fine.
pub(crate) fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let form = || InvalidDuration::Form(text.to_owned());
    let mut sum = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(form());
    }
    while !rest.is_empty() {
        let (number, from_unit) = split_where(rest, |char| !char.is_ascii_digit() && char != '.');
        let (unit, from_number) = split_where(from_unit, |char| char.is_ascii_digit() || char == '.');
        let number: f64 = number.parse().map_err(|_| form())?;
        let seconds = match unit.trim() {
            "us" | "µs" => number / 1e6,
            "ms" => number / 1e3,
            "s" => number,
            "m" => number * 60.0,
            "h" => number * 3600.0,
            "" => return Err(InvalidDuration::NoUnit(text.to_owned())),
            unit => return Err(InvalidDuration::Unit { text: text.to_owned(), unit: unit.to_owned() }),
        };
        let part = Duration::try_from_secs_f64(seconds).ok();
        let longer = part.and_then(|part| sum.checked_add(part)).filter(|longer| *longer <= LONGEST);
        sum = longer.ok_or_else(|| InvalidDuration::TooLong(text.to_owned()))?;
        rest = from_number;
    }
    Ok(sum)
}

fn split_where(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_durations() {
        for (text, micros) in [
            ("250us", 250),
            ("100ms", 100_000),
            ("30s", 30_000_000),
            ("0.1s", 100_000),
            ("1.5m", 90_000_000),
            ("1m30s", 90_000_000),
            ("1h", 3_600_000_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_said_with_what_to_type() {
        let refused = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(refused("30"), "invalid duration `30`: no unit, expected e.g. `30s` or `30ms`");
        assert_eq!(refused("3d"), "invalid duration `3d`: unknown unit `d`, expected us, ms, s, m or h");
        for text in ["", "soon", "-1s", "1.2.3s", "s"] {
            let expected = format!("invalid duration `{text}`: expected e.g. `500ms`, `30s`, `2m` or `1h`");
            assert_eq!(refused(text), expected);
        }
        for text in ["9000h", "99999999999999999999999999h"] {
            assert_eq!(refused(text), format!("invalid duration `{text}`: longer than a year"));
        }
    }
}
