//! Segments as partitions of a plan, read one after the other while the plan runs.
//!
//! Appends to each row the address that Parquet's rows get from their scan. Segments are grouped into
//! as many partitions as the session wants, because a wedged WAL can hold thousands of them.

use std::sync::Arc;

use datafusion::{
    arrow::{
        array::{ArrayRef, Int64Array, RecordBatch},
        datatypes::SchemaRef,
    },
    error::DataFusionError,
    execution::{SendableRecordBatchStream, TaskContext},
    physical_plan::{stream::RecordBatchStreamAdapter, streaming::PartitionStream},
};
use futures::{StreamExt, stream};

use super::address;
use crate::store::{inventory::FoundFile, open::open_to_read, problem::FileProblem, reader::Refused};

#[derive(Debug)]
pub(super) struct Segments {
    files: Vec<FoundFile>,
    schema: SchemaRef,
}

impl Segments {
    pub(super) fn split(
        files: &[FoundFile],
        partitions: usize,
        schema: &SchemaRef,
    ) -> Vec<Arc<dyn PartitionStream>> {
        let part = |files: &[FoundFile]| -> Arc<dyn PartitionStream> {
            Arc::new(Self { files: files.to_vec(), schema: schema.clone() })
        };
        files.chunks(files.len().div_ceil(partitions)).map(part).collect()
    }
}

impl PartitionStream for Segments {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = self.schema.clone();
        let files = stream::iter(self.files.clone());
        let batches = files.flat_map(move |file| stream::iter(rows_of(&file, &schema)));
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

fn rows_of(file: &FoundFile, schema: &SchemaRef) -> Vec<Result<RecordBatch, DataFusionError>> {
    let opened = open_to_read(file);
    let Some(segment) = opened.segment() else {
        return match opened.problem {
            // A flush took it since it was listed: its rows are in a cold file.
            None | Some(FileProblem::Gone) => Vec::new(),
            Some(problem) => {
                let refused = Refused { file: file.shown.clone(), problem };
                vec![Err(DataFusionError::External(Box::new(refused)))]
            }
        };
    };
    let mut first_row = 0;
    let rows: Vec<_> = segment
        .batches
        .iter()
        .map(|batch| {
            let addressed = with_address(batch, file, schema, first_row);
            first_row += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
            addressed
        })
        .collect();
    rows
}

fn with_address(
    batch: &RecordBatch,
    file: &FoundFile,
    schema: &SchemaRef,
    first_row: i64,
) -> Result<RecordBatch, DataFusionError> {
    let rows = batch.num_rows();
    let mut columns = batch.columns().to_vec();
    for value in address(file) {
        columns.push(value.to_array_of_size(rows)?);
    }
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((first_row..).take(rows)));
    columns.push(numbers);
    Ok(RecordBatch::try_new(schema.clone(), columns)?)
}
