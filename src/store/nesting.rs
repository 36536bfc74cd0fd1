//! How deep a statement nests, before anything is made of it.
//!
//! Parsers and planners walk down what they have built one call a level, and a long chain of operators is a deep
//! tree: `1 + 1 + …` and `… UNION ALL …` can take a thread's whole stack, which ends the process. So a chain that
//! is longer than any stack here is made for is refused while it is still a list of words. Nested parentheses
//! have a bound of their own in the parser.

use datafusion::sql::sqlparser::{
    dialect::PostgreSqlDialect,
    keywords::Keyword,
    tokenizer::{Token, Tokenizer},
};

/// The longest chain. Stacks are sized for it: see [`STACK_BYTES`].
const MAX_CHAIN: usize = 1_000;

/// What a thread needs that plans a statement which [`check`] lets pass.
pub(crate) const STACK_BYTES: usize = 64 << 20;

/// What a thread needs that evaluates one.
pub(crate) const WORKER_STACK_BYTES: usize = 8 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the statement chains {what} more than {MAX_CHAIN} times: write a list as `IN (…)`, or rows as VALUES"
)]
pub(crate) struct TooDeep {
    what: &'static str,
}

/// What is counted within one pair of parentheses.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Operators around this pair, and since the last comma in it.
    chain: usize,
    /// Operators around it.
    base: usize,
    /// The longest chain in it so far.
    longest: usize,
    /// Commas stand between tables, which are joined one by one.
    among_tables: bool,
}

impl Level {
    fn grow(&mut self) {
        self.chain += 1;
        self.longest = self.longest.max(self.chain);
    }
}

/// A bound of the depth of a statement's tree. A text that has no tokens is left to the parser.
pub(crate) fn check(sql: &str) -> Result<(), TooDeep> {
    let Ok(tokens) = Tokenizer::new(&PostgreSqlDialect {}, sql).with_unescape(false).tokenize() else {
        return Ok(());
    };
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    // Queries and tables: each is a level of the plan, wherever it stands.
    let mut sources = 0;
    for token in tokens {
        match token {
            Token::LParen | Token::LBracket => {
                if token == Token::LBracket {
                    level.grow();
                }
                outer.push(level);
                level = Level {
                    chain: level.chain,
                    base: level.chain,
                    longest: level.chain,
                    among_tables: false,
                };
            }
            Token::RParen | Token::RBracket => {
                if let Some(around) = outer.pop() {
                    let longest = level.longest;
                    level = around;
                    level.chain = level.chain.max(longest);
                    level.longest = level.longest.max(longest);
                }
            }
            Token::Comma if level.among_tables => sources += 1,
            Token::Comma => level.chain = level.base,
            Token::SemiColon => {
                (level, sources) = (Level::default(), 0);
                outer.clear();
            }
            Token::Word(word) if word.quote_style.is_none() => match word.keyword {
                Keyword::SELECT | Keyword::VALUES | Keyword::TABLE | Keyword::JOIN | Keyword::APPLY => {
                    sources += 1;
                    level.among_tables = false;
                }
                Keyword::FROM => level.among_tables = true,
                Keyword::WHERE | Keyword::GROUP | Keyword::ORDER | Keyword::HAVING | Keyword::WINDOW => {
                    level.among_tables = false;
                    level.chain = level.base;
                }
                Keyword::AND
                | Keyword::OR
                | Keyword::XOR
                | Keyword::NOT
                | Keyword::IS
                | Keyword::NOTNULL
                | Keyword::IN
                | Keyword::LIKE
                | Keyword::ILIKE
                | Keyword::RLIKE
                | Keyword::REGEXP
                | Keyword::SIMILAR
                | Keyword::BETWEEN
                | Keyword::COLLATE
                | Keyword::AT
                | Keyword::OVERLAPS
                | Keyword::OPERATOR
                | Keyword::DIV
                | Keyword::MATCH => level.grow(),
                _ => {}
            },
            Token::EOF
            | Token::Word(_)
            | Token::Number(..)
            | Token::Char(_)
            | Token::SingleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Placeholder(_)
            | Token::Period
            | Token::Whitespace(_) => {}
            // All that is left joins two operands, or stands behind one.
            _ => level.grow(),
        }
        if level.longest > MAX_CHAIN {
            return Err(TooDeep { what: "operators" });
        }
        if sources > MAX_CHAIN {
            return Err(TooDeep { what: "queries and tables" });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(first: &str, link: &str, links: usize) -> String {
        format!("{first}{}", link.repeat(links))
    }

    #[test]
    fn a_chain_of_any_kind_has_an_end() {
        for (first, link) in [
            ("select 1", " + 1"),
            ("select 'a'", " || 'a'"),
            ("select true", " and (a = 1 or b)"),
            ("select true", " or a is null"),
            ("select a", "::int::text"),
            ("select a", " ->> 'k'"),
            ("select a", "[1]"),
            ("select 1 from a where b", " like 'x' or c"),
            ("select 1", " union all select 1"),
            ("select 1", " except (select 1)"),
            ("values (1)", " union values (1)"),
            ("select 1 from a", " join a using (b)"),
            ("select 1 from a", ", a"),
            ("with a as (select 1)", ", b as (select * from a)"),
            ("select 1 + (2", " - 3 * (4 + 5)"),
        ] {
            assert!(check(&chain(first, link, 8_000)).is_err(), "{first}{link}");
            assert!(check(&chain(first, link, 100)).is_ok(), "{first}{link}");
        }
        // A chain within the operand of a chain.
        let inner = chain("(1", " + 1", 600);
        assert!(check(&format!("{} + {inner})", chain("select 1", " + 1", 600))).is_err());
    }

    #[test]
    fn what_is_long_and_flat_is_no_chain() {
        let numbers = chain("(1", ", 2", 50_000);
        assert_eq!(check(&format!("select a in {numbers})")), Ok(()));
        assert_eq!(check(&chain("values (-1, a + b)", ", (-1, 2 * 3)", 20_000)), Ok(()));
        assert_eq!(check(&chain("select 1", ", a || b as c", 5_000)), Ok(()));
        assert_eq!(check(&chain("select 1", "; select 1 + 1", 5_000)), Ok(()));
        let text = chain("select '", " + 1 union select", 5_000);
        assert_eq!(check(&format!("{text}'")), Ok(()));
        assert_eq!(check("select 'open"), Ok(()));
    }
}
