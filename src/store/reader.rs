//! The one way to a Parquet file's bytes: footers and pages are measured on the way to the decoder.
//!
//! Serves DataFusion's scans in place of its object stores, so that a path stays the path it is (spaces,
//! `%`, `#`, bytes that are no UTF-8) and a damaged number cannot abort the process. Answers whole
//! column chunks only: page indexes and bloom filters must be off.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use datafusion::{
    datasource::{
        listing::PartitionedFile,
        physical_plan::{ParquetFileMetrics, ParquetFileReaderFactory},
    },
    error::DataFusionError,
    parquet::{
        arrow::{arrow_reader::ArrowReaderOptions, async_reader::AsyncFileReader},
        errors::ParquetError,
        file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData},
    },
    physical_plan::metrics::{Count, ExecutionPlanMetricsSet},
};
use futures::{FutureExt, future::BoxFuture};

use super::{
    bytes::{Extent, FileBytes},
    footer::{Statistics, footer_of},
    pages::Measured,
    place::Place,
    problem::FileProblem,
    read_digest::ReadDigest,
};

/// What a [`PartitionedFile`] really is; its own location is only a label.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    pub(crate) place: Place,
    pub(crate) shown: String,
    /// Its bytes and its footer, where somebody has read that.
    pub(crate) opened: Option<(Arc<FileBytes>, Arc<ParquetMetaData>)>,
    /// Whether the decoder is shown the statistics of a footer that it has to read.
    pub(crate) statistics: Statistics,
    /// Where a digest of what is read of it is wanted.
    pub(crate) digest: Option<Arc<ReadDigest>>,
}

/// A file, or a part of it, that was not handed to the decoder.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{file}`: {problem}")]
pub(crate) struct Refused {
    pub(crate) file: String,
    pub(crate) problem: FileProblem,
}

#[derive(Debug)]
pub(crate) struct GuardedReaders;

impl ParquetFileReaderFactory for GuardedReaders {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>, DataFusionError> {
        let label = file.object_meta.location.as_ref();
        let bytes_scanned = ParquetFileMetrics::new(partition, label, metrics).bytes_scanned;
        let Some(stored) = file.extension::<StoredFile>().cloned() else {
            return Err(DataFusionError::Internal(format!("`{label}` was scanned without its path")));
        };
        let StoredFile { place, shown, opened, statistics, digest } = stored;
        let (file, metadata) = if let Some((file, metadata)) = opened {
            (file, Some(metadata))
        } else {
            let file = FileBytes::open(&place, Extent::Whole).map_err(DataFusionError::IoError);
            let file = file.map_err(|err| err.context(format!("cannot read `{shown}`")))?;
            (Arc::new(file), None)
        };
        let measured = Measured::default();
        Ok(Box::new(GuardedReader { file, shown, metadata, statistics, digest, measured, bytes_scanned }))
    }
}

struct GuardedReader {
    file: Arc<FileBytes>,
    shown: String,
    metadata: Option<Arc<ParquetMetaData>>,
    statistics: Statistics,
    digest: Option<Arc<ReadDigest>>,
    measured: Measured,
    bytes_scanned: Count,
}

impl GuardedReader {
    fn metadata(&mut self) -> Result<Arc<ParquetMetaData>, ParquetError> {
        if let Some(metadata) = &self.metadata {
            return Ok(metadata.clone());
        }
        let footer = footer_of(&self.file, self.statistics).map_err(|problem| self.refused(problem))?;
        let metadata = footer.metadata;
        self.metadata = Some(metadata.clone());
        Ok(metadata)
    }

    fn chunk(&mut self, range: &Range<u64>) -> Result<Bytes, ParquetError> {
        let metadata = self.metadata()?;
        let Some((group, column)) = column_at(&metadata, range) else {
            let reason = format!("bytes {}..{} are no column chunk", range.start, range.end);
            return Err(self.refused(FileProblem::BadFooter(reason)));
        };
        self.measured.begin(group, range.end - range.start).map_err(|problem| self.refused(problem))?;
        // The footer's check has put every chunk inside the file.
        let mut bytes = vec![0; usize::try_from(range.end - range.start)?];
        self.file.read_at(range.start, &mut bytes).map_err(|err| self.refused(err.into()))?;
        self.bytes_scanned.add(bytes.len());
        if let Some(digest) = &self.digest {
            digest.add(range.start, &bytes);
        }
        self.measured.check_chunk(column, &bytes).map_err(|problem| self.refused(problem))?;
        Ok(bytes.into())
    }

    fn refused(&self, problem: FileProblem) -> ParquetError {
        ParquetError::External(Box::new(Refused { file: self.shown.clone(), problem }))
    }
}

fn column_at<'a>(
    metadata: &'a ParquetMetaData,
    range: &Range<u64>,
) -> Option<(&'a RowGroupMetaData, &'a ColumnChunkMetaData)> {
    let groups = metadata.row_groups().iter();
    let mut columns = groups.flat_map(|group| group.columns().iter().map(move |column| (group, column)));
    columns.find(|(_, column)| column.byte_range() == (range.start, range.end.saturating_sub(range.start)))
}

impl AsyncFileReader for GuardedReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.chunk(&range) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move { self.metadata() }.boxed()
    }
}
