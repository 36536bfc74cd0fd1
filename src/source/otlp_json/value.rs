//! Attributes and their values.
//!
//! A value of a form that is not known here has no bytes to be sent as. Its attribute is left out and counted;
//! within an array, which has no gaps, the array's attribute.

use std::{borrow::Cow, mem::size_of};

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};

use super::{
    Fault, State,
    fields::{fields, is_named, list},
    scalar::{boolean, bytes, double, expect, integer, string},
};
use crate::contract::json_reader::JsonReader;

/// Messages inside each other that prost decodes.
const MAX_MESSAGES: u32 = 100;

const FORMS: [&str; 8] = [
    "stringValue",
    "boolValue",
    "intValue",
    "doubleValue",
    "arrayValue",
    "kvlistValue",
    "bytesValue",
    "stringValueStrindex",
];

enum Read {
    Value(AnyValue),
    /// Of a form that is called so.
    Unknown(String),
}

/// A list of pairs that lie so deep.
pub(super) fn attributes(
    reader: &mut JsonReader<'_>,
    state: &mut State,
    depth: u32,
) -> Result<Vec<KeyValue>, Fault> {
    list(reader, state, |reader, state| pair(reader, state, depth))
}

fn pair(reader: &mut JsonReader<'_>, state: &mut State, depth: u32) -> Result<Option<KeyValue>, Fault> {
    within(depth)?;
    let mut message = KeyValue::default();
    let mut unknown = None;
    fields(reader, state, ("KeyValue", &["key", "value", "keyStrindex"]), |reader, state, field| {
        match field {
            0 => message.key = string(reader, state)?,
            1 => match any_value(reader, state, depth + 1)? {
                Read::Value(value) => message.value = Some(value),
                Read::Unknown(form) => unknown = Some(form),
            },
            _ => message.key_strindex = integer(reader, "int32")?,
        }
        Ok(())
    })?;
    let Some(form) = unknown else { return Ok(Some(message)) };
    state.extras.lost += 1;
    state.extras.count(Cow::Owned(format!("attribute left out, its value of the unknown form `{form}`")));
    Ok(None)
}

fn any_value(reader: &mut JsonReader<'_>, state: &mut State, depth: u32) -> Result<Read, Fault> {
    within(depth)?;
    expect(reader, b'{', "an object")?;
    let (mut value, mut unknown) = (None, None);
    reader.object_of(|reader, key| {
        let form = FORMS.iter().position(|name| is_named(key, name));
        if reader.peek() == Some(b'n') {
            return Ok(reader.null()?);
        }
        let Some(form) = form else {
            unknown = Some(key.to_owned());
            return Ok(reader.skip_value()?);
        };
        if value.is_some() {
            return Err(Fault::new("has several values"));
        }
        state.note_spelling(key);
        let inside = |fault: Fault| fault.inside(FORMS[form]);
        value = match form {
            0 => Some(Value::StringValue(string(reader, state).map_err(inside)?)),
            1 => Some(Value::BoolValue(boolean(reader).map_err(inside)?)),
            2 => Some(Value::IntValue(integer(reader, "int64").map_err(inside)?)),
            3 => Some(Value::DoubleValue(double(reader).map_err(inside)?)),
            4 => match array(reader, state, depth + 1).map_err(inside)? {
                Ok(array) => Some(Value::ArrayValue(array)),
                Err(form) => {
                    unknown = Some(form);
                    None
                }
            },
            5 => Some(Value::KvlistValue(map(reader, state, depth + 1).map_err(inside)?)),
            6 => Some(Value::BytesValue(bytes(reader, state).map_err(inside)?)),
            _ => Some(Value::StringValueStrindex(integer(reader, "int32").map_err(inside)?)),
        };
        Ok(())
    })?;
    Ok(match (value, unknown) {
        (None, Some(form)) => Read::Unknown(form),
        (value, unknown) => {
            if let Some(key) = unknown {
                state.extras.count(Cow::Owned(format!("unknown field `AnyValue.{key}`")));
            }
            Read::Value(AnyValue { value })
        }
    })
}

/// An array, or the unknown form of one of its values.
fn array(
    reader: &mut JsonReader<'_>,
    state: &mut State,
    depth: u32,
) -> Result<Result<ArrayValue, String>, Fault> {
    within(depth)?;
    let (mut message, mut unknown) = (ArrayValue::default(), None);
    fields(reader, state, ("ArrayValue", &["values"]), |reader, state, _| {
        message.values = list(reader, state, |reader, state| match any_value(reader, state, depth + 1)? {
            Read::Value(value) => Ok(Some(value)),
            Read::Unknown(form) => {
                unknown = Some(form);
                Ok(None)
            }
        })?;
        Ok(())
    })?;
    state.take(size_of::<ArrayValue>())?;
    Ok(unknown.map_or(Ok(message), Err))
}

fn map(reader: &mut JsonReader<'_>, state: &mut State, depth: u32) -> Result<KeyValueList, Fault> {
    within(depth)?;
    let mut message = KeyValueList::default();
    fields(reader, state, ("KeyValueList", &["values"]), |reader, state, _| {
        message.values = attributes(reader, state, depth + 1)?;
        Ok(())
    })?;
    state.take(size_of::<KeyValueList>())?;
    Ok(message)
}

fn within(depth: u32) -> Result<(), Fault> {
    if depth > MAX_MESSAGES {
        return Err(Fault::new("is nested deeper than OTLP decoders go"));
    }
    Ok(())
}
