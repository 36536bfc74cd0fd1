//! The rule of the analyzer that puts bounds to all growing calls of a statement.
//!
//! Operators and literals of lists become calls of functions that no session has registered, so that registering
//! bounded functions is not enough.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::DataType,
    common::{
        DataFusionError, ExprSchema, Result, ScalarValue,
        config::ConfigOptions,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF, expr::ScalarFunction},
    optimizer::AnalyzerRule,
    prelude::SessionConfig,
};

use super::{
    call::Bounded,
    concat::Concat,
    growth::{self, Growth},
    scope::Scope,
    window,
};
use crate::{store::rewrite, text::numbers};

#[derive(Debug)]
pub(super) struct BoundedExpressions;

/// Longer literals are worth a thought where values are repeated.
const SHORT: usize = 64;

impl AnalyzerRule for BoundedExpressions {
    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let scope = Arc::new(Scope::of(&SessionConfig::from(config.clone())));
        plan.apply_with_subqueries(|plan| {
            scope.add_operator(plan);
            Ok(TreeNodeRecursion::Continue)
        })?;
        rewrite::expressions(plan, |expr, schema| bound_expr(expr, schema, &scope))
    }

    fn name(&self) -> &'static str {
        "bounded_expressions"
    }
}

fn bound_expr(expr: Expr, schema: &dyn ExprSchema, scope: &Arc<Scope>) -> Result<Transformed<Expr>> {
    match expr {
        Expr::ScalarFunction(call) => bound_call(call, schema, scope),
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
            if right.get_type(schema).is_ok_and(|kind| kind.is_string()) =>
        {
            Ok(Transformed::yes(concat(*left, *right, scope)))
        }
        Expr::WindowFunction(mut call) => {
            let kind = Expr::WindowFunction(call.clone()).get_type(schema)?;
            if !window::may_be_large(&kind) {
                return Ok(Transformed::no(Expr::WindowFunction(call)));
            }
            call.fun = window::bounded(&call.fun, scope);
            Ok(Transformed::yes(Expr::WindowFunction(call)))
        }
        Expr::Cast(ref cast) => check_width(cast.field.data_type(), scope).map(|()| Transformed::no(expr)),
        Expr::TryCast(ref cast) => check_width(cast.field.data_type(), scope).map(|()| Transformed::no(expr)),
        Expr::Literal(
            ScalarValue::Utf8(Some(ref text))
            | ScalarValue::LargeUtf8(Some(ref text))
            | ScalarValue::Utf8View(Some(ref text)),
            _,
        ) => {
            if text.len() > SHORT {
                scope.add_text();
            }
            Ok(Transformed::no(expr))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn bound_call(
    call: ScalarFunction,
    schema: &dyn ExprSchema,
    scope: &Arc<Scope>,
) -> Result<Transformed<Expr>> {
    let bounded = match call.func.inner().downcast_ref::<Bounded>() {
        Some(bounded) => bounded.within(Arc::clone(scope)),
        None => match Growth::of(call.func.name()) {
            Some(growth) => Bounded::new(Arc::clone(&call.func), growth, Arc::clone(scope)),
            None => return Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
    };
    let call = Expr::ScalarFunction(call);
    let kind = call.get_type(schema)?;
    check_width(&kind, scope)?;
    scope.add_call(!kind.is_list());
    let Expr::ScalarFunction(ScalarFunction { args, .. }) = call else { return Ok(Transformed::no(call)) };
    Ok(Transformed::yes(ScalarUDF::new_from_impl(bounded).call(args)))
}

/// A chain of operators becomes one call.
fn concat(left: Expr, right: Expr, scope: &Arc<Scope>) -> Expr {
    match left {
        Expr::ScalarFunction(mut call) if is_concat(&call) => {
            call.args.push(right);
            Expr::ScalarFunction(call)
        }
        left => {
            scope.add_call(true);
            let operator = Arc::new(ScalarUDF::new_from_impl(Concat::new()));
            let bounded = Bounded::new(operator, Growth::Sum, Arc::clone(scope));
            ScalarUDF::new_from_impl(bounded).call(vec![left, right])
        }
    }
}

fn is_concat(call: &ScalarFunction) -> bool {
    let bounded = call.func.inner().downcast_ref::<Bounded>();
    bounded.is_some_and(|bounded| bounded.inner().inner().downcast_ref::<Concat>().is_some())
}

/// Refuses a type of which every value, null or not, takes too much.
fn check_width(kind: &DataType, scope: &Scope) -> Result<()> {
    let (width, allowed) = (growth::width(kind), scope.per_value());
    if width <= allowed {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(format!(
        "a value of type `{kind}` takes {}, more than the {} that --memory-limit leaves it",
        numbers::bytes(width),
        numbers::bytes(allowed)
    )))
}
