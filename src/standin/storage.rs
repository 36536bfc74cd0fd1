//! The log and the recent cold files, shared by all calls and by the background work.
//!
//! Flushes, snapshots and the timer take turns, as in the studio's one loop: while a flush runs, what is in memory
//! waits. A lock around the log is held for moments, so that exports wait for none of them. They write their segments
//! where they run; whole-log work goes to a blocking thread.

use std::{
    error::Error,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::Utc;
use tokio::{sync::Notify, task, time::interval};

use super::{
    Config,
    faults::Faults,
    folder::Folder,
    recent::RecentCold,
    wal::{SEGMENT_INTERVAL, Snapshot, Unwritten, Wal},
};
use crate::{base::notice, contract::row::Row};

/// How often the age of the log is looked at.
const AGE_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// What one stand-in has stored, and when it moves by itself.
#[derive(Debug)]
pub(super) struct Storage {
    wal: Arc<tokio::sync::Mutex<Wal>>,
    /// Held by the flush, the snapshot or the timer whose turn it is.
    turn: tokio::sync::Mutex<()>,
    recent: Arc<Mutex<RecentCold>>,
    segment_written: Notify,
    flush_max_bytes: u64,
    flush_max_age: Duration,
    faults: Arc<Faults>,
}

impl Storage {
    pub(super) fn open(folder: Folder, config: &Config, faults: Arc<Faults>) -> anyhow::Result<Self> {
        let wal = Wal::open(folder, config, Arc::clone(&faults))?;
        Ok(Self {
            wal: Arc::new(tokio::sync::Mutex::new(wal)),
            turn: tokio::sync::Mutex::default(),
            recent: Arc::default(),
            segment_written: Notify::new(),
            flush_max_bytes: config.flush_max_bytes,
            flush_max_age: config.flush_max_age,
            faults,
        })
    }

    /// Brings what is in memory to disk, and takes nothing more.
    pub(super) async fn close(&self) -> anyhow::Result<()> {
        self.with_wal(Wal::close).await?;
        self.flush().await
    }

    /// What was acked and is only in memory.
    pub(super) async fn unwritten(&self) -> Option<Unwritten> {
        self.wal.lock().await.unwritten()
    }

    /// What is only in memory.
    pub(super) async fn pending(&self) -> Vec<Row> {
        self.wal.lock().await.pending().to_vec()
    }

    pub(super) async fn append(&self, rows: Vec<Row>) -> anyhow::Result<()> {
        if self.wal.lock().await.append(rows)? {
            self.segment_written.notify_one();
        }
        Ok(())
    }

    pub(super) async fn flush(&self) -> anyhow::Result<()> {
        self.flush_if(|_| true).await
    }

    pub(super) async fn snapshot(&self) -> anyhow::Result<Option<Snapshot>> {
        let _turn = self.turn.lock().await;
        self.with_wal(Wal::snapshot).await
    }

    pub(super) fn recent_cold_files(&self) -> Vec<PathBuf> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).list(Instant::now())
    }

    /// Writes segments and flushes on time and by size, for ever.
    ///
    /// As in the studio, a failure here ends nothing, and whoever asks for the next flush gets the same error. What
    /// the system refused is said once.
    pub(super) async fn tend(self: Arc<Self>) -> anyhow::Result<()> {
        let mut segment_timer = interval(SEGMENT_INTERVAL);
        let mut age_timer = interval(AGE_CHECK_INTERVAL);
        let mut said = String::new();
        loop {
            let done = tokio::select! {
                _ = segment_timer.tick() => self.write_pending_on_timer().await,
                _ = age_timer.tick() => self.flush_if_due().await,
                () = self.segment_written.notified() => self.flush_if_due().await,
            };
            let refused = done.err().filter(|err| err.chain().any(<dyn Error>::is::<io::Error>));
            if let Some(refused) = refused.map(|err| format!("the stand-in cannot write: {err:#}"))
                && refused != said
            {
                notice::note(&refused);
                said = refused;
            }
        }
    }

    async fn write_pending_on_timer(&self) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        self.with_wal(Wal::write_pending_on_timer).await
    }

    async fn flush_if_due(&self) -> anyhow::Result<()> {
        let (max_bytes, max_age) = (self.flush_max_bytes, self.flush_max_age);
        self.flush_if(move |wal| wal.is_due(max_bytes, max_age)).await
    }

    async fn flush_if(&self, wanted: impl FnOnce(&Wal) -> bool + Send + 'static) -> anyhow::Result<()> {
        let _turn = self.turn.lock().await;
        let begin = |wal: &mut Wal| if wanted(wal) { wal.begin_flush(Utc::now()) } else { Ok(None) };
        let Some(flush) = self.with_wal(begin).await? else { return Ok(()) };
        let flush = task::spawn_blocking(move || flush.write()).await??;
        if flush.crashes() {
            self.faults.crash();
            std::future::pending::<()>().await;
        }
        let recent = Arc::clone(&self.recent);
        self.with_wal(move |wal| {
            // Recorded before the segments are gone: a snapshot that finds the log empty must
            // already name the file that the rows went to.
            recent.lock().unwrap_or_else(PoisonError::into_inner).record(flush.path.clone(), Instant::now());
            wal.end_flush(&flush)
        })
        .await
    }

    async fn with_wal<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Wal) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let mut wal = Arc::clone(&self.wal).lock_owned().await;
        task::spawn_blocking(move || work(&mut wal)).await?
    }
}
