//! A file's first and last bytes: the least that tells a whole file from a cut one.

use std::fs::File;

use super::{
    footer::{Unreadable, read_at},
    inventory::{FoundFile, Kind},
};

const PARQUET: &[u8; 4] = b"PAR1";
/// An IPC stream begins with a continuation marker and ends with one that nothing follows.
const CONTINUATION: [u8; 4] = [0xff; 4];
const STREAM_END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Opens a file, and looks at both its ends.
pub(crate) fn check(file: &FoundFile) -> Result<(), Unreadable> {
    let opened = File::open(&file.path)?;
    let size = opened.metadata()?.len();
    if size == 0 {
        return Err("the file is empty".to_owned().into());
    }
    if size < 16 {
        return Err(format!("the file has {size} bytes, too few for anything a studio writes").into());
    }
    let (mut head, mut tail) = ([0; 4], [0; 8]);
    read_at(&opened, 0, &mut head)?;
    read_at(&opened, size - 8, &mut tail)?;
    match file.kind {
        Kind::Segment if head != CONTINUATION => {
            Err("the file does not begin as an Arrow IPC stream".to_owned().into())
        }
        Kind::Segment if tail != STREAM_END => {
            Err("no end-of-stream marker: the segment is cut short".to_owned().into())
        }
        Kind::Parquet if head != *PARQUET || tail[4..] != *PARQUET => {
            Err("the file does not begin and end with `PAR1`".to_owned().into())
        }
        _ => Ok(()),
    }
}
