//! The tables `unplanned_rows` and `unplanned_traces`: rows that no known plan calls for, and their traces.
//!
//! Columns are made when they are asked for. A filter sees its own columns first, in chunks, and the
//! others are made for the rows that pass: ids become text again for findings alone.

use std::{
    fmt, io,
    ops::Range,
    sync::{Arc, LazyLock},
};

use datafusion::{
    arrow::{
        array::{ArrayRef, RecordBatch, RecordBatchOptions},
        datatypes::{Schema, SchemaRef},
    },
    catalog::{Session, TableProvider},
    common::{DFSchema, Result, cast::as_boolean_array},
    datasource::TableType,
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{Expr, TableProviderFilterPushDown},
    physical_plan::{
        ExecutionPlan, PhysicalExpr,
        stream::RecordBatchStreamAdapter,
        streaming::{PartitionStream, StreamingTableExec},
    },
};
use futures::{
    StreamExt,
    future::{self, Either},
    stream,
};

use super::{
    catalog::{self, Table},
    fact_columns,
    name_column::NameColumn,
    trace_columns,
};
use crate::judge::{
    cross_trace_parents::CrossTraceParents, facts::Facts, interner::Interner, malformed_ids::MalformedIds,
    trace_bucket::TraceBucket,
};

/// Rows whose filters are worked out at a time.
const CHUNK: usize = 8_192;

/// Rows that are a task of their own; fewer are not worth one.
const TASK: Range<usize> = CHUNK..2 * CHUNK;
const HOUR: i64 = 3_600_000_000_000;

/// What columns are made from.
#[derive(Debug)]
pub(crate) struct FactSource {
    pub(crate) facts: Arc<Facts>,
    pub(crate) names: NameColumn,
    pub(crate) odd: Arc<MalformedIds>,
    pub(crate) elsewhere: CrossTraceParents,
    /// Spans that ended before this had the time to be stored with their traces. Unix nanoseconds.
    pub(crate) settled_before: i64,
    /// An hour before the store was read.
    pub(crate) hour_before: i64,
    /// A day before the store was read.
    pub(crate) day_before: i64,
    /// A day after the store was read.
    pub(crate) day_ahead: i64,
    /// How many traces there are.
    pub(crate) traces: u64,
}

impl FactSource {
    pub(crate) fn new(
        facts: Arc<Facts>,
        names: &Interner,
        odd: Arc<MalformedIds>,
        read_began: i64,
        settled_before: i64,
    ) -> io::Result<Self> {
        facts.settle()?;
        odd.settle()?;
        let (elsewhere, traces) = CrossTraceParents::look(&facts)?;
        Ok(Self {
            facts,
            names: NameColumn::of(names),
            odd,
            elsewhere,
            settled_before,
            hour_before: read_began.saturating_sub(HOUR),
            day_before: read_began.saturating_sub(24 * HOUR),
            day_ahead: read_began.saturating_add(24 * HOUR),
            traces,
        })
    }
}

/// What a row of the table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grain {
    Row,
    Trace,
}

impl Grain {
    fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; 2]> = LazyLock::new(|| {
            ["unplanned_rows", "unplanned_traces"]
                .map(|name| catalog::table(name).map_or_else(|| Arc::new(Schema::empty()), Table::schema))
        });
        let [rows, traces] = &*SCHEMAS;
        match self {
            Self::Row => Arc::clone(rows),
            Self::Trace => Arc::clone(traces),
        }
    }

    fn len(self, family: &TraceBucket) -> usize {
        match self {
            Self::Row => family.facts.len(),
            Self::Trace => family.traces.len(),
        }
    }

    fn column(self, source: &FactSource, family: &TraceBucket, rows: &[u32], name: &str) -> Result<ArrayRef> {
        match self {
            Self::Row => fact_columns::column(source, family, rows, name),
            Self::Trace => trace_columns::column(source, family, rows, name),
        }
    }
}

/// Facts, or their traces, of some buckets.
#[derive(Clone)]
pub(crate) struct FactTable {
    source: Arc<FactSource>,
    buckets: Range<usize>,
    grain: Grain,
}

impl fmt::Debug for FactTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FactTable({:?})", self.grain)
    }
}

impl FactTable {
    pub(crate) fn new(source: Arc<FactSource>, buckets: Range<usize>, grain: Grain) -> Self {
        Self { source, buckets, grain }
    }
}

#[async_trait::async_trait]
impl TableProvider for FactTable {
    fn schema(&self) -> SchemaRef {
        self.grain.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = |filter: &&Expr| {
            if filter.is_volatile() {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(pushed).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let whole = self.schema();
        let schema = match projection {
            Some(columns) => Arc::new(whole.project(columns)?),
            None => Arc::clone(&whole),
        };
        let filters = filters.iter().map(|filter| Filter::of(state, filter, &whole));
        let mut filters = filters.collect::<Result<Vec<_>>>()?;
        filters.sort_by_key(Filter::cost);
        let scan = FactScan { table: self.clone(), filters, schema };
        let schema = Arc::clone(&scan.schema);
        let exec = StreamingTableExec::try_new(schema, vec![Arc::new(scan)], None, [], false, limit)?;
        Ok(Arc::new(exec))
    }
}

/// A filter with the columns that it names.
#[derive(Debug, Clone)]
struct Filter {
    schema: SchemaRef,
    passes: Arc<dyn PhysicalExpr>,
}

impl Filter {
    fn of(state: &dyn Session, filter: &Expr, whole: &SchemaRef) -> Result<Self> {
        let named = filter.column_refs();
        let is_named = |name: &str| named.iter().any(|column| column.name == name);
        let fields: Vec<_> = whole.fields().iter().filter(|field| is_named(field.name())).cloned().collect();
        let schema = Arc::new(Schema::new(fields));
        let df_schema = DFSchema::try_from(Arc::clone(&schema))?;
        Ok(Self { passes: state.create_physical_expr(filter.clone(), &df_schema)?, schema })
    }

    /// Texts are made for each row.
    fn cost(&self) -> usize {
        self.schema.fields().iter().filter(|field| field.data_type().is_string()).count()
    }
}

#[derive(Debug, Clone)]
struct FactScan {
    table: FactTable,
    /// Those of cheap columns come first.
    filters: Vec<Filter>,
    schema: SchemaRef,
}

impl PartitionStream for FactScan {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let scan = Arc::new(self.clone());
        let parts = self.table.buckets.clone().flat_map({
            let scan = Arc::clone(&scan);
            move |bucket| scan.parts(bucket)
        });
        let jobs = self.table.source.facts.jobs.get();
        // Side by side, and yet in order.
        let made = stream::iter(parts).map(move |part| {
            let scan = Arc::clone(&scan);
            match part {
                Ok(part) if part.rows.len() >= TASK.start => {
                    let made = tokio::task::spawn_blocking(move || scan.batches(&part));
                    Either::Left(async {
                        made.await.unwrap_or_else(|err| vec![Err(DataFusionError::External(err.into()))])
                    })
                }
                Ok(part) => Either::Right(future::ready(scan.batches(&part))),
                Err(err) => Either::Right(future::ready(vec![Err(DataFusionError::IoError(err))])),
            }
        });
        let batches = made.buffered(jobs).flat_map(stream::iter);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

/// Rows of one family.
struct Part {
    family: Arc<TraceBucket>,
    rows: Range<u32>,
}

impl FactScan {
    fn parts(&self, bucket: usize) -> Vec<io::Result<Part>> {
        let family = match self.table.source.facts.family(bucket) {
            Ok(family) => family,
            Err(err) => return vec![Err(err)],
        };
        let length = self.table.grain.len(&family);
        let ends =
            (0..length).step_by(TASK.end).map(|start| start as u32..(start + TASK.end).min(length) as u32);
        ends.map(|rows| Ok(Part { family: Arc::clone(&family), rows })).collect()
    }

    fn batches(&self, Part { family, rows }: &Part) -> Vec<Result<RecordBatch>> {
        let rows: Vec<u32> = rows.clone().collect();
        let chunks = rows.chunks(CHUNK).map(|rows| self.batch(family, rows));
        chunks.filter(|batch| batch.as_ref().map_or(true, |batch| batch.num_rows() > 0)).collect()
    }

    fn batch(&self, family: &TraceBucket, rows: &[u32]) -> Result<RecordBatch> {
        let passed = self.passing(family, rows)?;
        self.make(&self.schema, family, passed.as_deref().unwrap_or(rows))
    }

    /// The rows that all filters let pass; none where there is no filter. Each sees the rows that those before it
    /// let pass.
    fn passing(&self, family: &TraceBucket, rows: &[u32]) -> Result<Option<Vec<u32>>> {
        let mut passed: Option<Vec<u32>> = None;
        for Filter { schema, passes } in &self.filters {
            let rows = passed.as_deref().unwrap_or(rows);
            if rows.is_empty() {
                break;
            }
            let seen = self.make(schema, family, rows)?;
            let verdicts = passes.evaluate(&seen)?.into_array(rows.len())?;
            let verdicts = rows.iter().zip(as_boolean_array(&verdicts)?);
            passed =
                Some(verdicts.filter_map(|(row, verdict)| (verdict == Some(true)).then_some(*row)).collect());
        }
        Ok(passed)
    }

    fn make(&self, schema: &SchemaRef, family: &TraceBucket, rows: &[u32]) -> Result<RecordBatch> {
        let FactTable { source, grain, .. } = &self.table;
        let columns = schema.fields().iter().map(|field| grain.column(source, family, rows, field.name()));
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let columns = columns.collect::<Result<_>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
    }
}
