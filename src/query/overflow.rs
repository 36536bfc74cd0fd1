//! Integer arithmetic that fails where a result does not fit.
//!
//! The engine lets the sums, differences and products of integers wrap: the largest plus one is the smallest, and no
//! answer says so. A rule of the analyzer puts checked operations in their place once types are known, and `sum` of
//! integers adds up in 128 bits.

use std::{mem, sync::Arc};

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray, Datum},
        compute::kernels::numeric::{add, mul, sub},
        datatypes::{DataType, Decimal128Type, Field, FieldRef, Int64Type, UInt64Type},
        error::ArrowError,
    },
    common::{
        DataFusionError, ExprSchema, Result, ScalarValue, config::ConfigOptions, tree_node::Transformed,
    },
    functions_aggregate::sum::Sum,
    logical_expr::{
        Accumulator, AggregateUDF, AggregateUDFImpl, BinaryExpr, ColumnarValue, Expr, ExprSchemable,
        GroupsAccumulator, LogicalPlan, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
        ScalarUDFImpl, Signature, Volatility,
        function::{AccumulatorArgs, StateFieldsArgs},
    },
    optimizer::AnalyzerRule,
    prelude::SessionContext,
};

use crate::store::rewrite;

pub(super) fn register(session: &SessionContext) {
    session.add_analyzer_rule(Arc::new(CheckedArithmetic));
    session.register_udaf(AggregateUDF::new_from_impl(CheckedSum(Sum::new())));
}

#[derive(Debug)]
struct CheckedArithmetic;

impl AnalyzerRule for CheckedArithmetic {
    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        rewrite::expressions(plan, |expr, schema| Ok(check(expr, schema)))
    }

    fn name(&self) -> &'static str {
        "checked_arithmetic"
    }
}

/// A checked operation in place of one that wraps.
fn check(expr: Expr, schema: &dyn ExprSchema) -> Transformed<Expr> {
    // A chain of checked operations is of its last operand's type: asking each link for the types of all below it
    // would take the square of its length.
    let kind = |expr: &Expr| {
        let typed = match expr {
            Expr::ScalarFunction(call) if call.func.inner().downcast_ref::<Checked>().is_some() => {
                call.args.last().unwrap_or(expr)
            }
            other => other,
        };
        typed.get_type(schema).ok().filter(DataType::is_integer)
    };
    let checked = |operation: Operation, left: Expr, right: Expr| {
        if let (Expr::Literal(left, _), Expr::Literal(right, _)) = (&left, &right)
            && let Some(value) = operation.of_literals(left, right)
        {
            return Transformed::yes(Expr::Literal(value, None));
        }
        Transformed::yes(ScalarUDF::new_from_impl(Checked::new(operation)).call(vec![left, right]))
    };
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match Operation::of(op) {
            Some(operation) if kind(&left).is_some() && kind(&left) == kind(&right) => {
                checked(operation, *left, *right)
            }
            _ => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
        },
        Expr::Negative(inner) => match kind(&inner).and_then(|kind| ScalarValue::new_zero(&kind).ok()) {
            Some(zero) => checked(Operation::Subtract, Expr::Literal(zero, None), *inner),
            None => Transformed::no(Expr::Negative(inner)),
        },
        other => Transformed::no(other),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
}

impl Operation {
    fn of(operator: Operator) -> Option<Self> {
        match operator {
            Operator::Plus => Some(Self::Add),
            Operator::Minus => Some(Self::Subtract),
            Operator::Multiply => Some(Self::Multiply),
            _ => None,
        }
    }

    /// The result, where there is one.
    fn of_literals(self, left: &ScalarValue, right: &ScalarValue) -> Option<ScalarValue> {
        let [left, right] = [left, right].map(|value| value.to_array_of_size(1));
        let result = self.apply(&left.ok()?.as_ref(), &right.ok()?.as_ref()).ok()?;
        ScalarValue::try_from_array(&result, 0).ok()
    }

    fn apply(self, left: &dyn Datum, right: &dyn Datum) -> std::result::Result<ArrayRef, ArrowError> {
        match self {
            Self::Add => add(left, right),
            Self::Subtract => sub(left, right),
            Self::Multiply => mul(left, right),
        }
    }
}

/// An operation of two integers of one type, which fails where its result is none of that type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operation: Operation,
    signature: Signature,
}

impl Checked {
    fn new(operation: Operation) -> Self {
        Self { operation, signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &'static str {
        match self.operation {
            Operation::Add => "checked_add",
            Operation::Subtract => "checked_subtract",
            Operation::Multiply => "checked_multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        kinds.first().cloned().ok_or_else(|| DataFusionError::Internal("an operation of nothing".to_owned()))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let kinds: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&kinds)?, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let all_are_one = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = &arrays[..] else {
            return Err(DataFusionError::Internal(format!("{} of {} values", self.name(), arrays.len())));
        };
        let result = self.operation.apply(&left.as_ref(), &right.as_ref())?;
        Ok(if all_are_one {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?)
        } else {
            ColumnarValue::Array(result)
        })
    }
}

/// `sum` as the engine has it, but for integers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum(Sum);

fn is_integer(args: &AccumulatorArgs<'_>) -> bool {
    args.return_field.data_type().is_integer()
}

/// A sum of integers on its way.
const STATE: DataType = DataType::Decimal128(38, 0);

impl AggregateUDFImpl for CheckedSum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn return_type(&self, kinds: &[DataType]) -> Result<DataType> {
        self.0.return_type(kinds)
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if !is_integer(&args) {
            return self.0.accumulator(args);
        }
        let kind = args.return_field.data_type().clone();
        Ok(if args.is_distinct {
            Box::new(DistinctSum { values: self.0.accumulator(args)?, kind })
        } else {
            Box::new(IntegerSum { sum: 0, values: 0, kind })
        })
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let is_integer = args.return_field.data_type().is_integer();
        let mut fields = self.0.state_fields(args)?;
        for field in fields.iter_mut().filter(|field| is_integer && field.data_type().is_integer()) {
            *field = Arc::new(field.as_ref().clone().with_data_type(STATE));
        }
        Ok(fields)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        !is_integer(&args) && self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.0.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if is_integer(&args) && !args.is_distinct {
            self.accumulator(args)
        } else {
            self.0.create_sliding_accumulator(args)
        }
    }
}

/// Adds up in 128 bits.
#[derive(Debug)]
struct IntegerSum {
    sum: i128,
    /// Those that are not null: of none there is no sum.
    values: u64,
    kind: DataType,
}

fn total(values: &ArrayRef) -> i128 {
    match values.data_type() {
        DataType::UInt64 => values.as_primitive::<UInt64Type>().iter().flatten().map(i128::from).sum(),
        DataType::Int64 => values.as_primitive::<Int64Type>().iter().flatten().map(i128::from).sum(),
        _ => 0,
    }
}

/// A sum as a value of its type, where it is one.
fn fitted(sum: Option<i128>, kind: &DataType) -> Result<ScalarValue> {
    let Some(sum) = sum else { return ScalarValue::try_from(kind) };
    let fitted = match kind {
        DataType::UInt64 => u64::try_from(sum).ok().map(|sum| ScalarValue::UInt64(Some(sum))),
        _ => i64::try_from(sum).ok().map(|sum| ScalarValue::Int64(Some(sum))),
    };
    fitted.ok_or_else(|| {
        ArrowError::ArithmeticOverflow(format!("the sum {sum} does not fit into {kind}")).into()
    })
}

impl Accumulator for IntegerSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum += total(&values[0]);
        self.values += (values[0].len() - values[0].null_count()) as u64;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.sum -= total(&values[0]);
        self.values -= (values[0].len() - values[0].null_count()) as u64;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for sum in states[0].as_primitive::<Decimal128Type>().iter().flatten() {
            self.sum += sum;
            self.values += 1;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Decimal128((self.values > 0).then_some(self.sum), 38, 0)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        fitted((self.values > 0).then_some(self.sum), &self.kind)
    }

    fn size(&self) -> usize {
        mem::size_of_val(self)
    }
}

/// Adds up each value once.
#[derive(Debug)]
struct DistinctSum {
    values: Box<dyn Accumulator>,
    kind: DataType,
}

impl Accumulator for DistinctSum {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.values.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.values.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.values.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let state = self.values.state()?;
        let [ScalarValue::List(values)] = &state[..] else { return self.values.evaluate() };
        let values = values.value(0);
        fitted((values.len() > values.null_count()).then(|| total(&values)), &self.kind)
    }

    fn size(&self) -> usize {
        mem::size_of_val(self) + self.values.size()
    }
}
