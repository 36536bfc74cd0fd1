//! A summary as what is kept of it: in the manifest, and in the file that `--results` names.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    health::Health,
    series::Point,
    summary::{Counts, Summary, Trouble, per_second},
    threshold::Threshold,
};
use crate::ledger::{
    manifest::Manifest,
    results::{Quantiles, Results},
};

/// The version of the form below.
const VERSION: u32 = 1;

/// What `--results` writes. Durations are seconds, times in histograms microseconds.
#[derive(Debug, Serialize)]
pub(crate) struct RunResults<'a> {
    version: u32,
    /// What was planned, how it was sent, and what came of it.
    run: &'a Manifest,
    summary: SummaryCounts<'a>,
    series: Vec<Point>,
}

/// Counts of spans, workflows and exports.
#[derive(Debug, Serialize)]
struct SummaryCounts<'a> {
    total: Counts,
    /// By service or, behind collectors, by collector.
    streams: &'a [Counts],
    /// By gRPC status, with the first message.
    troubles: BTreeMap<String, &'a Trouble>,
    health: &'a Health,
}

impl<'a> RunResults<'a> {
    pub(crate) fn of(manifest: &'a Manifest, summary: &'a Summary) -> Self {
        let troubles = summary.troubles.iter().map(|(code, trouble)| (code.to_string(), trouble));
        let counts = SummaryCounts {
            total: summary.total(),
            streams: &summary.streams,
            troubles: troubles.collect(),
            health: &summary.health,
        };
        Self { version: VERSION, run: manifest, summary: counts, series: summary.series.points() }
    }
}

/// What a finished run's manifest says of it.
pub(crate) fn of(summary: &Summary, elapsed: Duration, thresholds: &[Threshold]) -> Results {
    let total = summary.total();
    let start_error = &summary.start_error;
    Results {
        total_workflows: total.issued.workflows,
        duration_seconds: elapsed.as_secs_f64(),
        throughput: per_second(total.acked_workflows, elapsed),
        spans_per_s: Some(per_second(total.taken(), elapsed)),
        planned: Some(total.planned.spans),
        issued: total.issued.spans,
        not_started: Some(total.not_started.spans),
        acked: total.acked,
        rejected: total.rejected,
        indeterminate: total.indeterminate,
        partial: total.partial,
        partial_taken: total.partial_taken,
        retries: total.retries,
        response_us: quantiles(&summary.response),
        service_us: quantiles(&summary.service),
        errors_us: quantiles(&summary.errors),
        start_error_p99_us: (!start_error.is_empty()).then(|| start_error.value_at_quantile(0.99)),
        bottleneck: summary.health.bottleneck(),
        thresholds: thresholds.iter().map(|threshold| threshold.judge(summary, elapsed)).collect(),
        interrupted: summary.interrupted,
    }
}

/// None of an empty histogram, which has no quantiles.
fn quantiles(histogram: &Histogram<u64>) -> Option<Quantiles> {
    let at = |quantile| histogram.value_at_quantile(quantile);
    (!histogram.is_empty()).then(|| Quantiles {
        p50: at(0.50),
        p90: at(0.90),
        p95: at(0.95),
        p99: at(0.99),
        p999: at(0.999),
        max: histogram.max(),
        mean: histogram.mean(),
    })
}
