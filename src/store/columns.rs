//! How a file's columns meet the auditor's 21.
//!
//! Columns are matched by name, never by position: a directory may hold both schemas, and a column
//! that a file lacks is unknown there (null), not empty. Also names the three columns that say where
//! a stored row lies.

use std::{collections::BTreeSet, sync::Arc};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array},
        compute::{CastOptions, cast_with_options},
        datatypes::{DataType, Field, FieldRef, Schema as ArrowSchema},
        error::ArrowError,
    },
    parquet::arrow::RowNumber,
};

use crate::contract::schema::{Schema, readable};

/// Which studio wrote these columns; none when they are not exactly one era's.
pub(crate) fn era(columns: &[String]) -> Option<Schema> {
    let found: BTreeSet<&str> = columns.iter().map(String::as_str).collect();
    [Schema::V1, Schema::V2].into_iter().find(|schema| {
        let stored = schema.stored();
        let expected: BTreeSet<&str> = stored.fields().iter().map(|field| field.name().as_str()).collect();
        columns.len() == expected.len() && found == expected
    })
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

/// The batch as [`readable`] names and types it.
pub(crate) fn adapt(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let schema = readable();
    let column = |field: &FieldRef| match batch.column_by_name(field.name()) {
        Some(column) => read_as(column, field),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
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
    use super::*;

    #[test]
    fn an_era_is_known_by_its_exact_columns() {
        let mut columns = names(&Schema::V1.stored());
        assert_eq!(era(&columns), Some(Schema::V1));
        assert_eq!(era(&names(&Schema::V2.stored())), Some(Schema::V2));
        columns.pop();
        assert_eq!(era(&columns), None);
    }
}
