//! Looks at files that are less than reading all their rows.

use super::{file::SweptFile, record};
use crate::{
    judge::judgement::Depth,
    store::{
        health::Health,
        inventory::{FoundFile, Kind},
        magic,
        open::open,
    },
};

/// Nothing if a flush has taken the file.
pub(super) fn look(file: &FoundFile, depth: Depth) -> Option<SweptFile> {
    let one = match depth {
        Depth::Files => SweptFile::new(record::of_ends(file, magic::check(file).err())),
        Depth::Structure | Depth::Content => structure(file),
    };
    (one.record.health != Health::Gone).then_some(one)
}

/// The footer and every page header of a Parquet file; every message of a segment, with the batches in them.
fn structure(file: &FoundFile) -> SweptFile {
    let opened = open(file);
    let mut one = SweptFile::new(record::of(file, &opened));
    one.record.rows = opened.rows().unwrap_or_default();
    match opened.check_pages() {
        Ok(bytes) => one.bytes_scanned = if file.kind == Kind::Segment { file.size } else { bytes },
        Err(problem) => one.record.fail(problem),
    }
    one
}
