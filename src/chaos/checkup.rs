//! What is asked of a studio once a fault is over: how long until it flushes again, and what is lost or stored twice
//! by then.
//!
//! Traffic goes on meanwhile, and the next fault waits for neither: an audit for which there is no time is left out.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    audit::{AuditOptions, examine, report::AuditReport},
    checks::{catalog::Check, grammar, selection},
    judge::runs::choose_runs,
    store::find::find_store,
};

use super::lost::{LOST_ACKS, found};

/// What an acked span, a refused one, and a file as such can tell. Whatever else an audit looks at, parents that are
/// absent for one, follows from a loss.
const FAMILIES: [&str; 6] = ["delivery", "duplicates", "fidelity", "files", "form", "pollution"];

/// Times of acks of lost spans that are laid to a fault.
const SAMPLES: usize = 1_000_000;

/// An audit between faults has this much time at least, and twice what the last took.
const ENOUGH: Duration = Duration::from_millis(1_500);

/// Audits the store of one run.
#[derive(Debug, Clone)]
pub(crate) struct Auditor {
    pub(crate) data_dir: PathBuf,
    /// Where runs are kept.
    pub(crate) runs: PathBuf,
    pub(crate) run_id: String,
}

/// What was seen of a studio after a fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checkup {
    /// From the end of the fault to the first flush that succeeded.
    pub(crate) flushed_after: Option<Duration>,
    /// How long one was waited for in vain.
    pub(crate) no_flush_within: Option<Duration>,
    pub(crate) audited: Option<Audited>,
}

/// What an audit counted since the experiment began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Audited {
    /// Acked spans.
    pub(crate) lost: u64,
    /// Spans that are stored more than once.
    pub(crate) twice: u64,
}

impl Auditor {
    /// When all is over: waits for what may still come.
    pub(crate) async fn whole(
        &self,
        crowds: &[String],
        waiting: impl FnMut(Duration),
    ) -> anyhow::Result<AuditReport> {
        let families = FAMILIES.map(str::to_owned);
        let mut checks = selection::select(selection::with_own(None)?, &families, &[])?;
        let lost_acks = include_str!("../../sql/chaos/lost_acks.sql");
        checks.push(grammar::parse(LOST_ACKS, "delivery", lost_acks).map_err(anyhow::Error::msg)?);
        self.examine(crowds, AuditOptions { samples: SAMPLES, ..AuditOptions::of(checks) }, waiting).await
    }

    /// In the midst of an experiment, unless the next fault is due too soon.
    pub(crate) async fn so_far(
        &self,
        crowds: &[String],
        took: &mut Duration,
        next: Instant,
    ) -> anyhow::Result<Option<Audited>> {
        let began = Instant::now();
        if next.saturating_duration_since(began) < ENOUGH.max(2 * *took) {
            return Ok(None);
        }
        let checks: Vec<Check> = selection::select(
            selection::with_own(None)?,
            &["delivery".to_owned(), "duplicates".to_owned()],
            &[],
        )?;
        let options = AuditOptions { wait: false, samples: 0, ..AuditOptions::of(checks) };
        let report = self.examine(crowds, options, |_| ()).await?;
        *took = began.elapsed();
        let twice = found(&report, "duplicate_spans") + found(&report, "conflicting_duplicates");
        Ok(Some(Audited { lost: found(&report, "lost_spans"), twice }))
    }

    async fn examine(
        &self,
        crowds: &[String],
        options: AuditOptions,
        waiting: impl FnMut(Duration),
    ) -> anyhow::Result<AuditReport> {
        let layout = find_store(Some(&self.data_dir))?;
        let mut runs = choose_runs(&self.runs, self.run_id.as_str(), &layout)?;
        if let Some(runs) = Arc::get_mut(&mut runs) {
            for crowd in crowds {
                runs.wanted.push(crowd.parse()?);
            }
        }
        examine(&layout, &runs, options, waiting).await
    }
}
