//! Texts that something on the way may stumble over.

/// Texts of a few characters: empty, beyond ASCII, and all that JSON, terminals and C have rules for.
const SHORT: [&str; 13] = [
    "plain",
    "",
    "größe 日本語 √2≈1.41 🦀",
    "a\0b",
    "\u{1}\t\r\n\u{b}\u{1b}[31m\u{7f}\u{85}",
    "\"'`\\ \\\" \\u0041 \\n \\",
    "{\"a\":[1,null]}",
    "null",
    "שלום \u{202e}abc\u{202c} عالم",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽",
    "\u{301}e\u{301}\u{20dd}",
    " \t two  spaces \u{a0}\u{3000} ",
    "\u{feff}\u{fffd}\u{ffff}\u{d7ff}\u{e000}\u{10ffff}\u{2028}\u{2029}",
];

/// How many there are; the last is a long one.
pub(super) const COUNT: usize = SHORT.len() + 1;

/// Some of them by what they are.
pub(super) const PLAIN: usize = 0;
pub(super) const EMPTY: usize = 1;
pub(super) const UNICODE: usize = 2;
pub(super) const CONTROLS: usize = 4;
pub(super) const QUOTES: usize = 5;
pub(super) const LONG: usize = COUNT - 1;

/// Eight bytes of which a long text is made.
const PIECE: &str = "long ♪";

/// A text; `long` bytes, in eights, of the last.
pub(super) fn text(level: usize, long: usize) -> String {
    SHORT.get(level).map_or_else(|| PIECE.repeat(long / PIECE.len()), |short| (*short).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_their_names_say() {
        assert_eq!(text(PLAIN, 0), "plain");
        assert!(text(EMPTY, 0).is_empty());
        assert!(!text(UNICODE, 0).is_ascii());
        assert!(text(CONTROLS, 0).chars().all(|char| char.is_control() || char.is_ascii_graphic()));
        assert!(text(QUOTES, 0).contains(['"', '\\']));
        assert_eq!(text(LONG, 65_536).len(), 65_536);
    }
}
