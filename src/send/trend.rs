//! A figure of many runs of the same load, and whether it got worse.
//!
//! One noisy run is no regression: the median of the last three runs is held against the median of those before
//! them, and must be worse by more than is tolerated and by more than three times what those differ among themselves.

use serde::Serialize;

use crate::ledger::{
    manifest::Manifest,
    results::{Results, Unit},
};

/// Runs whose median is judged.
pub(crate) const JUDGED: usize = 3;
/// Runs before them that a judgement needs.
pub(crate) const LEAST_BASE: usize = 3;
/// Runs before them that are looked at.
pub(crate) const MOST_BASE: usize = 20;
/// Differences within this many median deviations are noise.
const NOISE: f64 = 3.0;

/// A figure of a run that has a good direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Acked workflows per second
    #[value(name = "workflows_per_s")]
    WorkflowsPerS,
    /// Taken spans per second
    #[value(name = "spans_per_s")]
    SpansPerS,
    /// Median response time of acked exports
    P50,
    /// Response time that 95 % of acked exports kept
    P95,
    /// Response time that 99 % of acked exports kept
    P99,
    /// Share of spans that were not taken
    #[value(name = "error_rate")]
    ErrorRate,
    /// Time that the last audit of the run took
    #[value(name = "audit_time")]
    AuditTime,
}

/// A run, as far as trends look at it.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) results: Results,
    /// Of its last audit, in seconds.
    pub(crate) audit_seconds: Option<f64>,
}

/// How a metric went over the runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Trend {
    pub(crate) metric: Metric,
    pub(crate) unit: Unit,
    /// One for each run, oldest first; none where the run has no such figure.
    pub(crate) values: Vec<Option<f64>>,
    pub(crate) judgement: Judgement,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub(crate) enum Judgement {
    /// So many runs have the figure, and so many are needed.
    TooFewRuns {
        runs: usize,
        needed: usize,
    },
    Steady {
        base: f64,
        last: f64,
    },
    Regressed {
        base: f64,
        last: f64,
    },
}

impl Metric {
    /// What is judged unless one is named.
    pub(crate) const USUAL: [Self; 5] =
        [Self::WorkflowsPerS, Self::P95, Self::P99, Self::ErrorRate, Self::AuditTime];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WorkflowsPerS => "workflows/s",
            Self::SpansPerS => "spans/s",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::ErrorRate => "error rate",
            Self::AuditTime => "audit time",
        }
    }

    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::WorkflowsPerS | Self::SpansPerS => Unit::PerSecond,
            Self::P50 | Self::P95 | Self::P99 | Self::AuditTime => Unit::Microseconds,
            Self::ErrorRate => Unit::Share,
        }
    }

    fn is_better_higher(self) -> bool {
        match self {
            Self::WorkflowsPerS | Self::SpansPerS => true,
            Self::P50 | Self::P95 | Self::P99 | Self::ErrorRate | Self::AuditTime => false,
        }
    }

    fn read(self, run: &Measured) -> Option<f64> {
        let results = &run.results;
        let response = || results.response_us;
        match self {
            Self::WorkflowsPerS => Some(results.throughput),
            Self::SpansPerS => results.spans_per_s,
            Self::P50 => Some(response()?.p50 as f64),
            Self::P95 => Some(response()?.p95 as f64),
            Self::P99 => Some(response()?.p99 as f64),
            Self::ErrorRate => results.error_rate(),
            Self::AuditTime => run.audit_seconds.map(|seconds| seconds * 1e6),
        }
    }
}

impl Trend {
    /// Of runs in the order in which they were made.
    pub(crate) fn of(metric: Metric, runs: &[Measured], tolerance: f64) -> Self {
        let values: Vec<Option<f64>> = runs.iter().map(|run| metric.read(run)).collect();
        let known: Vec<f64> = values.iter().flatten().copied().collect();
        Self {
            metric,
            unit: metric.unit(),
            judgement: judge(&known, metric.is_better_higher(), tolerance),
            values,
        }
    }

    pub(crate) fn has_regressed(&self) -> bool {
        matches!(self.judgement, Judgement::Regressed { .. })
    }

    pub(crate) fn is_judged(&self) -> bool {
        !matches!(self.judgement, Judgement::TooFewRuns { .. })
    }
}

fn judge(values: &[f64], is_better_higher: bool, tolerance: f64) -> Judgement {
    let needed = JUDGED + LEAST_BASE;
    if values.len() < needed {
        return Judgement::TooFewRuns { runs: values.len(), needed };
    }
    let (before, judged) = values.split_at(values.len() - JUDGED);
    let before = &before[before.len().saturating_sub(MOST_BASE)..];
    let (base, last) = (median(before), median(judged));
    let deviations: Vec<f64> = before.iter().map(|value| (value - base).abs()).collect();
    let worse_by = if is_better_higher { base - last } else { last - base };
    if worse_by > base * tolerance && worse_by > NOISE * median(&deviations) {
        Judgement::Regressed { base, last }
    } else {
        Judgement::Steady { base, last }
    }
}

/// Zero of none.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => 0.0,
        (len, middle) if len % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        (_, middle) => sorted[middle],
    }
}

/// What makes two runs the same load: what was planned, and how it was sent. Where time ends a run, how many
/// workflows it came to is a result.
pub(crate) fn is_same_load(a: &Manifest, b: &Manifest) -> bool {
    let config = |manifest: &Manifest| {
        let mut config = manifest.config;
        let is_timed = manifest.load.as_ref().is_some_and(|load| load.duration_seconds.is_some());
        if is_timed || config.open_ended {
            config.workflows_per_service = 0;
        }
        config.open_ended = false;
        config
    };
    let is_alike = |a: &Manifest, b: &Manifest| {
        a.profile == b.profile && a.telemetry == b.telemetry && a.load == b.load && a.shard == b.shard
    };
    is_alike(a, b) && config(a) == config(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(values: &[f64], is_better_higher: bool) -> &'static str {
        match judge(values, is_better_higher, 0.1) {
            Judgement::TooFewRuns { .. } => "too few",
            Judgement::Steady { .. } => "steady",
            Judgement::Regressed { .. } => "regressed",
        }
    }

    #[test]
    fn one_noisy_run_is_no_regression_and_two_of_three_are() {
        for (values, lower_is_better, higher_is_better) in [
            (&[100.0, 101.0, 99.0, 100.0, 100.0, 500.0][..], "steady", "steady"),
            (&[100.0, 101.0, 99.0, 500.0, 100.0, 100.0], "steady", "steady"),
            (&[100.0, 101.0, 99.0, 150.0, 100.0, 150.0], "regressed", "steady"),
            (&[100.0, 101.0, 99.0, 50.0, 100.0, 50.0], "steady", "regressed"),
            (&[100.0, 101.0, 99.0, 109.0, 109.0, 109.0], "steady", "steady"),
            // What differs so much by itself tells nothing.
            (&[100.0, 160.0, 60.0, 150.0, 150.0, 150.0], "steady", "steady"),
            (&[100.0, 101.0, 150.0, 150.0, 150.0], "too few", "too few"),
            (&[], "too few", "too few"),
            (&[0.0, 0.0, 0.0, 0.0, 0.1, 0.1], "regressed", "steady"),
            (&[0.0, 0.0, 0.0, 0.0, 0.0, 0.1], "steady", "steady"),
        ] {
            assert_eq!(verdict(values, false), lower_is_better, "{values:?}");
            assert_eq!(verdict(values, true), higher_is_better, "{values:?}");
        }
    }

    #[test]
    fn only_the_runs_just_before_are_the_base() {
        let mut values = vec![10.0; 50];
        values.extend([100.0; MOST_BASE]);
        values.extend([100.0; JUDGED]);
        assert_eq!(verdict(&values, false), "steady", "what was long ago is no base");
    }
}
