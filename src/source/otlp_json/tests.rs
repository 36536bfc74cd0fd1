use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value as Any},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message;

use super::*;

const BUDGET: u64 = 1 << 24;

fn read(text: &str) -> Result<Parsed, String> {
    parse(text.as_bytes(), BUDGET).map_err(|not| not.reason)
}

fn of_span(fields: &str) -> Result<(Span, Extras), String> {
    let mut parsed =
        read(&format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#))?;
    Ok((parsed.request.resource_spans[0].scope_spans[0].spans.swap_remove(0), parsed.extras))
}

/// The value of an attribute, or the reason why there is none.
fn value(json: &str) -> Result<Option<Any>, String> {
    let (mut span, extras) = of_span(&format!(r#""attributes":[{{"key":"k","value":{json}}}]"#))?;
    if extras.lost > 0 {
        assert!(span.attributes.is_empty());
        return Err(extras.ignored.into_keys().collect());
    }
    Ok(span.attributes.swap_remove(0).value.and_then(|any| any.value))
}

#[test]
fn every_spelling_of_a_value_is_read() {
    for (json, expected) in [
        (r#"{"intValue":"-7"}"#, Some(Any::IntValue(-7))),
        (r#"{"intValue":-7}"#, Some(Any::IntValue(-7))),
        (r#"{"intValue":1.0e3}"#, Some(Any::IntValue(1_000))),
        (r#"{"intValue":"9223372036854775807"}"#, Some(Any::IntValue(i64::MAX))),
        (r#"{"doubleValue":1.5}"#, Some(Any::DoubleValue(1.5))),
        (r#"{"doubleValue":2}"#, Some(Any::DoubleValue(2.0))),
        (r#"{"doubleValue":"-1e-3"}"#, Some(Any::DoubleValue(-0.001))),
        (r#"{"doubleValue":"Infinity"}"#, Some(Any::DoubleValue(f64::INFINITY))),
        (r#"{"doubleValue":"-Infinity"}"#, Some(Any::DoubleValue(f64::NEG_INFINITY))),
        (r#"{"boolValue":true}"#, Some(Any::BoolValue(true))),
        (r#"{"bytesValue":"_-8="}"#, Some(Any::BytesValue(vec![0xff, 0xef]))),
        (r#"{"bytesValue":"/+8"}"#, Some(Any::BytesValue(vec![0xff, 0xef]))),
        (r#"{"stringValue":"x"}"#, Some(Any::StringValue("x".to_owned()))),
        (r#"{"string_value":"x"}"#, Some(Any::StringValue("x".to_owned()))),
        (r#"{"stringValue":"x","intValue":null}"#, Some(Any::StringValue("x".to_owned()))),
        (r#"{"stringValueStrindex":3}"#, Some(Any::StringValueStrindex(3))),
        (r#"{"arrayValue":{}}"#, Some(Any::ArrayValue(ArrayValue::default()))),
        (r#"{"arrayValue":{"values":null}}"#, Some(Any::ArrayValue(ArrayValue::default()))),
        (r#"{"kvlistValue":{}}"#, Some(Any::KvlistValue(KeyValueList::default()))),
        (r"{}", None),
        (r#"{"stringValue":null}"#, None),
        ("null", None),
    ] {
        assert_eq!(value(json), Ok(expected), "{json}");
    }
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Ok(Some(Any::DoubleValue(nan))) if nan.is_nan()));
}

#[test]
fn what_is_no_value_is_refused_with_its_place() {
    for json in [
        r#"{"intValue":"9223372036854775808"}"#,
        r#"{"intValue":1.5}"#,
        r#"{"intValue":""}"#,
        r#"{"intValue":" 1"}"#,
        r#"{"intValue":"0x10"}"#,
        r#"{"intValue":true}"#,
        r#"{"doubleValue":1e999}"#,
        r#"{"doubleValue":"nan"}"#,
        r#"{"doubleValue":"inf"}"#,
        r#"{"boolValue":"true"}"#,
        r#"{"boolValue":1}"#,
        r#"{"bytesValue":"?"}"#,
        r#"{"bytesValue":"A"}"#,
        r#"{"stringValue":7}"#,
        r#"{"stringValue":"a","intValue":1}"#,
        r#"{"stringValue":"a","stringValue":"b"}"#,
        r#"{"arrayValue":[]}"#,
        r#"{"arrayValue":{"values":[null]}}"#,
        r#""x""#,
    ] {
        let refused = value(json).unwrap_err();
        let place = "`resourceSpans[0].scopeSpans[0].spans[0].attributes[0].value";
        assert!(refused.starts_with(place), "{json}: {refused}");
    }
    for fields in [
        r#""kind":"SPAN_KIND_NONSENSE""#,
        r#""kind":5000000000"#,
        r#""startTimeUnixNano":-1"#,
        r#""startTimeUnixNano":"18446744073709551616""#,
        r#""flags":4294967296"#,
        r#""droppedEventsCount":1.5"#,
        r#""traceId":"xyz""#,
        r#""traceId":"0x5b8efff798038103d269b633813fc60c""#,
        r#""name":"a","name":"b""#,
        r#""parentSpanId":"","parent_span_id":"""#,
        r#""events":{}"#,
    ] {
        let name = fields.split('"').nth(1).unwrap();
        let refused = of_span(fields).unwrap_err();
        assert!(
            refused.starts_with(&format!("`resourceSpans[0].scopeSpans[0].spans[0].{name}")),
            "{refused}"
        );
    }
    assert!(of_span(r#""traceId":"W47/95gDgQPSabYzgT/GDA==""#).unwrap_err().contains("base64"));
    assert!(of_span(r#""spanId":"7uGbfsPBsXE=""#).unwrap_err().contains("base64"));
}

#[test]
fn enums_have_names_and_numbers_and_null_is_absent() {
    let (span, _) = of_span(
        r#""kind":"SPAN_KIND_SERVER","status":{"code":"STATUS_CODE_ERROR","message":"m"},"flags":"257",
           "parentSpanId":null,"attributes":null,"events":null,"links":null,"traceState":null"#,
    )
    .unwrap();
    assert_eq!((span.kind, span.flags, span.status.unwrap().code), (2, 257, 2));
    assert_eq!(of_span(r#""kind":"3","status":null"#).unwrap().0.kind, 3);
    assert_eq!(of_span(r#""kind":300"#).unwrap().0.kind, 300);
    assert_eq!(read(r#"{"resourceSpans":null}"#), Ok(Parsed::default()));
    assert_eq!(read("{}"), Ok(Parsed::default()));
}

#[test]
fn what_otlp_does_not_know_is_named_and_counted_and_no_null() {
    let (span, extras) = of_span(
        r#""parent_span_id":"eee19b7ec3c1b179","foo":[{}],"foo":1,
           "attributes":[{"key":"a","value":{"strindexValue":3}},{"key":"b","value":{"stringValue":"x","odd":1}},
           {"key":"c","value":{"arrayValue":{"values":[{"intValue":1},{"odd":2}]}}},
           {"key":"d","value":{"kvlistValue":{"values":[{"key":"e","value":{"odd":3}},{"key":"f","value":{"intValue":4}}]}}}]"#,
    )
    .unwrap();
    assert_eq!(span.parent_span_id.len(), 8);
    let keys: Vec<&str> = span.attributes.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!((keys, extras.lost), (vec!["b", "d"], 3));
    let named: Vec<_> = extras.ignored.iter().map(|(what, count)| format!("{count} {what}")).collect();
    insta::assert_snapshot!(named.join("\n"), @"
    2 attribute left out, its value of the unknown form `odd`
    1 attribute left out, its value of the unknown form `strindexValue`
    1 key in snake_case, read as the field that it names
    1 unknown field `AnyValue.odd`
    2 unknown field `Span.foo`
    ");

    let beside = read(r#"{"resourceSpans":[],"resourceLogs":[{}],"more":1}"#).unwrap();
    assert_eq!((beside.extras.ignored.len(), beside.is_of_other_signals), (2, false));
    for other in ["resourceLogs", "resourceMetrics", "resource_metrics", "resourceProfiles"] {
        assert!(read(&format!(r#"{{"{other}":[{{}}]}}"#)).unwrap().is_of_other_signals, "{other}");
    }
    let many: Vec<String> = (0..1_000).map(|number| format!(r#""f{number}":{number}"#)).collect();
    let (_, extras) = of_span(&many.join(",")).unwrap();
    assert_eq!((extras.ignored.len(), extras.ignored.values().sum::<u64>()), (MAX_KINDS + 1, 1_000));
}

#[test]
fn what_is_no_request_is_told_apart() {
    for (text, told) in [
        ("{\"resourceSpans\":[", "is no JSON"),
        ("{\"resourceSpans\":[]} x", "is no JSON"),
        ("{\"resourceSpans\":[7]}", "is not an object"),
        ("{\"resourceSpans\":7}", "is not an array"),
        ("[]", "is no JSON"),
        (r#"{"traceId":"1","id":"2","duration":3}"#, "Zipkin"),
        (r#"{"data":[{"traceID":"1"}]}"#, "Jaeger"),
        (r#"{"resourceSpans":[{"instrumentationLibrarySpans":[]}]}"#, "0.19"),
    ] {
        let refused = read(text).unwrap_err();
        assert!(refused.contains(told), "{text}: {refused}");
    }
    let not = parse(b"{\"resourceSpans\":[{\"scopeSpans\":[{]}]}", BUDGET).unwrap_err();
    assert_eq!(not.offset, Some(34));
    assert_eq!(parse(b"{\"resourceSpans\xff\":[]}", BUDGET).unwrap_err().offset, Some(15));
    assert!(parse(b"{\"resourceSpans\":[{},{},{}]}", 500).unwrap_err().reason.contains("--memory-limit"));
}

fn within(value: AnyValue) -> ExportTraceServiceRequest {
    let attributes = vec![KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() }];
    let spans = vec![Span { name: "n".to_owned(), attributes, ..Span::default() }];
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}

/// As deep as prost decodes, JSON is written and read; what is deeper than that is refused.
#[test]
fn what_decodes_is_written_and_read_whatever_the_depth() {
    let any = |value| AnyValue { value: Some(value) };
    let in_array = |inner: AnyValue| any(Any::ArrayValue(ArrayValue { values: vec![inner] }));
    let in_map = |inner: AnyValue| {
        let pair = KeyValue { key: "k".to_owned(), value: Some(inner), ..KeyValue::default() };
        any(Any::KvlistValue(KeyValueList { values: vec![pair] }))
    };
    let wraps: [&dyn Fn(AnyValue) -> AnyValue; 2] = [&in_array, &in_map];
    for wrap in wraps {
        let mut deepest = 0;
        let mut value = any(Any::IntValue(1));
        for depth in 0..60 {
            let request = within(value.clone());
            let decodes = ExportTraceServiceRequest::decode(&*request.encode_to_vec()).is_ok();
            let written = write::request(&request);
            let is_read = parse(written.as_bytes(), BUDGET).is_ok_and(|parsed| parsed.request == request);
            assert_eq!(is_read, decodes, "{depth}");
            deepest = if decodes { depth } else { deepest };
            value = wrap(value);
        }
        assert!(deepest > 30);
    }
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        any::<String>().prop_map(|text| Some(Any::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Any::BoolValue(flag))),
        any::<i64>().prop_map(|int| Some(Any::IntValue(int))),
        // Not NaN, which is not equal to itself.
        prop_oneof![proptest::num::f64::NORMAL, Just(f64::INFINITY), Just(-0.0), Just(1e300)]
            .prop_map(|double| Some(Any::DoubleValue(double))),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(|bytes| Some(Any::BytesValue(bytes))),
        any::<i32>().prop_map(|index| Some(Any::StringValueStrindex(index))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 20, 4, |inner| {
        let values = prop::collection::vec(inner, 0..4);
        (values, any::<bool>()).prop_map(|(values, is_array)| {
            let value = if is_array {
                Any::ArrayValue(ArrayValue { values })
            } else {
                let pair =
                    |value| KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() };
                Any::KvlistValue(KeyValueList { values: values.into_iter().map(pair).collect() })
            };
            AnyValue { value: Some(value) }
        })
    })
}

proptest! {
    /// Whatever is written is read as it was.
    #[test]
    fn what_is_written_is_read(value in any_value(), id in prop::collection::vec(any::<u8>(), 0..20), time: u64, kind: i32) {
        let mut request = within(value);
        let span = &mut request.resource_spans[0].scope_spans[0].spans[0];
        (span.trace_id, span.end_time_unix_nano, span.kind, span.flags) = (id, time, kind, time as u32);
        let parsed = parse(write::request(&request).as_bytes(), BUDGET).unwrap();
        prop_assert_eq!(parsed.request, request);
        prop_assert_eq!(parsed.extras, Extras::default());
    }

    #[test]
    fn no_text_brings_the_reader_down(text in r#"\{"resourceSpans":[\[\]{}:,"\\a-c0-2.eE+u -]{0,40}"#) {
        parse(text.as_bytes(), BUDGET).ok();
    }
}
