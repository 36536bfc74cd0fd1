//! A file's first and last bytes: the least that tells a whole file from a cut one.

use super::{
    bytes::{Extent, FileBytes},
    inventory::{FoundFile, Kind},
    problem::FileProblem,
};

const PARQUET: &[u8; 4] = b"PAR1";
/// An IPC stream begins with a continuation marker and ends with one that nothing follows.
const CONTINUATION: [u8; 4] = [0xff; 4];
const STREAM_END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Opens a file, and looks at both its ends.
pub(crate) fn check(file: &FoundFile) -> Result<(), FileProblem> {
    let opened = FileBytes::open(&file.place, Extent::Ends)?;
    let size = opened.size()?;
    if size == 0 {
        return Err(FileProblem::Empty);
    }
    if size < 16 {
        return Err(FileProblem::TooShort { size, format: "anything that a studio writes" });
    }
    let (mut head, mut tail) = ([0; 4], [0; 8]);
    opened.read_at(0, &mut head)?;
    opened.read_at(size - 8, &mut tail)?;
    match file.kind {
        Kind::Segment if head != CONTINUATION => Err(FileProblem::NoStream),
        Kind::Segment if tail != STREAM_END => Err(FileProblem::NoEndMarker),
        Kind::Parquet if head != *PARQUET || tail[4..] != *PARQUET => {
            Err(FileProblem::BadMagic { head: head == *PARQUET, tail: tail[4..] == *PARQUET })
        }
        _ => Ok(()),
    }
}
