//! Text in lines and columns, measured by the columns that a terminal needs for it.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that a text takes; a colour's escape sequence takes none.
pub(crate) fn width(text: &str) -> usize {
    if !text.contains('\u{1b}') {
        return text.width();
    }
    let mut in_escape = false;
    let seen = |char: &char| {
        let was_escape = in_escape;
        in_escape = *char == '\u{1b}' || in_escape && *char != 'm';
        !was_escape && !in_escape
    };
    text.chars().filter(seen).map(|char| char.width().unwrap_or_default()).sum()
}

/// Running text in lines of at most so many columns. A word that is longer stays whole: a terminal that breaks an id
/// or a path by itself still lets it be copied.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    fill(text.split_whitespace(), columns, columns, false)
}

/// A value in lines, the first of another width than the others. Its spaces are its own, and a long word goes on in
/// the next line.
pub(crate) fn wrap_value(text: &str, first: usize, others: usize) -> Vec<String> {
    fill(text.split(' '), first, others, true)
}

fn fill<'t>(
    words: impl Iterator<Item = &'t str>,
    first: usize,
    others: usize,
    may_break: bool,
) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line: Option<(String, usize)> = None;
    for mut word in words {
        let room = |lines: &[String]| if lines.is_empty() { first } else { others };
        if let Some((_, used)) = &line {
            let begins_here = may_break && width(word) > others && used + 1 < room(&lines) / 2;
            if used + 1 + width(word) > room(&lines) && !begins_here {
                lines.extend(line.take().map(|(line, _)| line));
            }
        }
        loop {
            let free = room(&lines).saturating_sub(line.as_ref().map_or(0, |(_, used)| used + 1)).max(1);
            let Some(end) = end_of(word, free).filter(|_| may_break) else { break };
            push(&mut line, &word[..end]);
            lines.extend(line.take().map(|(line, _)| line));
            word = &word[end..];
        }
        push(&mut line, word);
    }
    lines.extend(line.map(|(line, _)| line));
    lines
}

fn push(line: &mut Option<(String, usize)>, word: &str) {
    match line {
        Some((line, used)) => {
            line.push(' ');
            line.push_str(word);
            *used += 1 + width(word);
        }
        None => *line = Some((word.to_owned(), width(word))),
    }
}

/// Where a text that is wider than so many columns must end to fit; after its first character at the earliest.
fn end_of(text: &str, columns: usize) -> Option<usize> {
    let mut used = 0;
    for (place, char) in text.char_indices() {
        used += char.width().unwrap_or_default();
        if used > columns && place > 0 {
            return Some(place);
        }
    }
    None
}

/// A text of at most so many columns; where it had more, an ellipsis is the last.
pub(crate) fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    // Not even a wide first character may fit before the ellipsis.
    let end = end_of(text, columns.saturating_sub(1)).filter(|end| width(&text[..*end]) < columns);
    end.map_or(Cow::Borrowed("…"), |end| Cow::Owned(format!("{}…", &text[..end])))
}

/// Filled with spaces on the right.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Filled with spaces on the left.
pub(crate) fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        assert_eq!(wrap("one two\nthree  four", 9), ["one two", "three", "four"]);
        assert_eq!(wrap("unbreakable a", 3), ["unbreakable", "a"]);
        assert_eq!(wrap(" ", 3), Vec::<String>::new());
    }

    #[test]
    fn a_value_keeps_its_spaces_and_long_words_go_on() {
        assert_eq!(wrap_value("a  b c", 4, 4), ["a  b", "c"]);
        assert_eq!(wrap_value("abcdefgh", 3, 4), ["abc", "defg", "h"]);
        assert_eq!(wrap_value("a bcdefgh", 6, 4), ["a bcde", "fgh"]);
        assert_eq!(wrap_value("abcde fghijkl", 6, 6), ["abcde", "fghijk", "l"]);
        assert_eq!(wrap_value("", 3, 3), [""]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!([width("größe"), width("漢字"), width("\u{1b}[1m\u{1b}[31mFAIL\u{1b}[0m")], [5, 4, 4]);
        assert_eq!(wrap("漢字 漢字", 8), ["漢字", "漢字"]);
        assert_eq!(wrap_value("漢字漢字", 5, 5), ["漢字", "漢字"]);
        assert_eq!(
            [cut("漢字漢", 6), cut("漢字漢", 5), cut("漢字", 2), cut("abc", 1)],
            ["漢字漢", "漢字…", "…", "…"]
        );
        assert_eq!([pad("漢", 4), pad_left("漢", 4), pad("ab", 1)], ["漢  ", "  漢", "ab"]);
    }
}
