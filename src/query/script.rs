//! Text cut into statements and dot commands, each with the place where it begins.

use datafusion::sql::sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Location, Token, TokenWithSpan, Tokenizer, TokenizerError},
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
    /// The text behind as much space as puts each of its characters at its own place.
    pub(super) fn in_place(&self) -> String {
        let lines = "\n".repeat(usize::try_from(self.line - 1).unwrap_or_default());
        let columns = " ".repeat(usize::try_from(self.column - 1).unwrap_or_default());
        format!("{lines}{columns}{}", self.text)
    }
}

/// Cuts a whole script.
pub(crate) fn pieces(script: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut pending = String::new();
    let mut pending_from = 1;
    for (line, text) in (1..).zip(script.split_inclusive('\n')) {
        if is_blank(&pending) {
            if let Some(dot) = text.trim().strip_prefix('.') {
                pending.clear();
                pieces.push(Piece::Dot { line, text: dot.to_owned() });
                continue;
            }
            pending.clear();
            pending_from = line;
        }
        pending.push_str(text);
        if ends_statement(&pending) {
            pieces.extend(statements(&pending, pending_from));
            pending.clear();
        }
    }
    pieces.extend(statements(&pending, pending_from));
    pieces
}

/// Whether input is whole: a dot command, or SQL that ends with a semicolon.
pub(crate) fn is_complete(input: &str) -> bool {
    is_blank(input) || input.trim_start().starts_with('.') || ends_statement(input)
}

fn ends_statement(text: &str) -> bool {
    tokens(text).is_ok_and(|tokens| {
        let mut solid = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_)));
        solid.next_back().is_some_and(|token| token.token == Token::SemiColon)
    })
}

/// Spaces and comments alone.
fn is_blank(text: &str) -> bool {
    tokens(text).is_ok_and(|tokens| tokens.iter().all(|token| matches!(token.token, Token::Whitespace(_))))
}

pub(crate) fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, TokenizerError> {
    Tokenizer::new(&PostgreSqlDialect {}, text).with_unescape(false).tokenize_with_location()
}

fn statements(text: &str, first_line: u64) -> Vec<Piece> {
    let Ok(tokens) = tokens(text) else {
        // The parser will say what is wrong, and where.
        let sql = Sql { text: text.to_owned(), line: first_line, column: 1 };
        return vec![Piece::Statement(sql)];
    };
    let mut found = Vec::new();
    let mut begins: Option<Location> = None;
    let mut ends = Location { line: 1, column: 1 };
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                found.extend(begins.take().map(|begins| piece(text, begins, ends, first_line)));
            }
            _ => {
                begins.get_or_insert(span.start);
                ends = span.end;
            }
        }
    }
    found.extend(begins.map(|begins| piece(text, begins, ends, first_line)));
    found
}

fn piece(text: &str, begins: Location, ends: Location, first_line: u64) -> Piece {
    let part = text[offset(text, begins)..offset(text, ends)].to_owned();
    Piece::Statement(Sql { text: part, line: first_line + begins.line - 1, column: begins.column })
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
    fn a_statement_keeps_its_place() {
        let Piece::Statement(sql) = pieces("\n select 1; select x").remove(1) else { panic!("a statement") };
        assert_eq!(sql.in_place(), "\n           select x");
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
