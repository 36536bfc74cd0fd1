//! How a file's columns meet the auditor's 21.
//!
//! Columns are matched by name, never by position: a directory may hold both schemas, and a column
//! that a file lacks is unknown there (null), not empty. A column of another type is unknown, too: a cast
//! could round or move its values. Also names the three columns that say where a stored row lies.

use std::{collections::BTreeSet, fmt, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array},
        compute::{CastOptions, cast_with_options},
        datatypes::{DataType, Field, FieldRef, Schema as ArrowSchema},
        error::ArrowError,
    },
    parquet::arrow::RowNumber,
};

use crate::contract::schema::{COLUMN_COUNT, Schema, column_name, in_schema, readable};

/// Which studio wrote these columns; none when they are not exactly one era's.
pub(crate) fn era(columns: &[String]) -> Option<Schema> {
    let found: BTreeSet<&str> = columns.iter().map(String::as_str).collect();
    [Schema::V1, Schema::V2].into_iter().find(|schema| {
        let stored = schema.stored();
        let expected: BTreeSet<&str> = stored.fields().iter().map(|field| field.name().as_str()).collect();
        columns.len() == expected.len() && found == expected
    })
}

/// A column that a file stores as another type than any studio does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrongType {
    pub(crate) column: &'static str,
    pub(crate) stored: DataType,
    pub(crate) expected: DataType,
}

impl fmt::Display for WrongType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}` is of type {}, not {}", self.column, self.stored, self.expected)
    }
}

/// The auditor's columns that a file stores as another type.
pub(crate) fn wrong_types(schema: &ArrowSchema) -> Vec<WrongType> {
    let expected = Schema::V2.stored();
    let wrong = |column: usize| {
        let (name, expected) = (column_name(column), expected.field(column).data_type());
        let stored = schema.fields().iter().find(|field| field.name() == name)?.data_type();
        let (stored, expected) = (stored.clone(), expected.clone());
        (!holds_values_of(&stored, &expected)).then_some(WrongType { column: name, stored, expected })
    };
    (0..COLUMN_COUNT).filter_map(wrong).collect()
}

/// Whether a type holds the same values: texts of other layouts do, and so do instants without a zone.
fn holds_values_of(stored: &DataType, expected: &DataType) -> bool {
    match expected {
        DataType::Utf8 => matches!(stored, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
        DataType::Timestamp(unit, _) => matches!(stored, DataType::Timestamp(other, _) if other == unit),
        other => stored == other,
    }
}

/// What keeps a file's columns from being those of a studio. Columns that no studio knows are no fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ColumnFaults {
    pub(crate) missing: Vec<&'static str>,
    pub(crate) doubled: Vec<&'static str>,
    pub(crate) wrong_types: Vec<WrongType>,
}

impl ColumnFaults {
    /// None for a file that has all columns of its era, each once and in its type.
    pub(crate) fn of(present: &[String], wrong_types: &[WrongType]) -> Option<Self> {
        let schema = Schema::of_columns(present);
        let count = |name: &str| present.iter().filter(|column| *column == name).count();
        let of_era = (0..COLUMN_COUNT).filter(|&column| in_schema(column, schema)).map(column_name);
        let (missing, doubled): (Vec<&str>, Vec<&str>) =
            of_era.filter(|name| count(name) != 1).partition(|name| count(name) == 0);
        let faults = Self { missing, doubled, wrong_types: wrong_types.to_vec() };
        (faults != Self::default()).then_some(faults)
    }
}

impl fmt::Display for ColumnFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut faults = Vec::new();
        if self.missing.len() == Schema::V1.stored().fields().len() {
            faults.push("has no column of a stored span".to_owned());
        } else if !self.missing.is_empty() {
            faults.push(format!("lacks the columns {}", self.missing.join(", ")));
        }
        if !self.doubled.is_empty() {
            faults.push(format!("has more than one column called {}", self.doubled.join(", ")));
        }
        faults.extend(self.wrong_types.iter().map(ToString::to_string));
        f.write_str(&faults.join("; "))
    }
}

/// Whether any of these columns is one of a stored span.
pub(crate) fn are_of_spans(present: &[String]) -> bool {
    present.iter().any(|name| (0..COLUMN_COUNT).any(|column| column_name(column) == name))
}

/// The columns that a file has in the type that a studio gives them.
pub(crate) fn known(present: &[String], wrong_types: &[WrongType]) -> Vec<String> {
    let is_wrong = |name: &String| wrong_types.iter().any(|wrong| wrong.column == name);
    present.iter().filter(|name| !is_wrong(name)).cloned().collect()
}

pub(crate) fn names(schema: &ArrowSchema) -> Vec<String> {
    schema.fields().iter().map(|field| field.name().clone()).collect()
}

/// 32 bits, because sorting and grouping put many files' values into one dictionary.
pub(crate) const ADDRESS_KEY: DataType = DataType::Int32;

/// `tier` and `file`, as dictionaries: one value per file, repeated for each of its rows.
pub(crate) fn address_fields() -> Vec<FieldRef> {
    let text = DataType::Dictionary(Box::new(ADDRESS_KEY), Box::new(DataType::Utf8));
    ["tier", "file"].map(|name| Arc::new(Field::new(name, text.clone(), false))).to_vec()
}

/// `row_number`: the row's position in its file, from 0.
pub(crate) fn row_number_field() -> FieldRef {
    Arc::new(Field::new("row_number", DataType::Int64, false).with_extension_type(RowNumber))
}

/// The batch as [`readable`] names and types it. A column of another type is null.
pub(crate) fn adapt(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = readable();
    let wrong = wrong_types(&batch.schema());
    let is_known = |name: &str| wrong.iter().all(|wrong| wrong.column != name);
    let column = |field: &FieldRef| match batch.column_by_name(field.name()) {
        Some(column) if is_known(field.name()) => read_as(column, field),
        _ => Ok(new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns: Vec<ArrayRef> = schema.fields().iter().map(column).collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

fn read_as(column: &ArrayRef, field: &FieldRef) -> Result<ArrayRef, ArrowError> {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(column, field.data_type(), &strict).map_err(|err| {
        let (name, found, wanted) = (field.name(), column.data_type(), field.data_type());
        ArrowError::CastError(format!(
            "column `{name}` holds {found}, which does not read as {wanted}: {err}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn only_types_of_the_same_values_are_right() {
        let check = |column: &str, stored: DataType, is_right: bool| {
            let schema = ArrowSchema::new(vec![Field::new(column, stored.clone(), true)]);
            assert_eq!(wrong_types(&schema).is_empty(), is_right, "{column} as {stored}");
        };
        check("name", DataType::LargeUtf8, true);
        check("name", DataType::Utf8View, true);
        check("name", DataType::Binary, false);
        check("duration_ns", DataType::Float64, false);
        check("duration_ns", DataType::UInt64, false);
        check("duration_ns", DataType::Int32, false);
        check("span_kind", DataType::Float32, false);
        check("span_kind", DataType::Int32, false);
        check("trace_flags", DataType::Int64, false);
        check("start_time", DataType::Timestamp(TimeUnit::Nanosecond, None), true);
        check("start_time", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false);
        check("start_time", DataType::Int64, false);
        check("a column of somebody else's", DataType::Float64, true);
    }

    #[test]
    fn a_file_without_any_column_of_a_studio_lacks_all_of_them() {
        let faults = ColumnFaults::of(&["id".to_owned()], &[]).unwrap();
        assert_eq!(faults.missing.len(), Schema::V1.stored().fields().len());
        assert_eq!(ColumnFaults::of(&names(&Schema::V2.stored()), &[]), None);
    }

    #[test]
    fn an_era_is_known_by_its_exact_columns() {
        let mut columns = names(&Schema::V1.stored());
        assert_eq!(era(&columns), Some(Schema::V1));
        assert_eq!(era(&names(&Schema::V2.stored())), Some(Schema::V2));
        columns.pop();
        assert_eq!(era(&columns), None);
    }
}
