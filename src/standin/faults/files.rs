//! Faults of files: of segments, cold files, the hot snapshot and the index.

use std::{
    fs::{self, OpenOptions},
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

/// What is done to the bytes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    Remove,
    /// The second half is gone.
    Tear,
    Empty,
    /// The first bytes are others, so that no reader gets past them.
    Poison,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SegmentAct {
    Damage(Damage),
    /// The segment is there twice.
    Double,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlushAct {
    /// The cold file is damaged once it has its name; its segments are removed all the same.
    Damage(Damage),
    /// Every row is written twice.
    Double,
    /// The service ends before it removes the segments, and is started again.
    Crash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SnapshotAct {
    /// The snapshot before is answered and stays, where there is one.
    Stale,
    /// The newest segment is left out.
    MissSegment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexAct {
    /// The file is never taken.
    Miss,
    /// All counts are twice what they should be.
    Double,
    /// The file is not taken in this cycle.
    Lag,
}

impl Damage {
    pub(in crate::standin) fn apply(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Remove => fs::remove_file(path),
            Self::Empty => OpenOptions::new().write(true).open(path)?.set_len(0),
            Self::Tear => {
                let file = OpenOptions::new().write(true).open(path)?;
                file.set_len(file.metadata()?.len() / 2)
            }
            Self::Poison => {
                let mut file = OpenOptions::new().write(true).open(path)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(&[0xff; 16])
            }
        }
    }
}
