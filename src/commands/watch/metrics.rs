//! What `watch` knows, for `/metrics`, `/healthz` and an OTLP endpoint.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;

use self::{
    otlp::Interval,
    values::{Number, Values},
};
use super::{
    cycle::{Cycle, Ended, Wal},
    visible::{IndexView, Visible},
};
use crate::{audit::verdict::Overall, base::clock::unix_nanos};

mod open_metrics;
mod otlp;
#[cfg(test)]
mod tests;
mod values;

/// Before the name of every metric.
const PREFIX: &str = "e2e_store";
/// Cycles that may be overdue before `/healthz` says so.
const OVERDUE: u32 = 3;
/// A cycle may take so long beyond its time.
const GRACE: Duration = Duration::from_mins(1);
const QUANTILES: [&str; 3] = ["0.5", "0.95", "0.99"];

#[derive(Debug)]
pub(super) struct Metrics {
    every: Duration,
    /// In Unix nanoseconds.
    began: u64,
    instance: String,
    values: Mutex<Values>,
    /// When the last cycle ended, in Unix nanoseconds, and whether it passed.
    last: Mutex<Option<(u64, bool)>>,
}

/// An answer of `/healthz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Starting,
    Passed,
    Failed,
    Overdue,
}

impl Metrics {
    pub(super) fn new(every: Duration) -> anyhow::Result<Self> {
        Ok(Self {
            every,
            began: unix_nanos(),
            instance: format!("{:032x}", rand::random::<u128>()),
            values: Mutex::new(Values::new()?),
            last: Mutex::default(),
        })
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, cycle: &Cycle, wal: &Wal, now: u64) {
        let mut values = self.values();
        let values = &mut *values;
        let mut spans = |outcome: &str, count| add(&mut values.spans, outcome, count);
        if let Some(sent) = &cycle.sent {
            let total = &sent.total;
            spans("acked", total.acked);
            spans("rejected", total.rejected);
            spans("indeterminate", total.indeterminate);
            spans("partial", total.partial);
            if let Some(latency) = sent.latency {
                let points = latency.map(Number::Real);
                values.export_latency.extend(QUANTILES.into_iter().zip(points));
            }
        }
        let outcome = match &cycle.ended {
            Ended::NotSent(_) => "not_sent",
            Ended::NotAudited(_) => "not_audited",
            Ended::Judged(judged) => {
                spans("found", judged.found);
                spans("missing", judged.missing);
                for (check, found) in judged.findings() {
                    add(&mut values.findings, check, found);
                }
                values.audit.observe(judged.report.coverage.took);
                if let Some(after) = judged.on_disk_after {
                    values.ack_to_disk.observe(after);
                }
                values.flush_failures += u64::from(judged.barrier_failed.is_some());
                match judged.report.overall {
                    Overall::Pass => "pass",
                    Overall::Fail => "fail",
                    Overall::Inconclusive => "inconclusive",
                }
            }
        };
        add(&mut values.cycles, outcome, 1);
        let seconds = now as f64 / 1e9;
        values.studio_up = u64::from(outcome != "not_sent");
        values.wal_files = wal.files;
        values.wal_bytes = wal.bytes;
        values.wal_oldest = wal.oldest;
        values.last_cycle = seconds;
        if outcome == "pass" {
            values.last_success = seconds;
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, outcome == "pass"));
    }

    /// What a look at the index has shown.
    pub(super) fn record_index(&self, view: &IndexView, became_visible: &[Visible]) {
        let mut values = self.values();
        values.index_state = ["absent", "unreadable", "read"]
            .into_iter()
            .map(|state| (state, Number::Count(u64::from(state == view.state))))
            .collect();
        values.index_files = view.figures.map(|figures| figures.files);
        values.index_failed_files = view.figures.map(|figures| figures.failed);
        let last_work = view.figures.and_then(|figures| figures.last_work);
        values.index_last_work = last_work.map(|at| at as f64 / 1e9);
        for cycle in became_visible {
            add(&mut values.spans, "visible", cycle.spans);
            values.ack_to_visible.observe(cycle.after);
        }
    }

    /// Spans that no look at the index has found yet, and the time since the oldest ack of them; none without an index.
    pub(super) fn record_awaiting(&self, awaiting: Option<(u64, Duration)>) {
        let mut values = self.values();
        values.awaiting_index_spans = awaiting.map(|(spans, _)| spans);
        values.awaiting_index_oldest = awaiting.map(|(_, oldest)| oldest.as_secs_f64());
    }

    /// An export to the metrics endpoint has ended.
    pub(super) fn record_export(&self, was_taken: bool) {
        add(&mut self.values().metrics_exports, if was_taken { "sent" } else { "failed" }, 1);
    }

    /// In the text form of OpenMetrics.
    pub(super) fn encode(&self) -> Result<String, std::fmt::Error> {
        let values = self.values().clone();
        open_metrics::render(values)
    }

    /// As an OTLP export.
    pub(super) fn request(&self, now: u64) -> ExportMetricsServiceRequest {
        otlp::request(&self.values(), &self.instance, Interval { began: self.began, now })
    }

    pub(super) fn health(&self, now: u64) -> Health {
        let Some((ended, passed)) = *self.last.lock().unwrap_or_else(PoisonError::into_inner) else {
            return Health::Starting;
        };
        let age = Duration::from_nanos(now.saturating_sub(ended));
        if age > self.every.saturating_mul(OVERDUE).saturating_add(GRACE) {
            Health::Overdue
        } else if passed {
            Health::Passed
        } else {
            Health::Failed
        }
    }
}

fn add(counters: &mut values::Counters, label: &str, count: u64) {
    match counters.get_mut(label) {
        Some(counter) => *counter += count,
        None => _ = counters.insert(label.to_owned(), count),
    }
}
