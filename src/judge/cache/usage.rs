//! What an audit took from a cache, and what it read all the same.

use std::path::PathBuf;

use super::recheck::Recheck;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CacheUse {
    pub(crate) file: PathBuf,
    /// Why the file that was there was not believed.
    pub(crate) unusable: Option<String>,
    /// Why nothing was left for the next audit.
    pub(crate) not_written: Option<String>,
    /// Cold files that were not read.
    pub(crate) taken: Amount,
    pub(crate) read: Amount,
    /// Remembered files among those that were read.
    pub(crate) rechecked: u64,
    pub(crate) recheck: Option<Recheck>,
    /// Files that have another content than is remembered.
    pub(crate) differing: Vec<String>,
    /// The files that were taken, by when they were read; the earliest first.
    pub(crate) conclusions: Vec<ReadAt>,
    /// Bytes of the cache; none where it was not written.
    pub(crate) size: Option<u64>,
    /// Rows that it tells of.
    pub(crate) remembered: u64,
}

impl CacheUse {
    /// None where it remembers no row, or was not written.
    pub(crate) fn bytes_per_row(&self) -> Option<f64> {
        let size = self.size.filter(|_| self.remembered > 0)?;
        Some(size as f64 / self.remembered as f64)
    }
}

/// Files, their rows, and the bytes of column chunks in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) files: u64,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Amount {
    pub(super) fn add(&mut self, rows: u64, bytes: u64) {
        self.files += 1;
        self.rows += rows;
        self.bytes += bytes;
    }
}

/// Files that one audit read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadAt {
    /// Unix nanoseconds, when it began.
    pub(crate) at: u64,
    pub(crate) files: Vec<String>,
}
