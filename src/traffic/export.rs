//! Exports: a range of a stream as one `ExportTraceServiceRequest`.
//!
//! Spans that follow each other under one resource share a `ResourceSpans`, and of these those of
//! one instrumentation a `ScopeSpans`. The workflow that a range ends in is kept for the next one.

use prost::Message;

use super::{otlp, plan::Plan, planned::SCOPE, recorded::Scope, resource::Resource, workflow::Workflow};
use crate::contract::protobuf::{Open, close, open, write_bytes};

/// Encodes the exports of one plan.
#[derive(Debug)]
pub(crate) struct Encoder<'p> {
    plan: &'p Plan,
    resources: &'p [EncodedResource],
    last: Option<(u64, Workflow<'p>)>,
    /// Bytes that the length of the latest `ResourceSpans` took, and that of the latest `ScopeSpans`:
    /// exports of one plan are much alike.
    resource_width: usize,
    scope_width: usize,
}

/// A service's resource in OTLP.
#[derive(Debug)]
pub(crate) struct EncodedResource {
    message: Vec<u8>,
    schema_url: &'static str,
}

impl EncodedResource {
    pub(crate) fn new(resource: &Resource) -> Self {
        Self { message: resource.message.encode_to_vec(), schema_url: resource.schema_url }
    }

    pub(crate) fn all(plan: &Plan) -> Vec<Self> {
        (0..plan.outline.services.len()).map(|service| Self::new(&plan.resource(service))).collect()
    }
}

/// A `ResourceSpans` that is being written.
#[derive(Debug)]
struct OpenResource {
    service: usize,
    message: Open,
}

/// A `ScopeSpans` that is being written. Junjo's own scope is none.
#[derive(Debug)]
struct OpenScope {
    scope: Option<Scope>,
    message: Open,
}

impl<'p> Encoder<'p> {
    pub(crate) fn new(plan: &'p Plan, resources: &'p [EncodedResource]) -> Self {
        Self { plan, resources, last: None, resource_width: 2, scope_width: 2 }
    }

    /// Appends the request that carries `count` spans of a stream from the ordinal `first` on.
    pub(crate) fn write(&mut self, stream: usize, first: u64, count: u32, out: &mut Vec<u8>) {
        let mut resource: Option<OpenResource> = None;
        let mut scope: Option<OpenScope> = None;
        let mut ordinal = first;
        let end = first + u64::from(count);
        while ordinal < end {
            let place = self.plan.place_in(stream, ordinal);
            let own = self.plan.service_of(place.workflow);
            let workflow = match self.last.take() {
                Some((number, workflow)) if number == place.workflow => workflow,
                _ => self.plan.workflow(place.workflow),
            };
            let ordinals = self.plan.ordinals(place.workflow);
            let last = (end.min(ordinals.end) - ordinals.start) as u32;
            for position in place.position..last {
                let sender = if workflow.is_by_peer(position) { self.plan.peer_of(own) } else { own };
                if resource.as_ref().is_some_and(|resource| resource.service != sender) {
                    self.close_scope(scope.take(), out);
                    self.close_resource(resource.take(), out);
                }
                resource.get_or_insert_with(|| self.open_resource(sender, out));
                let of_span = workflow.scope(position);
                if scope.as_ref().is_some_and(|scope| scope.scope.as_ref() != of_span) {
                    self.close_scope(scope.take(), out);
                }
                scope.get_or_insert_with(|| self.open_scope(of_span, out));
                let span = open(2, otlp::SPAN_WIDTH, out);
                workflow.write_span(position, out);
                close(span, out);
            }
            ordinal += u64::from(last - place.position);
            self.last = Some((place.workflow, workflow));
        }
        self.close_scope(scope, out);
        self.close_resource(resource, out);
    }

    fn open_resource(&self, service: usize, out: &mut Vec<u8>) -> OpenResource {
        let message = open(1, self.resource_width, out);
        write_bytes(1, &self.resources[service].message, out);
        OpenResource { service, message }
    }

    fn close_resource(&mut self, resource: Option<OpenResource>, out: &mut Vec<u8>) {
        let Some(OpenResource { service, message }) = resource else { return };
        write_schema_url(self.resources[service].schema_url, out);
        self.resource_width = close(message, out);
    }

    fn open_scope(&self, scope: Option<&Scope>, out: &mut Vec<u8>) -> OpenScope {
        let message = open(2, self.scope_width, out);
        let instrumentation = open(1, 1, out);
        match scope {
            None => write_bytes(1, SCOPE.as_bytes(), out),
            Some(scope) => scope.scope.encode_raw(out),
        }
        close(instrumentation, out);
        OpenScope { scope: scope.cloned(), message }
    }

    fn close_scope(&mut self, scope: Option<OpenScope>, out: &mut Vec<u8>) {
        let Some(OpenScope { scope, message }) = scope else { return };
        write_schema_url(scope.as_ref().map_or("", |scope| &scope.schema_url), out);
        self.scope_width = close(message, out);
    }
}

fn write_schema_url(url: &str, out: &mut Vec<u8>) {
    if !url.is_empty() {
        write_bytes(3, url.as_bytes(), out);
    }
}
