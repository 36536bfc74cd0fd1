//! Small mistakes in a query, one at a time, by the parser that the engine itself uses.

use std::{collections::BTreeSet, mem, ops::ControlFlow};

use datafusion::sql::sqlparser::{
    ast::{
        BinaryOperator, Expr, Join, JoinConstraint, JoinOperator, Query, Select, SetExpr, SetOperator,
        Statement, TableFactor, TableWithJoins, UnaryOperator, Value, VisitMut, VisitorMut,
    },
    dialect::PostgreSqlDialect,
    parser::Parser,
};

/// A query with one mistake.
#[derive(Debug, Clone)]
pub(super) struct Mutant {
    /// What was done, and to what: the same mistake has the same name while the query stays as it is.
    pub(super) name: String,
    pub(super) sql: String,
}

/// All mutants of a query.
pub(super) fn mutants(sql: &str) -> Vec<Mutant> {
    let whole = parsed(sql);
    let mut texts = BTreeSet::from([whole.to_string()]);
    let mut names = BTreeSet::new();
    let mut mutants = Vec::new();
    for wanted in 0.. {
        let mut mutated = whole.clone();
        let mut mistake = Mistake { wanted, seen: 0, what: None };
        let _: ControlFlow<()> = mutated.visit(&mut mistake);
        let Some(what) = mistake.what else { break };
        let sql = mutated.to_string();
        if !texts.insert(sql.clone()) {
            continue;
        }
        let mut name = what.clone();
        while !names.insert(name.clone()) {
            name.push_str(", again");
        }
        mutants.push(Mutant { name, sql });
    }
    mutants
}

fn parsed(sql: &str) -> Statement {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap();
    assert_eq!(statements.len(), 1);
    statements.remove(0)
}

/// A query in which each mention of a table is a query of its own.
pub(super) fn inlined(sql: &str, table: &str, view: &str) -> String {
    struct Inline<'a> {
        table: &'a str,
        view: Query,
    }

    impl VisitorMut for Inline<'_> {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, alias, .. } = factor
                && name.to_string() == self.table
            {
                let named = parsed(&format!("SELECT 1 FROM (SELECT 1) AS {}", self.table));
                let alias = alias.clone().or_else(|| named_alias(named));
                *factor = TableFactor::Derived {
                    lateral: false,
                    subquery: Box::new(self.view.clone()),
                    alias,
                    sample: None,
                };
            }
            ControlFlow::Continue(())
        }
    }

    let Statement::Query(view) = parsed(view) else { panic!("a view that is no query") };
    let mut whole = parsed(sql);
    let _: ControlFlow<()> = whole.visit(&mut Inline { table, view: *view });
    whole.to_string()
}

fn named_alias(statement: Statement) -> Option<datafusion::sql::sqlparser::ast::TableAlias> {
    let Statement::Query(query) = statement else { return None };
    let SetExpr::Select(select) = *query.body else { return None };
    match select.from.into_iter().next()?.relation {
        TableFactor::Derived { alias, .. } => alias,
        _ => None,
    }
}

/// Makes the mistake of one number, counted in the order in which a query is visited.
struct Mistake {
    wanted: usize,
    seen: usize,
    what: Option<String>,
}

impl Mistake {
    fn is_here(&mut self, what: impl FnOnce() -> String) -> bool {
        let is_here = self.what.is_none() && self.seen == self.wanted;
        self.seen += 1;
        if is_here {
            self.what = Some(what());
        }
        is_here
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.what.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// A condition that rows have to meet: it is not asked, or the opposite is.
    fn condition(&mut self, condition: &mut Option<Expr>) {
        let Some(asked) = condition.as_mut().filter(|asked| !is_connective(asked)) else { return };
        if self.is_here(|| format!("drop `{asked}`")) {
            *condition = None;
            return;
        }
        self.negation(asked);
    }

    fn negation(&mut self, asked: &mut Expr) {
        if self.is_here(|| format!("negate `{asked}`")) {
            let inner = mem::replace(asked, Expr::Value(Value::Null.into()));
            *asked = match inner {
                Expr::UnaryOp { op: UnaryOperator::Not, expr } => *expr,
                inner => not(inner),
            };
        }
    }

    /// One side of a connective is not asked, is asked for the opposite, or either of both suffices.
    fn connective(&mut self, whole: &mut Expr) {
        let Expr::BinaryOp { left, op, right } = whole else { return };
        let other = match op {
            BinaryOperator::And => BinaryOperator::Or,
            BinaryOperator::Or => BinaryOperator::And,
            _ => return,
        };
        if self.is_here(|| format!("drop `{right}`")) {
            *whole = take(left);
            return;
        }
        // A chain leans to the left, and is visited again for what is left of its last part.
        let is_chain = matches!(&**left, Expr::BinaryOp { op: inner, .. } if inner == op);
        if !is_chain && self.is_here(|| format!("drop `{left}`")) {
            *whole = take(right);
            return;
        }
        if self.is_here(|| format!("{op} to {other} before `{right}`")) {
            let (one, two) = (nested(take(left)), nested(take(right)));
            // Within a chain the precedence of the other connective would be another mistake.
            *whole = nested(Expr::BinaryOp { left: Box::new(one), op: other, right: Box::new(two) });
            return;
        }
        for side in [left, right] {
            if !is_connective(side) {
                self.negation(side);
                if self.what.is_some() {
                    return;
                }
            }
        }
    }

    fn comparison(&mut self, whole: &mut Expr) {
        let text = whole.to_string();
        let Expr::BinaryOp { op, .. } = whole else { return };
        let other = match op {
            BinaryOperator::Lt => BinaryOperator::LtEq,
            BinaryOperator::LtEq => BinaryOperator::Lt,
            BinaryOperator::Gt => BinaryOperator::GtEq,
            BinaryOperator::GtEq => BinaryOperator::Gt,
            BinaryOperator::Eq => BinaryOperator::NotEq,
            BinaryOperator::NotEq => BinaryOperator::Eq,
            _ => return,
        };
        if self.is_here(|| format!("{op} to {other} in `{text}`")) {
            *op = other;
        }
    }

    /// NULL is taken for a value, or a value for NULL.
    fn null_test(&mut self, whole: &mut Expr) {
        let text = whole.to_string();
        let mutated = match whole {
            Expr::IsNull(inner) => Expr::IsNotNull(inner.clone()),
            Expr::IsNotNull(inner) => Expr::IsNull(inner.clone()),
            Expr::IsDistinctFrom(left, right) => {
                if self.is_here(|| format!("NULL is no value in `{text}`")) {
                    *whole = Expr::BinaryOp {
                        left: left.clone(),
                        op: BinaryOperator::NotEq,
                        right: right.clone(),
                    };
                    return;
                }
                Expr::IsNotDistinctFrom(left.clone(), right.clone())
            }
            Expr::IsNotDistinctFrom(left, right) => Expr::IsDistinctFrom(left.clone(), right.clone()),
            _ => return,
        };
        if self.is_here(|| format!("the opposite of `{text}`")) {
            *whole = mutated;
        }
    }

    fn membership(&mut self, whole: &mut Expr) {
        let text = whole.to_string();
        match whole {
            Expr::InList { list, negated, .. } => {
                if self.is_here(|| format!("the opposite of `{text}`")) {
                    *negated = !*negated;
                    return;
                }
                for number in 0..list.len() {
                    if list.len() > 1 && self.is_here(|| format!("drop {} in `{text}`", list[number])) {
                        list.remove(number);
                        return;
                    }
                }
            }
            Expr::InSubquery { negated, .. }
            | Expr::Between { negated, .. }
            | Expr::Like { negated, .. }
            | Expr::Exists { negated, .. }
                if self.is_here(|| format!("the opposite of `{text}`")) =>
            {
                *negated = !*negated;
            }
            _ => {}
        }
    }

    fn branches(&mut self, whole: &mut Expr) {
        let Expr::Case { conditions, .. } = whole else { return };
        for number in 0..conditions.len() {
            if conditions.len() > 1 && self.is_here(|| format!("drop `{}`", conditions[number])) {
                conditions.remove(number);
                return;
            }
            self.negation(&mut conditions[number].condition);
        }
    }

    fn union(&mut self, body: &mut SetExpr) {
        let SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } = body else { return };
        if self.is_here(|| format!("drop the branch before `{right}`")) {
            *body = (**right).clone();
            return;
        }
        if self.is_here(|| format!("drop the branch `{right}`")) {
            *body = (**left).clone();
            return;
        }
        self.union(left);
        self.union(right);
    }

    fn join(&mut self, join: &mut Join) {
        let text = join.to_string();
        let Some(constraint) = constraint(&mut join.join_operator).cloned() else { return };
        let kinds = [
            ("INNER", JoinOperator::Inner(constraint.clone())),
            ("LEFT", JoinOperator::Left(constraint.clone())),
            ("RIGHT", JoinOperator::Right(constraint.clone())),
            ("FULL", JoinOperator::FullOuter(constraint.clone())),
        ];
        for (name, kind) in kinds {
            if kind != join.join_operator && self.is_here(|| format!("{name} in place of `{text}`")) {
                join.join_operator = kind;
                return;
            }
        }
        if matches!(constraint, JoinConstraint::On(_)) && self.is_here(|| format!("drop the key of `{text}`"))
        {
            let always = JoinConstraint::On(Expr::Value(Value::Boolean(true).into()));
            *self::constraint(&mut join.join_operator).expect("as it had one above") = always;
        }
    }
}

impl VisitorMut for Mistake {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.union(&mut query.body);
        self.flow()
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.condition(&mut select.selection);
        self.condition(&mut select.having);
        for TableWithJoins { joins, .. } in &mut select.from {
            for join in joins {
                self.join(join);
            }
        }
        self.flow()
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            for join in &mut table_with_joins.joins {
                self.join(join);
            }
        }
        self.flow()
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let mistakes = [
            Self::connective,
            Self::comparison,
            Self::null_test,
            Self::membership,
            Self::branches,
            Self::without_not,
            Self::filter,
        ];
        for mistake in mistakes {
            mistake(self, expr);
            if self.what.is_some() {
                break;
            }
        }
        self.flow()
    }
}

impl Mistake {
    fn filter(&mut self, whole: &mut Expr) {
        let text = whole.to_string();
        if let Expr::Function(function) = whole
            && function.filter.is_some()
            && self.is_here(|| format!("without the filter of `{text}`"))
        {
            function.filter = None;
        }
    }

    fn without_not(&mut self, whole: &mut Expr) {
        let text = whole.to_string();
        if let Expr::UnaryOp { op: UnaryOperator::Not, expr } = whole
            && self.is_here(|| format!("negate `{text}`"))
        {
            *whole = take(expr);
        }
    }
}

fn is_connective(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryOp { op: BinaryOperator::And | BinaryOperator::Or, .. })
}

fn take(expr: &mut Box<Expr>) -> Expr {
    mem::replace(&mut **expr, Expr::Value(Value::Null.into()))
}

fn nested(expr: Expr) -> Expr {
    if is_connective(&expr) { Expr::Nested(Box::new(expr)) } else { expr }
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(Expr::Nested(Box::new(expr))) }
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => Some(constraint),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_is_made_once() {
        let all = |sql: &str| {
            let mutants = mutants(sql).into_iter().map(|mutant| mutant.sql.replace("SELECT a FROM t ", ""));
            mutants.collect::<Vec<_>>().join("; ")
        };
        assert_eq!(all("SELECT a FROM t WHERE b"), "SELECT a FROM t; WHERE NOT (b)");
        assert_eq!(
            all("SELECT a FROM t WHERE b < 1 AND c AND NOT d"),
            "WHERE b < 1 AND c; WHERE ((b < 1 AND c) OR NOT d); WHERE b < 1 AND c AND d; WHERE b < 1 AND NOT d; \
             WHERE c AND NOT d; WHERE (b < 1 OR c) AND NOT d; WHERE NOT (b < 1) AND c AND NOT d; \
             WHERE b < 1 AND NOT (c) AND NOT d; WHERE b <= 1 AND c AND NOT d"
        );
    }
}
