//! What `watch` knows, as OpenMetrics.
//!
//! Every check has its counter from the beginning, because an increase from nothing is none to a rule.

use std::{
    sync::{Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use super::cycle::{Cycle, Ended, Wal};
use crate::{audit::verdict::Overall, checks::catalog};

/// From a tenth of a second to ten minutes.
const SECONDS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0];
/// Cycles that may be overdue before `/healthz` says so.
const OVERDUE: u32 = 3;
/// A cycle may take so long beyond its time.
const GRACE: Duration = Duration::from_mins(1);

type Seconds = Gauge<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CheckLabel {
    check: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Quantile {
    quantile: &'static str,
}

pub(super) struct Metrics {
    registry: Registry,
    every: Duration,
    cycles: Family<Outcome, Counter>,
    spans: Family<Outcome, Counter>,
    findings: Family<CheckLabel, Counter>,
    ack_to_disk: Histogram,
    audit: Histogram,
    export_latency: Family<Quantile, Seconds>,
    studio_up: Gauge,
    wal_files: Gauge,
    wal_bytes: Gauge,
    wal_oldest: Seconds,
    flush_failures: Counter,
    last_cycle: Seconds,
    last_success: Seconds,
    state: Mutex<State>,
}

/// What `/healthz` answers from.
#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// When the last cycle ended, in Unix nanoseconds, and whether it passed.
    last: Option<(u64, bool)>,
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
        let mut registry = Registry::with_prefix("e2e_store");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "Version of e2e-store", Info::new(version.to_vec()));
        let metrics = Self {
            every,
            cycles: Family::default(),
            spans: Family::default(),
            findings: Family::default(),
            ack_to_disk: Histogram::new(SECONDS),
            audit: Histogram::new(SECONDS),
            export_latency: Family::default(),
            studio_up: Gauge::default(),
            wal_files: Gauge::default(),
            wal_bytes: Gauge::default(),
            wal_oldest: Gauge::default(),
            flush_failures: Counter::default(),
            last_cycle: Gauge::default(),
            last_success: Gauge::default(),
            state: Mutex::default(),
            registry,
        };
        for outcome in ["pass", "fail", "inconclusive", "not_sent", "not_audited"] {
            drop(metrics.cycles.get_or_create(&Outcome { outcome }));
        }
        for outcome in ["acked", "rejected", "indeterminate", "partial", "found", "missing"] {
            drop(metrics.spans.get_or_create(&Outcome { outcome }));
        }
        for check in catalog::built_in()? {
            drop(metrics.findings.get_or_create(&CheckLabel { check: check.id.clone() }));
        }
        Ok(metrics.registered())
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("cycles", "Cycles by how they ended", self.cycles.clone());
        registry.register("spans", "Spans by what became of them", self.spans.clone());
        registry.register("findings", "Findings by check", self.findings.clone());
        registry.register_with_unit(
            "ack_to_disk",
            "From the last ack of a cycle to the end of the read that found all its spans",
            Unit::Seconds,
            self.ack_to_disk.clone(),
        );
        registry.register_with_unit("audit", "Time that audits took", Unit::Seconds, self.audit.clone());
        registry.register_with_unit(
            "export_latency",
            "Response times of acked exports in the last cycle",
            Unit::Seconds,
            self.export_latency.clone(),
        );
        registry.register(
            "studio_up",
            "Whether exports were acked in the last cycle",
            self.studio_up.clone(),
        );
        registry.register("wal_files", "Segments of the write-ahead log", self.wal_files.clone());
        registry.register_with_unit(
            "wal",
            "Size of the write-ahead log",
            Unit::Bytes,
            self.wal_bytes.clone(),
        );
        registry.register_with_unit(
            "wal_oldest",
            "Age of the oldest segment of the write-ahead log",
            Unit::Seconds,
            self.wal_oldest.clone(),
        );
        registry.register("flush_failures", "Flushes and snapshots that failed", self.flush_failures.clone());
        registry.register_with_unit(
            "last_cycle_timestamp",
            "When the last cycle ended",
            Unit::Seconds,
            self.last_cycle.clone(),
        );
        registry.register_with_unit(
            "last_success_timestamp",
            "When the last cycle that passed ended",
            Unit::Seconds,
            self.last_success.clone(),
        );
        self
    }

    pub(super) fn record(&self, cycle: &Cycle, wal: &Wal, now: u64) {
        let spans = |outcome, count| _ = self.spans.get_or_create(&Outcome { outcome }).inc_by(count);
        let seconds = now as f64 / 1e9;
        if let Some(sent) = &cycle.sent {
            let total = &sent.total;
            spans("acked", total.acked);
            spans("rejected", total.rejected);
            spans("indeterminate", total.indeterminate);
            spans("partial", total.partial);
            for (at, value) in sent.latency.into_iter().flatten() {
                let quantile = if at < 0.6 {
                    "0.5"
                } else if at < 0.97 {
                    "0.95"
                } else {
                    "0.99"
                };
                self.export_latency.get_or_create(&Quantile { quantile }).set(value);
            }
        }
        let outcome = match &cycle.ended {
            Ended::NotSent(_) => "not_sent",
            Ended::NotAudited(_) => "not_audited",
            Ended::Judged(judged) => {
                spans("found", judged.found);
                spans("missing", judged.missing);
                for (check, found) in judged.findings() {
                    self.findings.get_or_create(&CheckLabel { check: check.to_owned() }).inc_by(found);
                }
                self.audit.observe(judged.report.coverage.took.as_secs_f64());
                if let Some(after) = judged.on_disk_after {
                    self.ack_to_disk.observe(after.as_secs_f64());
                }
                if judged.barrier_failed.is_some() {
                    self.flush_failures.inc();
                }
                match judged.report.overall {
                    Overall::Pass => "pass",
                    Overall::Fail => "fail",
                    Overall::Inconclusive => "inconclusive",
                }
            }
        };
        self.cycles.get_or_create(&Outcome { outcome }).inc();
        self.studio_up.set(i64::from(outcome != "not_sent"));
        self.wal_files.set(wal.files.cast_signed());
        self.wal_bytes.set(wal.bytes.cast_signed());
        self.wal_oldest.set(wal.oldest);
        self.last_cycle.set(seconds);
        if outcome == "pass" {
            self.last_success.set(seconds);
        }
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last = Some((now, outcome == "pass"));
    }

    /// In the text form of OpenMetrics.
    pub(super) fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub(super) fn health(&self, now: u64) -> Health {
        let Some((ended, passed)) = self.state.lock().unwrap_or_else(PoisonError::into_inner).last else {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn not_sent() -> Cycle {
        Cycle { sent: None, ended: Ended::NotSent("refused".to_owned()) }
    }

    #[test]
    fn every_check_has_a_counter_before_it_finds_anything() {
        let metrics = Metrics::new(Duration::from_mins(1)).unwrap();
        let text = metrics.encode().unwrap();
        for check in catalog::built_in().unwrap() {
            let line = format!("e2e_store_findings_total{{check=\"{}\"}} 0", check.id);
            assert!(text.lines().any(|found| found == line), "{line}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn health_is_that_of_the_last_cycle_until_it_is_overdue() {
        let metrics = Metrics::new(Duration::from_mins(1)).unwrap();
        assert_eq!(metrics.health(1), Health::Starting);
        metrics.record(&not_sent(), &Wal::default(), 1_000_000_000);
        assert_eq!(metrics.health(2_000_000_000), Health::Failed);
        assert_eq!(metrics.health(1_000_000_000_000), Health::Overdue);
        let text = metrics.encode().unwrap();
        assert!(text.contains("e2e_store_cycles_total{outcome=\"not_sent\"} 1"), "{text}");
        assert!(text.contains("e2e_store_studio_up 0"), "{text}");
    }
}
