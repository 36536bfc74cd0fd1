//! From disk to sight: when the studio's index names a file for what a cycle has sent.
//!
//! Goes on beside the cycles, because the indexer looks for files every 30 s and the studio's own timer flushes once an
//! hour. The index is read again only when it was written to, and for a cycle that it had not been written to since; what
//! its figures say is of its last read.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use tokio::task::{JoinHandle, spawn_blocking};

use super::metrics::Metrics;
use crate::{
    audit::coverage::Completeness,
    base::notice,
    index::{
        copy::Stamps,
        glance::{Glance, Overview, glance},
    },
    judge::expectation::{Derived, Expectation},
    ledger::{any_run::AnyRun, runs::Run},
    text::numbers::counted,
    wire::outcome::ExportOutcome,
};

#[cfg(test)]
mod tests;

/// Between two looks at whether the index was written to.
const LOOK: Duration = Duration::from_millis(250);

/// File systems tell times by a clock that ticks.
const TICK: Duration = Duration::from_secs(2);

/// A cycle that is whole on disk.
#[derive(Debug)]
pub(super) struct Awaited {
    acked_at: Instant,
    traces: Vec<String>,
    /// Names, and the spans of each that were found.
    services: Vec<(String, u64)>,
}

/// A cycle that the index has come to name whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Visible {
    pub(super) spans: u64,
    pub(super) after: Duration,
}

/// What a look at the index has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexView {
    pub(super) state: &'static str,
    pub(super) figures: Option<Figures>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) files: u64,
    pub(super) failed: u64,
    /// In Unix nanoseconds.
    pub(super) last_work: Option<i64>,
}

/// Looks at an index until it is dropped.
#[derive(Debug)]
pub(super) struct Looking {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    database: Option<PathBuf>,
    /// Age at which a cycle is no longer waited for.
    keep: Duration,
    metrics: Arc<Metrics>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    cycles: Vec<Awaited>,
    /// Whether the last look found an index: without one there is nothing to wait for.
    has_index: bool,
    /// Cycles that were added since the last look.
    added: usize,
    /// Since [`Looking::take_visible`] was called last.
    became_visible: Vec<Visible>,
}

impl Awaited {
    /// What an index must name for a run whose acked spans were all found.
    pub(super) fn of(run: &Run, completeness: &[Completeness], acked_at: Instant) -> anyhow::Result<Self> {
        let expectation = Expectation::Derived(Derived::new(run.plan.clone()));
        let run = AnyRun::Generated(run);
        let history = run.history(&run.ledger_lens())?;
        let taken = history.exports.iter().filter(|export| export.outcome == ExportOutcome::Acked);
        let slots = taken.flat_map(|export| expectation.slots_of(export));
        let traces: BTreeSet<[u8; 16]> = slots.filter_map(|slot| expectation.trace_id(slot)).collect();
        let found = completeness.iter().map(|service| (service.service.clone(), service.found));
        Ok(Self {
            acked_at,
            traces: traces.into_iter().map(const_hex::encode).collect(),
            services: found.collect(),
        })
    }

    /// Whether an index that was written to at this moment may name it.
    fn may_be_named(&self, written_at: SystemTime) -> bool {
        let acked_at = SystemTime::now().checked_sub(self.acked_at.elapsed());
        acked_at.is_none_or(|acked_at| written_at + TICK >= acked_at)
    }

    fn spans(&self) -> u64 {
        self.services.iter().map(|(_, spans)| spans).sum()
    }

    fn is_named(&self, overview: &Overview) -> rusqlite::Result<bool> {
        // Found by a key, and so first.
        if !overview.names(&self.traces)? {
            return Ok(false);
        }
        for (service, spans) in &self.services {
            if overview.spans_of(service)? < *spans {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Looking {
    pub(super) fn start(database: Option<PathBuf>, keep: Duration, metrics: Arc<Metrics>) -> Self {
        let shared = Arc::new(Shared { database, keep, metrics, waiting: Mutex::default() });
        let task = tokio::spawn(look_on(Arc::clone(&shared)));
        Self { shared, task }
    }

    pub(super) fn add(&self, cycle: Awaited) {
        let mut waiting = self.shared.waiting();
        waiting.cycles.push(cycle);
        waiting.added += 1;
    }

    /// Cycles that became visible since the last call.
    pub(super) fn take_visible(&self) -> Vec<Visible> {
        std::mem::take(&mut self.shared.waiting().became_visible)
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look_on(shared: Arc<Shared>) {
    let mut seen = None;
    loop {
        let stamps = shared.database.as_deref().and_then(|database| Stamps::of(database).ok());
        if seen != Some(stamps) || shared.may_name_more(stamps) {
            seen = Some(stamps);
            let looking = Arc::clone(&shared);
            // A panic there is one of a library that reads what may be damaged: the next change is another chance.
            spawn_blocking(move || looking.look()).await.ok();
        }
        shared.tell_awaiting();
        tokio::time::sleep(LOOK).await;
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether cycles came since the last look that the index of that look may name.
    fn may_name_more(&self, stamps: Option<Stamps>) -> bool {
        let Some(written_at) = stamps.and_then(|stamps| stamps.written_at()) else { return false };
        let waiting = self.waiting();
        let new = waiting.cycles.iter().rev().take(waiting.added);
        new.into_iter().any(|cycle| cycle.may_be_named(written_at))
    }

    /// Reads the index, and takes what it names from those that are waited for.
    fn look(&self) {
        let looked_for = self.waiting().added;
        let (state, overview) = match glance(self.database.as_deref()) {
            Glance::Absent => ("absent", None),
            Glance::Unreadable => ("unreadable", None),
            Glance::Read(overview) => ("read", Some(overview)),
        };
        let now = Instant::now();
        let figures = overview.as_ref().map(|Overview { files, failed, last_work, .. }| Figures {
            files: *files,
            failed: *failed,
            last_work: *last_work,
        });
        let mut became_visible = Vec::new();
        let mut waiting = self.waiting();
        waiting.has_index = state != "absent";
        waiting.added -= looked_for;
        if let Some(overview) = overview {
            waiting.cycles.retain(|cycle| {
                // What cannot be asked is not named.
                let is_named = cycle.is_named(&overview).unwrap_or_default();
                if is_named {
                    let after = now.saturating_duration_since(cycle.acked_at);
                    became_visible.push(Visible { spans: cycle.spans(), after });
                }
                !is_named
            });
            waiting.became_visible.extend(&became_visible);
        }
        drop(waiting);
        self.metrics.record_index(&IndexView { state, figures }, &became_visible);
    }

    fn tell_awaiting(&self) {
        let mut waiting = self.waiting();
        if !waiting.has_index {
            waiting.cycles.clear();
            return self.metrics.record_awaiting(None);
        }
        let all = waiting.cycles.len();
        waiting.cycles.retain(|cycle| cycle.acked_at.elapsed() <= self.keep);
        let given_up = (all - waiting.cycles.len()) as u64;
        if given_up > 0 {
            let cycles = counted(given_up, "cycle");
            notice::note(&format!("not waited for any longer: the index names no file for {cycles}"));
        }
        let spans = waiting.cycles.iter().map(Awaited::spans).sum();
        let oldest = waiting.cycles.iter().map(|cycle| cycle.acked_at.elapsed()).max();
        self.metrics.record_awaiting(Some((spans, oldest.unwrap_or_default())));
    }
}
