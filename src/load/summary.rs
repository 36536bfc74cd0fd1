//! What a run's exports came to.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::wire::{
    exporter::Reply,
    outcome::{GrpcCode, Outcome},
};

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
            latency: Histogram::new(3).expect("three significant digits are in range"),
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
