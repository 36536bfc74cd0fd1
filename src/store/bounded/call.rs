//! A function that is asked how much it would make before it is called.

use std::sync::Arc;

use datafusion::{
    arrow::datatypes::{DataType, FieldRef},
    common::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
    prelude::Expr,
};

use super::{
    growth::{self, Growth, Size},
    scope::Scope,
};
use crate::text::numbers;

/// A function within a statement.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
    scope: Arc<Scope>,
}

impl Bounded {
    pub(super) fn new(inner: Arc<ScalarUDF>, growth: Growth, scope: Arc<Scope>) -> Self {
        Self { inner, growth, scope }
    }

    /// The same function in another statement.
    pub(super) fn within(&self, scope: Arc<Scope>) -> Self {
        Self { inner: Arc::clone(&self.inner), growth: self.growth, scope }
    }

    pub(super) fn inner(&self) -> &ScalarUDF {
        &self.inner
    }

    fn check(&self, size: Size, is_constant: bool, is_list: bool) -> Result<()> {
        let Size { total, largest } = size;
        let per_call = self.scope.per_call(is_constant, is_list);
        let per_value = self.scope.per_value();
        if total > per_call {
            return Err(self.refused(total, "at a time", per_call));
        }
        if largest > per_value && self.scope.is_repeated(is_constant, is_list) {
            return Err(self.refused(largest, "for each of many rows", per_value));
        }
        Ok(())
    }

    fn refused(&self, makes: u64, when: &str, allowed: u64) -> DataFusionError {
        let what = if when == "at a time" { String::new() } else { "a value of ".to_owned() };
        DataFusionError::ResourcesExhausted(format!(
            "`{}` would make {what}{} {when}, more than the {} that --memory-limit leaves it",
            self.name(),
            numbers::bytes(makes),
            numbers::bytes(allowed)
        ))
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let size = growth::size(self.growth, &args.args, self.scope.element())?;
        let is_constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        self.check(size, is_constant, args.return_field.data_type().is_list())?;
        self.inner.invoke_with_args(args)
    }

    // What the inner function would become might be itself, without bounds; a cast is none.
    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match self.growth {
            Growth::Typed => self.inner.simplify(args, context),
            _ => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}
