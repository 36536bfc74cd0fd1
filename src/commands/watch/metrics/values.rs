//! The metrics of a watch as data: what each is called and means, and its values.
//!
//! One list for every form that they are sent in, so that no form can say less or something else.

use std::{collections::BTreeMap, time::Duration};

use crate::checks::catalog;

/// From a tenth of a second to ten minutes.
const SECONDS: [f64; 12] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0];
/// To two hours: the studio's own timer flushes once an hour, and what is not flushed is not indexed.
const LONG_SECONDS: [f64; 12] =
    [1.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0];

/// What is counted from 0 on, by the value of a label.
pub(super) type Counters = BTreeMap<String, u64>;
pub(super) type Gauges = BTreeMap<&'static str, Number>;

/// The value of a gauge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Count(u64),
    Real(f64),
}

/// How often a time was how long.
#[derive(Debug, Clone)]
pub(super) struct Histogram {
    /// Upper bounds of all buckets but the last, which has none.
    pub(super) bounds: &'static [f64],
    /// One more than there are bounds.
    pub(super) counts: Vec<u64>,
    pub(super) sum: f64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    pub(super) fn observe(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.counts[self.bounds.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += seconds;
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// All values at one moment. What is none has not been measured.
#[derive(Debug, Clone)]
pub(super) struct Values {
    pub(super) cycles: Counters,
    pub(super) spans: Counters,
    pub(super) findings: Counters,
    pub(super) ack_to_disk: Histogram,
    pub(super) ack_to_visible: Histogram,
    pub(super) audit: Histogram,
    pub(super) export_latency: Gauges,
    pub(super) studio_up: u64,
    pub(super) wal_files: u64,
    pub(super) wal_bytes: u64,
    pub(super) wal_oldest: f64,
    pub(super) index_state: Gauges,
    pub(super) index_files: Option<u64>,
    pub(super) index_failed_files: Option<u64>,
    pub(super) index_last_work: Option<f64>,
    pub(super) awaiting_index_spans: Option<u64>,
    pub(super) awaiting_index_oldest: Option<f64>,
    pub(super) flush_failures: u64,
    pub(super) metrics_exports: Counters,
    pub(super) last_cycle: f64,
    pub(super) last_success: f64,
}

impl Values {
    /// Every label has its counter from the beginning, because an increase from nothing is none to a rule.
    pub(super) fn new() -> anyhow::Result<Self> {
        let zeros = |labels: &[&str]| labels.iter().map(|label| ((*label).to_owned(), 0)).collect();
        Ok(Self {
            cycles: zeros(&["pass", "fail", "inconclusive", "not_sent", "not_audited"]),
            spans: zeros(&["acked", "rejected", "indeterminate", "partial", "found", "missing", "visible"]),
            findings: catalog::built_in()?.into_iter().map(|check| (check.id, 0)).collect(),
            ack_to_disk: Histogram::new(&SECONDS),
            ack_to_visible: Histogram::new(&LONG_SECONDS),
            audit: Histogram::new(&SECONDS),
            export_latency: Gauges::new(),
            studio_up: 0,
            wal_files: 0,
            wal_bytes: 0,
            wal_oldest: 0.0,
            index_state: Gauges::new(),
            index_files: None,
            index_failed_files: None,
            index_last_work: None,
            awaiting_index_spans: None,
            awaiting_index_oldest: None,
            flush_failures: 0,
            metrics_exports: zeros(&["sent", "failed"]),
            last_cycle: 0.0,
            last_success: 0.0,
        })
    }

    /// All that has a value, in the order of the documentation.
    pub(super) fn metrics(&self) -> Vec<Metric<'_>> {
        use Points::{Counter, Counters, Gauge, Gauges, Histogram, Info};
        use Unit::{Bytes, Seconds};

        let counted = |label, of| Counters { label, of };
        let count = |count: u64| Gauge(Number::Count(count));
        let real = |value: f64| Gauge(Number::Real(value));
        let mut metrics = vec![
            metric("build", "Version of e2e-store", Info("version", env!("CARGO_PKG_VERSION"))),
            metric("cycles", "Cycles by how they ended", counted("outcome", &self.cycles)),
            metric("spans", "Spans by what became of them", counted("outcome", &self.spans)),
            metric("findings", "Findings by check", counted("check", &self.findings)),
            metric(
                "ack_to_disk",
                "From the last ack of a cycle to the end of the read that found all its spans",
                Histogram(&self.ack_to_disk),
            )
            .in_unit(Seconds),
            metric(
                "ack_to_visible",
                "From the last ack of a cycle to the read of the index that names files for all its traces and spans",
                Histogram(&self.ack_to_visible),
            )
            .in_unit(Seconds),
            metric("audit", "Time that audits took", Histogram(&self.audit)).in_unit(Seconds),
            metric("studio_up", "Whether exports were acked in the last cycle", count(self.studio_up)),
            metric("wal_files", "Segments of the write-ahead log", count(self.wal_files)),
            metric("wal", "Size of the write-ahead log", count(self.wal_bytes)).in_unit(Bytes),
            metric(
                "wal_oldest",
                "Age of the oldest segment of the write-ahead log",
                real(self.wal_oldest),
            )
            .in_unit(Seconds),
            metric("flush_failures", "Flushes and snapshots that failed", Counter(self.flush_failures)),
            metric(
                "metrics_exports",
                "Exports to the metrics endpoint by outcome",
                counted("outcome", &self.metrics_exports),
            ),
            metric("last_cycle_timestamp", "When the last cycle ended", real(self.last_cycle)).in_unit(Seconds),
            metric(
                "last_success_timestamp",
                "When the last cycle that passed ended",
                real(self.last_success),
            )
            .in_unit(Seconds),
        ];
        if !self.export_latency.is_empty() {
            let points = Gauges { label: "quantile", of: &self.export_latency };
            let about = "Response times of acked exports in the last cycle";
            metrics.push(metric("export_latency", about, points).in_unit(Seconds));
        }
        if !self.index_state.is_empty() {
            let points = Gauges { label: "state", of: &self.index_state };
            metrics.push(metric("index_state", "1 for the state that the studio's index is in", points));
        }
        let counts = [
            ("index_files", "Cold files that the index has", self.index_files),
            ("index_failed_files", "Cold files that the index gave up", self.index_failed_files),
            (
                "awaiting_index_spans",
                "Spans on disk for which the index names no file yet",
                self.awaiting_index_spans,
            ),
        ];
        metrics.extend(
            counts.into_iter().filter_map(|(name, about, value)| Some(metric(name, about, count(value?)))),
        );
        let times = [
            ("index_last_work_timestamp", "When the indexer last took a file", self.index_last_work),
            (
                "awaiting_index_oldest",
                "Time since the ack of the oldest span for which the index names no file yet",
                self.awaiting_index_oldest,
            ),
        ];
        metrics.extend(
            times
                .into_iter()
                .filter_map(|(name, about, value)| Some(metric(name, about, real(value?)).in_unit(Seconds))),
        );
        metrics
    }
}

/// A metric with its name, without the prefix that all have, and without its unit.
#[derive(Debug)]
pub(super) struct Metric<'v> {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) unit: Option<Unit>,
    pub(super) points: Points<'v>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Bytes,
}

#[derive(Debug)]
pub(super) enum Points<'v> {
    Counter(u64),
    Counters {
        label: &'static str,
        of: &'v Counters,
    },
    Gauge(Number),
    Gauges {
        label: &'static str,
        of: &'v Gauges,
    },
    Histogram(&'v Histogram),
    /// A name and a text: its value is 1.
    Info(&'static str, &'static str),
}

fn metric<'v>(name: &'static str, about: &'static str, points: Points<'v>) -> Metric<'v> {
    Metric { name, about, unit: None, points }
}

impl Metric<'_> {
    fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }
}
