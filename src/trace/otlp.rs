//! A trace as other tools take it: one OTLP request.
//!
//! Each span is sent once, as the studio shows it. What a store does not keep of a span (its scope, schema
//! URLs, which texts were bytes) is not made up.

use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::ResourceSpans};

use super::{Place, Trace, span::Span};
use crate::contract::{
    otlp::{Unsendable, resource_spans_of},
    schema::{column_name, in_schema},
};

/// A span whose row is no span any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LeftOut<'a> {
    pub(crate) span_id: &'a str,
    /// Where the copy lies that the studio shows.
    pub(crate) place: Option<&'a Place>,
    pub(crate) why: Unsendable,
}

/// The spans by start time, those of one resource that follow each other together.
pub(crate) fn request(trace: &Trace) -> (ExportTraceServiceRequest, Vec<LeftOut<'_>>) {
    let mut resource_spans: Vec<ResourceSpans> = Vec::new();
    let mut left_out = Vec::new();
    for span in &trace.spans {
        let one = match of_span(span) {
            Ok(one) => one,
            Err(why) => {
                left_out.push(LeftOut { span_id: &span.row.span_id, place: span.places.first(), why });
                continue;
            }
        };
        match resource_spans.last_mut() {
            Some(last) if last.resource == one.resource => {
                let spans = one.scope_spans.into_iter().flat_map(|scope| scope.spans);
                last.scope_spans[0].spans.extend(spans);
            }
            _ => resource_spans.push(one),
        }
    }
    (ExportTraceServiceRequest { resource_spans }, left_out)
}

fn of_span(span: &Span) -> Result<ResourceSpans, Unsendable> {
    let mut cells = span.row.cells().map(Some);
    for (number, cell) in cells.iter_mut().enumerate() {
        *cell =
            cell.filter(|_| in_schema(number, span.schema) && !span.absent.contains(&column_name(number)));
    }
    resource_spans_of(&cells)
}
