//! Numbers as people read them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use super::escape::plain;

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

/// Two digits or more of a number that need not be whole.
pub(crate) fn amount(number: f64) -> String {
    match number {
        n if n >= 100.0 => grouped(n.round() as u64),
        n if n >= 10.0 => format!("{n:.1}"),
        n => format!("{n:.2}"),
    }
}

/// A part of one in percent, to one digit behind the point where there is one.
pub(crate) fn percent(share: f64) -> String {
    let tenths = (share * 1_000.0).round() as u64;
    match (tenths / 10, tenths % 10) {
        (whole, tenth) if tenth == 0 || whole >= 100 => format!("{} %", grouped(whole)),
        (whole, tenth) => format!("{whole}.{tenth} %"),
    }
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

/// A long time in its two largest units: `3 d 11 h`. Below two minutes as [`duration`].
pub(crate) fn long(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match minutes {
        0..2 => duration(time),
        2..60 => format!("{minutes} min"),
        60..2_880 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{} d {} h", grouped(minutes / 1_440), minutes / 60 % 24),
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

/// A service's name, which may be anything and of any length; in backticks where its ends would not show.
pub(crate) fn service(name: &str) -> String {
    let shown = short(name, 40);
    if shown.trim() == shown && !shown.is_empty() { shown } else { format!("`{shown}`") }
}

/// As [`plain`], and cut after so many characters.
pub(crate) fn short(text: &str, most: usize) -> String {
    let text = plain(text);
    match text.char_indices().nth(most) {
        None => text,
        Some((cut, _)) => format!("{}…", &text[..cut]),
    }
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
        assert_eq!(
            [90, 300, 7_500, 300_837].map(|seconds| long(Duration::from_secs(seconds))),
            ["90.0 s", "5 min", "2 h 5 min", "3 d 11 h"]
        );
        assert_eq!([0.5, 12.34, 3_697.4].map(amount), ["0.50", "12.3", "3 697"]);
        assert_eq!([0.0, 0.05, 0.016, 6.217].map(percent), ["0 %", "5 %", "1.6 %", "621 %"]);
        assert_eq!([12, 1_500, 26_214_400].map(bytes), ["12 B", "1.5 kB", "26.2 MB"]);
        assert_eq!(["", " a ", "a b"].map(service), ["``", "` a `", "a b"]);
        assert_eq!([short("größe", 5), short("größe", 4)], ["größe", "größ…"]);
        assert_eq!(moment(1_795_346_058_602_184_438), "2026-11-22T11:14:18.602Z");
    }
}
