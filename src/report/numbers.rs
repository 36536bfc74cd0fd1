//! Numbers as people read them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// Digits in groups of three: `12 345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Three digits of a duration in the unit that suits it.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s >= 100.0 => format!("{s:.0} s"),
        s if s >= 1.0 => format!("{s:.1} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} µs", s * 1e6),
    }
}

/// Decimal units, as disks have them.
pub(crate) fn bytes(bytes: u64) -> String {
    let amount = bytes as f64;
    match amount {
        b if b >= 1e9 => format!("{:.1} GB", b / 1e9),
        b if b >= 1e6 => format!("{:.1} MB", b / 1e6),
        b if b >= 1e3 => format!("{:.1} kB", b / 1e3),
        _ => format!("{bytes} B"),
    }
}

/// Text from a store or a path, with control characters escaped: a terminal must not obey it.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    plain
}

/// The moment in UTC, to the millisecond.
pub(crate) fn moment(unix_nanos: u64) -> String {
    DateTime::<Utc>::from_timestamp_nanos(unix_nanos.cast_signed())
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!([counted(1, "file"), counted(2_000, "file")], ["1 file", "2 000 files"]);
        assert_eq!(
            [80, 2_500, 1_200_000, 130_000_000].map(|micros| duration(Duration::from_micros(micros))),
            ["80 µs", "2.5 ms", "1.2 s", "130 s"]
        );
        assert_eq!([12, 1_500, 26_214_400].map(bytes), ["12 B", "1.5 kB", "26.2 MB"]);
        assert_eq!(plain("a\u{1b}[31m\nü"), "a\\u{1b}[31m\\nü");
        assert_eq!(moment(1_795_346_058_602_184_438), "2026-11-22T11:14:18.602Z");
    }
}
