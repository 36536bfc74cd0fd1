//! One statement: parsed, and refused if it would do anything but read.

use datafusion::{
    common::DataFusionError,
    sql::{
        parser::{DFParserBuilder, Statement as Parsed},
        sqlparser::{
            ast::{Query, SetExpr, Statement as Ast},
            dialect::PostgreSqlDialect,
        },
    },
};

use crate::store::{
    nesting::{self, TooDeep},
    precedence::{self, Ambiguous},
};

/// A statement that only reads.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(super) parsed: Parsed,
    /// Whether it only asks what tables look like.
    pub(super) describes: bool,
    /// Whether the answer is a plan.
    pub(super) explains: bool,
}

/// Whether the answer is a plan.
fn explains(parsed: &Parsed) -> bool {
    match parsed {
        Parsed::Explain(_) => true,
        Parsed::Statement(statement) => matches!(statement.as_ref(), Ast::Explain { .. }),
        Parsed::CreateExternalTable(_) | Parsed::CopyTo(_) | Parsed::Reset(_) => false,
    }
}

/// Why a text is no statement that is answered here.
#[derive(Debug)]
pub(crate) enum Refusal {
    Unparsable(DataFusionError),
    TooDeep(TooDeep),
    Ambiguous(Ambiguous),
    /// What it is called.
    NotReading(String),
}

/// The one statement of a text; its places are counted from the text's beginning.
pub(crate) fn parse(text: &str) -> Result<Statement, Refusal> {
    nesting::check(text).map_err(Refusal::TooDeep)?;
    let parser = DFParserBuilder::new(text).with_dialect(&PostgreSqlDialect {}).build();
    let statements = parser.and_then(|mut parser| parser.parse_statements()).map_err(Refusal::Unparsable)?;
    let Some(parsed) = statements.into_iter().next() else {
        return Err(Refusal::NotReading("an empty statement".to_owned()));
    };
    precedence::check_statement(&parsed).map_err(Refusal::Ambiguous)?;
    match reads_only(&parsed) {
        Ok(describes) => Ok(Statement { explains: explains(&parsed), parsed, describes }),
        Err(what) => Err(Refusal::NotReading(what)),
    }
}

/// Whether it asks for no rows of a table, or what else than reading it would do.
fn reads_only(statement: &Parsed) -> Result<bool, String> {
    match statement {
        Parsed::Explain(explain) => reads_only(&explain.statement),
        Parsed::Statement(statement) => ast_reads_only(statement),
        Parsed::CreateExternalTable(_) => Err("CREATE EXTERNAL TABLE".to_owned()),
        Parsed::CopyTo(_) => Err("COPY".to_owned()),
        Parsed::Reset(_) => Err("RESET".to_owned()),
    }
}

fn ast_reads_only(statement: &Ast) -> Result<bool, String> {
    match statement {
        Ast::Query(query) => match not_reading(query) {
            Some(what) => Err(what.to_owned()),
            None => Ok(false),
        },
        Ast::Explain { statement, .. } => ast_reads_only(statement),
        Ast::ExplainTable { .. }
        | Ast::ShowTables { .. }
        | Ast::ShowColumns { .. }
        | Ast::ShowFunctions { .. }
        | Ast::ShowVariable { .. } => Ok(true),
        other => {
            let text = other.to_string();
            let words = text.split_whitespace().take_while(|word| word.chars().all(char::is_uppercase));
            Err(words.take(3).collect::<Vec<_>>().join(" "))
        }
    }
}

/// `SELECT … INTO`, and data-modifying bodies and common tables.
fn not_reading(query: &Query) -> Option<&'static str> {
    let tables = query.with.iter().flat_map(|with| &with.cte_tables);
    let mut inner = tables.filter_map(|table| not_reading(&table.query));
    inner.next().or_else(|| body_not_reading(&query.body))
}

fn body_not_reading(body: &SetExpr) -> Option<&'static str> {
    match body {
        SetExpr::Select(select) => select.into.as_ref().map(|_| "SELECT INTO"),
        SetExpr::Query(query) => not_reading(query),
        SetExpr::SetOperation { left, right, .. } => {
            body_not_reading(left).or_else(|| body_not_reading(right))
        }
        SetExpr::Values(_) | SetExpr::Table(_) => None,
        SetExpr::Insert(_) => Some("INSERT"),
        SetExpr::Update(_) => Some("UPDATE"),
        SetExpr::Delete(_) => Some("DELETE"),
        SetExpr::Merge(_) => Some("MERGE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::script::{Piece, pieces};

    fn parsed(text: &str) -> Result<Statement, Refusal> {
        match pieces(text).into_iter().next() {
            Some(Piece::Statement(sql)) => parse(&sql.text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_does_not_read_is_refused_by_its_name() {
        for (text, what) in [
            ("create table a (b int)", "CREATE TABLE"),
            ("create view a as select 1", "CREATE VIEW"),
            ("create external table a stored as csv location '/x'", "CREATE EXTERNAL TABLE"),
            ("drop table spans", "DROP TABLE"),
            ("insert into spans values (1)", "INSERT INTO"),
            ("update spans set a = 1", "UPDATE"),
            ("delete from spans", "DELETE FROM"),
            ("truncate table spans", "TRUNCATE TABLE"),
            ("copy spans to '/tmp/x'", "COPY"),
            ("copy (select 1) to '/tmp/x'", "COPY"),
            ("set datafusion.execution.batch_size = 1", "SET"),
            ("reset datafusion.execution.batch_size", "RESET"),
            ("select 1 into a", "SELECT INTO"),
            ("with a as (insert into b values (1)) select 1", "INSERT"),
            ("explain insert into a values (1)", "INSERT INTO"),
            ("explain analyze delete from a", "DELETE FROM"),
            ("prepare a as select 1", "PREPARE"),
            ("begin", "BEGIN"),
            ("grant select on a to b", "GRANT SELECT ON"),
        ] {
            match parsed(text) {
                Err(Refusal::NotReading(found)) => assert_eq!(found, what, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_reads_is_taken() {
        for (text, describes) in [
            ("select 1", false),
            ("with a as (select 1) select * from a union all values (2)", false),
            ("explain select 1", false),
            ("explain analyze select 1", false),
            ("show tables", true),
            ("describe spans", true),
            ("select * from information_schema.columns", false),
            ("select 'create table' as \"insert\"", false),
        ] {
            assert_eq!(parsed(text).map(|parsed| parsed.describes).ok(), Some(describes), "{text}");
        }
    }
}
