//! How long acked spans are in memory only, and how long in no cold file, as seen from outside.
//!
//! A thread notes when files of the store were written. An ack counts as covered by the first file that was written
//! after it, so the times are upper bounds, by one segment at most.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{
    files::data_files,
    idle::{Idle, Process},
    journal::Journal,
};
use crate::{base::clock::unix_nanos, store::find::find_store};

const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// When files were written, in Unix nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Written {
    segments: BTreeSet<u64>,
    cold: BTreeSet<u64>,
    /// Not of files, but seen by the same eyes.
    pub(crate) idle: Idle,
}

/// A thread that looks at a store.
#[derive(Debug)]
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Written>>,
}

/// From ack to file, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

/// The two windows of acked spans; none where no ack had a file after it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) to_segment: Option<Window>,
    pub(crate) to_cold: Option<Window>,
}

impl Watch {
    pub(crate) fn start(data_dir: PathBuf, process: Process) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let mut written = Written::default();
            loop {
                // What was written last is seen, too.
                let is_last = told.load(Ordering::Relaxed);
                written.look(&data_dir);
                written.idle.look(&process, unix_nanos());
                if is_last {
                    return written;
                }
                std::thread::sleep(LOOKS_EVERY);
            }
        });
        Self { is_over, thread: Some(thread) }
    }

    pub(crate) fn end(mut self) -> Written {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Written {
    /// A store that is not there, or changes meanwhile, is looked at again soon.
    fn look(&mut self, data_dir: &Path) {
        let Ok(layout) = find_store(Some(data_dir)) else { return };
        let files = |folder: Option<PathBuf>, ending| {
            folder.and_then(|folder| data_files(&folder, ending).ok()).unwrap_or_default()
        };
        self.segments.extend(files(layout.wal, "ipc").into_iter().map(|file| file.written));
        self.cold.extend(files(layout.cold, "parquet").into_iter().map(|file| file.written));
    }

    /// Of acks at these times.
    pub(crate) fn windows(&self, acks: &[u64], journal: &Journal) -> Windows {
        let first = |files: &BTreeSet<u64>, ack: u64| files.range(ack..).next().copied();
        // Memory ends with its process.
        let end_of_process = |ack: u64| {
            let process = journal.generations.iter().rev().find(|generation| generation.started <= ack);
            process.and_then(|process| process.ended.as_ref()).map_or(u64::MAX, |end| end.at)
        };
        let to_segment = acks.iter().filter_map(|ack| {
            let file = first(&self.segments, *ack).filter(|file| *file <= end_of_process(*ack))?;
            Some(file - ack)
        });
        let to_cold = acks.iter().filter_map(|ack| Some(first(&self.cold, *ack)? - ack));
        Windows { to_segment: Window::of(to_segment), to_cold: Window::of(to_cold) }
    }
}

impl Window {
    fn of(times: impl Iterator<Item = u64>) -> Option<Self> {
        let mut times: Vec<u64> = times.collect();
        times.sort_unstable();
        let at =
            |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len() - 1)).copied();
        let max = *times.last()?;
        Some(Self { p50: at(0.50)?, p99: at(0.99)?, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::journal::{End, EndedBy, Generation};

    #[test]
    fn an_ack_waits_for_the_first_file_that_is_written_after_it() {
        let written = Written { segments: [10, 20, 40].into(), cold: [50].into(), ..Written::default() };
        let generation = |started, ended| Generation {
            started,
            ready: Some(started),
            ended: Some(End { at: ended, by: EndedBy::Us }),
        };
        let generations = vec![generation(0, 25), generation(30, 60)];
        let journal = Journal { generations, ..Journal::default() };
        let windows = written.windows(&[5, 12, 22, 35], &journal);
        assert_eq!(
            windows.to_segment,
            Some(Window { p50: 5, p99: 8, max: 8 }),
            "22 was lost with its process"
        );
        assert_eq!(windows.to_cold, Some(Window { p50: 38, p99: 45, max: 45 }));
        assert_eq!(Written::default().windows(&[5], &journal), Windows::default());
    }
}
