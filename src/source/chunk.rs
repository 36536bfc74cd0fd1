//! What a source is made of, and what is noted on the way through it.

use std::{collections::BTreeMap, fmt::Display, sync::Arc};

use super::otlp_json::Extras;
use crate::{
    contract::{otlp::resource::SentResource, scrub::Scrubbed},
    ledger::expected::ExpectedSpan,
};

/// What has one time and is sent as one.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// When it came in, in Unix nanoseconds.
    pub(crate) at: i64,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    /// A `Span` message, and whose it is.
    Span { resource: Arc<SentResource>, message: Vec<u8>, expectation: ExpectedSpan },
    /// An `ExportTraceServiceRequest`, and what to expect of its spans in their order.
    Request { message: Vec<u8>, expectations: Vec<ExpectedSpan> },
}

impl Chunk {
    pub(crate) fn spans(&self) -> usize {
        match &self.body {
            Body::Span { .. } => 1,
            Body::Request { expectations, .. } => expectations.len(),
        }
    }
}

/// Spans that cannot be sent and are named one by one.
const NAMED: usize = 20;

/// What was met in a source beside what is sent. Counts are of spans.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceNotes {
    /// Why spans are left out that could be sent: nobody asked for them.
    pub(crate) skipped: BTreeMap<String, u64>,
    /// Spans that were asked for and cannot be sent.
    pub(crate) unsent: Unsent,
    /// Spans with values that are null: absent ones, NaN and the infinities.
    pub(crate) with_nulls: u64,
    pub(crate) scrubbed: Scrubbed,
    /// Spans whose service column and resource name different services.
    pub(crate) disagreeing: u64,
    /// What requests hold beside their spans, by what it is; counts are not of spans.
    pub(crate) ignored: BTreeMap<String, u64>,
    /// Attributes that were left out because their values cannot be sent.
    pub(crate) lost: u64,
    /// What could not be read, by file.
    pub(crate) trouble: Vec<Trouble>,
}

/// Spans that cannot be sent: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Unsent {
    pub(crate) total: u64,
    pub(crate) first: Vec<UnsentSpan>,
}

/// A span that cannot be sent, where it lies, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnsentSpan {
    pub(crate) file: String,
    /// From 0: its row, or its place among the spans of a file of requests.
    pub(crate) number: u64,
    pub(crate) why: String,
}

impl Unsent {
    pub(crate) fn add(&mut self, file: &str, number: u64, why: impl Display) {
        self.total += 1;
        if self.first.len() < NAMED {
            self.first.push(UnsentSpan { file: file.to_owned(), number, why: why.to_string() });
        }
    }

    /// How many are not named.
    pub(crate) fn others(&self) -> u64 {
        self.total - self.first.len() as u64
    }
}

/// A part of a source that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) file: String,
    pub(crate) reason: String,
}

impl SourceNotes {
    /// Whether all that was asked for was read, and can be sent.
    pub(crate) fn is_whole(&self) -> bool {
        self.trouble.is_empty() && self.unsent.total == 0 && self.lost == 0
    }

    pub(crate) fn skip(&mut self, why: &str, spans: u64) {
        match self.skipped.get_mut(why) {
            Some(count) => *count += spans,
            None => {
                self.skipped.insert(why.to_owned(), spans);
            }
        }
    }

    /// Adds what a request holds beside its spans.
    pub(crate) fn beside(&mut self, extras: Extras) {
        self.lost += extras.lost;
        for (what, count) in extras.ignored {
            *self.ignored.entry(what).or_default() += count;
        }
    }

    pub(crate) fn trouble(&mut self, file: &str, reason: impl Into<String>) {
        // A second pass meets the same again.
        if self.trouble.iter().all(|known| known.file != file) {
            self.trouble.push(Trouble { file: file.to_owned(), reason: reason.into() });
        }
    }
}
