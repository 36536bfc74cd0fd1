//! Completion, highlighting and the end of input, as a line is typed.

use std::borrow::Cow;

use datafusion::sql::sqlparser::{keywords::Keyword, tokenizer::Token};
use rustyline::{
    Context, Helper, Hinter,
    completion::{Completer, Pair},
    highlight::{CmdKind, Highlighter},
    validate::{ValidationContext, ValidationResult, Validator},
};

use super::dot::COMMANDS;
use crate::{
    query::script::{is_complete, offset, tokens},
    report::rows::Mode,
    tables::catalog,
    text::paint::Paint,
};

/// Keywords that people type; the tokenizer knows several hundred more.
const KEYWORDS: &str = "ALL AND AS ASC BETWEEN BY CASE CAST COUNT CROSS DESC DESCRIBE DISTINCT ELSE END EXISTS EXPLAIN \
    FALSE FILTER FROM GROUP HAVING IN INNER INTERVAL IS JOIN LEFT LIKE LIMIT NOT NULL OFFSET ON OR ORDER OUTER \
    OVER PARTITION SELECT THEN TRUE UNION USING VALUES WHEN WHERE WITH";

const PAINTED_BYTES: usize = 16 << 10;

#[derive(Helper, Hinter)]
pub(super) struct SqlHelper {
    /// Sorted: what may stand in a statement.
    words: Vec<String>,
    investigations: Vec<String>,
    paint: Paint,
}

impl SqlHelper {
    pub(super) fn new(functions: Vec<String>, investigations: Vec<String>, paint: Paint) -> Self {
        let tables = catalog::tables().map(|table| table.name.to_owned());
        let columns =
            catalog::tables().flat_map(|table| table.columns().map(|column| column.name.to_owned()));
        let keywords = KEYWORDS.split_whitespace().map(str::to_owned);
        let mut words: Vec<String> = tables.chain(columns).chain(functions).chain(keywords).collect();
        words.sort_unstable();
        words.dedup();
        Self { words, investigations, paint }
    }

    /// What may follow up to the cursor, and from which byte on it replaces what is there.
    fn candidates(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = &line[..cursor];
        let start = before
            .rfind(|char: char| !char.is_alphanumeric() && char != '_')
            .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
        let word = &before[start..];
        let beginning =
            |names: &[String]| names.iter().filter(|name| name.starts_with(word)).cloned().collect();
        let dot = before.trim_start().strip_prefix('.');
        let found = match dot.map(|dot| (dot.split_whitespace().next().unwrap_or_default(), dot)) {
            Some((_, dot)) if !dot.contains(char::is_whitespace) => {
                let commands: Vec<String> = COMMANDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
                beginning(&commands)
            }
            Some(("query" | "run", _)) => beginning(&self.investigations),
            Some(("mode", _)) => beginning(&Mode::ALL.map(|mode| mode.name().to_owned())),
            Some(("schema", _)) => {
                let tables: Vec<String> = catalog::tables().map(|table| table.name.to_owned()).collect();
                beginning(&tables)
            }
            Some(_) => Vec::new(),
            None if word.is_empty() => Vec::new(),
            None => {
                let lower = word.to_lowercase();
                let matches = |name: &&String| name.to_lowercase().starts_with(&lower);
                self.words.iter().filter(matches).cloned().collect()
            }
        };
        (start, found)
    }

    fn highlighted(&self, line: &str) -> String {
        // Painted anew at every key: a long text that was pasted is left as it is.
        if line.len() > PAINTED_BYTES {
            return line.to_owned();
        }
        let Ok(tokens) = tokens(line) else { return line.to_owned() };
        let mut text = String::with_capacity(line.len());
        for token in tokens {
            let part = &line[offset(line, token.span.start)..offset(line, token.span.end)];
            text.push_str(&match &token.token {
                Token::Word(word) if word.keyword != Keyword::NoKeyword && is_keyword(part) => {
                    self.paint.strong(part)
                }
                Token::SingleQuotedString(_) | Token::DollarQuotedString(_) => self.paint.good(part),
                Token::Number(..) => self.paint.doubtful(part),
                Token::Whitespace(_) if !part.trim().is_empty() => self.paint.quiet(part),
                _ => part.to_owned(),
            });
        }
        text
    }
}

/// Columns like `name` are keywords, too, somewhere.
fn is_keyword(word: &str) -> bool {
    KEYWORDS.split_whitespace().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

impl Completer for SqlHelper {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.candidates(line, cursor);
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, found.into_iter().map(pair).collect()))
    }
}

impl Highlighter for SqlHelper {
    fn highlight<'l>(&self, line: &'l str, _cursor: usize) -> Cow<'l, str> {
        if line.trim_start().starts_with('.') { line.into() } else { self.highlighted(line).into() }
    }

    fn highlight_char(&self, _line: &str, _cursor: usize, _kind: CmdKind) -> bool {
        true
    }
}

impl Validator for SqlHelper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::paint::Color;

    fn helper(color: Color) -> SqlHelper {
        let names = vec!["pollution".to_owned(), "rate_by_minute".to_owned()];
        SqlHelper::new(vec!["regexp_like".to_owned()], names, Paint::for_stdout(color))
    }

    #[test]
    fn words_are_completed_where_they_may_stand() {
        let helper = helper(Color::Never);
        let check = |line: &str, start: usize, expected: &[&str]| {
            assert_eq!(
                helper.candidates(line, line.len()),
                (start, expected.iter().map(|&s| s.into()).collect()),
                "{line}"
            );
        };
        check("select * from stored_s", 14, &["stored_spans"]);
        check("sele", 0, &["SELECT"]);
        check("select regexp_", 7, &["regexp_like"]);
        check("select s.parent_span", 9, &["parent_span_id"]);
        check(".sch", 1, &["schema"]);
        check(".schema diff", 8, &["differences"]);
        check(".run poll", 5, &["pollution"]);
        check(".mode ver", 6, &["vertical"]);
        check("select ", 7, &[]);
    }

    #[test]
    fn colour_changes_no_character() {
        let line = "select name, 'ü' from spans -- 7\n where a = 7 and \"x\" is null";
        let painted = helper(Color::Always).highlighted(line);
        assert!(painted.contains("\u{1b}[1mselect\u{1b}[0m name"), "{painted:?}");
        let mut plain = painted.clone();
        while let Some(from) = plain.find('\u{1b}') {
            let to = from + plain[from..].find('m').unwrap();
            plain.replace_range(from..=to, "");
        }
        assert_eq!(plain, line);
        assert_eq!(helper(Color::Never).highlighted("select 'open"), "select 'open");
    }
}
