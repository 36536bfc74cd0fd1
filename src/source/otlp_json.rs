//! One request in OTLP's JSON form.
//!
//! Both `TracesData` and `ExportTraceServiceRequest`, which look the same. What the message crate does not
//! read though writers write it is put into a form that it reads: empty arrays and lists without their
//! field, and doubles that JSON has no number for, which a store holds as null.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use serde_json::Value;

/// Why a text is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTraces {
    #[error("is no JSON: {0}")]
    NotJson(String),
    #[error("holds no `resourceSpans`")]
    NoSpans,
    #[error("is no OTLP: {0}")]
    NotOtlp(String),
}

pub(crate) fn parse(text: &[u8]) -> Result<ExportTraceServiceRequest, NotTraces> {
    if let Ok(request) = serde_json::from_slice::<ExportTraceServiceRequest>(text)
        && !request.resource_spans.is_empty()
    {
        return Ok(request);
    }
    let mut value: Value = serde_json::from_slice(text).map_err(|err| NotTraces::NotJson(err.to_string()))?;
    if !value.get("resourceSpans").is_some_and(Value::is_array) {
        return Err(NotTraces::NoSpans);
    }
    mend(&mut value);
    serde_json::from_value(value).map_err(|err| NotTraces::NotOtlp(err.to_string()))
}

fn mend(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mend),
        Value::Object(fields) => {
            for list in ["arrayValue", "kvlistValue"] {
                if let Some(list) = fields.get_mut(list).and_then(Value::as_object_mut) {
                    list.entry("values").or_insert_with(|| Value::Array(Vec::new()));
                }
            }
            if let Some(text) = fields.get("doubleValue").and_then(Value::as_str) {
                match text.parse::<f64>().ok().filter(|double| double.is_finite()) {
                    Some(double) => fields.insert("doubleValue".to_owned(), double.into()),
                    None => fields.remove("doubleValue"),
                };
            }
            fields.values_mut().for_each(mend);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

    use super::*;

    fn attributes(values: &str) -> Result<Vec<Option<Any>>, NotTraces> {
        let span = format!(r#"{{"traceId":"","spanId":"","name":"n","attributes":{values}}}"#);
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
        let request = parse(text.as_bytes())?;
        let attributes = &request.resource_spans[0].scope_spans[0].spans[0].attributes;
        Ok(attributes.iter().map(|pair| pair.value.as_ref().and_then(|any| any.value.clone())).collect())
    }

    #[test]
    fn what_collectors_write_is_read() {
        let values = attributes(
            r#"[{"key":"i","value":{"intValue":"-7"}},{"key":"d","value":{"doubleValue":1.5}},
                {"key":"n","value":{"doubleValue":"NaN"}},{"key":"e","value":{}},
                {"key":"a","value":{"arrayValue":{}}},{"key":"s","value":{"stringValue":"x"}}]"#,
        )
        .unwrap();
        assert_eq!(values[0], Some(Any::IntValue(-7)));
        assert_eq!(values[1], Some(Any::DoubleValue(1.5)));
        assert_eq!((&values[2], &values[3]), (&None, &None));
        assert!(matches!(&values[4], Some(Any::ArrayValue(array)) if array.values.is_empty()));
        assert_eq!(values[5], Some(Any::StringValue("x".to_owned())));
    }

    #[test]
    fn what_is_no_request_is_told_apart() {
        assert!(matches!(parse(b"{\"resourceSpans\":["), Err(NotTraces::NotJson(_))));
        assert_eq!(parse(b"{\"resourceLogs\":[]}"), Err(NotTraces::NoSpans));
        assert_eq!(parse(b"[]"), Err(NotTraces::NoSpans));
        assert!(matches!(parse(b"{\"resourceSpans\":[7]}"), Err(NotTraces::NotOtlp(_))));
        assert!(parse(b"{\"resourceSpans\":[]}").is_ok_and(|request| request.resource_spans.is_empty()));
    }
}
