//! Tables: what the SQL of checks and of `sql` may read.
//!
//! [`catalog`] has every table as one value; [`provider`] is the schema that sessions resolve names by, over
//! [`sources`], what tables are made from. The other modules make the rows. Nothing is made that no statement names.

mod by_depth;
pub(crate) mod catalog;
mod column_table;
pub(crate) mod delivery;
pub(crate) mod expected;
pub(crate) mod exports;
pub(crate) mod fact_columns;
pub(crate) mod fact_table;
mod files;
mod findings;
pub(crate) mod functions;
pub(crate) mod index;
pub(crate) mod judged;
pub(crate) mod listing;
mod merged;
mod name_column;
mod planned_copies;
pub(crate) mod provider;
mod runs;
pub(crate) mod sources;
mod trace_columns;
mod views;

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, RecordBatchOptions},
        datatypes::SchemaRef,
    },
    common::Result,
    error::DataFusionError,
};

/// Rows with the columns of a schema, each made by its name.
fn batch(schema: &SchemaRef, rows: usize, column: impl Fn(&str) -> Result<ArrayRef>) -> Result<RecordBatch> {
    let columns = schema.fields().iter().map(|field| column(field.name())).collect::<Result<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// A column that the catalogue has and its maker does not.
fn unknown_column<T>(table: &str, column: &str) -> Result<T> {
    Err(DataFusionError::Internal(format!("table `{table}` cannot make its column `{column}`")))
}
