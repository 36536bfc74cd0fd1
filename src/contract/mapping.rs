//! From an OTLP span to the row that the studio stores for it (contract, section 3).
//!
//! Holds for any span, however odd, and is pinned by spans that real studios of both eras wrote.
//! Instrumentation scopes, schema URLs and entity references have no column: that loss is declared,
//! and nothing here looks at them.

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, Span,
        span::{Event, Link},
    },
};

use super::{
    json,
    otlp::Cells,
    row::{Cell, Row},
    schema::{Schema, column},
};

/// The rows of one request, in the order of its spans.
pub(crate) fn rows(resource_spans: &[ResourceSpans], schema: Schema) -> Vec<Row> {
    let scopes = resource_spans.iter().flat_map(|one| &one.scope_spans);
    let mut rows = Vec::with_capacity(scopes.map(|scope| scope.spans.len()).sum());
    for one in resource_spans {
        let facts = ResourceFacts::of(one.resource.as_ref());
        let spans = one.scope_spans.iter().flat_map(|scope| &scope.spans);
        rows.extend(spans.map(|span| row(span, &facts, schema)));
    }
    rows
}

/// What a resource contributes to the row of each of its spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResourceFacts {
    service_name: String,
    attributes: String,
    dropped_attributes_count: u32,
}

impl ResourceFacts {
    pub(crate) fn of(resource: Option<&Resource>) -> Self {
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        Self {
            service_name: service_name(attributes),
            attributes: attributes_text(attributes),
            dropped_attributes_count: resource.map_or(0, |resource| resource.dropped_attributes_count),
        }
    }

    pub(crate) fn service_name(&self) -> &str {
        &self.service_name
    }

    /// Whether the resource's part of a stored row is just this.
    pub(crate) fn is_of(&self, schema: Schema, stored: &Cells<'_>) -> bool {
        let dropped = Cell::Number(self.dropped_attributes_count(schema).into());
        let parts = [Cell::Text(&self.service_name), Cell::Text(&self.attributes), dropped];
        let mut parts = column::OF_RESOURCE.into_iter().zip(parts);
        parts.all(|(column, part)| stored[column].is_none_or(|stored| stored == part))
    }

    fn dropped_attributes_count(&self, schema: Schema) -> u32 {
        match schema {
            Schema::V1 => 0,
            Schema::V2 => self.dropped_attributes_count,
        }
    }

    /// Overwrites the resource's part of a row.
    pub(crate) fn write(&self, schema: Schema, row: &mut Row) {
        row.service_name.clone_from(&self.service_name);
        row.resource_attributes.clone_from(&self.attributes);
        row.resource_dropped_attributes_count = self.dropped_attributes_count(schema);
    }
}

/// Gives every `service.name` of a resource another value.
pub(crate) fn rename_service(resource: &mut Resource, name: &str) {
    for pair in resource.attributes.iter_mut().filter(|pair| pair.key == "service.name") {
        pair.value.get_or_insert_default().value = Some(Value::StringValue(name.to_owned()));
    }
}

/// The first `service.name` decides, even when it is no text and a later one is.
fn service_name(attributes: &[KeyValue]) -> String {
    let first = attributes.iter().find(|pair| pair.key == "service.name");
    match first.and_then(|pair| pair.value.as_ref()).and_then(|any| any.value.as_ref()) {
        Some(Value::StringValue(name)) => name.clone(),
        _ => String::new(),
    }
}

fn row(span: &Span, resource: &ResourceFacts, schema: Schema) -> Row {
    let mut row = Row::default();
    resource.write(schema, &mut row);
    write_span(span, schema, &mut row);
    row
}

/// Overwrites the span's part of a row; what comes from the resource stays.
pub(crate) fn write_span(span: &Span, schema: Schema, row: &mut Row) {
    row.span_id = const_hex::encode(&span.span_id);
    row.trace_id = const_hex::encode(&span.trace_id);
    row.parent_span_id = non_empty(&const_hex::encode(&span.parent_span_id));
    row.name.clone_from(&span.name);
    row.span_kind = low_byte(span.kind);
    row.start_time = span.start_time_unix_nano.cast_signed();
    row.end_time = span.end_time_unix_nano.cast_signed();
    row.duration_ns = row.end_time.wrapping_sub(row.start_time);
    (row.status_code, row.status_message) =
        span.status.as_ref().map_or((0, None), |status| (low_byte(status.code), non_empty(&status.message)));
    overwrite(&mut row.attributes, |text| json::write_attributes(text, &span.attributes));
    overwrite(&mut row.events, |text| {
        json::write_array(text, &span.events, |text, event| write_event(text, event, schema));
    });
    match schema {
        Schema::V1 => row.links.clear(),
        Schema::V2 => {
            overwrite(&mut row.links, |text| json::write_array(text, &span.links, write_link));
            row.trace_flags = span.flags;
            row.trace_state = non_empty(&span.trace_state);
            row.dropped_attributes_count = span.dropped_attributes_count;
            row.dropped_events_count = span.dropped_events_count;
            row.dropped_links_count = span.dropped_links_count;
        }
    }
}

fn overwrite(text: &mut String, write: impl FnOnce(&mut String)) {
    text.clear();
    write(text);
}

fn write_event(out: &mut String, event: &Event, schema: Schema) {
    let attributes = |out: &mut String| json::write_attributes(out, &event.attributes);
    let name = |out: &mut String| json::write_str(out, &event.name);
    event_text(out, schema, attributes, event.dropped_attributes_count, name, event.time_unix_nano);
}

/// Writes an event in the form of a schema; the JSON of its attributes and name is the caller's.
pub(super) fn event_text(
    out: &mut String,
    schema: Schema,
    attributes: impl FnOnce(&mut String),
    dropped_attributes: u32,
    name: impl FnOnce(&mut String),
    time: u64,
) {
    out.push_str(r#"{"attributes":"#);
    attributes(out);
    if schema == Schema::V2 {
        out.push_str(r#","droppedAttributesCount":"#);
        json::write_u64(out, dropped_attributes.into());
    }
    out.push_str(r#","name":"#);
    name(out);
    out.push_str(r#","timeUnixNano":"#);
    let quote = if schema == Schema::V2 { "\"" } else { "" };
    out.push_str(quote);
    json::write_u64(out, time);
    out.push_str(quote);
    out.push('}');
}

fn write_link(out: &mut String, link: &Link) {
    let attributes = |out: &mut String| json::write_attributes(out, &link.attributes);
    let trace_state = |out: &mut String| json::write_str(out, &link.trace_state);
    let ids = [&link.span_id, &link.trace_id].map(const_hex::encode);
    link_text(out, attributes, [link.dropped_attributes_count, link.flags], &ids, trace_state);
}

/// Writes a link: its attributes' JSON, the attributes dropped and the flags, span and trace id, and the JSON of its
/// trace state.
pub(super) fn link_text(
    out: &mut String,
    attributes: impl FnOnce(&mut String),
    [dropped_attributes, flags]: [u32; 2],
    [span_id, trace_id]: &[String; 2],
    trace_state: impl FnOnce(&mut String),
) {
    out.push_str(r#"{"attributes":"#);
    attributes(out);
    out.push_str(r#","droppedAttributesCount":"#);
    json::write_u64(out, dropped_attributes.into());
    out.push_str(r#","flags":"#);
    json::write_u64(out, flags.into());
    out.push_str(r#","spanId":""#);
    out.push_str(span_id);
    out.push_str(r#"","traceId":""#);
    out.push_str(trace_id);
    out.push_str(r#"","traceState":"#);
    trace_state(out);
    out.push('}');
}

fn attributes_text(attributes: &[KeyValue]) -> String {
    let mut text = String::new();
    json::write_attributes(&mut text, attributes);
    text
}

/// The studio casts enums to 8 bits: 300 becomes 44.
fn low_byte(code: i32) -> i8 {
    let [low, ..] = code.to_le_bytes();
    low.cast_signed()
}

fn non_empty(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message;

    use super::*;
    use crate::testing;

    #[test]
    fn every_odd_span_maps_to_the_row_that_a_real_studio_wrote() {
        for (schema, file) in [(Schema::V1, "studio-0.80.0.parquet"), (Schema::V2, "studio-0.82.1.parquet")] {
            let mapped: Vec<Row> =
                requests().iter().flat_map(|request| rows(&request.resource_spans, schema)).collect();
            let stored = testing::parquet_rows(&fixture(file), schema);
            assert_eq!((mapped.len(), stored.len()), (51, 51), "{file}");
            for (index, (mapped, stored)) in mapped.iter().zip(&stored).enumerate() {
                assert_eq!(mapped, stored, "{file}, row {index}");
            }
        }
    }

    fn fixture(name: &str) -> PathBuf {
        testing::fixture("mapping").join(name)
    }

    fn requests() -> Vec<ExportTraceServiceRequest> {
        let decode = |index| {
            let bytes = fs::read(fixture(&format!("requests/request-{index:02}.pb"))).unwrap();
            ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap()
        };
        (0..=10).map(decode).collect()
    }
}
