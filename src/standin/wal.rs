//! The write-ahead log: spans in memory, then segments on disk, then one cold file.
//!
//! Plain file work without locks or tasks. Follows the order of the studio's steps, because what a
//! crash or a failure leaves behind depends on it; like the studio it never syncs a file.

#[cfg(test)]
use std::sync::Mutex;
use std::{
    fs, io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use datafusion::arrow::ipc::writer::StreamWriter;

use super::{
    Config, cold, durable,
    faults::{
        Faults,
        files::{FlushAct, SnapshotAct},
    },
    folder::{self, Folder},
};
use crate::contract::{columns, row::Row, schema::Schema};

/// How long spans stay in memory when no batch fills up.
pub(super) const SEGMENT_INTERVAL: Duration = Duration::from_secs(3);

/// The log of one stand-in.
#[derive(Debug)]
pub(super) struct Wal {
    folder: Folder,
    schema: Schema,
    batch_size: usize,
    pending: Vec<Row>,
    /// When the oldest pending row came.
    pending_since: Option<Instant>,
    closed: bool,
    durable: bool,
    faults: Arc<Faults>,
    last_snapshot: Option<Snapshot>,
    sequence: u64,
    segment_bytes: u64,
    last_segment: Instant,
    last_flush: Instant,
    #[cfg(test)]
    flush_gate: Arc<Mutex<()>>,
}

/// Spans that were acked and are in no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unwritten {
    pub(crate) spans: u64,
    /// How long ago the oldest of them came.
    pub(crate) oldest: Duration,
}

/// The log takes no rows any more.
#[derive(Debug, thiserror::Error)]
#[error("shutting down")]
pub(super) struct Closed;

/// A flush between its beginning and its end. Exports go on meanwhile.
#[derive(Debug)]
pub(super) struct Flush {
    pub(super) path: PathBuf,
    segments: Vec<PathBuf>,
    schema: Schema,
    acts: Vec<FlushAct>,
    #[cfg(test)]
    gate: Arc<Mutex<()>>,
}

impl Flush {
    pub(super) fn write(self) -> anyhow::Result<Self> {
        let mut segments = self.segments.clone();
        if self.acts.contains(&FlushAct::Double) {
            segments.extend_from_within(..);
        }
        cold::write(&segments, self.schema, &self.path, || {
            // Where tests hold a flush: all is written, and the file has not got its name.
            #[cfg(test)]
            drop(self.gate.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        })?;
        for act in &self.acts {
            if let FlushAct::Damage(damage) = act {
                damage.apply(&self.path)?;
            }
        }
        Ok(self)
    }

    /// Whether the process ends before the segments are removed.
    pub(super) fn crashes(&self) -> bool {
        self.acts.contains(&FlushAct::Crash)
    }
}

/// A hot snapshot that was just written.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) path: PathBuf,
    pub(super) rows: usize,
    pub(super) bytes: u64,
}

impl Wal {
    /// Opens the log of `folder`; segments that are there already will be part of the next flush.
    pub(super) fn open(folder: Folder, config: &Config, faults: Arc<Faults>) -> anyhow::Result<Self> {
        if config.durable {
            durable::reconcile(&folder, config.schema)?;
        }
        let segment_bytes = total_bytes(&segments(&folder)?)?;
        let now = Instant::now();
        Ok(Self {
            folder,
            schema: config.schema,
            batch_size: config.batch_size,
            pending: Vec::new(),
            pending_since: None,
            closed: false,
            durable: config.durable,
            faults,
            last_snapshot: None,
            sequence: 0,
            segment_bytes,
            last_segment: now,
            last_flush: now,
            #[cfg(test)]
            flush_gate: Arc::clone(&config.flush_gate),
        })
    }

    /// Takes rows one by one; says whether that filled a segment.
    ///
    /// An error drops the rows that follow the one which filled the batch, and only those.
    pub(super) fn append(&mut self, rows: Vec<Row>) -> anyhow::Result<bool> {
        if self.closed {
            return Err(Closed.into());
        }
        let mut wrote_segment = false;
        for row in rows {
            self.pending_since.get_or_insert_with(Instant::now);
            self.pending.push(row);
            if self.pending.len() >= self.batch_size {
                self.write_pending()?;
                wrote_segment = true;
            }
        }
        Ok(wrote_segment)
    }

    pub(super) fn close(&mut self) -> anyhow::Result<()> {
        self.closed = true;
        self.write_pending()
    }

    pub(super) fn pending(&self) -> &[Row] {
        &self.pending
    }

    pub(super) fn unwritten(&self) -> Option<Unwritten> {
        let oldest = self.pending_since?.elapsed();
        Some(Unwritten { spans: self.pending.len() as u64, oldest })
    }

    /// Writes what is pending if no segment was written for a while.
    pub(super) fn write_pending_on_timer(&mut self) -> anyhow::Result<()> {
        if self.last_segment.elapsed() < SEGMENT_INTERVAL {
            return Ok(());
        }
        self.write_pending()
    }

    pub(super) fn is_due(&self, max_bytes: u64, max_age: Duration) -> bool {
        let too_old = self.last_flush.elapsed() >= max_age && self.segment_bytes > 0;
        self.segment_bytes >= max_bytes || too_old
    }

    /// Begins to move everything into a cold file named after `now`; `None` when there is nothing.
    pub(super) fn begin_flush(&mut self, now: DateTime<Utc>) -> anyhow::Result<Option<Flush>> {
        self.write_pending()?;
        let segments = self.usable_segments()?;
        if segments.is_empty() {
            return Ok(None);
        }
        let path = self.folder.cold_file(now)?;
        Ok(Some(Flush {
            acts: self.faults.flush(&path),
            path,
            segments,
            schema: self.schema,
            #[cfg(test)]
            gate: Arc::clone(&self.flush_gate),
        }))
    }

    /// Removes the segments whose rows a cold file has now.
    pub(super) fn end_flush(&mut self, flush: &Flush) -> anyhow::Result<()> {
        for segment in &flush.segments {
            // The rows are safe: the studio, too, calls this flush a success, and the next one
            // writes what stayed a second time.
            fs::remove_file(segment).ok();
        }
        self.segment_bytes = total_bytes(&segments(&self.folder)?)?;
        self.last_flush = Instant::now();
        Ok(())
    }

    /// Copies everything into the hot snapshot; `None` when there was nothing and none is left.
    pub(super) fn snapshot(&mut self) -> anyhow::Result<Option<Snapshot>> {
        self.write_pending()?;
        let mut segments = self.usable_segments()?;
        let path = self.folder.hot_snapshot();
        let acts = self.faults.snapshot(&path);
        if acts.contains(&SnapshotAct::Stale) && self.last_snapshot.is_some() {
            return Ok(self.last_snapshot.clone());
        }
        if acts.contains(&SnapshotAct::MissSegment) {
            segments.pop();
        }
        if segments.is_empty() {
            folder::remove_if_there(&path)?;
            return Ok(None);
        }
        let rows = cold::write(&segments, self.schema, &path, || ())?;
        let bytes = fs::metadata(&path)?.len();
        self.last_snapshot = Some(Snapshot { path, rows, bytes });
        Ok(self.last_snapshot.clone())
    }

    /// All segments; where damage is to block nothing, those that can be written.
    fn usable_segments(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut segments = segments(&self.folder)?;
        if self.durable {
            durable::set_aside_damaged(&mut segments, self.schema)?;
        }
        Ok(segments)
    }

    fn write_pending(&mut self) -> anyhow::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let batch = columns::batch(&self.faults.spans(&self.pending), self.schema)?;
        if batch.num_rows() == 0 {
            self.pending.clear();
            self.pending_since = None;
            return Ok(());
        }
        let path = self.next_segment();
        let unfinished = path.with_extension("ipc.tmp");
        let mut writer = StreamWriter::try_new_buffered(folder::create(&unfinished)?, &batch.schema())?;
        writer.write(&batch)?;
        writer.finish()?;
        writer.into_inner()?.into_inner()?;
        fs::rename(&unfinished, &path)?;

        self.segment_bytes += fs::metadata(&path)?.len();
        let rows = std::mem::take(&mut self.pending);
        self.pending_since = None;
        self.last_segment = Instant::now();
        let faults = Arc::clone(&self.faults);
        Ok(faults.segment(&path, &rows, || self.next_segment())?)
    }

    fn next_segment(&mut self) -> PathBuf {
        self.sequence += 1;
        let now = Utc::now();
        let (seconds, nanos) = (now.timestamp(), now.timestamp_subsec_nanos());
        self.folder.wal().join(format!("batch_{seconds}{nanos:09}_{:04}.ipc", self.sequence))
    }
}

/// The segments of the log in the order of their names, which is that of their making.
pub(super) fn segments(folder: &Folder) -> io::Result<Vec<PathBuf>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder.wal())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "ipc") {
            segments.push(path);
        }
    }
    segments.sort();
    Ok(segments)
}

fn total_bytes(files: &[PathBuf]) -> io::Result<u64> {
    files.iter().map(|file| Ok(fs::metadata(file)?.len())).sum()
}
