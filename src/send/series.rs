//! A run over time: what began and ended in each step.
//!
//! A step is a second; a run too long for [`MOST`] of them gets steps of two, four, eight seconds. So
//! memory is bounded however long a run lasts. An export begins in one step and may end in another.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    sample::{NotStarted, Sample},
    summary::{LONGEST, micros},
};
use crate::wire::outcome::ExportOutcome;

/// Steps that are kept.
const MOST: usize = 600;

const FINEST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Series {
    step: Duration,
    steps: Vec<Step>,
}

/// Outcomes are counted in spans, what began and ended in exports.
#[derive(Debug)]
struct Step {
    spans: SpanCounts,
    began: u64,
    ended: u64,
    /// Response times of acked exports in microseconds, to two digits: there are many of these.
    response: Histogram<u32>,
}

/// What became of spans in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SpanCounts {
    pub(crate) issued: u64,
    pub(crate) not_started: u64,
    pub(crate) acked: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
    /// Spans of partly refused exports.
    pub(crate) partial: u64,
}

/// One step for a reader: counts of spans, exports in flight at its end, and response times of the
/// exports that were acked in it, in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Point {
    /// Where the step begins, and how long it is.
    pub(crate) at_seconds: f64,
    pub(crate) seconds: f64,
    #[serde(flatten)]
    pub(crate) spans: SpanCounts,
    pub(crate) in_flight: u64,
    /// None where nothing was acked.
    pub(crate) p50_us: Option<u64>,
    pub(crate) p95_us: Option<u64>,
    pub(crate) p99_us: Option<u64>,
}

impl Series {
    pub(crate) fn new() -> Self {
        Self { step: FINEST, steps: Vec::new() }
    }

    pub(crate) fn record(&mut self, sample: &Sample) {
        let start = self.at(sample.started);
        start.spans.issued += sample.spans;
        start.began += 1;
        let end = self.at(sample.ended);
        end.ended += 1;
        match sample.reply.outcome {
            ExportOutcome::Acked => {
                end.spans.acked += sample.spans;
                end.response.saturating_record(micros(sample.response_time()));
            }
            ExportOutcome::Rejected { .. } => end.spans.rejected += sample.spans,
            ExportOutcome::Indeterminate { .. } => end.spans.indeterminate += sample.spans,
            ExportOutcome::Partial { .. } => end.spans.partial += sample.spans,
        }
    }

    pub(crate) fn not_started(&mut self, what: &NotStarted) {
        self.at(what.at).spans.not_started += what.spans;
    }

    /// All steps in order, those in which nothing happened too.
    pub(crate) fn points(&self) -> Vec<Point> {
        let mut in_flight = 0;
        let mut points = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            in_flight = in_flight + step.began - step.ended;
            let quantile = |at: f64| (!step.response.is_empty()).then(|| step.response.value_at_quantile(at));
            points.push(Point {
                at_seconds: self.step.as_secs_f64() * index as f64,
                seconds: self.step.as_secs_f64(),
                spans: step.spans,
                in_flight,
                p50_us: quantile(0.50),
                p95_us: quantile(0.95),
                p99_us: quantile(0.99),
            });
        }
        points
    }

    fn at(&mut self, time: Duration) -> &mut Step {
        while time.as_nanos() / self.step.as_nanos() >= MOST as u128 {
            self.coarsen();
        }
        let index = (time.as_nanos() / self.step.as_nanos()) as usize;
        if index >= self.steps.len() {
            self.steps.resize_with(index + 1, Step::new);
        }
        &mut self.steps[index]
    }

    fn coarsen(&mut self) {
        self.step *= 2;
        let mut fine = std::mem::take(&mut self.steps).into_iter();
        while let Some(mut step) = fine.next() {
            if let Some(next) = fine.next() {
                step.merge(&next);
            }
            self.steps.push(step);
        }
    }
}

impl Step {
    fn new() -> Self {
        Self {
            spans: SpanCounts::default(),
            began: 0,
            ended: 0,
            response: Histogram::new_with_max(LONGEST, 2).expect("the bounds are in range"),
        }
    }

    fn merge(&mut self, next: &Self) {
        let (into, from) = (&mut self.spans, next.spans);
        into.issued += from.issued;
        into.not_started += from.not_started;
        into.acked += from.acked;
        into.rejected += from.rejected;
        into.indeterminate += from.indeterminate;
        into.partial += from.partial;
        self.began += next.began;
        self.ended += next.ended;
        self.response.add(&next.response).expect("all steps have the same bounds");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::exporter::Reply;

    fn acked(started: f64, ended: f64) -> Sample {
        Sample {
            stream: 0,
            workflows: 1,
            spans: 5,
            reply: Reply { outcome: ExportOutcome::Acked, message: String::new(), retry_after: None },
            attempts: 1,
            planned: None,
            punctual: true,
            started: Duration::from_secs_f64(started),
            ended: Duration::from_secs_f64(ended),
            making: Duration::ZERO,
        }
    }

    #[test]
    fn an_export_is_in_flight_until_the_step_that_it_ends_in() {
        let mut series = Series::new();
        // In the order in which they end, as a load records them.
        for (started, ended) in [(0.1, 0.2), (0.3, 1.5), (0.2, 3.2)] {
            series.record(&acked(started, ended));
        }
        series.not_started(&NotStarted {
            stream: 0,
            workflows: 1,
            spans: 7,
            at: Duration::from_millis(1_900),
        });
        let points = series.points();
        let seen: Vec<_> = points
            .iter()
            .map(|p| (p.spans.issued, p.spans.acked, p.spans.not_started, p.in_flight))
            .collect();
        assert_eq!(seen, [(15, 5, 0, 2), (0, 5, 7, 1), (0, 0, 0, 1), (0, 5, 0, 0)]);
        assert_eq!(points[2].p95_us, None);
        // Two digits of 1.2 s.
        assert!(points[1].p50_us.is_some_and(|p50| (1_190_000..1_210_000).contains(&p50)), "{points:?}");
    }

    #[test]
    fn a_long_run_has_coarser_steps_and_loses_nothing() {
        let mut series = Series::new();
        for second in 0..5_000 {
            series.record(&acked(f64::from(second), f64::from(second) + 0.5));
        }
        let points = series.points();
        assert!(points.len() <= MOST && points.len() > MOST / 2, "{} points", points.len());
        assert_eq!(points[1].at_seconds.to_string(), "16");
        assert_eq!(points.iter().map(|point| point.spans.acked).sum::<u64>(), 25_000);
        assert!(points.iter().all(|point| point.in_flight == 0));

        series.record(&acked(0.0, 1e9));
        assert!(series.points().len() <= MOST);
    }
}
