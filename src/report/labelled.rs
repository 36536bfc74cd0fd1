//! Lines with a label in front, broken between words where a terminal is too narrow for them.

/// The width of a label with the space behind it.
const LABEL: usize = 9;

/// The label and the text; what does not fit goes on below the text. `width` is none where nothing limits it.
pub(crate) fn labelled(label: &str, text: &str, width: Option<usize>) -> String {
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(LABEL).max(LABEL));
    let mut out = format!("{label:<8} ");
    let mut used = 0;
    for word in text.split(' ') {
        let len = visible(word);
        if used > 0 && used + 1 + len > room {
            out.truncate(out.trim_end().len());
            out.push('\n');
            out.push_str(&" ".repeat(LABEL));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += len;
    }
    out.push('\n');
    out
}

/// Characters that are seen: a colour's escape sequence is not.
fn visible(text: &str) -> usize {
    let mut in_escape = false;
    let seen = |char: &char| {
        let was_escape = in_escape;
        in_escape = *char == '\u{1b}' || in_escape && *char != 'm';
        !was_escape && !in_escape
    };
    text.chars().filter(seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_between_words_and_goes_on_below() {
        insta::assert_snapshot!(labelled("flush", "would write 42 rows of a segment", Some(30)), @"
        flush    would write 42 rows
                 of a segment
        ");
        assert_eq!(labelled("flush", "a/path/that/is/longer/than/the/line", Some(20)).lines().count(), 1);
        assert_eq!(visible("\u{1b}[1m\u{1b}[31mFAIL\u{1b}[0m"), 4);
    }
}
