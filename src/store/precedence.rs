//! Refuses what the parser understands otherwise than it is meant.
//!
//! It reads `a IS DISTINCT FROM b AND c` as `a IS DISTINCT FROM (b AND c)`, where PostgreSQL and the standard read
//! `(a IS DISTINCT FROM b) AND c`. Often that is an error of types; between truth values it is a wrong answer.
//! Parentheses around either part say what is meant.

use std::ops::ControlFlow;

use datafusion::sql::{
    parser::{DFParserBuilder, Statement},
    sqlparser::{
        ast::{BinaryOperator, Expr, visit_expressions},
        dialect::PostgreSqlDialect,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`IS DISTINCT FROM` before AND or OR: write parentheses around it")]
pub(crate) struct Ambiguous;

/// Looks at a whole statement; a text that is none is left to whoever parses it.
pub(crate) fn check(sql: &str) -> Result<(), Ambiguous> {
    let parser = DFParserBuilder::new(sql).with_dialect(&PostgreSqlDialect {}).build();
    let parsed = parser.and_then(|mut parser| parser.parse_statements());
    parsed.iter().flatten().try_for_each(check_statement)
}

pub(crate) fn check_statement(statement: &Statement) -> Result<(), Ambiguous> {
    match statement {
        Statement::Explain(explain) => check_statement(&explain.statement),
        Statement::Statement(statement) => {
            let looked = visit_expressions(statement.as_ref(), |expr: &Expr| match expr {
                Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) if is_joined(right) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            });
            if looked.is_break() { Err(Ambiguous) } else { Ok(()) }
        }
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => Ok(()),
    }
}

/// What stands in parentheses is an expression of another kind.
fn is_joined(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_otherwise_is_refused() {
        for (sql, expected) in [
            ("select true is distinct from true and false", Err(Ambiguous)),
            ("select 1 from a where x and b is not distinct from c or d", Err(Ambiguous)),
            ("select 1 from a where x in (select 1 where b is distinct from c and d)", Err(Ambiguous)),
            ("explain select count(*) filter (where b is distinct from c and d)", Err(Ambiguous)),
            ("select (true is distinct from true) and false", Ok(())),
            ("select true is distinct from (true and false)", Ok(())),
            ("select true and b is distinct from c", Ok(())),
            ("select b is distinct from c + 1", Ok(())),
            ("select b is distinct", Ok(())),
        ] {
            assert_eq!(check(sql), expected, "{sql}");
        }
    }
}
