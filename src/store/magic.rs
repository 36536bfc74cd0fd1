//! A file's first and last bytes: the least that tells a whole file from a cut one.

use std::fs::File;

use super::{
    footer::read_at,
    inventory::{FoundFile, Kind},
    problem::FileProblem,
};

const PARQUET: &[u8; 4] = b"PAR1";
/// An IPC stream begins with a continuation marker and ends with one that nothing follows.
const CONTINUATION: [u8; 4] = [0xff; 4];
const STREAM_END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Opens a file, and looks at both its ends.
pub(crate) fn check(file: &FoundFile) -> Result<(), FileProblem> {
    let opened = File::open(&file.path)?;
    let size = opened.metadata()?.len();
    if size == 0 {
        return Err(FileProblem::Empty);
    }
    if size < 16 {
        return Err(FileProblem::TooShort { size, format: "anything that a studio writes" });
    }
    let (mut head, mut tail) = ([0; 4], [0; 8]);
    read_at(&opened, 0, &mut head)?;
    read_at(&opened, size - 8, &mut tail)?;
    match file.kind {
        Kind::Segment if head != CONTINUATION => Err(FileProblem::NoStream),
        Kind::Segment if tail != STREAM_END => Err(FileProblem::NoEndMarker),
        Kind::Parquet if head != *PARQUET || tail[4..] != *PARQUET => {
            Err(FileProblem::BadMagic { head: head == *PARQUET, tail: tail[4..] == *PARQUET })
        }
        _ => Ok(()),
    }
}
