//! Functions of SQL whose result may be larger than their arguments by any factor.
//!
//! DataFusion counts what operators hold, and not what one call makes: `repeat('a', 10000000000)` in a text from a
//! stranger would take the machine. Such a function is asked first how much it would make, and refused beyond the
//! budget for decoding.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{Array, ArrayRef, AsArray},
        compute::cast,
        datatypes::{DataType, FieldRef, Int64Type},
    },
    common::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
        Signature,
        simplify::{ExprSimplifyResult, SimplifyContext},
    },
    prelude::{Expr, SessionContext},
};

use crate::base::memory::decode_budget;

/// How the size of a result follows from arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// The first argument, as often as the second says.
    Times,
    /// As many characters, or elements, as the second says.
    UpTo,
    /// As many elements as the second says, each a copy of the first.
    Copies,
    /// The numbers between the first and the second, by the third.
    Range,
    /// The first, where each character may become the third.
    Replaced,
}

const FUNCTIONS: [(&str, Growth); 9] = [
    ("repeat", Growth::Times),
    ("lpad", Growth::UpTo),
    ("rpad", Growth::UpTo),
    ("array_resize", Growth::UpTo),
    ("array_repeat", Growth::Copies),
    ("range", Growth::Range),
    ("generate_series", Growth::Range),
    ("replace", Growth::Replaced),
    ("regexp_replace", Growth::Replaced),
];

/// Bytes of a character or an element at most.
const ELEMENT: u64 = 8;

/// Replacements of so few bytes are let pass.
const SHORT: u64 = 16;

/// Puts bounds to the functions of a session.
pub(crate) fn bound(session: &SessionContext) {
    for (name, growth) in FUNCTIONS {
        let known = session.state_ref().read().scalar_functions().get(name).cloned();
        if let Some(inner) = known {
            session.register_udf(ScalarUDF::new_from_impl(Bounded { inner, growth }));
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
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
        let makes = size(self.growth, &args.args)?;
        let budget = decode_budget();
        if makes > budget {
            let name = self.inner.name();
            return Err(DataFusionError::Execution(format!(
                "`{name}` would make {} MB at a time, of {} MB that --memory-limit allows",
                makes >> 20,
                budget >> 20
            )));
        }
        self.inner.invoke_with_args(args)
    }

    // What the inner function would become might be itself, without bounds.
    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(ExprSimplifyResult::Original(args))
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

/// Bytes that a call makes at most; 0 where the function itself refuses its arguments.
fn size(growth: Growth, args: &[ColumnarValue]) -> Result<u64> {
    // A value that is the same for all rows is looked at once.
    let arrays = args.iter().map(|arg| arg.to_array(1)).collect::<Result<Vec<ArrayRef>>>()?;
    let rows = arrays.iter().map(datafusion::arrow::array::Array::len).max().unwrap_or_default();
    let numbers = |index: usize| arrays.get(index).map(integers).unwrap_or_default();
    let lengths = |index: usize| arrays.get(index).map(lengths).unwrap_or_default();
    let positive = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(match growth {
        Growth::Times | Growth::Copies => {
            let more = if growth == Growth::Copies { ELEMENT } else { 0 };
            let (each, times) = (lengths(0), numbers(1));
            total(rows, |row| of(&each, row).saturating_add(more).saturating_mul(positive(of(&times, row))))
        }
        Growth::UpTo => {
            let counts = numbers(1);
            total(rows, |row| positive(of(&counts, row)).saturating_mul(ELEMENT))
        }
        Growth::Range => {
            let (first, second, third) = (numbers(0), numbers(1), numbers(2));
            total(rows, |row| {
                let (from, to) = if second.is_empty() {
                    (0, of(&first, row))
                } else {
                    (of(&first, row), of(&second, row))
                };
                (from.abs_diff(to) / of(&third, row).unsigned_abs().max(1)).saturating_mul(ELEMENT)
            })
        }
        Growth::Replaced => {
            let (first, with) = (lengths(0), lengths(2));
            // A few times what is at hand anyway is no bomb.
            let with = |row| Some(of(&with, row)).filter(|with| *with > SHORT).unwrap_or_default();
            total(rows, |row| of(&first, row).saturating_add(1).saturating_mul(with(row)))
        }
    })
}

/// The value of a row, where there is one for all or one for each.
fn of<T: Copy + Default>(values: &[T], row: usize) -> T {
    let index = if values.len() == 1 { 0 } else { row };
    values.get(index).copied().unwrap_or_default()
}

/// The values of whole numbers; none of anything else.
fn integers(array: &ArrayRef) -> Vec<i64> {
    if !array.data_type().is_integer() {
        return Vec::new();
    }
    let numbers = cast(array, &DataType::Int64)
        .map(|numbers| numbers.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default).collect());
    numbers.unwrap_or_default()
}

fn total(rows: usize, size: impl Fn(usize) -> u64) -> u64 {
    (0..rows).map(size).fold(0, u64::saturating_add)
}

/// The bytes of each text; of another value, its share of the array.
fn lengths(array: &ArrayRef) -> Vec<u64> {
    match array.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = cast(array, &DataType::LargeUtf8);
            let of = |array: ArrayRef| {
                let texts = array.as_string::<i64>();
                texts.iter().map(|text| text.map_or(0, |text| text.len() as u64)).collect()
            };
            texts.map(of).unwrap_or_default()
        }
        _ => vec![array.get_array_memory_size() as u64 / (array.len() as u64).max(1); array.len()],
    }
}

#[cfg(test)]
mod tests {
    use crate::{base::memory::Limits, store::session::session};

    #[tokio::test]
    async fn what_would_take_the_machine_is_refused_and_the_rest_is_answered() {
        let session = session(Limits { memory: 64 << 20, partitions: 1, batch_rows: 8_192 }).unwrap();
        for (sql, is_answered) in [
            ("select length(repeat('ab', 1000))", true),
            ("select length(repeat('ab', 10000000000))", false),
            ("select length(repeat(repeat('a', 100000), 100000))", false),
            ("select length(lpad('a', 30))", true),
            ("select length(lpad('a', 2000000000))", false),
            ("select length(rpad('a', 2000000000, 'xy'))", false),
            ("select array_length(range(0, 100))", true),
            ("select array_length(range(0, 10000000000))", false),
            ("select array_length(generate_series(10000000000, 0, -1))", false),
            ("select array_length(array_repeat('abc', 3))", true),
            ("select array_length(array_repeat('abc', 1000000000))", false),
            ("select replace('aaa', 'a', 'bb')", true),
            ("select length(replace(repeat('a', 100000), 'a', repeat('b', 100000)))", false),
            ("select regexp_replace('aaa', 'a', 'bb', 'g')", true),
            ("select repeat(v, 100000000) from (values ('abc'), ('d')) as t (v)", false),
        ] {
            let answer = match session.sql(sql).await {
                Ok(frame) => frame.collect().await.map(drop),
                Err(err) => Err(err),
            };
            assert_eq!(answer.is_ok(), is_answered, "{sql}: {answer:?}");
            if let Err(err) = answer {
                assert!(err.to_string().contains("--memory-limit"), "{err}");
            }
        }
    }
}
