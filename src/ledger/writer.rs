//! Appends to a ledger, a whole line at a time.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Mutex, PoisonError},
};

use anyhow::Context;

use super::entry::Entry;
use crate::base::{private, regular};

/// An open ledger. A line is in the system's hands before [`LedgerWriter::append`] returns, so it
/// outlives the process, though not the machine.
#[derive(Debug)]
pub(crate) struct LedgerWriter {
    /// None once a line could not be written whole: nothing may follow half a line.
    file: Mutex<Option<File>>,
}

impl LedgerWriter {
    /// Creates a ledger that does not exist yet.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = private::options().append(true).create_new(true).open(path);
        let file = file.with_context(|| format!("cannot write ledger `{}`", path.display()))?;
        Ok(Self { file: Mutex::new(Some(file)) })
    }

    /// Goes on with a ledger; half a line at its end, of a writer that was killed, is cut off.
    pub(crate) fn reopen(path: &Path) -> anyhow::Result<Self> {
        let reopen = || {
            let text = regular::read(path)?;
            let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let file = OpenOptions::new().append(true).open(path)?;
            file.set_len(whole as u64)?;
            Ok::<_, io::Error>(file)
        };
        let file = reopen().with_context(|| format!("cannot write ledger `{}`", path.display()))?;
        Ok(Self { file: Mutex::new(Some(file)) })
    }

    pub(crate) fn append(&self, entry: &Entry) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match file.as_mut() {
            Some(file) => file.write_all(&line).context("cannot write to the ledger"),
            None => Err(anyhow::anyhow!("the ledger ended with a line that could not be written")),
        };
        if written.is_err() {
            *file = None;
        }
        written
    }
}
