//! Spans by the outcome of their exports: as a manifest counts them, and as a ledger adds up.

use std::fmt;

use super::{any_run::AnyRun, history::Export, results::Results};
use crate::wire::outcome::ExportOutcome;

/// Of one run. What the two sources may count differently is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OutcomeCounts {
    acked: u64,
    others: Option<OtherOutcomes>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct OtherOutcomes {
    rejected: u64,
    indeterminate: u64,
    partial: u64,
}

/// What a run's manifest counts, and what its ledger adds up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunResults {
    pub(crate) manifest: String,
    pub(crate) ledger: String,
}

impl RunResults {
    /// None where a part of the run has no results: it was killed, or is still at work.
    pub(crate) fn of(run: AnyRun<'_>, exports: &[Export]) -> Option<Self> {
        let all: Vec<&Results> = run.results().into_iter().collect::<Option<_>>()?;
        // An interrupted run may end between a call and its line; a replay that was resumed counts what it took before.
        // What absent shards sent is in no ledger.
        let is_whole = matches!(run, AnyRun::Generated(_))
            && run.missing().is_empty()
            && !all.iter().any(|results| results.interrupted);
        let splits_partial = all.iter().any(|results| results.planned.is_none());
        let sum = |of: fn(&Results) -> u64| all.iter().map(|results| of(results)).sum::<u64>();
        let manifest = OutcomeCounts {
            acked: sum(|results| results.acked),
            others: is_whole.then(|| OtherOutcomes {
                rejected: sum(|results| results.rejected),
                indeterminate: sum(|results| results.indeterminate),
                partial: sum(|results| results.partial),
            }),
        };
        let ledger = OutcomeCounts::of_exports(exports, splits_partial, is_whole);
        Some(Self { manifest: manifest.to_string(), ledger: ledger.to_string() })
    }
}

impl OutcomeCounts {
    /// Older manifests count the spans of partly refused exports as acked or rejected.
    fn of_exports(exports: &[Export], splits_partial: bool, with_others: bool) -> Self {
        let (mut acked, mut others) = (0, OtherOutcomes::default());
        for export in exports {
            let spans = u64::from(export.count);
            match export.outcome {
                ExportOutcome::Acked => acked += spans,
                ExportOutcome::Rejected { .. } => others.rejected += spans,
                ExportOutcome::Indeterminate { .. } => others.indeterminate += spans,
                ExportOutcome::Partial { rejected_spans } if splits_partial => {
                    acked += spans.saturating_sub(rejected_spans.into());
                    others.rejected += u64::from(rejected_spans);
                }
                ExportOutcome::Partial { .. } => others.partial += spans,
            }
        }
        Self { acked, others: with_others.then_some(others) }
    }
}

impl fmt::Display for OutcomeCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} acked", self.acked)?;
        if let Some(OtherOutcomes { rejected, indeterminate, partial }) = self.others {
            write!(f, ", {rejected} rejected, {indeterminate} indeterminate, {partial} partial")?;
        }
        Ok(())
    }
}
