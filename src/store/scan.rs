//! Rows of files as plans: one table over many files, one stream over one file.
//!
//! Every row carries its address in three plain columns, `tier`, `file` and `row_number`, which join,
//! group and prune like any other. The table is for questions, where a damaged file is a loud error.
//! The stream is for the sweep, where an error or a panic stays with its file.

use std::{error::Error, io, iter, sync::Arc};

use datafusion::{
    arrow::{datatypes::SchemaRef, error::ArrowError},
    catalog::{Session, TableProvider},
    common::{ScalarValue, config::TableParquetOptions},
    datasource::{
        TableType,
        listing::PartitionedFile,
        physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource, parquet::ParquetRowSelection},
        source::DataSourceExec,
        table_schema::TableSchema,
    },
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext, object_store::ObjectStoreUrl},
    logical_expr::Expr,
    parquet::{arrow::arrow_reader::RowSelection, errors::ParquetError},
    physical_plan::{ExecutionPlan, empty::EmptyExec, streaming::StreamingTableExec, union::UnionExec},
};
use tokio::task::JoinError;

use self::segments::Segments;
use super::{
    columns::{ADDRESS_KEY, address_fields, row_number_field},
    footer::{Footer, Statistics},
    inventory::{FoundFile, Kind},
    problem::FileProblem,
    read_digest::ReadDigest,
    reader::{GuardedReaders, Refused, StoredFile},
};
use crate::{
    base::panic_guard::{Guarded, Panicked},
    contract::schema::readable,
};

mod segments;

/// The columns of [`stored_spans`]: the auditor's 21, then `tier`, `file`, `row_number`.
pub(crate) fn schema() -> SchemaRef {
    table_schema().table_schema().clone()
}

fn table_schema() -> TableSchema {
    TableSchema::builder(readable())
        .with_table_partition_cols(address_fields())
        .with_virtual_columns(vec![row_number_field()])
        .build()
}

/// Every stored row of `files`. Entries that hold no data are passed over, and no statistics are believed.
pub(crate) fn stored_spans(files: Vec<FoundFile>) -> Arc<dyn TableProvider> {
    stored_spans_by(files, Statistics::Ignored)
}

/// As [`stored_spans`]; a question may leave out what trusted statistics leave out.
pub(crate) fn stored_spans_by(files: Vec<FoundFile>, statistics: Statistics) -> Arc<dyn TableProvider> {
    Arc::new(StoredSpans { schema: schema(), files, statistics })
}

#[derive(Debug)]
struct StoredSpans {
    schema: SchemaRef,
    files: Vec<FoundFile>,
    statistics: Statistics,
}

impl StoredSpans {
    fn plan(
        &self,
        partitions: usize,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        let of_kind = |kind| self.files.iter().filter(move |file| file.kind == kind);
        let parquet: Vec<_> =
            of_kind(Kind::Parquet).map(|file| partitioned(file, None, self.statistics, None)).collect();
        let segments: Vec<_> = of_kind(Kind::Segment).cloned().collect();

        let mut tiers: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !parquet.is_empty() {
            let groups = FileGroup::new(parquet).split_files(partitions.max(1));
            tiers.push(parquet_plan(groups, projection.cloned(), limit)?);
        }
        if !segments.is_empty() {
            let streams = Segments::split(&segments, partitions.max(1), &self.schema);
            let exec =
                StreamingTableExec::try_new(self.schema.clone(), streams, projection, None, false, limit)?;
            tiers.push(Arc::new(exec));
        }
        match tiers.len() {
            0 => Ok(Arc::new(EmptyExec::new(project(&self.schema, projection)?))),
            1 => Ok(tiers.remove(0)),
            _ => UnionExec::try_new(tiers),
        }
    }
}

#[async_trait::async_trait]
impl TableProvider for StoredSpans {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.plan(state.config().target_partitions(), projection, limit)
    }
}

/// One file's rows, in the file's order.
pub(crate) struct FileScan {
    /// Ends with an error where the file stops being readable; the rows before it are good.
    pub(crate) stream: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
}

impl FileScan {
    /// The bytes of columns that were read so far.
    pub(crate) fn bytes_scanned(&self) -> usize {
        let metrics = self.plan.metrics().and_then(|metrics| metrics.sum_by_name("bytes_scanned"));
        metrics.map_or(0, |bytes| bytes.as_usize())
    }
}

/// Scans one Parquet file, whose footer was read, by a plan of its own, for the named columns of [`schema`] in that order.
pub(crate) fn scan_parquet(
    file: &FoundFile,
    footer: &Footer,
    columns: &[&str],
    digest: Option<Arc<ReadDigest>>,
    context: Arc<TaskContext>,
) -> Result<FileScan, DataFusionError> {
    scan_one(partitioned(file, Some(footer), Statistics::Ignored, digest), columns, context)
}

/// As [`scan_parquet`], for some rows only, which ascend. Row groups without any of them are not read, and of
/// the others only the pages that hold one are decoded.
pub(crate) fn scan_parquet_rows(
    file: &FoundFile,
    footer: &Footer,
    columns: &[&str],
    rows: &[u64],
    context: Arc<TaskContext>,
) -> Result<FileScan, DataFusionError> {
    let ranges = rows.iter().map(|&row| row as usize..row as usize + 1);
    let selection = RowSelection::from_consecutive_ranges(ranges, footer.rows as usize);
    let known = partitioned(file, Some(footer), Statistics::Ignored, None);
    scan_one(known.with_extension(ParquetRowSelection::new(selection)), columns, context)
}

fn scan_one(
    file: PartitionedFile,
    columns: &[&str],
    context: Arc<TaskContext>,
) -> Result<FileScan, DataFusionError> {
    let schema = schema();
    let projection: Vec<usize> =
        columns.iter().map(|name| schema.index_of(name)).collect::<Result<_, _>>()?;
    let plan = parquet_plan(vec![FileGroup::new(vec![file])], Some(projection), None)?;
    let stream = Box::pin(Guarded::new(plan.execute(0, context)?));
    Ok(FileScan { stream, plan })
}

/// What is wrong with a file by its scan's error.
pub(crate) fn problem_of(err: &DataFusionError) -> FileProblem {
    if let Some(refused) = causes(err).find_map(|cause| cause.downcast_ref::<Refused>()) {
        return refused.problem.clone();
    }
    if let Some(failed) = causes(err).find_map(|cause| cause.downcast_ref::<io::Error>()) {
        if let Some(problem) = FileProblem::within(failed) {
            return problem.clone();
        }
        let (kind, text) = (failed.kind(), failed.to_string());
        return io::Error::new(kind, text).into();
    }
    let innermost = causes(err).last().map(ToString::to_string).unwrap_or_default();
    let wrappers = ["Parquet error: ", "Parquet argument error: ", "External: ", "Arrow: "];
    let reason = wrappers.iter().fold(innermost, |reason, wrapper| reason.replace(wrapper, ""));
    // What follows in a flatbuffer's complaint is a page of its internals.
    FileProblem::Undecodable(reason.split(" { ").next().unwrap_or_default().to_owned())
}
/// Whether a file's bytes, or what the system did not give of them, may have ended a plan.
pub(crate) fn is_of_a_file(err: &DataFusionError) -> bool {
    causes(err).any(|cause| {
        let of_parquet = cause.is::<ParquetError>()
            || matches!(cause.downcast_ref::<ArrowError>(), Some(ArrowError::ParquetError(_)));
        // A decoder that panics ends the task that it runs in.
        let panicked = cause.is::<Panicked>() || cause.is::<JoinError>();
        of_parquet || panicked || cause.is::<Refused>() || cause.is::<io::Error>()
    })
}

fn causes(err: &DataFusionError) -> impl Iterator<Item = &(dyn Error + 'static)> {
    let outermost: &(dyn Error + 'static) = err;
    iter::successors(Some(outermost), |&err| err.source())
}

fn parquet_plan(
    groups: Vec<FileGroup>,
    projection: Option<Vec<usize>>,
    limit: Option<usize>,
) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
    let mut options = TableParquetOptions::default();
    options.global.enable_page_index = false;
    options.global.bloom_filter_on_read = false;
    let source = ParquetSource::new(table_schema())
        .with_table_parquet_options(options)
        .with_parquet_file_reader_factory(Arc::new(GuardedReaders));
    let config = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), Arc::new(source))
        .with_file_groups(groups)
        .with_projection_indices(projection)?
        .with_limit(limit)
        .build();
    Ok(DataSourceExec::from_data_source(config))
}

fn partitioned(
    file: &FoundFile,
    footer: Option<&Footer>,
    statistics: Statistics,
    digest: Option<Arc<ReadDigest>>,
) -> PartitionedFile {
    let (place, shown) = (file.place.clone(), file.shown.clone());
    let opened = footer.map(|footer| (Arc::clone(&footer.bytes), Arc::clone(&footer.metadata)));
    PartitionedFile::new(file.shown.as_str(), file.size)
        .with_partition_values(address(file))
        .with_extension(StoredFile { place, shown, opened, statistics, digest })
}

/// The values that `tier` and `file` have in every row of a file.
fn address(file: &FoundFile) -> Vec<ScalarValue> {
    let encoded =
        |text: &str| ScalarValue::Dictionary(Box::new(ADDRESS_KEY), Box::new(ScalarValue::from(text)));
    vec![encoded(file.tier.name()), encoded(&file.shown)]
}

fn project(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<SchemaRef, DataFusionError> {
    Ok(match projection {
        Some(projection) => Arc::new(schema.project(projection)?),
        None => schema.clone(),
    })
}

#[cfg(test)]
mod tests;
