//! The messages of a request, field by field.

use std::{borrow::Cow, mem::size_of};

use opentelemetry_proto::tonic::{
    common::v1::{EntityRef, InstrumentationScope},
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link, SpanKind},
        status::StatusCode,
    },
};

use super::{
    Fault, State,
    scalar::{enumeration, expect, id, integer, string},
    value::attributes,
};
use crate::contract::json_reader::JsonReader;

/// A vector that grows has up to twice the room that it needs.
const GROWTH: usize = 2;

/// How deep the `KeyValue` of a span lies in a request, as prost counts messages.
const SPAN_ATTRIBUTE: u32 = 4;

impl State {
    /// Counts a key that is written as the protobuf files name it, which OTLP does not allow and ProtoJSON does.
    pub(super) fn note_spelling(&mut self, key: &str) {
        if key.contains('_') {
            self.extras.count(Cow::Borrowed("key in snake_case, read as the field that it names"));
        }
    }
}

/// Whether a key names a field, given as ProtoJSON writes it.
pub(super) fn is_named(key: &str, name: &str) -> bool {
    if key == name {
        return true;
    }
    let mut name = name.bytes();
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'_' {
            match rest.next() {
                Some(next @ b'a'..=b'z') => next.to_ascii_uppercase(),
                _ => return false,
            }
        } else if byte.is_ascii_uppercase() {
            // Half of one spelling and half of the other is neither.
            return false;
        } else {
            byte
        };
        if name.next() != Some(byte) {
            return false;
        }
    }
    name.next().is_none()
}

/// Reads an object; `take` gets the number of each known field, and takes its value. Null is absent.
pub(super) fn fields<'t>(
    reader: &mut JsonReader<'t>,
    state: &mut State,
    (message, names): (&str, &[&str]),
    mut take: impl FnMut(&mut JsonReader<'t>, &mut State, usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    expect(reader, b'{', "an object")?;
    let mut seen = 0_u32;
    reader.object_of(|reader, key| {
        let Some(field) = names.iter().position(|name| is_named(key, name)) else {
            if key == "instrumentationLibrarySpans" || key == "instrumentation_library_spans" {
                return Err(Fault::new("is of OTLP before 0.19, which nobody reads any more").inside(key));
            }
            state.extras.count(Cow::Owned(format!("unknown field `{message}.{key}`")));
            return Ok(reader.skip_value()?);
        };
        if seen & 1 << field != 0 {
            return Err(Fault::new("is named twice").inside(names[field]));
        }
        seen |= 1 << field;
        state.note_spelling(key);
        if reader.peek() == Some(b'n') {
            return Ok(reader.null()?);
        }
        take(reader, state, field).map_err(|fault| fault.inside(names[field]))
    })
}

/// Reads an array; what `parse` leaves out is left out.
pub(super) fn list<'t, T>(
    reader: &mut JsonReader<'t>,
    state: &mut State,
    mut parse: impl FnMut(&mut JsonReader<'t>, &mut State) -> Result<Option<T>, Fault>,
) -> Result<Vec<T>, Fault> {
    expect(reader, b'[', "an array")?;
    let (mut items, mut index) = (Vec::new(), 0_u64);
    reader.array_of(|reader| {
        state.take(GROWTH * size_of::<T>())?;
        let item = parse(reader, state).map_err(|fault| fault.inside(&format!("[{index}]")))?;
        items.extend(item);
        index += 1;
        Ok::<(), Fault>(())
    })?;
    Ok(items)
}

pub(super) fn resource_spans(
    reader: &mut JsonReader<'_>,
    state: &mut State,
) -> Result<Vec<ResourceSpans>, Fault> {
    // A field that is null is one that is absent.
    if reader.peek() == Some(b'n') {
        reader.null()?;
        return Ok(Vec::new());
    }
    list(reader, state, |reader, state| {
        let mut message = ResourceSpans::default();
        let names = ("ResourceSpans", &["resource", "scopeSpans", "schemaUrl"][..]);
        fields(reader, state, names, |reader, state, field| {
            match field {
                0 => message.resource = Some(resource(reader, state)?),
                1 => message.scope_spans = list(reader, state, scope_spans)?,
                _ => message.schema_url = string(reader, state)?,
            }
            Ok(())
        })?;
        Ok(Some(message))
    })
}

fn resource(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Resource, Fault> {
    let mut message = Resource::default();
    let names = ("Resource", &["attributes", "droppedAttributesCount", "entityRefs"][..]);
    fields(reader, state, names, |reader, state, field| {
        match field {
            0 => message.attributes = attributes(reader, state, SPAN_ATTRIBUTE - 1)?,
            1 => message.dropped_attributes_count = integer(reader, "uint32")?,
            _ => message.entity_refs = list(reader, state, entity_ref)?,
        }
        Ok(())
    })?;
    Ok(message)
}

fn entity_ref(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Option<EntityRef>, Fault> {
    let mut message = EntityRef::default();
    let names = ("EntityRef", &["schemaUrl", "type", "idKeys", "descriptionKeys"][..]);
    let texts = |reader: &mut JsonReader<'_>, state: &mut State| {
        list(reader, state, |reader, state| string(reader, state).map(Some))
    };
    fields(reader, state, names, |reader, state, field| {
        match field {
            0 => message.schema_url = string(reader, state)?,
            1 => message.r#type = string(reader, state)?,
            2 => message.id_keys = texts(reader, state)?,
            _ => message.description_keys = texts(reader, state)?,
        }
        Ok(())
    })?;
    Ok(Some(message))
}

fn scope_spans(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Option<ScopeSpans>, Fault> {
    let mut message = ScopeSpans::default();
    let names = ("ScopeSpans", &["scope", "spans", "schemaUrl"][..]);
    fields(reader, state, names, |reader, state, field| {
        match field {
            0 => message.scope = Some(scope(reader, state)?),
            1 => message.spans = list(reader, state, span)?,
            _ => message.schema_url = string(reader, state)?,
        }
        Ok(())
    })?;
    Ok(Some(message))
}

fn scope(reader: &mut JsonReader<'_>, state: &mut State) -> Result<InstrumentationScope, Fault> {
    let mut message = InstrumentationScope::default();
    let names = ("InstrumentationScope", &["name", "version", "attributes", "droppedAttributesCount"][..]);
    fields(reader, state, names, |reader, state, field| {
        match field {
            0 => message.name = string(reader, state)?,
            1 => message.version = string(reader, state)?,
            2 => message.attributes = attributes(reader, state, SPAN_ATTRIBUTE)?,
            _ => message.dropped_attributes_count = integer(reader, "uint32")?,
        }
        Ok(())
    })?;
    Ok(message)
}

const SPAN: [&str; 16] = [
    "traceId",
    "spanId",
    "traceState",
    "parentSpanId",
    "flags",
    "name",
    "kind",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "attributes",
    "droppedAttributesCount",
    "events",
    "droppedEventsCount",
    "links",
    "droppedLinksCount",
    "status",
];

fn span(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Option<Span>, Fault> {
    let mut message = Span::default();
    fields(reader, state, ("Span", &SPAN), |reader, state, field| {
        match field {
            0 => message.trace_id = id(reader, state)?,
            1 => message.span_id = id(reader, state)?,
            2 => message.trace_state = string(reader, state)?,
            3 => message.parent_span_id = id(reader, state)?,
            4 => message.flags = integer(reader, "fixed32")?,
            5 => message.name = string(reader, state)?,
            6 => {
                let by_name = |name: &str| SpanKind::from_str_name(name).map(|kind| kind as i32);
                message.kind = enumeration(reader, by_name)?;
            }
            7 => message.start_time_unix_nano = integer(reader, "fixed64")?,
            8 => message.end_time_unix_nano = integer(reader, "fixed64")?,
            9 => message.attributes = attributes(reader, state, SPAN_ATTRIBUTE)?,
            10 => message.dropped_attributes_count = integer(reader, "uint32")?,
            11 => message.events = list(reader, state, event)?,
            12 => message.dropped_events_count = integer(reader, "uint32")?,
            13 => message.links = list(reader, state, link)?,
            14 => message.dropped_links_count = integer(reader, "uint32")?,
            _ => message.status = Some(status(reader, state)?),
        }
        Ok(())
    })?;
    Ok(Some(message))
}

fn event(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Option<Event>, Fault> {
    let mut message = Event::default();
    let names = ("Span.Event", &["timeUnixNano", "name", "attributes", "droppedAttributesCount"][..]);
    fields(reader, state, names, |reader, state, field| {
        match field {
            0 => message.time_unix_nano = integer(reader, "fixed64")?,
            1 => message.name = string(reader, state)?,
            2 => message.attributes = attributes(reader, state, SPAN_ATTRIBUTE + 1)?,
            _ => message.dropped_attributes_count = integer(reader, "uint32")?,
        }
        Ok(())
    })?;
    Ok(Some(message))
}

fn link(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Option<Link>, Fault> {
    let mut message = Link::default();
    let names = ["traceId", "spanId", "traceState", "attributes", "droppedAttributesCount", "flags"];
    fields(reader, state, ("Span.Link", &names), |reader, state, field| {
        match field {
            0 => message.trace_id = id(reader, state)?,
            1 => message.span_id = id(reader, state)?,
            2 => message.trace_state = string(reader, state)?,
            3 => message.attributes = attributes(reader, state, SPAN_ATTRIBUTE + 1)?,
            4 => message.dropped_attributes_count = integer(reader, "uint32")?,
            _ => message.flags = integer(reader, "fixed32")?,
        }
        Ok(())
    })?;
    Ok(Some(message))
}

fn status(reader: &mut JsonReader<'_>, state: &mut State) -> Result<Status, Fault> {
    let mut message = Status::default();
    fields(reader, state, ("Status", &["message", "code"]), |reader, state, field| {
        if field == 0 {
            message.message = string(reader, state)?;
        } else {
            let by_name = |name: &str| StatusCode::from_str_name(name).map(|code| code as i32);
            message.code = enumeration(reader, by_name)?;
        }
        Ok(())
    })?;
    Ok(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_a_field_in_either_spelling_and_in_no_third() {
        for (key, is_it) in [
            ("startTimeUnixNano", true),
            ("start_time_unix_nano", true),
            ("start_timeUnixNano", false),
            ("starttimeunixnano", false),
            ("start__time_unix_nano", false),
            ("start_time_unix_nano_", false),
            ("start_time_unix", false),
        ] {
            assert_eq!(is_named(key, "startTimeUnixNano"), is_it, "{key}");
        }
    }
}
