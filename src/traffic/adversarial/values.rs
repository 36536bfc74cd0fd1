//! Values of every kind that OTLP has, in their odd forms.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};

use super::texts::{self, text};

#[derive(Debug, Clone, Copy)]
enum Form {
    Int(i64),
    Double(f64),
    Bool(bool),
    NoBytes,
    LongBytes,
    EmptyArray,
    MixedArray,
    DeepArray,
    EmptyList,
    NestedList,
    RepeatingList,
    /// A value of no kind.
    Unset,
    /// No value.
    Absent,
}

const TWO_TO_53: i64 = 1 << 53;

const FORMS: [Form; 27] = [
    Form::Int(0),
    Form::Int(-1),
    Form::Int(TWO_TO_53 + 1),
    Form::Int(-TWO_TO_53 - 1),
    Form::Int(i64::MIN),
    Form::Int(i64::MAX),
    Form::Double(0.0),
    Form::Double(-0.0),
    Form::Double(0.1),
    Form::Double(1e16),
    Form::Double(1e300),
    Form::Double(5e-324),
    Form::Double(f64::NAN),
    Form::Double(f64::INFINITY),
    Form::Double(f64::NEG_INFINITY),
    Form::Bool(true),
    Form::Bool(false),
    Form::NoBytes,
    Form::LongBytes,
    Form::EmptyArray,
    Form::MixedArray,
    Form::DeepArray,
    Form::EmptyList,
    Form::NestedList,
    Form::RepeatingList,
    Form::Unset,
    Form::Absent,
];

/// How many values there are: the texts, then the other kinds.
pub(super) const COUNT: usize = texts::COUNT + FORMS.len();

/// Arrays and lists around the innermost value; protobuf decoders stop at a hundred messages.
const DEPTH: usize = 20;

/// A value; none where the attribute is to have none. Long ones have `long` bytes.
pub(super) fn value(level: usize, long: usize) -> Option<AnyValue> {
    let Some(form) = level.checked_sub(texts::COUNT) else {
        return any(Value::StringValue(text(level, long)));
    };
    match FORMS[form] {
        Form::Int(number) => any(Value::IntValue(number)),
        Form::Double(number) => any(Value::DoubleValue(number)),
        Form::Bool(flag) => any(Value::BoolValue(flag)),
        Form::NoBytes => any(Value::BytesValue(Vec::new())),
        Form::LongBytes => any(Value::BytesValue((0..=u8::MAX).cycle().take(long).collect())),
        Form::EmptyArray => array(Vec::new()),
        Form::MixedArray => array(mixed()),
        Form::DeepArray => deep(DEPTH),
        Form::EmptyList => list(Vec::new()),
        Form::NestedList => list(nested()),
        Form::RepeatingList => list(vec![
            pair("twice", any(Value::IntValue(1))),
            pair("once", any(Value::BoolValue(true))),
            pair("twice", any(Value::StringValue("the last".to_owned()))),
        ]),
        Form::Unset => Some(AnyValue { value: None }),
        Form::Absent => None,
    }
}

/// An attribute that may have no value.
pub(super) fn pair(key: impl Into<String>, value: Option<AnyValue>) -> KeyValue {
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

#[expect(clippy::unnecessary_wraps, reason = "an attribute may have no value")]
fn any(value: Value) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn array(values: Vec<AnyValue>) -> Option<AnyValue> {
    any(Value::ArrayValue(ArrayValue { values }))
}

fn list(values: Vec<KeyValue>) -> Option<AnyValue> {
    any(Value::KvlistValue(KeyValueList { values }))
}

/// One of each kind, and one of none.
fn mixed() -> Vec<AnyValue> {
    let kinds = [
        any(Value::StringValue("ü".to_owned())),
        any(Value::BoolValue(false)),
        any(Value::IntValue(-1)),
        any(Value::DoubleValue(1.5)),
        any(Value::DoubleValue(f64::NAN)),
        any(Value::BytesValue(vec![0, 255])),
        array(Vec::new()),
        list(Vec::new()),
        Some(AnyValue { value: None }),
    ];
    kinds.into_iter().flatten().collect()
}

/// Lists in lists, with a key that is empty, one that has no value, and one with a value of no kind.
fn nested() -> Vec<KeyValue> {
    vec![
        pair("z", list(vec![pair("b", array(mixed())), pair("a", list(vec![pair("", None)]))])),
        pair("", any(Value::StringValue(String::new()))),
        pair("absent", None),
        pair("unset", Some(AnyValue { value: None })),
    ]
}

fn deep(depth: usize) -> Option<AnyValue> {
    match depth.checked_sub(1) {
        None => any(Value::StringValue("the innermost".to_owned())),
        Some(rest) if rest % 2 == 0 => list(vec![pair("in", deep(rest))]),
        Some(rest) => array(deep(rest).into_iter().collect()),
    }
}
