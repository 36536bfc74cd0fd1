//! Service names that are allowed and that nobody expects.

use crate::traffic::{mix::Mix, profile::Profile};

/// Around a name: before it and behind it.
const ODD: [(&str, &str); 10] = [
    ("größe-日本-", "-🦀"),
    ("\"", "'`\\ \\\" \\u0041"),
    ("\u{1b}[31m", "\0\r\n\t\u{7f}"),
    ("  ", " "),
    ("../../", "/.."),
    ("'; DROP TABLE spans; -- ", ""),
    ("\u{202e}שלום-", "\u{202c}"),
    ("{\"service\":\"", "\"}"),
    ("%s%n${", "}*?[]"),
    ("", LONG),
];

/// A KiB of name.
const LONG: &str = match str::from_utf8(&[b'x'; 1_024]) {
    Ok(long) => long,
    Err(_) => "",
};

/// Names as they are, but every other one odd where a mix has the adversarial profile.
///
/// They are as different as before; `seed` says which oddity comes first.
pub(crate) fn suited_to(mix: &Mix, mut names: Vec<String>, seed: u64) -> Vec<String> {
    if mix.has(Profile::Adversarial) {
        let first = (seed % ODD.len() as u64) as usize;
        for ((before, behind), name) in ODD.iter().cycle().skip(first).zip(names.iter_mut().step_by(2)) {
            *name = format!("{before}{name}{behind}");
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn odd_names_are_every_other_one_and_stay_different() {
        let plain: Vec<_> = (0..1_000).map(|number| format!("service-{number}")).collect();
        assert_eq!(suited_to(&"minimal".parse().unwrap(), plain.clone(), 7), plain);
        let odd = suited_to(&"minimal,adversarial".parse().unwrap(), plain.clone(), 7);
        assert_eq!(odd.iter().collect::<HashSet<_>>().len(), 1_000);
        assert_eq!(odd.iter().zip(&plain).filter(|(odd, plain)| odd != plain).count(), 500);
        assert!(odd.iter().zip(&plain).all(|(odd, plain)| odd.contains(plain.as_str())));
        assert!(odd.iter().any(|name| name.len() > 1_024));
    }
}
