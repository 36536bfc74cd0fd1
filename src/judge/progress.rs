//! How far a sweep is, in numbers that anybody may look at while it runs.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::store::inventory::FoundFile;

/// Counts of files, bytes and rows; shared by the sweep's workers and whoever shows them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    files: AtomicU64,
    bytes: AtomicU64,
    files_done: AtomicU64,
    bytes_done: AtomicU64,
    rows: AtomicU64,
}

/// The counts at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Position {
    pub(crate) files: u64,
    pub(crate) files_done: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_done: u64,
    pub(crate) rows: u64,
}

impl Progress {
    pub(crate) fn expect(&self, files: &[FoundFile]) {
        self.0.files.fetch_add(files.len() as u64, Ordering::Relaxed);
        self.0.bytes.fetch_add(files.iter().map(|file| file.size).sum(), Ordering::Relaxed);
    }

    pub(crate) fn rows(&self, rows: usize) {
        self.0.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(crate) fn file_done(&self, file: &FoundFile) {
        self.0.files_done.fetch_add(1, Ordering::Relaxed);
        self.0.bytes_done.fetch_add(file.size, Ordering::Relaxed);
    }

    pub(crate) fn position(&self) -> Position {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Position {
            files: read(&self.0.files),
            files_done: read(&self.0.files_done),
            bytes: read(&self.0.bytes),
            bytes_done: read(&self.0.bytes_done),
            rows: read(&self.0.rows),
        }
    }
}
