//! OTLP's JSON form, as it is written here: what the reader beside it reads again, whatever the depth.
//!
//! Fields that are empty are left out, as ProtoJSON has it. NaN and the infinities are written by their names.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};

use crate::contract::json::{write_f64, write_i64, write_str, write_u64};

/// One request, without a line's end.
pub(crate) fn request(request: &ExportTraceServiceRequest) -> String {
    let mut out = String::with_capacity(4_096);
    out.push_str("{\"resourceSpans\":");
    array(&mut out, &request.resource_spans, resource_spans);
    out.push('}');
    out
}

/// An object that is being written.
struct Object<'o> {
    out: &'o mut String,
    is_empty: bool,
}

impl<'o> Object<'o> {
    fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, is_empty: true }
    }

    /// The name of the next field; its value is written next.
    fn field(&mut self, name: &str) -> &mut String {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
        self.out
    }

    fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            write_str(self.field(name), text);
        }
    }

    fn id(&mut self, name: &str, id: &[u8]) {
        if !id.is_empty() {
            write_str(self.field(name), &const_hex::encode(id));
        }
    }

    fn number(&mut self, name: &str, number: i64) {
        if number != 0 {
            write_i64(self.field(name), number);
        }
    }

    /// In quotes, because a double cannot hold it.
    fn time(&mut self, name: &str, nanos: u64) {
        if nanos != 0 {
            let out = self.field(name);
            out.push('"');
            write_u64(out, nanos);
            out.push('"');
        }
    }

    fn list<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut String, &T)) {
        if !items.is_empty() {
            array(self.field(name), items, write);
        }
    }

    fn message<T>(&mut self, name: &str, message: Option<&T>, write: impl Fn(&mut String, &T)) {
        if let Some(message) = message {
            write(self.field(name), message);
        }
    }

    fn end(self) {
        self.out.push('}');
    }
}

fn array<T>(out: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn resource_spans(out: &mut String, message: &ResourceSpans) {
    let mut object = Object::begin(out);
    object.message("resource", message.resource.as_ref(), resource);
    object.list("scopeSpans", &message.scope_spans, scope_spans);
    object.text("schemaUrl", &message.schema_url);
    object.end();
}

fn resource(out: &mut String, message: &Resource) {
    let mut object = Object::begin(out);
    object.list("attributes", &message.attributes, pair);
    object.number("droppedAttributesCount", message.dropped_attributes_count.into());
    object.list("entityRefs", &message.entity_refs, entity_ref);
    object.end();
}

fn entity_ref(out: &mut String, message: &EntityRef) {
    let mut object = Object::begin(out);
    object.text("schemaUrl", &message.schema_url);
    object.text("type", &message.r#type);
    object.list("idKeys", &message.id_keys, |out, key| write_str(out, key));
    object.list("descriptionKeys", &message.description_keys, |out, key| write_str(out, key));
    object.end();
}

fn scope_spans(out: &mut String, message: &ScopeSpans) {
    let mut object = Object::begin(out);
    object.message("scope", message.scope.as_ref(), scope);
    object.list("spans", &message.spans, span);
    object.text("schemaUrl", &message.schema_url);
    object.end();
}

fn scope(out: &mut String, message: &InstrumentationScope) {
    let mut object = Object::begin(out);
    object.text("name", &message.name);
    object.text("version", &message.version);
    object.list("attributes", &message.attributes, pair);
    object.number("droppedAttributesCount", message.dropped_attributes_count.into());
    object.end();
}

fn span(out: &mut String, message: &Span) {
    let mut object = Object::begin(out);
    object.id("traceId", &message.trace_id);
    object.id("spanId", &message.span_id);
    object.text("traceState", &message.trace_state);
    object.id("parentSpanId", &message.parent_span_id);
    object.number("flags", message.flags.into());
    object.text("name", &message.name);
    object.number("kind", message.kind.into());
    object.time("startTimeUnixNano", message.start_time_unix_nano);
    object.time("endTimeUnixNano", message.end_time_unix_nano);
    object.list("attributes", &message.attributes, pair);
    object.number("droppedAttributesCount", message.dropped_attributes_count.into());
    object.list("events", &message.events, event);
    object.number("droppedEventsCount", message.dropped_events_count.into());
    object.list("links", &message.links, link);
    object.number("droppedLinksCount", message.dropped_links_count.into());
    object.message("status", message.status.as_ref(), status);
    object.end();
}

fn event(out: &mut String, message: &Event) {
    let mut object = Object::begin(out);
    object.time("timeUnixNano", message.time_unix_nano);
    object.text("name", &message.name);
    object.list("attributes", &message.attributes, pair);
    object.number("droppedAttributesCount", message.dropped_attributes_count.into());
    object.end();
}

fn link(out: &mut String, message: &Link) {
    let mut object = Object::begin(out);
    object.id("traceId", &message.trace_id);
    object.id("spanId", &message.span_id);
    object.text("traceState", &message.trace_state);
    object.list("attributes", &message.attributes, pair);
    object.number("droppedAttributesCount", message.dropped_attributes_count.into());
    object.number("flags", message.flags.into());
    object.end();
}

fn status(out: &mut String, message: &Status) {
    let mut object = Object::begin(out);
    object.text("message", &message.message);
    object.number("code", message.code.into());
    object.end();
}

fn pair(out: &mut String, message: &KeyValue) {
    let mut object = Object::begin(out);
    write_str(object.field("key"), &message.key);
    object.message("value", message.value.as_ref(), any_value);
    object.number("keyStrindex", message.key_strindex.into());
    object.end();
}

fn any_value(out: &mut String, message: &AnyValue) {
    let mut object = Object::begin(out);
    match &message.value {
        Some(Value::StringValue(text)) => write_str(object.field("stringValue"), text),
        Some(Value::BoolValue(flag)) => {
            object.field("boolValue").push_str(if *flag { "true" } else { "false" });
        }
        Some(Value::IntValue(int)) => {
            let out = object.field("intValue");
            out.push('"');
            write_i64(out, *int);
            out.push('"');
        }
        Some(Value::DoubleValue(double)) => write_double(object.field("doubleValue"), *double),
        Some(Value::ArrayValue(values)) => {
            let mut inner = Object::begin(object.field("arrayValue"));
            inner.list("values", &values.values, any_value);
            inner.end();
        }
        Some(Value::KvlistValue(pairs)) => {
            let mut inner = Object::begin(object.field("kvlistValue"));
            inner.list("values", &pairs.values, pair);
            inner.end();
        }
        Some(Value::BytesValue(bytes)) => write_base64(object.field("bytesValue"), bytes),
        Some(Value::StringValueStrindex(index)) => {
            write_i64(object.field("stringValueStrindex"), (*index).into());
        }
        None => {}
    }
    object.end();
}

fn write_double(out: &mut String, double: f64) {
    if double.is_finite() {
        write_f64(out, double);
    } else if double.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if double > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

fn write_base64(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.push('"');
    for chunk in bytes.chunks(3) {
        let [first, second, third] =
            [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or_default()));
        let bits = first << 16 | second << 8 | third;
        for digit in 0..4 {
            if digit > chunk.len() {
                out.push('=');
            } else {
                out.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
            }
        }
    }
    out.push('"');
}
