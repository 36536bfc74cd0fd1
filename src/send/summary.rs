//! The outcomes of a run's exports, while it runs and at its end.
//!
//! Every planned span is issued or not started, and every issued one acked, rejected, indeterminate or
//! part of an export that was taken in part. Memory is bounded, however many exports there are.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::Serialize;

use super::{
    health::Health,
    sample::{NotStarted, Sample},
    series::Series,
};
use crate::wire::outcome::{ExportOutcome, GrpcCode};

/// An hour in microseconds; longer times count as this.
pub(crate) const LONGEST: u64 = 3_600_000_000;

/// A number of workflows, and of spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Amount {
    pub(crate) workflows: u64,
    pub(crate) spans: u64,
}

/// What became of a plan, or of one stream's part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) planned: Amount,
    pub(crate) issued: Amount,
    pub(crate) not_started: Amount,
    /// Workflows whose last span was in an acked export.
    pub(crate) acked_workflows: u64,
    /// From here on: spans by their export's outcome, which add up to those issued.
    pub(crate) acked: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
    /// Spans of partly refused exports.
    pub(crate) partial: u64,
    /// Of those, how many were taken; the answer does not say which.
    pub(crate) partial_taken: u64,
    pub(crate) exports: u64,
    /// Calls beyond the first of each export.
    pub(crate) retries: u64,
}

/// A run's account.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) streams: Vec<Counts>,
    /// From the first call to the last answer of each acked export, in microseconds.
    pub(crate) service: Histogram<u64>,
    /// The same from its planned start, where it had one.
    pub(crate) response: Histogram<u64>,
    /// Response times of the exports that were not acked, or only in part.
    pub(crate) errors: Histogram<u64>,
    /// How much later than planned exports began, in microseconds; empty in a closed loop.
    pub(crate) start_error: Histogram<u64>,
    /// Each kind of trouble with the first words that the server had for it.
    pub(crate) troubles: BTreeMap<GrpcCode, Trouble>,
    pub(crate) health: Health,
    pub(crate) series: Series,
    /// Unanswered exports in a row, up to the last one.
    pub(crate) unanswered: u32,
    pub(crate) interrupted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Trouble {
    pub(crate) exports: u64,
    pub(crate) message: String,
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.workflows += other.workflows;
        self.spans += other.spans;
    }

    fn minus(self, other: Self) -> Self {
        Self {
            workflows: self.workflows.saturating_sub(other.workflows),
            spans: self.spans.saturating_sub(other.spans),
        }
    }
}

impl Counts {
    /// Spans that the studio said it took.
    pub(crate) fn taken(&self) -> u64 {
        self.acked + self.partial_taken
    }

    /// Spans that the studio said it did not take.
    pub(crate) fn refused(&self) -> u64 {
        self.rejected + self.partial - self.partial_taken
    }

    /// The share of issued spans that the studio did not say it took; none where none was issued.
    pub(crate) fn error_rate(&self) -> Option<f64> {
        let issued = self.issued.spans;
        (issued > 0).then(|| (self.refused() + self.indeterminate) as f64 / issued as f64)
    }

    fn add(&mut self, other: &Self) {
        self.planned.add(other.planned);
        self.issued.add(other.issued);
        self.not_started.add(other.not_started);
        self.acked_workflows += other.acked_workflows;
        self.acked += other.acked;
        self.rejected += other.rejected;
        self.indeterminate += other.indeterminate;
        self.partial += other.partial;
        self.partial_taken += other.partial_taken;
        self.exports += other.exports;
        self.retries += other.retries;
    }

    fn record(&mut self, sample: &Sample) {
        let &Sample { workflows, spans, .. } = sample;
        self.issued.add(Amount { workflows, spans });
        self.exports += 1;
        self.retries += u64::from(sample.attempts.saturating_sub(1));
        match sample.reply.outcome {
            ExportOutcome::Acked => {
                self.acked += spans;
                self.acked_workflows += workflows;
            }
            ExportOutcome::Rejected { .. } => self.rejected += spans,
            ExportOutcome::Indeterminate { .. } => self.indeterminate += spans,
            ExportOutcome::Partial { rejected_spans } => {
                self.partial += spans;
                self.partial_taken += spans.saturating_sub(rejected_spans.into());
            }
        }
    }
}

impl Summary {
    /// An account of nothing yet; `planned` is what each stream is to send.
    pub(crate) fn new(planned: &[Amount]) -> Self {
        let histogram = || Histogram::new_with_max(LONGEST, 3).expect("the bounds are in range");
        Self {
            streams: planned.iter().map(|&planned| Counts { planned, ..Counts::default() }).collect(),
            service: histogram(),
            response: histogram(),
            errors: histogram(),
            start_error: histogram(),
            troubles: BTreeMap::new(),
            health: Health::default(),
            series: Series::new(),
            unanswered: 0,
            interrupted: false,
        }
    }

    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.streams.iter().for_each(|counts| total.add(counts));
        total
    }

    /// Takes note of an export that has ended.
    pub(crate) fn record(&mut self, sample: &Sample) {
        self.streams[sample.stream].record(sample);
        self.health.record(sample);
        self.series.record(sample);
        let is_answered = sample.reply.outcome.code() != Some(GrpcCode::Unavailable);
        self.unanswered = if is_answered { 0 } else { self.unanswered + 1 };
        if let Some(error) = sample.start_error() {
            self.start_error.saturating_record(micros(error));
        }
        let code = match sample.reply.outcome {
            ExportOutcome::Acked => {
                self.service.saturating_record(micros(sample.service_time()));
                self.response.saturating_record(micros(sample.response_time()));
                return;
            }
            ExportOutcome::Partial { .. } => GrpcCode::Ok,
            ExportOutcome::Rejected { code } | ExportOutcome::Indeterminate { code } => code,
        };
        self.errors.saturating_record(micros(sample.response_time()));
        let first = || Trouble { exports: 0, message: sample.reply.message.clone() };
        self.troubles.entry(code).or_insert_with(first).exports += 1;
    }

    /// Takes note of what will not be sent.
    pub(crate) fn not_started(&mut self, what: &NotStarted) {
        let &NotStarted { stream, workflows, spans, .. } = what;
        self.streams[stream].not_started.add(Amount { workflows, spans });
        self.series.not_started(what);
    }

    /// Replaces what was planned where only a bound was known.
    pub(crate) fn replan(&mut self, planned: &[Amount]) {
        for (counts, planned) in self.streams.iter_mut().zip(planned) {
            counts.planned = *planned;
        }
    }

    /// Closes the account: whatever was neither issued nor reported was not started.
    pub(crate) fn finish(&mut self) {
        for counts in &mut self.streams {
            counts.not_started = counts.planned.minus(counts.issued);
        }
    }
}

pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A number per second of a run.
pub(crate) fn per_second(number: u64, elapsed: Duration) -> f64 {
    number as f64 / elapsed.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::wire::exporter::Reply;

    const OUTCOMES: [ExportOutcome; 4] = [
        ExportOutcome::Acked,
        ExportOutcome::Rejected { code: GrpcCode::Unauthenticated },
        ExportOutcome::Indeterminate { code: GrpcCode::Internal },
        ExportOutcome::Partial { rejected_spans: 2 },
    ];

    fn sample(stream: usize, spans: u64, outcome: ExportOutcome) -> Sample {
        Sample {
            stream,
            workflows: 1,
            spans,
            reply: Reply { outcome, message: "why".to_owned(), retry_after: None },
            attempts: 1,
            planned: None,
            punctual: true,
            started: Duration::ZERO,
            ended: Duration::from_micros(1_500),
            making: Duration::ZERO,
        }
    }

    #[test]
    fn every_span_has_one_outcome_and_only_acks_have_a_latency() {
        let planned = Amount { workflows: 5, spans: 25 };
        let mut summary = Summary::new(&[planned, planned]);
        for (export, outcome) in OUTCOMES.into_iter().enumerate() {
            summary.record(&sample(export % 2, 5, outcome));
        }
        summary.finish();
        let total = summary.total();
        assert_eq!(total.issued, Amount { workflows: 4, spans: 20 });
        assert_eq!(total.not_started, Amount { workflows: 6, spans: 30 });
        assert_eq!((total.acked, total.rejected, total.indeterminate, total.partial), (5, 5, 5, 5));
        assert_eq!((total.partial_taken, total.taken(), total.refused()), (3, 8, 7));
        assert_eq!(total.error_rate(), Some(0.6));
        assert_eq!((summary.service.len(), summary.service.max()), (1, 1_500));
        assert_eq!(summary.errors.len(), 3);
        assert_eq!(summary.troubles[&GrpcCode::Internal], Trouble { exports: 1, message: "why".to_owned() });
    }

    #[test]
    fn response_time_counts_from_the_plan_and_service_time_from_the_call() {
        let mut summary = Summary::new(&[Amount::default()]);
        let millis = Duration::from_millis;
        for (planned, started, ended) in [(100, 100, 105), (200, 230, 235)] {
            summary.record(&Sample {
                planned: Some(millis(planned)),
                punctual: true,
                started: millis(started),
                ended: millis(ended),
                attempts: 3,
                ..sample(0, 5, ExportOutcome::Acked)
            });
        }
        let max = |histogram: &Histogram<u64>| histogram.max() / 1_000;
        assert_eq!((max(&summary.service), max(&summary.response), max(&summary.start_error)), (5, 35, 30));
        assert_eq!((summary.health.planned_starts, summary.health.late_starts), (2, 1));
        assert_eq!(summary.total().retries, 4);
    }

    proptest! {
        /// Whatever happens in whatever order, nothing is counted twice or forgotten.
        #[test]
        fn the_account_always_adds_up(
            events in vec((0_usize..3, 0_u64..9, proptest::option::of(0_usize..4)), 0..60),
            unreported in vec((0_u64..9, 0_u64..40), 3),
        ) {
            let mut planned: Vec<_> =
                unreported.iter().map(|&(workflows, spans)| Amount { workflows, spans }).collect();
            for (stream, spans, _) in &events {
                planned[*stream].add(Amount { workflows: 1, spans: *spans });
            }
            let mut summary = Summary::new(&planned);
            for (stream, spans, outcome) in events {
                match outcome {
                    Some(outcome) => summary.record(&sample(stream, spans, OUTCOMES[outcome])),
                    None => summary.not_started(&NotStarted { stream, workflows: 1, spans, at: Duration::ZERO }),
                }
            }
            summary.finish();
            for counts in summary.streams.iter().chain([&summary.total()]) {
                prop_assert_eq!(counts.planned.spans, counts.issued.spans + counts.not_started.spans);
                prop_assert_eq!(
                    counts.planned.workflows,
                    counts.issued.workflows + counts.not_started.workflows
                );
                let outcomes = counts.acked + counts.rejected + counts.indeterminate + counts.partial;
                prop_assert_eq!(counts.issued.spans, outcomes);
                prop_assert_eq!(
                    counts.issued.spans,
                    counts.taken() + counts.refused() + counts.indeterminate
                );
            }
        }
    }
}
