//! The bytes of each value of an array, without a copy of them.

use datafusion::arrow::{
    array::{Array, ArrayRef, AsArray, OffsetSizeTrait},
    buffer::OffsetBuffer,
    compute::cast,
    datatypes::{DataType, Int64Type},
};

/// The bytes of each text; of a list, its share of all elements.
pub(super) fn bytes(array: &ArrayRef) -> Vec<u64> {
    match array.data_type() {
        DataType::Utf8 => spans(array.as_string::<i32>().offsets(), 1),
        DataType::LargeUtf8 => spans(array.as_string::<i64>().offsets(), 1),
        DataType::Binary => spans(array.as_binary::<i32>().offsets(), 1),
        DataType::LargeBinary => spans(array.as_binary::<i64>().offsets(), 1),
        DataType::Utf8View => array.as_string_view().lengths().map(u64::from).collect(),
        DataType::BinaryView => array.as_binary_view().lengths().map(u64::from).collect(),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            spans(list.offsets(), each(list.values()))
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            spans(list.offsets(), each(list.values()))
        }
        _ => vec![each(array); array.len()],
    }
}

/// The number of elements of each list; none of anything else.
pub(super) fn elements(array: &ArrayRef) -> Vec<u64> {
    match array.data_type() {
        DataType::List(_) => spans(array.as_list::<i32>().offsets(), 1),
        DataType::LargeList(_) => spans(array.as_list::<i64>().offsets(), 1),
        _ => Vec::new(),
    }
}

/// The values of whole numbers; none of anything else.
pub(super) fn integers(array: &ArrayRef) -> Vec<i64> {
    if !array.data_type().is_integer() {
        return Vec::new();
    }
    let numbers = cast(array, &DataType::Int64)
        .map(|numbers| numbers.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default).collect());
    numbers.unwrap_or_default()
}

fn spans<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, each: u64) -> Vec<u64> {
    offsets.lengths().map(|length| (length as u64).saturating_mul(each)).collect()
}

/// Bytes of a value on average.
fn each(array: &ArrayRef) -> u64 {
    let bytes = array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size());
    (bytes as u64).div_ceil((array.len() as u64).max(1))
}
