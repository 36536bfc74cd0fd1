//! What a damage is expected to fire, and how that differs from what fired.
//!
//! A text of checks, each with its verdict where that is no failure, and the number of its findings: `lost_spans: 2;
//! running_parents: info, 4`. A number or all behind a name may be left out, and then matters not. `may lost_spans` is
//! a check that may fire.

use super::selftest::Wrong;

struct Part<'t> {
    check: &'t str,
    what: Option<&'t str>,
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split("; ").filter(|part| !part.is_empty())
}

fn part(text: &str) -> Part<'_> {
    match text.split_once(": ") {
        Some((check, what)) => Part { check, what: Some(what) },
        None => Part { check: text, what: None },
    }
}

impl Part<'_> {
    fn is_met_by(&self, fired: &Part<'_>) -> bool {
        let is_as_told = |what: &str| {
            let rest = fired.what.and_then(|fired| fired.strip_prefix(what));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(','))
        };
        self.check == fired.check && self.what.is_none_or(is_as_told)
    }
}

/// The checks that have to fire.
pub(crate) fn demanded(expected: &str) -> impl Iterator<Item = &str> {
    parts(expected).filter(|text| !text.starts_with("may ")).map(|text| part(text).check)
}

/// How what fired differs from what should have.
pub(crate) fn differences(expected: &str, fired: &str) -> Vec<Wrong> {
    let is_met = |text: &&str| parts(fired).any(|fired| part(text).is_met_by(&part(fired)));
    let is_expected = |text: &&str| {
        parts(expected)
            .any(|expected| part(expected.strip_prefix("may ").unwrap_or(expected)).is_met_by(&part(text)))
    };
    let missed: Vec<&str> =
        parts(expected).filter(|text| !text.starts_with("may ")).filter(|text| !is_met(text)).collect();
    let alarms: Vec<&str> = parts(fired).filter(|text| !is_expected(text)).collect();
    Wrong::of_checks(&missed, &alarms, "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_what_was_missed_and_what_should_be_silent() {
        let missed = |text: &str| Wrong::Missed(text.to_owned());
        let alarm = |text: &str| Wrong::FalseAlarm(text.to_owned());
        assert_eq!(differences("a: 1; b: info, 2", "a: 1; b: info, 2"), []);
        assert_eq!(differences("a: 1; b: 2", "a: 1"), [missed("b: 2")]);
        assert_eq!(differences("a: 1", "a: 2"), [missed("a: 1"), alarm("a: 2")]);
        assert_eq!(differences("a: 1", "a: 12"), [missed("a: 1"), alarm("a: 12")]);
        assert_eq!(differences("", "c: 3"), [alarm("c: 3")]);
        assert_eq!(differences("a; b: info; may c; may d: 1", "a: 7; b: info, 2; c: warn, 1"), []);
        assert_eq!(differences("may d: 1", "d: 2"), [alarm("d: 2")]);
        assert_eq!(differences("b: info", "b: warn, 2"), [missed("b: info"), alarm("b: warn, 2")]);
    }

    #[test]
    fn what_may_fire_is_not_demanded() {
        assert_eq!(demanded("a: 1; may b; c").collect::<Vec<_>>(), ["a", "c"]);
    }
}
