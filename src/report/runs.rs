//! Runs as they were sent: a list, one in full, several side by side or over time.

use crate::{
    ledger::{
        manifest::Manifest,
        results::{Results, Verdict},
    },
    report::document::Style,
    text::numbers::grouped,
};

pub(crate) mod compare;
pub(crate) mod list;
pub(crate) mod replay;
pub(crate) mod show;
pub(crate) mod trend;

/// The form of `--format json`.
const VERSION: u32 = 1;

/// Whether an outcome of [`outcome`] is as it should be.
fn style(outcome: &str) -> Style {
    match outcome {
        "all acked" => Style::Good,
        "nothing acked" | "threshold not met" | "refused in part" => Style::Bad,
        _ => Style::Doubtful,
    }
}

/// What came of so many spans that were to be sent, in a word or two: the worst that can be said of it.
fn outcome(results: Option<&Results>, planned: u64) -> &'static str {
    let Some(results) = results else { return "unfinished" };
    let unmet = results.thresholds.iter().any(|judged| judged.verdict != Verdict::Met);
    if results.taken() == 0 {
        "nothing acked"
    } else if unmet {
        "threshold not met"
    } else if results.refused() > 0 {
        "refused in part"
    } else if results.indeterminate > 0 {
        "indeterminate in part"
    } else if results.interrupted {
        "interrupted"
    } else if not_started(results, planned) > 0 {
        "not all sent"
    } else {
        "all acked"
    }
}

/// Spans; older manifests leave it to the plan.
fn not_started(results: &Results, planned: u64) -> u64 {
    results.not_started.unwrap_or_else(|| planned.saturating_sub(results.issued))
}

/// Services and the workflows of each: `3 × 10`.
fn size(manifest: &Manifest) -> String {
    let config = &manifest.config;
    format!("{} × {}", grouped(config.num_services), grouped(config.workflows_per_service))
}
