//! Functions over windows, bounded in what they answer.
//!
//! A window has an answer for each row, and DataFusion holds them all: `array_agg(x) over ()` of n rows makes n lists of
//! n elements.

use std::{ops::Range, sync::Arc};

use datafusion::{
    arrow::{
        array::ArrayRef,
        compute::SortOptions,
        datatypes::{DataType, FieldRef},
    },
    common::{Result, ScalarValue},
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, LimitEffect, PartitionEvaluator, ReversedUDAF,
        ReversedUDWF, Signature, WindowFunctionDefinition, WindowUDF, WindowUDFImpl,
        function::{
            AccumulatorArgs, ExpressionArgs, PartitionEvaluatorArgs, StateFieldsArgs, WindowUDFFieldArgs,
        },
        utils::AggregateOrderSensitivity,
        window_state::WindowAggState,
    },
    physical_plan::PhysicalExpr,
};

use super::scope::Scope;

/// The same function, bounded within a statement.
pub(super) fn bounded(function: &WindowFunctionDefinition, scope: &Arc<Scope>) -> WindowFunctionDefinition {
    let scope = Arc::clone(scope);
    match function {
        WindowFunctionDefinition::AggregateUDF(inner) => {
            let bounded = Aggregate { inner: Arc::clone(inner), scope };
            WindowFunctionDefinition::AggregateUDF(Arc::new(AggregateUDF::new_from_impl(bounded)))
        }
        WindowFunctionDefinition::WindowUDF(inner) => {
            let bounded = Function { inner: Arc::clone(inner), scope };
            WindowFunctionDefinition::WindowUDF(Arc::new(WindowUDF::new_from_impl(bounded)))
        }
    }
}

/// Whether values of a type may be of any size.
pub(super) fn may_be_large(kind: &DataType) -> bool {
    kind.primitive_width().is_none() && !matches!(kind, DataType::Boolean | DataType::Null)
}

/// An aggregate over a window.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Aggregate {
    inner: Arc<AggregateUDF>,
    scope: Arc<Scope>,
}

impl Aggregate {
    fn bound(&self, inner: Box<dyn Accumulator>) -> Box<dyn Accumulator> {
        Box::new(Answers {
            inner,
            function: Arc::clone(&self.inner),
            scope: Arc::clone(&self.scope),
            rows: 0,
            answered: 0,
            held: 0,
        })
    }
}

impl AggregateUDFImpl for Aggregate {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        self.inner.return_type(kinds)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.inner.return_field(fields)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args).map(|inner| self.bound(inner))
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args).map(|inner| self.bound(inner))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    // The inner function's opposite would be without bounds.
    fn reverse_expr(&self) -> ReversedUDAF {
        match self.inner.reverse_udf() {
            ReversedUDAF::Identical => ReversedUDAF::Identical,
            ReversedUDAF::Reversed(_) | ReversedUDAF::NotSupported => ReversedUDAF::NotSupported,
        }
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(kinds)
    }

    fn default_value(&self, kind: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(kind)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.inner.supports_null_handling_clause()
    }
}

/// The answers of an aggregate: one for each row, or where all rows have the same, one that is copied for each.
#[derive(Debug)]
struct Answers {
    inner: Box<dyn Accumulator>,
    function: Arc<AggregateUDF>,
    scope: Arc<Scope>,
    /// In the window.
    rows: usize,
    /// Bytes of all answers, and those of them or of their copies that were counted.
    answered: usize,
    held: usize,
}

impl Accumulator for Answers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.rows += values.first().map_or(0, |values| values.len());
        self.inner.update_batch(values)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answer = self.inner.evaluate()?;
        self.answered = self.answered.saturating_add(answer.size());
        let held = self.answered.max(answer.size().saturating_mul(self.rows));
        self.scope.hold(self.function.name(), held.saturating_sub(self.held), answer.size())?;
        self.held = self.held.max(held);
        Ok(answer)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.rows -= values.first().map_or(0, |values| values.len());
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }
}

/// A function that knows its window only: `first_value`, `lag`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    inner: Arc<WindowUDF>,
    scope: Arc<Scope>,
}

impl WindowUDFImpl for Function {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn expressions(&self, args: ExpressionArgs<'_>) -> Vec<Arc<dyn PhysicalExpr>> {
        self.inner.expressions(args)
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs<'_>) -> Result<Box<dyn PartitionEvaluator>> {
        let inner = self.inner.partition_evaluator_factory(args)?;
        let function = Arc::clone(&self.inner);
        Ok(Box::new(Evaluator { inner, function, scope: Arc::clone(&self.scope) }))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.field(args)
    }

    fn sort_options(&self) -> Option<SortOptions> {
        self.inner.sort_options()
    }

    fn coerce_types(&self, kinds: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(kinds)
    }

    fn reverse_expr(&self) -> ReversedUDWF {
        match self.inner.reverse_expr() {
            ReversedUDWF::Reversed(inner) => {
                let reversed = Self { inner, scope: Arc::clone(&self.scope) };
                ReversedUDWF::Reversed(Arc::new(WindowUDF::new_from_impl(reversed)))
            }
            other => other,
        }
    }

    fn limit_effect(&self, args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        self.inner.inner().limit_effect(args)
    }
}

/// The answers of such a function.
#[derive(Debug)]
struct Evaluator {
    inner: Box<dyn PartitionEvaluator>,
    function: Arc<WindowUDF>,
    scope: Arc<Scope>,
}

impl PartitionEvaluator for Evaluator {
    fn memoize(&mut self, state: &mut WindowAggState) -> Result<()> {
        self.inner.memoize(state)
    }

    fn get_range(&self, index: usize, rows: usize) -> Result<Range<usize>> {
        self.inner.get_range(index, rows)
    }

    fn is_causal(&self) -> bool {
        self.inner.is_causal()
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        self.inner.evaluate_all(values, rows)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> Result<ScalarValue> {
        let answer = self.inner.evaluate(values, range)?;
        self.scope.hold(self.function.name(), answer.size(), answer.size())?;
        Ok(answer)
    }

    fn evaluate_all_with_rank(&self, rows: usize, ranks: &[Range<usize>]) -> Result<ArrayRef> {
        self.inner.evaluate_all_with_rank(rows, ranks)
    }

    fn supports_bounded_execution(&self) -> bool {
        self.inner.supports_bounded_execution()
    }

    fn uses_window_frame(&self) -> bool {
        self.inner.uses_window_frame()
    }

    fn include_rank(&self) -> bool {
        self.inner.include_rank()
    }
}
