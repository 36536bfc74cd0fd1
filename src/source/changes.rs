//! From what a source holds to what is sent of it: rows and requests become pieces.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, Span},
};
use prost::Message;

use super::{
    chunk::{Body, Chunk, SourceNotes},
    select::Refusal,
    service_names::ServiceNames,
};
use crate::{
    contract::{
        digest::{DigestVersion, Digester},
        mapping::{ResourceFacts, rename_service},
        otlp::{Cells, Changes, Expected, RowToSpan, Unsendable, resource::SentResource},
        row::Cell,
        schema::{Schema, column, column_name},
    },
    ledger::expected::{ExpectedSpan, SpanIds, parent_number},
};

/// Different resources that are remembered at once: a store has about one for each service process.
const RESOURCES: usize = 1_024;

/// Makes pieces; its buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Converter {
    pub(crate) changes: Changes,
    rename: BTreeMap<String, String>,
    row_to_span: RowToSpan,
    /// Of a row that is only checked.
    checked: Vec<u8>,
    digester: Digester,
    services: Arc<ServiceNames>,
    resources: HashMap<(String, String, i64), Arc<SentResource>>,
    last: Option<((String, String, i64), Arc<SentResource>)>,
}

impl Converter {
    pub(crate) fn new(
        changes: Changes,
        rename: BTreeMap<String, String>,
        services: Arc<ServiceNames>,
        digests: DigestVersion,
    ) -> Self {
        Self { changes, rename, services, digester: Digester::new(digests), ..Self::default() }
    }

    /// Whether a stored row can be sent at all.
    pub(crate) fn check_row(&mut self, cells: &Cells<'_>) -> Result<(), Unsendable> {
        self.resource(cells)?;
        self.checked.clear();
        self.row_to_span.write_span(cells, &self.changes, &mut self.checked).map(drop)
    }

    /// A stored row as a piece.
    pub(crate) fn of_row(
        &mut self,
        cells: &Cells<'_>,
        at: i64,
        notes: &mut SourceNotes,
    ) -> Result<Chunk, Unsendable> {
        let resource = self.resource(cells)?;
        let mut message = Vec::with_capacity(1_024);
        let losses = self.row_to_span.write_span(cells, &self.changes, &mut message)?;
        notes.with_nulls += u64::from(losses.nulls + resource.losses.nulls > 0);
        notes.scrubbed += losses.scrubbed;
        notes.scrubbed += resource.losses.scrubbed;
        notes.disagreeing += u64::from(resource.disagrees);
        resource.write(&mut self.row_to_span.expected.row);
        let expectation = self.expectation()?;
        Ok(Chunk { at, body: Body::Span { resource, message, expectation } })
    }

    /// What to expect of the row that was converted last.
    fn expectation(&mut self) -> Result<ExpectedSpan, Unsendable> {
        let Self { row_to_span: RowToSpan { expected, .. }, digester, services, .. } = self;
        let parent = expected.row.parent_span_id.as_deref().and_then(|id| const_hex::decode(id).ok());
        let ids = SpanIds::of_hex(&expected.row.trace_id, &expected.row.span_id);
        Ok(ExpectedSpan {
            ids: ids.ok_or(Unsendable::NotHex(column_name(column::SPAN_ID)))?,
            parent: parent.and_then(|id| parent_number(&id)),
            service: services.number(&expected.row.service_name),
            digests: digester.expected(expected),
        })
    }

    fn resource(&mut self, cells: &Cells<'_>) -> Result<Arc<SentResource>, Unsendable> {
        let text = |column: usize| cells[column].and_then(Cell::text).unwrap_or_default();
        let (attributes, service) = (text(column::RESOURCE_ATTRIBUTES), text(column::SERVICE_NAME));
        // A null is no 0: it cannot be sent.
        let dropped = cells[cells.len() - 1].map_or(0, |count| count.number().unwrap_or(i64::MIN));
        if let Some((key, resource)) = &self.last
            && (key.0.as_str(), key.1.as_str(), key.2) == (attributes, service, dropped)
        {
            return Ok(Arc::clone(resource));
        }
        let key = (attributes.to_owned(), service.to_owned(), dropped);
        if self.resources.len() >= RESOURCES {
            self.resources.clear();
        }
        let resource = if let Some(resource) = self.resources.get(&key) {
            Arc::clone(resource)
        } else {
            let rename = |name: &str| self.rename.get(name).cloned();
            let made = Arc::new(SentResource::of(cells, &self.changes.scrub, rename)?);
            self.resources.insert(key.clone(), Arc::clone(&made));
            made
        };
        self.last = Some((key, Arc::clone(&resource)));
        Ok(resource)
    }

    /// Requests as they are sent, of the spans that nothing refuses: one, or several where one would be
    /// larger than `max_bytes`.
    pub(crate) fn of_request(
        &mut self,
        mut request: ExportTraceServiceRequest,
        refusals: &[Option<Refusal>],
        at: i64,
        max_bytes: usize,
        notes: &mut SourceNotes,
    ) -> Vec<Chunk> {
        let mut refusals = refusals.iter();
        for resource_spans in &mut request.resource_spans {
            let name = ResourceFacts::of(resource_spans.resource.as_ref()).service_name().to_owned();
            for scope in &mut resource_spans.scope_spans {
                scope.spans.retain(|_| refusals.next().is_none_or(Option::is_none));
                scope.spans.iter_mut().for_each(|span| self.change_span(span, notes));
                if let Some(scope) = &mut scope.scope {
                    notes.scrubbed += self.changes.scrub.scope(scope);
                }
            }
            resource_spans.scope_spans.retain(|scope| !scope.spans.is_empty());
            if let Some(resource) = &mut resource_spans.resource {
                self.change_resource(resource, &name, notes);
            }
        }
        request.resource_spans.retain(|resource_spans| !resource_spans.scope_spans.is_empty());
        let mut pieces = Vec::new();
        self.pieces(request, at, max_bytes, &mut pieces);
        pieces
    }

    fn change_span(&self, span: &mut Span, notes: &mut SourceNotes) {
        notes.scrubbed += self.changes.scrub.span(span);
        let remap = self.changes.remap;
        for id in [&mut span.trace_id, &mut span.span_id, &mut span.parent_span_id] {
            remap.id(id);
        }
        span.start_time_unix_nano = remap.time(span.start_time_unix_nano);
        span.end_time_unix_nano = remap.time(span.end_time_unix_nano);
        for event in &mut span.events {
            event.time_unix_nano = remap.time(event.time_unix_nano);
        }
        for link in &mut span.links {
            remap.id(&mut link.trace_id);
            remap.id(&mut link.span_id);
        }
    }

    fn change_resource(&self, resource: &mut Resource, name: &str, notes: &mut SourceNotes) {
        notes.scrubbed += self.changes.scrub.resource(resource);
        if let Some(new) = self.rename.get(name) {
            rename_service(resource, new);
        }
    }

    fn pieces(
        &mut self,
        request: ExportTraceServiceRequest,
        at: i64,
        max_bytes: usize,
        pieces: &mut Vec<Chunk>,
    ) {
        let spans = count_spans(&request);
        if spans == 0 {
            return;
        }
        if spans > 1 && request.encoded_len() > max_bytes {
            let (one, other) = halves(request, spans / 2);
            self.pieces(one, at, max_bytes, pieces);
            self.pieces(other, at, max_bytes, pieces);
            return;
        }
        let mut expectations = Vec::with_capacity(spans);
        for ResourceSpans { resource, scope_spans, .. } in &request.resource_spans {
            let facts = ResourceFacts::of(resource.as_ref());
            for span in scope_spans.iter().flat_map(|scope| &scope.spans) {
                let mut expected = Expected::default();
                expected.of_span(span);
                facts.write(Schema::V2, &mut expected.row);
                expectations.push(ExpectedSpan {
                    ids: SpanIds::of(&span.trace_id, &span.span_id),
                    parent: parent_number(&span.parent_span_id),
                    service: self.services.number(&expected.row.service_name),
                    digests: self.digester.expected(&expected),
                });
            }
        }
        pieces.push(Chunk { at, body: Body::Request { message: request.encode_to_vec(), expectations } });
    }
}

pub(crate) fn count_spans(request: &ExportTraceServiceRequest) -> usize {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.map(|scope| scope.spans.len()).sum()
}

/// The first so many spans of a request, and the others, each under its resource and scope.
fn halves(
    request: ExportTraceServiceRequest,
    first: usize,
) -> (ExportTraceServiceRequest, ExportTraceServiceRequest) {
    let mut left = first;
    let (mut one, mut other) = (ExportTraceServiceRequest::default(), ExportTraceServiceRequest::default());
    for resource_spans in request.resource_spans {
        let without_scopes = ResourceSpans { scope_spans: Vec::new(), ..resource_spans.clone() };
        let (mut here, mut there) = (without_scopes.clone(), without_scopes);
        for mut scope in resource_spans.scope_spans {
            let rest = scope.spans.split_off(left.min(scope.spans.len()));
            left -= scope.spans.len();
            let mut other_scope = scope.clone();
            other_scope.spans = rest;
            here.scope_spans.extend((!scope.spans.is_empty()).then_some(scope));
            there.scope_spans.extend((!other_scope.spans.is_empty()).then_some(other_scope));
        }
        one.resource_spans.extend((!here.scope_spans.is_empty()).then_some(here));
        other.resource_spans.extend((!there.scope_spans.is_empty()).then_some(there));
    }
    (one, other)
}

/// The time of the last span of a request to end: when it cannot have come in before.
pub(crate) fn last_end(request: &ExportTraceServiceRequest) -> Option<i64> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    spans.map(|span| span.end_time_unix_nano.cast_signed()).max()
}
