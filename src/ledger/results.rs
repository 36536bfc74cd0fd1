//! How a run went, as its manifest keeps it.
//!
//! Fields that older manifests do not have are optional: what was not measured is absent, never zero.

use serde::{Deserialize, Serialize};

/// The outcome of a run. Outcomes are counted in spans, and planned = issued + not started.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// Workflows that were issued.
    pub(crate) total_workflows: u64,
    pub(crate) duration_seconds: f64,
    /// Acked workflows per second; in manifests without `planned` all that were issued.
    pub(crate) throughput: f64,
    /// Spans per second that were taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spans_per_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) planned: Option<u64>,
    #[serde(alias = "spans")]
    pub(crate) issued: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_started: Option<u64>,
    pub(crate) acked: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
    /// Spans of partly refused exports. Manifests without `planned` count them as acked or rejected.
    #[serde(default)]
    pub(crate) partial: u64,
    /// Of those, how many were taken.
    #[serde(default)]
    pub(crate) partial_taken: u64,
    /// Calls beyond the first of each export.
    #[serde(default)]
    pub(crate) retries: u64,
    /// From planned start to last answer of acked exports; absent where none was acked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) response_us: Option<Quantiles>,
    /// From first call to last answer of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service_us: Option<Quantiles>,
    /// Response times of exports that were not acked, or only in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) errors_us: Option<Quantiles>,
    /// How much later than planned exports began; absent in a closed loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start_error_p99_us: Option<u64>,
    /// What on the generator's side kept the run from being faster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bottleneck: Option<Bottleneck>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) thresholds: Vec<Judged>,
    /// Whether the run was stopped before all was sent.
    pub(crate) interrupted: bool,
}

/// Times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantiles {
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p95: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
    pub(crate) mean: f64,
}

/// What on the generator's side was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bottleneck {
    /// Exports began later than the plan called for them.
    LateStarts,
    /// Requests took longer to make than to be answered.
    Making,
}

/// A threshold, and what the run measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) threshold: String,
    pub(crate) verdict: Verdict,
    /// Absent where there was nothing to measure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) measured: Option<f64>,
    pub(crate) unit: Unit,
    /// Where a throughput was missed and our own side was too slow: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) our_side: Option<Bottleneck>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Met,
    Missed,
    /// Not met: a silence proves nothing.
    NothingToMeasure,
}

/// What a measured value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    Microseconds,
    /// A part of one.
    Share,
    PerSecond,
    Workflows,
    Spans,
}

impl Results {
    /// Spans that the studio said it took.
    pub(crate) fn taken(&self) -> u64 {
        self.acked.saturating_add(self.partial_taken)
    }

    /// Of a plan that was broken off and gone on with: so many spans had been taken before.
    pub(crate) fn after(self, taken_before: u64) -> Self {
        Self {
            planned: self.planned.map(|planned| planned + taken_before),
            issued: self.issued + taken_before,
            acked: self.acked + taken_before,
            ..self
        }
    }

    /// Spans that the studio said it did not take.
    pub(crate) fn refused(&self) -> u64 {
        self.rejected.saturating_add(self.partial.saturating_sub(self.partial_taken))
    }

    /// The share of issued spans that the studio did not say it took; none where none was issued.
    pub(crate) fn error_rate(&self) -> Option<f64> {
        let errors = self.refused().saturating_add(self.indeterminate);
        (self.issued > 0).then(|| errors as f64 / self.issued as f64)
    }
}
