//! A store's files as a source: batches of rows, file by file, each as far as it reads.

use std::sync::Arc;

use datafusion::{arrow::array::RecordBatch, execution::TaskContext};

use super::chunk::SourceNotes;
use crate::{
    base::memory::Limits,
    contract::schema::{COLUMN_COUNT, column_name},
    store::{
        inventory::{self, FoundFile, Inventory},
        layout::{Layout, Tier},
        open::{RowStream, open_to_read},
        session::session,
    },
};

/// Rows that are held at once.
const BATCH_ROWS: usize = 1_024;

/// The files to read, in that order: cold ones, then segments, each oldest first. The hot snapshot only
/// where it was named, because it is a copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoredFiles {
    pub(crate) files: Vec<FoundFile>,
}

impl StoredFiles {
    pub(crate) fn of(layout: &Layout, notes: &mut SourceNotes) -> Self {
        // Segments first: what a flush takes away in between is in the cold files that are listed then.
        let [wal, cold] = [Tier::Wal, Tier::Cold].map(|tier| inventory::list(layout, tier));
        let hot = if layout.single_file { inventory::list(layout, Tier::Hot) } else { Inventory::default() };
        let mut files = Vec::new();
        for tier in [cold, wal, hot] {
            for unlisted in &tier.unlisted {
                notes.trouble(&unlisted.shown, format!("cannot be looked at: {}", unlisted.source));
            }
            files.extend(tier.data().cloned());
        }
        Self { files }
    }
}

/// A walk through the rows of files.
pub(crate) struct RowReader {
    files: Vec<FoundFile>,
    columns: Vec<&'static str>,
    context: Arc<TaskContext>,
    next: usize,
    current: Option<Current>,
    /// Rows of the current file that were read.
    row: u64,
}

/// More rows than a file has.
const PLACES: u64 = 1 << 40;

struct Current {
    file: Arc<str>,
    /// The columns that the file has in the type that a studio gives them.
    present: Arc<[String]>,
    rows: RowStream,
}

/// Rows of one file.
pub(crate) struct RowBatch {
    /// The first one's place in the source: the same however much of other files can be read.
    pub(crate) first_place: u64,
    /// What reports call its file.
    pub(crate) file: Arc<str>,
    /// The first one's number in that file, from 0.
    pub(crate) first_row: u64,
    pub(crate) batch: RecordBatch,
    pub(crate) present: Arc<[String]>,
}

/// All 21.
pub(crate) fn every_column() -> Vec<&'static str> {
    (0..COLUMN_COUNT).map(column_name).collect()
}

impl RowReader {
    pub(crate) fn new(files: Vec<FoundFile>, columns: Vec<&'static str>) -> anyhow::Result<Self> {
        let limits = Limits { memory: 64 << 20, partitions: 1, batch_rows: BATCH_ROWS };
        let context = session(limits)?.task_ctx();
        Ok(Self { files, columns, context, next: 0, current: None, row: 0 })
    }

    /// The next rows. What cannot be read is noted, and passed over.
    pub(crate) async fn next(&mut self, notes: &mut SourceNotes) -> Option<RowBatch> {
        loop {
            let Some(current) = &mut self.current else {
                let file = self.files.get(self.next)?.clone();
                self.next += 1;
                self.row = 0;
                self.current = Some(self.open(&file, notes));
                continue;
            };
            match current.rows.next().await {
                Some(Ok(batch)) => {
                    let first_row = self.row;
                    self.row += batch.num_rows() as u64;
                    return Some(RowBatch {
                        first_place: (self.next as u64 - 1) * PLACES + first_row,
                        file: Arc::clone(&current.file),
                        first_row,
                        batch,
                        present: Arc::clone(&current.present),
                    });
                }
                Some(Err(problem)) => {
                    let shown = &self.files[self.next - 1].shown;
                    notes.trouble(shown, format!("ends early: {problem}"));
                    self.current = None;
                }
                None => self.current = None,
            }
        }
    }

    /// What a file lacks or cannot give is noted; what it has is read.
    fn open(&self, file: &FoundFile, notes: &mut SourceNotes) -> Current {
        let opened = open_to_read(file);
        if let Some(problem) = &opened.problem {
            notes.trouble(&file.shown, problem.to_string());
        }
        let present = opened.known_columns().into();
        let file_name = file.shown.as_str().into();
        Current { file: file_name, present, rows: opened.into_rows(&self.columns, Arc::clone(&self.context)) }
    }
}
