//! Appends to a ledger, a whole line at a time.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
    sync::Mutex,
};

use anyhow::Context;

use super::entry::Entry;

/// An open ledger. A line is in the system's hands before [`LedgerWriter::append`] returns, so it
/// outlives the process, though not the machine.
#[derive(Debug)]
pub(crate) struct LedgerWriter {
    file: Mutex<File>,
}

impl LedgerWriter {
    /// Creates a ledger that does not exist yet.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        Self::open(path, OpenOptions::new().append(true).create_new(true))
    }

    fn open(path: &Path, options: &OpenOptions) -> anyhow::Result<Self> {
        let file = options.open(path).with_context(|| format!("cannot write ledger `{}`", path.display()))?;
        Ok(Self { file: Mutex::new(file) })
    }

    pub(crate) fn append(&self, entry: &Entry) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(&line).context("cannot write to the ledger")
    }
}
