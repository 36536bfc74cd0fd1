//! The form of stored JSON, told in one pass that copies nothing.
//!
//! The studio writes compact text with the keys of each object in the order of their bytes (contract,
//! section 3), and events and links with members of their own. A text is that, valid in another form, with a
//! key twice, or no JSON at all.

use super::{
    canonical_json::canonical,
    json_reader::{JsonError, JsonReader, Number},
    known_keys::KnownKeys,
    schema::Schema,
};

/// What a text is as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Exactly as the studio writes it.
    Canonical,
    /// JSON of the column's kind in another form: spaces, another order of keys, other members.
    Valid,
    /// An object names a key twice.
    DoubledKey,
    /// No JSON, or an array in place of an object, or the reverse.
    Invalid,
}

/// An object's form, and whether `entry` got every member once, with its value as JSON text.
pub(crate) fn object<'t>(text: &'t str, mut entry: impl FnMut(&str, &'t str)) -> (Form, bool) {
    let form = form(text, b'{', |reader| {
        reader.object(|reader, key| {
            let start = reader.position();
            reader.skip_value()?;
            entry(key, reader.since(start));
            Ok(())
        })?;
        Ok(true)
    });
    (form, matches!(form, Form::Canonical | Form::Valid))
}

/// As [`object`], with what each key means.
pub(crate) fn object_of<'t, T>(
    text: &'t str,
    keys: &mut KnownKeys<T>,
    mut entry: impl FnMut(&T, &'t str),
) -> (Form, bool) {
    if keys.is_alike(text, &mut entry) {
        return (Form::Canonical, true);
    }
    let mut members = Vec::new();
    let form = form(text, b'{', |reader| {
        reader.known_object(keys, |keys, (key, value)| {
            entry(keys.meaning(key), &text[value.clone()]);
            members.push((key, value));
        })?;
        Ok(true)
    });
    if form == Form::Canonical {
        keys.learn_object(text, &members);
    }
    (form, matches!(form, Form::Canonical | Form::Valid))
}

/// The form of stored events; `time` gets each event's time as the studio's columns would hold it.
pub(crate) fn events(text: &str, schema: Schema, mut time: impl FnMut(i64)) -> Form {
    let members = match schema {
        Schema::V1 => 3,
        Schema::V2 => 4,
    };
    let event = |key: &str, value: &Value| match (key, value) {
        ("timeUnixNano", Value::Unsigned(at) | Value::Text(Some(at))) => {
            time(at.cast_signed());
            (schema == Schema::V2) == matches!(value, Value::Text(_))
        }
        ("timeUnixNano", value) => schema == Schema::V2 && matches!(value, Value::Text(_)),
        ("droppedAttributesCount", Value::Unsigned(_)) => schema == Schema::V2,
        ("attributes", Value::Object) | ("name", Value::Text(_)) => true,
        _ => false,
    };
    items(text, members, event)
}

/// The form of stored links.
pub(crate) fn links(text: &str) -> Form {
    items(text, 6, |key, value| match key {
        "attributes" => matches!(value, Value::Object),
        "droppedAttributesCount" | "flags" => matches!(value, Value::Unsigned(_)),
        "spanId" | "traceId" | "traceState" => matches!(value, Value::Text(_)),
        _ => false,
    })
}

/// A member's value, as far as it matters.
enum Value {
    Object,
    /// Text, and the whole number that it is.
    Text(Option<u64>),
    Unsigned(u64),
    Other,
}

/// The form of an array of objects with `members` members each; `fits` tells whether one is as it should be.
fn items(text: &str, members: usize, mut fits: impl FnMut(&str, &Value) -> bool) -> Form {
    form(text, b'[', |reader| {
        let mut all_fit = true;
        reader.array(|reader| {
            if reader.peek() != Some(b'{') {
                all_fit = false;
                return reader.skip_value();
            }
            let mut seen = 0;
            reader.object(|reader, key| {
                all_fit &= fits(key, &value(reader)?);
                seen += 1;
                Ok(())
            })?;
            all_fit &= seen == members;
            Ok(())
        })?;
        Ok(all_fit)
    })
}

fn value(reader: &mut JsonReader<'_>) -> Result<Value, JsonError> {
    Ok(match reader.peek() {
        Some(b'"') => Value::Text(reader.string()?.parse().ok()),
        Some(b'{') => {
            reader.skip_value()?;
            Value::Object
        }
        Some(b'0'..=b'9') => match reader.number()? {
            Number::Int(text) => text.parse().map_or(Value::Other, Value::Unsigned),
            Number::Float(_) => Value::Other,
        },
        _ => {
            reader.skip_value()?;
            Value::Other
        }
    })
}

/// The form of a text that should open with a bracket; `read` passes over such a value, and tells whether its
/// members are as they should be.
fn form<'t>(
    text: &'t str,
    bracket: u8,
    read: impl FnOnce(&mut JsonReader<'t>) -> Result<bool, JsonError>,
) -> Form {
    let mut reader = JsonReader::new(text);
    let first = reader.peek();
    let fits = if first == Some(bracket) { read(&mut reader) } else { reader.skip_value().map(|()| false) };
    match fits.and_then(|fits| reader.end().map(|()| fits)) {
        Ok(_) if !reader.sorted && canonical(text) == Err(JsonError::RepeatedKey) => Form::DoubledKey,
        Ok(true) if reader.canonical => Form::Canonical,
        Ok(_) if first == Some(bracket) => Form::Valid,
        Ok(_) | Err(_) => Form::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;
    use serde_json::Value;

    use super::*;

    fn form(text: &str) -> Form {
        object(text, |_, _| ()).0
    }

    #[test]
    fn the_studio_s_own_text_is_canonical_and_its_members_are_given() {
        let text = r#"{"":null,"Zed":[1,-2.5e-7,{}],"a":"x\"\\\n\u001f","é":{"b":true}}"#;
        let mut members = Vec::new();
        assert_eq!(object(text, |key, value| members.push((key.to_owned(), value))), (Form::Canonical, true));
        assert_eq!(members[1], ("Zed".to_owned(), "[1,-2.5e-7,{}]"));
        assert_eq!(members.len(), 4);
    }

    #[test]
    fn another_form_a_doubled_key_and_no_json_are_told_apart() {
        for (text, expected) in [
            (r#"{"a": 1}"#, Form::Valid),
            (r#"{"b":1,"a":2}"#, Form::Valid),
            (r#"{"a\"":1,"b":{"\\":2.5}}"#, Form::Canonical),
            (r#"{"a":"\/"}"#, Form::Valid),
            (r#"{"a":1e+16}"#, Form::Canonical),
            (r#"{"a":1,"a":1}"#, Form::DoubledKey),
            (r#"{"a":{"c":1,"c":1}}"#, Form::DoubledKey),
            (r#"{"\u0061":1,"a":1}"#, Form::DoubledKey),
            (r#"{"a":"\ud800"}"#, Form::Invalid),
            (r#"{"a":01}"#, Form::Invalid),
            (r#"{"a":"#, Form::Invalid),
            ("[]", Form::Invalid),
            ("7", Form::Invalid),
            ("", Form::Invalid),
        ] {
            assert_eq!(form(text), expected, "{text}");
        }
    }

    #[test]
    fn an_event_s_form_is_its_schema_s() {
        let v2 = r#"[{"attributes":{},"droppedAttributesCount":0,"name":"x","timeUnixNano":"7"}]"#;
        let v1 = r#"[{"attributes":{},"name":"x","timeUnixNano":7}]"#;
        let mut times = Vec::new();
        let mut form = |text, schema| events(text, schema, |time| times.push(time));
        assert_eq!(form(v2, Schema::V2), Form::Canonical);
        assert_eq!(form(v1, Schema::V1), Form::Canonical);
        assert_eq!(form(v1, Schema::V2), Form::Valid);
        assert_eq!(form("[]", Schema::V2), Form::Canonical);
        assert_eq!(form("{}", Schema::V2), Form::Invalid);
        assert_eq!(form(&v2.replace("{}", r#"{"a\n":1}"#), Schema::V2), Form::Canonical);
        assert_eq!(times, [7, 7, 7, 7]);
    }

    #[test]
    fn links_are_as_the_studio_writes_them() {
        let link = r#"[{"attributes":{},"droppedAttributesCount":0,"flags":0,"spanId":"","traceId":"","traceState":""}]"#;
        assert_eq!(links(link), Form::Canonical);
        assert_eq!(links(&link.replace("\"flags\":0,", "")), Form::Valid);
    }

    proptest! {
        /// What is known of keys changes nothing that is said of an object.
        #[test]
        fn known_keys_are_read_as_any_others(
            texts in proptest::collection::vec(
                r#"\{("[ab\u{e9}]{0,2}": ?([0-9]{1,2}|-0?|"(c|\u{e9}|\\["nux]|[0a"\\]){0,3}"|\{"a":[12]\}),?){0,4}\} ?"#,
                1..20,
            ),
        ) {
            let mut keys = KnownKeys::new(str::to_owned);
            for text in texts {
                let (mut known, mut read) = (Vec::new(), Vec::new());
                let of_known = object_of(&text, &mut keys, |key, value| known.push((key.clone(), value)));
                let of_all = object(&text, |key, value| read.push((key.to_owned(), value)));
                prop_assert_eq!((of_known, known), (of_all, read), "{}", text);
            }
        }

        /// No text is canonical that `serde_json` would not read.
        #[test]
        fn no_invalid_text_is_canonical(text in r#"[\[\]{}:,"\\a-c0-2.eE+u-]{0,24}"#) {
            let object = text.starts_with('{') && serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert!(form(&text) != Form::Canonical || object, "{}", text);
        }

        /// What `serde_json` writes of sorted objects is canonical, whatever the strings are.
        #[test]
        fn compact_sorted_text_is_canonical(texts in proptest::collection::btree_map("[a-z\u{e9}]{0,4}", ".{0,12}", 0..6)) {
            let value: Value = texts.into_iter().map(|(key, text)| (key, Value::from(text))).collect::<serde_json::Map<_, _>>().into();
            prop_assert_eq!(form(&value.to_string()), Form::Canonical);
        }
    }
}
