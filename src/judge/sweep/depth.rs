//! Looks at files that are less than reading all their rows.

use std::{fs::File, io};

use datafusion::parquet::file::metadata::RowGroupMetaData;

use super::{
    file::SweptFile,
    record::{self, column_problem, schema_version},
};
use crate::{
    judge::judgement::{Depth, Health},
    store::{
        footer::{self, Unreadable},
        inventory::{FoundFile, Kind},
        magic, pages,
        segment::read_segment,
    },
};

/// Nothing if the file has gone.
pub(super) fn look(file: &FoundFile, depth: Depth) -> Option<SweptFile> {
    let mut one = SweptFile::new(record::of(file, Health::Ok, None));
    let looked = match (depth, file.kind) {
        (Depth::Files, _) => magic::check(file),
        (_, Kind::Segment) => segment(file, &mut one),
        _ => parquet(file, &mut one),
    };
    match looked {
        Ok(()) => {}
        Err(Unreadable::Gone) => return None,
        Err(Unreadable::Io(err)) if err.kind() == io::ErrorKind::PermissionDenied => {
            one.record.deny(format!("cannot be opened: {err}"));
        }
        Err(unreadable) => {
            one.record.fail(unreadable.to_string());
            if file.kind == Kind::Segment && file.size > 0 {
                one.record.health = Health::Torn;
            }
        }
    }
    Some(one)
}

/// The footer, and every page header of every column.
fn parquet(file: &FoundFile, one: &mut SweptFile) -> Result<(), Unreadable> {
    let footer = footer::footer(&file.path)?;
    one.record.rows = footer.rows;
    one.record.schema = schema_version(&footer.columns);
    let opened = File::open(&file.path)?;
    for column in footer.metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        let (start, length) = column.byte_range();
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        footer::read_at(&opened, start, &mut bytes)?;
        one.bytes_scanned += length;
        pages::check_chunk(column, &bytes)
            .map_err(|reason| format!("column `{}` {reason}", column.column_path().string()))?;
    }
    Ok(column_problem(&footer.columns).map_or(Ok(()), Err)?)
}

/// Every message of the stream, with the batches in them.
fn segment(file: &FoundFile, one: &mut SweptFile) -> Result<(), Unreadable> {
    let segment = read_segment(&file.path)?;
    one.bytes_scanned = file.size;
    one.record.schema = schema_version(&segment.columns);
    one.record.rows = segment.batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let torn = segment.torn.map(|torn| torn.to_string());
    let is_torn = torn.is_some();
    let cut = (!segment.ended).then(|| "no end-of-stream marker: the segment is cut short".to_owned());
    let Some(problem) = torn.or(cut).or_else(|| column_problem(&segment.columns)) else { return Ok(()) };
    if !is_torn {
        // The studio's reader takes it for whole.
        one.record.health = Health::Torn;
        one.record.problem = Some(problem);
        return Ok(());
    }
    Err(problem.into())
}
