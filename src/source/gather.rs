//! Gathers pieces into exports.
//!
//! What is sent together depends on the pieces and their times alone, never on the clock, so that a replay
//! that goes on makes the exports of the first one again. Recorded requests stay what they were.

use std::{sync::Arc, time::Duration};

use super::chunk::{Body, Chunk};
use crate::{
    contract::{
        otlp::resource::SentResource,
        protobuf::{close, open, write_bytes},
    },
    ledger::expected::ExpectedSpan,
};

/// Spans in an export of stored rows: the batch of OpenTelemetry's SDKs.
const MAX_SPANS: usize = 512;

/// Bytes of an export after which no further span is added.
const MAX_BYTES: usize = 1 << 20;

/// Spans that are due within so long of each other go together.
const TICK: Duration = Duration::from_millis(1);

/// An export that is ready to be sent.
#[derive(Debug, PartialEq)]
pub(crate) struct PendingExport {
    /// Since the first one; none where it is sent when its turn comes.
    pub(crate) due: Option<Duration>,
    pub(crate) request: Vec<u8>,
    /// Of its spans, in their order.
    pub(crate) expectations: Vec<ExpectedSpan>,
}

#[derive(Debug, Default)]
pub(crate) struct Gatherer {
    due: Option<Duration>,
    groups: Vec<Group>,
    spans: usize,
    bytes: usize,
}

/// The spans of one resource.
#[derive(Debug)]
struct Group {
    resource: Arc<SentResource>,
    spans: Vec<u8>,
    expectations: Vec<ExpectedSpan>,
}

impl Gatherer {
    /// Adds a piece that is due then; the exports that are complete with that come back.
    pub(crate) fn add(&mut self, due: Option<Duration>, piece: Chunk) -> [Option<PendingExport>; 2] {
        let mut ready = [None, None];
        match piece.body {
            Body::Request { message, expectations } => {
                ready[0] = self.finish();
                ready[1] = Some(PendingExport { due, request: message, expectations });
            }
            Body::Span { resource, message, expectation } => {
                if self.spans > 0 && tick(due) != tick(self.due) {
                    ready[0] = self.finish();
                }
                if self.spans == 0 {
                    self.due = due;
                }
                self.add_span(resource, &message, expectation);
                if self.spans >= MAX_SPANS || self.bytes >= MAX_BYTES {
                    ready[1] = self.finish();
                }
            }
        }
        ready
    }

    fn add_span(&mut self, resource: Arc<SentResource>, message: &[u8], expectation: ExpectedSpan) {
        let known = self.groups.iter().position(|group| Arc::ptr_eq(&group.resource, &resource));
        let known = known.unwrap_or_else(|| {
            self.groups.push(Group { resource, spans: Vec::new(), expectations: Vec::new() });
            self.groups.len() - 1
        });
        let group = &mut self.groups[known];
        write_bytes(2, message, &mut group.spans);
        group.expectations.push(expectation);
        self.spans += 1;
        self.bytes += message.len();
    }

    /// What is left.
    pub(crate) fn finish(&mut self) -> Option<PendingExport> {
        let Self { due, groups, bytes, .. } = std::mem::take(self);
        if groups.is_empty() {
            return None;
        }
        let mut request = Vec::with_capacity(bytes + bytes / 8 + 1_024);
        let mut expectations = Vec::new();
        for group in groups {
            let resource_spans = open(1, 3, &mut request);
            write_bytes(1, &group.resource.message, &mut request);
            let scope_spans = open(2, 3, &mut request);
            request.extend_from_slice(&group.spans);
            close(scope_spans, &mut request);
            close(resource_spans, &mut request);
            expectations.extend(group.expectations);
        }
        Some(PendingExport { due, request, expectations })
    }
}

fn tick(due: Option<Duration>) -> Option<u128> {
    due.map(|due| due.as_nanos() / TICK.as_nanos())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
    use prost::Message;

    use super::*;
    use crate::ledger::expected::SpanIds;

    fn span(number: u8, resource: &Arc<SentResource>) -> Chunk {
        let message = Span { name: number.to_string(), ..Span::default() }.encode_to_vec();
        let expectation = ExpectedSpan {
            ids: SpanIds::of(&[0; 16], &u64::from(number).to_be_bytes()),
            parent: None,
            service: None,
            digests: [0, 0],
        };
        Chunk { at: 0, body: Body::Span { resource: Arc::clone(resource), message, expectation } }
    }

    /// The names in the drafts, resource by resource, beside the spans of their expectations.
    fn shown(drafts: &[PendingExport]) -> Vec<(Vec<Vec<String>>, Vec<u64>)> {
        let shown = |draft: &PendingExport| {
            let request = ExportTraceServiceRequest::decode(&*draft.request).unwrap();
            let names = request
                .resource_spans
                .iter()
                .map(|resource| resource.scope_spans[0].spans.iter().map(|span| span.name.clone()).collect());
            (names.collect(), draft.expectations.iter().map(|one| one.ids.span()).collect())
        };
        drafts.iter().map(shown).collect()
    }

    #[test]
    fn spans_that_are_due_together_go_together_by_resource() {
        let [a, b] = [(); 2].map(|()| Arc::new(SentResource::default()));
        let micros = |micros| Some(Duration::from_micros(micros));
        let mut gatherer = Gatherer::default();
        let mut drafts = Vec::new();
        for (due, number, resource) in [(0, 1, &a), (100, 2, &b), (999, 3, &a), (1_000, 4, &a)] {
            drafts.extend(gatherer.add(micros(due), span(number, resource)).into_iter().flatten());
        }
        drafts.extend(gatherer.finish());
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            shown(&drafts),
            [(vec![names(&["1", "3"]), names(&["2"])], vec![1, 3, 2]), (vec![names(&["4"])], vec![4]),]
        );
        assert_eq!(drafts.iter().map(|draft| draft.due).collect::<Vec<_>>(), [micros(0), micros(1_000)]);
    }

    #[test]
    fn an_export_is_bounded_and_a_request_stays_as_it_is() {
        let resource = Arc::new(SentResource::default());
        let mut gatherer = Gatherer::default();
        let mut drafts = Vec::new();
        for _ in 0..=MAX_SPANS {
            drafts.extend(gatherer.add(None, span(1, &resource)).into_iter().flatten());
        }
        let request = Body::Request { message: b"as it is".to_vec(), expectations: Vec::new() };
        drafts.extend(gatherer.add(None, Chunk { at: 0, body: request }).into_iter().flatten());
        assert_eq!(drafts.iter().map(|draft| draft.expectations.len()).collect::<Vec<_>>(), [512, 1, 0]);
        assert_eq!(drafts[2].request, b"as it is");
        assert_eq!(gatherer.finish(), None);
    }
}
