//! Kills a studio at a point of its flush, or of its snapshot.
//!
//! A flush writes `.parquet.tmp`, renames it and deletes the segments. The points lie milliseconds apart or less, so a
//! thread looks at the folder without a pause and kills the process itself. Whether it came in time is told by what
//! lies on the disk afterwards.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use chrono::Utc;
use rustix::process::{Pid, Signal, kill_process_group};

use super::files::{self, data_files, folder_of_today};

/// A point of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlushPoint {
    /// The cold file is being written and has not got its name.
    BeforeRename,
    /// It has, and its segments are still there, or some of them.
    BeforeDeletes,
    /// The hot snapshot is being written.
    InSnapshot,
}

/// What lay in the store before a flush.
#[derive(Debug)]
pub(crate) struct Before {
    cold: PathBuf,
    wal: PathBuf,
    names: BTreeSet<PathBuf>,
    segments: BTreeSet<PathBuf>,
    /// When the unfinished hot snapshot was written that an earlier kill left.
    snapshot: Option<SystemTime>,
}

impl Before {
    pub(crate) fn of(cold: &Path, wal: &Path) -> anyhow::Result<Self> {
        let mut names = BTreeSet::new();
        for extension in ["parquet", "tmp"] {
            names.extend(data_files(cold, extension)?.into_iter().map(|file| file.path));
        }
        let segments = data_files(wal, "ipc")?.into_iter().map(|file| file.path).collect();
        let (cold, wal) = (cold.to_owned(), wal.to_owned());
        let mut before = Self { cold, wal, names, segments, snapshot: None };
        before.snapshot = before.unfinished_snapshot();
        Ok(before)
    }

    pub(crate) fn has_segments(&self) -> bool {
        !self.segments.is_empty()
    }

    fn unfinished_snapshot(&self) -> Option<SystemTime> {
        let path = self.wal.with_file_name("hot_snapshot.parquet.tmp");
        fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok()
    }

    fn is_in_snapshot(&self) -> bool {
        let written = self.unfinished_snapshot();
        written.is_some() && written != self.snapshot
    }

    /// A file with this ending that has come since.
    fn newcomer(&self, extension: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(folder_of_today(&self.cold, Utc::now())).into_iter().flatten().flatten();
        let mut paths = entries.map(|entry| entry.path());
        paths.find(|path| path.extension().is_some_and(|end| end == extension) && !self.names.contains(path))
    }

    /// Kills a process group as soon as its flush has come to a point, unless it is over before; says whether it did.
    /// Blocks, and looks without a pause.
    pub(crate) fn kill_at(&self, point: FlushPoint, group: Pid, is_over: &AtomicBool) -> bool {
        if point == FlushPoint::BeforeDeletes {
            return self.kill_in_deletes(group, is_over);
        }
        let kill = || kill_process_group(group, Signal::KILL).is_ok();
        while !is_over.load(Ordering::Relaxed) {
            if point == FlushPoint::InSnapshot {
                if self.is_in_snapshot() {
                    return kill();
                }
                continue;
            }
            if self.newcomer("tmp").is_some() {
                return kill();
            }
        }
        false
    }

    /// Kills a process whose cold file has its name. Deletes follow within microseconds, so the segments are held
    /// until it is dead: what is left is what a crash in between leaves.
    fn kill_in_deletes(&self, group: Pid, is_over: &AtomicBool) -> bool {
        let held = files::hold(&self.segments).ok();
        let mut locked = None;
        while !is_over.load(Ordering::Relaxed) && self.newcomer("parquet").is_none() {
            // What was in memory must have become a segment by then.
            if held.is_none() && locked.is_none() && self.newcomer("tmp").is_some() {
                locked = files::lock(std::slice::from_ref(&self.wal)).ok();
            }
        }
        self.newcomer("parquet").is_some() && kill_process_group(group, Signal::KILL).is_ok()
    }

    /// Whether what the dead process left is what a flush leaves that is cut short there.
    pub(crate) fn was_cut(&self, point: FlushPoint) -> anyhow::Result<bool> {
        let kept = data_files(&self.wal, "ipc")?.into_iter().any(|file| self.segments.contains(&file.path));
        Ok(kept
            && match point {
                FlushPoint::BeforeRename => {
                    self.newcomer("tmp").is_some() && self.newcomer("parquet").is_none()
                }
                FlushPoint::BeforeDeletes => self.newcomer("parquet").is_some(),
                FlushPoint::InSnapshot => self.is_in_snapshot(),
            })
    }
}
