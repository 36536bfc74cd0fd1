//! Text cut into statements and dot commands, each with the place where it begins.
//!
//! One walk from the beginning to the end, whatever the text: what a quote or a comment holds is known without
//! looking back.

use datafusion::sql::sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Location, TokenWithSpan, Tokenizer, TokenizerError},
};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A line that begins with a dot, without it.
    Dot { line: u64, text: String },
    /// SQL up to a semicolon, or to the end.
    Statement(Sql),
}

/// A statement's text and where it begins; lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Sql {
    pub(crate) fn begins(&self) -> Location {
        Location { line: self.line, column: self.column }
    }
}

/// Cuts a whole script.
pub(crate) fn pieces(script: &str) -> Vec<Piece> {
    let script = script.strip_prefix('\u{feff}').unwrap_or(script);
    let mut walk = Walk { rest: script, line: 1, column: 1 };
    let mut pieces = Vec::new();
    while let Some(piece) = walk.next_piece() {
        pieces.push(piece);
    }
    pieces
}

/// Whether input is whole: a dot command, or SQL that ends with a semicolon.
pub(crate) fn is_complete(input: &str) -> bool {
    if input.trim_start().starts_with('.') {
        return true;
    }
    let mut walk = Walk { rest: input, line: 1, column: 1 };
    let mut ended = true;
    while !walk.rest.is_empty() {
        match walk.part() {
            Part::Space => {}
            Part::Semicolon => ended = true,
            Part::Solid => ended = false,
            Part::Open => return false,
        }
    }
    ended
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Spaces and comments.
    Space,
    Semicolon,
    Solid,
    /// A quote or a comment without its end.
    Open,
}

/// What of a text is still to be read.
struct Walk<'t> {
    rest: &'t str,
    line: u64,
    column: u64,
}

impl<'t> Walk<'t> {
    fn next_piece(&mut self) -> Option<Piece> {
        // A comment that ends within a line leaves no dot command behind it, since that is a whole line.
        let mut at_line_start = self.column == 1;
        loop {
            if at_line_start && let Some(dot) = self.dot_command() {
                return Some(dot);
            }
            let (before, begins) = (self.rest, Location { line: self.line, column: self.column });
            if before.is_empty() {
                return None;
            }
            match self.part() {
                Part::Space | Part::Semicolon => at_line_start = self.column == 1,
                Part::Solid => return Some(self.statement(before, begins)),
                Part::Open => return Some(statement(before, begins)),
            }
        }
    }

    /// Goes on to the semicolon of a statement whose first part was read.
    fn statement(&mut self, text: &'t str, begins: Location) -> Piece {
        let mut end = text.len() - self.rest.len();
        while !self.rest.is_empty() {
            match self.part() {
                Part::Space => {}
                Part::Semicolon => break,
                Part::Solid | Part::Open => end = text.len() - self.rest.len(),
            }
        }
        statement(&text[..end], begins)
    }

    fn dot_command(&mut self) -> Option<Piece> {
        let line = self.rest.split_inclusive('\n').next()?;
        let text = line.trim().strip_prefix('.')?.to_owned();
        let number = self.line;
        self.advance(line.len());
        Some(Piece::Dot { line: number, text })
    }

    /// Reads one part and tells what it is.
    fn part(&mut self) -> Part {
        let rest = self.rest;
        let Some(first) = rest.chars().next() else { return Part::Space };
        let (length, part) = match first {
            ';' => (1, Part::Semicolon),
            // By lines, so that the beginning of each is met.
            '\n' => (1, Part::Space),
            _ if first.is_whitespace() => {
                let end = rest.find(|char: char| char == '\n' || !char.is_whitespace());
                (end.unwrap_or(rest.len()), Part::Space)
            }
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), Part::Space),
            '/' if rest.starts_with("/*") => ended(comment(rest), rest, Part::Space),
            '\'' => ended(quoted(rest, b'\'', false), rest, Part::Solid),
            '"' => ended(quoted(rest, b'"', false), rest, Part::Solid),
            '$' => match dollar_tag(rest) {
                Some(tag) => {
                    let end = rest[tag.len()..].find(tag).map(|at| at + 2 * tag.len());
                    ended(end, rest, Part::Solid)
                }
                None => (1, Part::Solid),
            },
            'e' | 'E' if rest[1..].starts_with('\'') => {
                ended(quoted(&rest[1..], b'\'', true).map(|end| end + 1), rest, Part::Solid)
            }
            _ if is_word(first) => {
                // A quote or a dollar within a word begins nothing, but the one behind it does.
                let end = rest.find(|char: char| !is_word(char) && char != '$');
                (end.unwrap_or(rest.len()), Part::Solid)
            }
            _ => (first.len_utf8(), Part::Solid),
        };
        self.advance(length);
        part
    }

    fn advance(&mut self, bytes: usize) {
        let (read, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        match read.rfind('\n') {
            None => self.column += read.chars().count() as u64,
            Some(last) => {
                self.line += read.bytes().filter(|byte| *byte == b'\n').count() as u64;
                self.column = 1 + read[last + 1..].chars().count() as u64;
            }
        }
    }
}

fn statement(text: &str, begins: Location) -> Piece {
    Piece::Statement(Sql { text: text.trim_end().to_owned(), line: begins.line, column: begins.column })
}

fn ended(end: Option<usize>, rest: &str, part: Part) -> (usize, Part) {
    end.map_or((rest.len(), Part::Open), |end| (end, part))
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// The end of what a quote at the beginning opens. The quote stands for itself where it is doubled.
fn quoted(text: &str, quote: u8, escapes: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The end of a comment at the beginning. Comments nest.
fn comment(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (2, 1);
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            b"/*" => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    None
}

/// `$$`, or `$tag$`; none for a parameter.
fn dollar_tag(text: &str) -> Option<&str> {
    let end = 1 + text[1..].find(|char: char| !is_word(char))?;
    let begins_with_digit = text[1..].starts_with(|char: char| char.is_ascii_digit());
    (text[end..].starts_with('$') && !begins_with_digit).then(|| &text[..=end])
}

pub(crate) fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    Tokenizer::new(&PostgreSqlDialect {}, text).with_unescape(false).tokenize_with_location()
}

/// The byte at a place; columns count characters.
pub(crate) fn offset(text: &str, at: Location) -> usize {
    let before = usize::try_from(at.line.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(before).map(str::len).sum();
    let column = usize::try_from(at.column.saturating_sub(1)).unwrap_or(usize::MAX);
    text[start..].char_indices().nth(column).map_or(text.len(), |(within, _)| start + within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(script: &str) -> Vec<(u64, u64, String)> {
        let shown = |piece| match piece {
            Piece::Dot { line, text } => (line, 0, text),
            Piece::Statement(Sql { text, line, column }) => (line, column, text),
        };
        pieces(script).into_iter().map(shown).collect()
    }

    #[test]
    fn statements_are_cut_where_they_end() {
        let script =
            "-- a; comment\nselect 1; select\n ';' as \"a;b\"\n;\n.mode json\n\n  /* ; */ select 'ü', 2";
        let expected = [
            (2, 1, "select 1"),
            (2, 11, "select\n ';' as \"a;b\""),
            (5, 0, "mode json"),
            (7, 11, "select 'ü', 2"),
        ];
        assert_eq!(cut(script), expected.map(|(line, column, text)| (line, column, text.to_owned())));
        assert_eq!(cut(" \n-- nothing\n;;"), []);
    }

    #[test]
    fn a_dot_inside_a_statement_is_no_command() {
        assert_eq!(cut("select a\n.b;"), [(1, 1, "select a\n.b".to_owned())]);
    }

    #[test]
    fn quotes_and_comments_hold_no_end() {
        for whole in [
            "select 'it''s; \n.mode json' , \"a;\"\"b\"",
            "select E'\\'; \\\\', 'a\\'",
            "select $$; ' \"$$, $x$ $$ ; $x$",
            "select /* ; /* ; */ ' */ 1 -- ;\n, 2",
            "select $1, a$b, e.x, '$x$;'",
        ] {
            assert_eq!(cut(&format!("{whole};")), [(1, 1, whole.to_owned())], "{whole}");
        }
        assert_eq!(
            cut("\u{feff}.tables\nselect 1"),
            [(1, 0, "tables".to_owned()), (2, 1, "select 1".to_owned())]
        );
        assert_eq!(cut("  /* a\n */ .tables"), [(2, 5, ".tables".to_owned())], "no whole line");
        assert_eq!(cut("select 'open;\n.tables"), [(1, 1, "select 'open;\n.tables".to_owned())]);
    }

    /// Twice the text takes about twice the time, whatever is in it: this would take hours if it did not.
    #[test]
    fn a_long_text_is_cut_in_one_walk() {
        let lines = 200_000;
        for line in ["(0), -- ;\n", "select 1;\n", "/* ; */\n", "'a;\n', ", ";\n", "-- ;\n"] {
            let script = format!("select\n{}", line.repeat(lines));
            let found = pieces(&script);
            assert!(!found.is_empty() && found.len() <= lines + 1, "{line}");
            assert_eq!(is_complete(&script), line == "select 1;\n" || line == ";\n", "{line}");
        }
    }

    #[test]
    fn input_goes_on_until_its_semicolon() {
        for whole in ["", "select 1;", "select 1; -- that is all", ".tables", "-- only this"] {
            assert!(is_complete(whole), "{whole}");
        }
        for open in ["select 1", "select ';", "select 1 /* ;", "select $$;"] {
            assert!(!is_complete(open), "{open}");
        }
    }
}
