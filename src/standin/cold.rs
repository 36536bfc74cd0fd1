//! Segments into one Parquet file: the common part of a flush and of a hot snapshot.
//!
//! A file appears under its name only when it is whole. An attempt that fails leaves its `.tmp`
//! behind, as the studio's does.

use std::{
    fs,
    io::BufReader,
    path::{Path, PathBuf},
};

use datafusion::{
    arrow::ipc::reader::StreamReader,
    parquet::{arrow::ArrowWriter, basic::Compression, file::properties::WriterProperties},
};

use super::folder;
use crate::contract::schema::Schema;

const ROW_GROUP_ROWS: usize = 122_880;

/// Streams `segments` into a Parquet file at `path` and returns its number of rows.
///
/// Errors carry no file name: their text is an answer on the wire, where the studio names none.
pub(super) fn write(
    segments: &[PathBuf],
    schema: Schema,
    path: &Path,
    before_it_is_named: impl FnOnce(),
) -> anyhow::Result<usize> {
    let unfinished = path.with_extension("parquet.tmp");
    let properties = WriterProperties::builder()
        .set_compression(Compression::LZ4_RAW)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build();

    let mut writer = ArrowWriter::try_new(folder::create(&unfinished)?, schema.stored(), Some(properties))?;
    let mut rows = 0;
    for segment in segments {
        for batch in StreamReader::try_new(BufReader::new(folder::open(segment)?), None)? {
            let batch = batch?;
            rows += batch.num_rows();
            writer.write(&batch)?;
        }
    }
    writer.close()?;
    before_it_is_named();
    fs::rename(&unfinished, path)?;
    Ok(rows)
}
