//! A table whose rows are cheap to list and some of whose columns need a sweep: which it is shows at the scan.

use std::{fmt, sync::Arc};

use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::{Session, TableProvider},
    common::Result,
    datasource::{MemTable, TableType},
    error::DataFusionError,
    logical_expr::Expr,
    physical_plan::ExecutionPlan,
};

use super::{
    catalog::{self, Table},
    judged::Judged,
    sources::Sources,
};

/// The rows with the columns of a schema; with a sweep where one of them needs it.
pub(super) type Rows = fn(&Sources, Option<&Judged>, &SchemaRef) -> Result<RecordBatch>;

/// The table of that name.
pub(super) fn by_depth(
    sources: &Arc<Sources>,
    name: &'static str,
    rows: Rows,
) -> Result<Arc<dyn TableProvider>> {
    let table = catalog::table(name)
        .ok_or_else(|| DataFusionError::Internal(format!("no table is called `{name}`")))?;
    Ok(Arc::new(ByDepth { table, sources: Arc::clone(sources), rows, schema: table.schema() }))
}

struct ByDepth {
    table: &'static Table,
    sources: Arc<Sources>,
    rows: Rows,
    schema: SchemaRef,
}

impl fmt::Debug for ByDepth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByDepth({})", self.table.name)
    }
}

#[async_trait::async_trait]
impl TableProvider for ByDepth {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let is_swept = |name: &str| self.table.column(name).is_some_and(|column| column.swept);
        let needs_sweep =
            self.sources.has_sweep() || schema.fields().iter().any(|field| is_swept(field.name()));
        let judged = if needs_sweep { Some(self.sources.judged().await?) } else { None };
        let rows = (self.rows)(&self.sources, judged.as_deref(), &schema)?;
        MemTable::try_new(schema, vec![vec![rows]])?.scan(state, None, &[], limit).await
    }
}
