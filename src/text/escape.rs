//! Text from outside, made harmless for each format that it goes into: the only place where that is done.
//!
//! Names of files and services, values of spans and messages of endpoints may hold anything. A terminal obeys
//! escape sequences, a workflow runner lines that begin with `::error`, a spreadsheet cells that begin with `=`.

use std::{borrow::Cow, fmt::Write as _};

/// One line for a terminal: characters that it would obey, or that nobody would see, are escaped, and so is the
/// beginning of what a workflow runner would take for a command.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    if is_command(text) {
        // Some text before it keeps the runner from reading it.
        plain.push_str("\\u{3a}");
        plain.push_str(&self::plain(&text.trim_start()[1..]));
        return plain;
    }
    for char in text.chars() {
        if is_hidden(char) {
            plain.extend(char.escape_default());
        } else {
            plain.push(char);
        }
    }
    plain
}

/// As [`plain`], line by line: lines stay lines.
pub(crate) fn lines(text: &str) -> String {
    if text.contains('\n') { text.split('\n').map(plain).collect::<Vec<_>>().join("\n") } else { plain(text) }
}

/// Whether a terminal would obey a character, or nobody would see it.
pub(crate) fn is_hidden(char: char) -> bool {
    char.is_control() || is_invisible(char)
}

/// Joins characters, orders them from right to left, breaks lines, marks the order of bytes, or is no character.
fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// `::error::` and its like, as runners of GitHub Actions read them at the beginning of a line.
fn is_command(text: &str) -> bool {
    let Some(rest) = text.trim_start().strip_prefix("::") else { return false };
    rest.starts_with(|char: char| char.is_ascii_alphabetic()) && rest.contains("::")
}

/// JSON text whose strings name hidden characters by their numbers. Elsewhere JSON has none of them but line ends.
pub(crate) fn json(text: String) -> String {
    let is_named = |char: char| is_hidden(char) && !char.is_ascii_control() || char == '\u{7f}';
    if !text.contains(is_named) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut units = [0; 2];
    for char in text.chars() {
        if is_named(char) {
            for unit in char.encode_utf16(&mut units) {
                write!(escaped, "\\u{unit:04x}").ok();
            }
        } else {
            escaped.push(char);
        }
    }
    escaped
}

/// A cell of comma-separated values, quoted where RFC 4180 asks for it, and where it is empty: nothing between two
/// commas is a null. What a spreadsheet would compute is quoted by an apostrophe in front.
pub(crate) fn csv(value: &str) -> String {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let mut cell = String::from(if is_formula { "'" } else { "" });
    if is_command(value) {
        cell.push_str(&plain(value));
    } else {
        for char in value.chars() {
            if is_hidden(char) && !matches!(char, '\t' | '\n' | '\r') {
                cell.extend(char.escape_default());
            } else {
                cell.push(char);
            }
        }
    }
    csv_quoted(&cell).into_owned()
}

/// A cell that is known to be no formula: a number, or a name of ours.
pub(crate) fn csv_quoted(value: &str) -> Cow<'_, str> {
    if value.is_empty() || value.contains(['"', ',', '\n', '\r']) {
        Cow::Owned(format!("\"{}\"", value.replace('"', "\"\"")))
    } else {
        Cow::Borrowed(value)
    }
}

/// Running text of Markdown: what it and HTML would obey is escaped; backticks stay what they are.
pub(crate) fn markdown(value: &str) -> String {
    let mut text = String::new();
    for char in plain(value).chars() {
        match char {
            '<' => text.push_str("&lt;"),
            '&' => text.push_str("&amp;"),
            '\\' | '*' | '_' | '[' | ']' | '|' | '~' => text.extend(['\\', char]),
            char => text.push(char),
        }
    }
    text
}

/// A value of Markdown between backticks, more of them than it has itself.
pub(crate) fn markdown_code(value: &str) -> String {
    let value = plain(value).replace('|', "\\|");
    let longest = value.split(|char| char != '`').map(str::len).max().unwrap_or_default();
    let ticks = "`".repeat(longest + 1);
    let pad =
        if value.starts_with('`') || value.ends_with('`') || value.trim().is_empty() { " " } else { "" };
    format!("{ticks}{pad}{value}{pad}{ticks}")
}

/// The message of a workflow command.
pub(crate) fn github(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(plain).collect();
    lines.join("\n").replace('%', "%25").replace('\n', "%0A")
}

/// A property of a workflow command.
pub(crate) fn github_property(text: &str) -> String {
    github(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_nothing_that_a_terminal_obeys() {
        assert_eq!(plain("a\u{1b}[31m\nü"), "a\\u{1b}[31m\\nü");
        assert_eq!(plain("\u{202e}ab\u{200d}c\u{9b}"), "\\u{202e}ab\\u{200d}c\\u{9b}");
        assert_eq!(plain("\u{fffe}\u{ffff}"), "\\u{fffe}\\u{ffff}");
        assert_eq!(lines("a\u{1b}\n\tb"), "a\\u{1b}\n\\tb");
    }

    #[test]
    fn a_line_is_no_command_to_a_workflow_runner() {
        assert_eq!(plain("::error title=x::y"), "\\u{3a}:error title=x::y");
        assert_eq!(lines("a\n  ::add-mask::b"), "a\n\\u{3a}:add-mask::b");
        assert_eq!(csv("::error::x"), "\\u{3a}:error::x");
        for harmless in ["::1", "a::b::c", "::", "[::1]:50051"] {
            assert_eq!(plain(harmless), harmless);
        }
    }

    #[test]
    fn json_stays_json_and_shows_what_is_hidden() {
        let value = "\u{9b}31m\u{202e}\u{e0041}\u{7f}\u{1b}ü";
        let text = json(serde_json::to_string(&[value]).unwrap());
        assert_eq!(text, r#"["\u009b31m\u202e\udb40\udc41\u007f\u001bü"]"#);
        assert_eq!(serde_json::from_str::<[String; 1]>(&text).unwrap(), [value]);
    }

    #[test]
    fn a_cell_stays_one_cell_and_computes_nothing() {
        for (value, cell) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x,y", "\"'@x,y\""),
            ("\u{1b}[31m", "\\u{1b}[31m"),
        ] {
            assert_eq!(csv(value), cell, "{value:?}");
        }
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_markdown() {
        assert_eq!(markdown_code("a|b"), r"`a\|b`");
        assert_eq!(markdown_code("a`b``c"), "```a`b``c```");
        assert_eq!(markdown_code("`a`"), "`` `a` ``");
        assert_eq!(markdown_code("a\nb"), r"`a\nb`");
        assert_eq!(markdown("see lost_spans <b> `code` *x*|"), r"see lost\_spans &lt;b> `code` \*x\*\|");
    }

    #[test]
    fn a_message_cannot_end_its_command() {
        assert_eq!(github("50 %\nnext::error::\r"), "50 %25%0Anext::error::\\r");
        assert_eq!(github_property("a: b, c"), "a%3A b%2C c");
    }
}
