//! How the size of a function's result follows from its arguments.

use datafusion::{
    arrow::{array::ArrayRef, datatypes::DataType},
    common::Result,
    logical_expr::ColumnarValue,
};

use super::lengths;

/// How large a result may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Growth {
    /// The first argument, as often as the second says.
    Times,
    /// The first, and as many characters more as the second says, taken from the third.
    Padded,
    /// As many elements as the second says, by default the third.
    Resized,
    /// As many elements as the second says, each a copy of the first.
    Copies,
    /// The numbers between the first and the second, by the third.
    Range,
    /// The first, where each place of the second may become the third.
    Replaced,
    /// The same for any pattern, whose matches may stand in the replacement again.
    PatternReplaced,
    /// The first list, where each element may become the third.
    ElementsReplaced,
    /// All arguments together.
    Sum,
    /// All others, and the first between them.
    Separated,
    /// The elements of the first as text, and the second between them, and the third for nulls.
    Joined,
    /// An argument, so many times as large.
    Factor { argument: usize, times: u64 },
    /// What the type of the result takes, whatever stands in it.
    Typed,
}

pub(super) const FUNCTIONS: [(&str, Growth); 26] = [
    ("repeat", Growth::Times),
    ("lpad", Growth::Padded),
    ("rpad", Growth::Padded),
    ("array_resize", Growth::Resized),
    ("array_repeat", Growth::Copies),
    ("range", Growth::Range),
    ("generate_series", Growth::Range),
    ("replace", Growth::Replaced),
    ("regexp_replace", Growth::PatternReplaced),
    ("array_replace", Growth::ElementsReplaced),
    ("array_replace_n", Growth::ElementsReplaced),
    ("array_replace_all", Growth::ElementsReplaced),
    ("concat", Growth::Sum),
    ("overlay", Growth::Sum),
    ("array_append", Growth::Sum),
    ("array_prepend", Growth::Sum),
    ("array_concat", Growth::Sum),
    ("array_union", Growth::Sum),
    ("make_array", Growth::Sum),
    ("map", Growth::Sum),
    ("concat_ws", Growth::Separated),
    ("array_to_string", Growth::Joined),
    ("encode", Growth::Factor { argument: 0, times: 2 }),
    // Each character may become a text of its own.
    ("string_to_array", Growth::Factor { argument: 0, times: 17 }),
    // `%c` becomes a date with its time.
    ("to_char", Growth::Factor { argument: 1, times: 24 }),
    ("arrow_cast", Growth::Typed),
];

/// An element as text: a number with all its digits.
const SHOWN: u64 = 32;

/// Bytes of a character at most.
const CHARACTER: u64 = 4;

/// A few times what is at hand is no bomb.
const FEW: u64 = 4;

/// What a call would make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) total: u64,
    /// The largest value among those that are not just a few times as large as what they were made of.
    pub(super) largest: u64,
}

impl Growth {
    /// How the function of this name grows.
    pub(super) fn of(name: &str) -> Option<Self> {
        FUNCTIONS.iter().find(|(known, _)| *known == name).map(|(_, growth)| *growth)
    }
}

/// Bytes that a call makes at most; 0 where the function itself refuses its arguments.
pub(super) fn size(growth: Growth, args: &[ColumnarValue], element: u64) -> Result<Size> {
    // A value that is the same for all rows is looked at once.
    let arrays = args.iter().map(|arg| arg.to_array(1)).collect::<Result<Vec<ArrayRef>>>()?;
    let is_constant = args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = arrays.iter().map(datafusion::arrow::array::Array::len).max().unwrap_or_default();
    let bytes: Vec<Vec<u64>> = arrays.iter().map(lengths::bytes).collect();
    let bytes = |index: usize, row: usize| bytes.get(index).map_or(0, |bytes| of(bytes, row));
    let sum = |row: usize| (0..arrays.len()).map(|index| bytes(index, row)).fold(0, u64::saturating_add);
    let numbers = |index: usize| arrays.get(index).map(lengths::integers).unwrap_or_default();
    let positive = |number: i64| u64::try_from(number).unwrap_or_default();
    let measure = |made: &dyn Fn(usize) -> u64| {
        let mut size = Size::default();
        for row in 0..rows {
            let made = made(row);
            size.total = size.total.saturating_add(made);
            if is_constant || made > sum(row).saturating_mul(FEW) {
                size.largest = size.largest.max(made);
            }
        }
        size
    };
    Ok(match growth {
        Growth::Times => {
            let times = numbers(1);
            measure(&|row| bytes(0, row).saturating_mul(positive(of(&times, row))))
        }
        Growth::Copies => {
            let times = numbers(1);
            measure(&|row| bytes(0, row).saturating_add(element).saturating_mul(positive(of(&times, row))))
        }
        Growth::Padded => {
            let wide = arrays.get(2).is_some_and(|fill| !is_ascii(fill));
            let (counts, each) = (numbers(1), if wide { CHARACTER } else { 1 });
            measure(&|row| bytes(0, row).saturating_add(positive(of(&counts, row)).saturating_mul(each)))
        }
        Growth::Resized => {
            let counts = numbers(1);
            measure(&|row| positive(of(&counts, row)).saturating_mul(bytes(2, row).saturating_add(element)))
        }
        Growth::Range => {
            let (first, second, third) = (numbers(0), numbers(1), numbers(2));
            measure(&|row| {
                let (from, to) = if second.is_empty() {
                    (0, of(&first, row))
                } else {
                    (of(&first, row), of(&second, row))
                };
                (from.abs_diff(to) / of(&third, row).unsigned_abs().max(1)).saturating_mul(element)
            })
        }
        Growth::Replaced => measure(&|row| {
            let (text, from, to) = (bytes(0, row), bytes(1, row).max(1), bytes(2, row));
            if to <= from { text } else { text.saturating_add((text / from + 1).saturating_mul(to)) }
        }),
        Growth::PatternReplaced => measure(&|row| {
            let (text, to) = (bytes(0, row), bytes(2, row));
            text.saturating_add(text.saturating_add(1).saturating_mul(to))
        }),
        Growth::ElementsReplaced => {
            let elements = arrays.first().map(lengths::elements).unwrap_or_default();
            measure(&|row| bytes(0, row).saturating_add(of(&elements, row).saturating_mul(bytes(2, row))))
        }
        Growth::Sum => measure(&sum),
        Growth::Separated => {
            let between = (arrays.len() as u64).saturating_sub(2);
            measure(&|row| sum(row).saturating_add(bytes(0, row).saturating_mul(between)))
        }
        Growth::Joined => {
            let elements = arrays.first().map(lengths::elements).unwrap_or_default();
            measure(&|row| {
                let each = bytes(1, row).saturating_add(bytes(2, row)).saturating_add(SHOWN);
                bytes(0, row).saturating_add(of(&elements, row).saturating_mul(each))
            })
        }
        Growth::Factor { argument, times } => measure(&|row| bytes(argument, row).saturating_mul(times)),
        Growth::Typed => Size::default(),
    })
}

/// Bytes that a value of a type takes, even one that is null.
pub(super) fn width(kind: &DataType) -> u64 {
    match kind {
        DataType::FixedSizeBinary(bytes) => u64::try_from(*bytes).unwrap_or_default(),
        DataType::FixedSizeList(field, count) => {
            width(field.data_type()).max(1).saturating_mul(u64::try_from(*count).unwrap_or_default())
        }
        DataType::List(field) | DataType::LargeList(field) => width(field.data_type()),
        DataType::Struct(fields) => {
            fields.iter().map(|field| width(field.data_type())).fold(0, u64::saturating_add)
        }
        other => other.primitive_width().unwrap_or_default() as u64,
    }
}

fn is_ascii(texts: &ArrayRef) -> bool {
    use datafusion::arrow::array::{Array, AsArray};
    match texts.data_type() {
        DataType::Utf8 => texts.as_string::<i32>().is_ascii(),
        DataType::LargeUtf8 => texts.as_string::<i64>().is_ascii(),
        DataType::Utf8View => texts.as_string_view().is_ascii(),
        _ => false,
    }
}

/// The value of a row, where there is one for all or one for each.
fn of<T: Copy + Default>(values: &[T], row: usize) -> T {
    let index = if values.len() == 1 { 0 } else { row };
    values.get(index).copied().unwrap_or_default()
}
