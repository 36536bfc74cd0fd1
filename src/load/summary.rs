//! What a run's exports came to.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::wire::{
    exporter::Reply,
    outcome::{GrpcCode, Outcome},
};

/// An hour in microseconds; longer latencies count as this.
const LONGEST: u64 = 3_600_000_000;

/// Counts of spans by outcome, and of the workflows that they belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) workflows: u64,
    pub(crate) spans: u64,
    pub(crate) acked: u64,
    pub(crate) rejected: u64,
    pub(crate) indeterminate: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.workflows += other.workflows;
        self.spans += other.spans;
        self.acked += other.acked;
        self.rejected += other.rejected;
        self.indeterminate += other.indeterminate;
    }
}

/// A run's account, by service.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) services: Vec<Counts>,
    /// From call to answer of each acked export, in microseconds.
    pub(crate) latency: Histogram<u64>,
    /// Each kind of trouble with the first words that the server had for it.
    pub(crate) troubles: BTreeMap<GrpcCode, Trouble>,
    pub(crate) interrupted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) exports: u64,
    pub(crate) message: String,
}

impl Summary {
    pub(crate) fn new(services: usize) -> Self {
        Self {
            services: vec![Counts::default(); services],
            latency: Histogram::new_with_max(LONGEST, 3).expect("the bounds are in range"),
            troubles: BTreeMap::new(),
            interrupted: false,
        }
    }

    pub(crate) fn total(&self) -> Counts {
        let mut total = Counts::default();
        self.services.iter().for_each(|counts| total.add(counts));
        total
    }

    /// Takes note of one workflow's export.
    pub(crate) fn record(&mut self, service: usize, spans: u64, reply: Reply, micros: u64) {
        let counts = &mut self.services[service];
        counts.workflows += 1;
        counts.spans += spans;
        match reply.outcome {
            Outcome::Acked => {
                counts.acked += spans;
                self.latency.saturating_record(micros.max(1));
            }
            Outcome::Partial { rejected_spans } => {
                let rejected = rejected_spans.min(spans);
                counts.rejected += rejected;
                counts.acked += spans - rejected;
                self.trouble(GrpcCode::Ok, reply.message);
            }
            Outcome::Rejected { code } => {
                counts.rejected += spans;
                self.trouble(code, reply.message);
            }
            Outcome::Indeterminate { code } => {
                counts.indeterminate += spans;
                self.trouble(code, reply.message);
            }
        }
    }

    fn trouble(&mut self, code: GrpcCode, message: String) {
        self.troubles.entry(code).or_insert(Trouble { exports: 0, message }).exports += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(outcome: Outcome) -> Reply {
        Reply { outcome, message: "why".to_owned() }
    }

    #[test]
    fn every_span_has_one_outcome_and_only_acks_have_a_latency() {
        let mut summary = Summary::new(2);
        summary.record(0, 5, reply(Outcome::Acked), 1_500);
        summary.record(0, 5, reply(Outcome::Partial { rejected_spans: 2 }), 9_000);
        summary.record(1, 5, reply(Outcome::Rejected { code: GrpcCode::Unauthenticated }), 9_000);
        summary.record(1, 5, reply(Outcome::Indeterminate { code: GrpcCode::Internal }), 9_000);
        let total = summary.total();
        assert_eq!((total.workflows, total.spans), (4, 20));
        assert_eq!((total.acked, total.rejected, total.indeterminate), (8, 7, 5));
        assert_eq!((summary.latency.len(), summary.latency.max()), (1, 1_500));
        assert_eq!(summary.troubles[&GrpcCode::Internal], Trouble { exports: 1, message: "why".to_owned() });
    }
}
