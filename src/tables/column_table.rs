//! A table whose columns are made in chunks of rows, and only those that a statement asks for.

use std::{fmt, ops::Range, sync::Arc};

use datafusion::{
    arrow::{array::ArrayRef, datatypes::SchemaRef},
    catalog::{Session, TableProvider},
    common::Result,
    datasource::TableType,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::Expr,
    physical_plan::{
        ExecutionPlan,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::stream;

/// Rows that are made at a time.
const CHUNK: usize = 8_192;

/// The values of a column in some rows.
type Make = dyn Fn(&str, Range<usize>) -> Result<ArrayRef> + Send + Sync;

pub(super) fn column_table(
    schema: SchemaRef,
    rows: usize,
    make: impl Fn(&str, Range<usize>) -> Result<ArrayRef> + Send + Sync + 'static,
) -> Arc<dyn TableProvider> {
    Arc::new(ColumnTable { schema, rows, make: Arc::new(make) })
}

#[derive(Clone)]
struct ColumnTable {
    /// Of the columns that are asked for.
    schema: SchemaRef,
    rows: usize,
    make: Arc<Make>,
}

impl fmt::Debug for ColumnTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ColumnTable")
    }
}

#[async_trait::async_trait]
impl TableProvider for ColumnTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut asked = self.clone();
        if let Some(columns) = projection {
            asked.schema = Arc::new(self.schema.project(columns)?);
        }
        let schema = Arc::clone(&asked.schema);
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![Arc::new(asked)], None, [], false, limit)?))
    }
}

impl PartitionStream for ColumnTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let Self { schema, rows, make } = self.clone();
        let chunks = (0..rows).step_by(CHUNK).map(move |start| start..(start + CHUNK).min(rows));
        let batches =
            chunks.map(move |chunk| super::batch(&schema, chunk.len(), |name| make(name, chunk.clone())));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(batches)))
    }
}
