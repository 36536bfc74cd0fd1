//! What does not travel: attributes by their keys, and texts by what they hold, wherever in a span they stand.
//!
//! Works on messages, so that stored rows and recorded requests go the same way.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::Span,
};
use regex::Regex;

/// What stands where a text was taken out.
const IN_ITS_PLACE: &str = "[scrubbed]";

#[derive(Debug, Clone, Default)]
pub(crate) struct Scrub {
    keys: BTreeSet<String>,
    texts: Vec<Regex>,
}

/// How much was taken out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Scrubbed {
    pub(crate) attributes: u64,
    pub(crate) texts: u64,
}

impl std::ops::AddAssign for Scrubbed {
    fn add_assign(&mut self, other: Self) {
        self.attributes += other.attributes;
        self.texts += other.texts;
    }
}

/// The pattern of texts to take out.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    let pattern = Regex::new(text).map_err(|err| err.to_string())?;
    if pattern.is_match("") { Err("it matches a text of no characters".to_owned()) } else { Ok(pattern) }
}

impl Scrub {
    pub(crate) fn new<'a>(
        keys: impl IntoIterator<Item = &'a String>,
        texts: &[String],
    ) -> Result<Self, String> {
        let texts = texts.iter().map(|text| pattern(text)).collect::<Result<_, _>>()?;
        Ok(Self { keys: keys.into_iter().cloned().collect(), texts })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.texts.is_empty()
    }

    pub(crate) fn resource(&self, resource: &mut Resource) -> Scrubbed {
        let mut scrubbed = Scrubbed::default();
        self.attributes(&mut resource.attributes, &mut scrubbed);
        for entity in &mut resource.entity_refs {
            entity.id_keys.retain(|key| !self.keys.contains(key));
            entity.description_keys.retain(|key| !self.keys.contains(key));
        }
        scrubbed
    }

    pub(crate) fn scope(&self, scope: &mut InstrumentationScope) -> Scrubbed {
        let mut scrubbed = Scrubbed::default();
        self.attributes(&mut scope.attributes, &mut scrubbed);
        self.text(&mut scope.name, &mut scrubbed);
        self.text(&mut scope.version, &mut scrubbed);
        scrubbed
    }

    pub(crate) fn span(&self, span: &mut Span) -> Scrubbed {
        let mut scrubbed = Scrubbed::default();
        self.attributes(&mut span.attributes, &mut scrubbed);
        self.text(&mut span.name, &mut scrubbed);
        self.text(&mut span.trace_state, &mut scrubbed);
        for event in &mut span.events {
            self.attributes(&mut event.attributes, &mut scrubbed);
            self.text(&mut event.name, &mut scrubbed);
        }
        for link in &mut span.links {
            self.attributes(&mut link.attributes, &mut scrubbed);
            self.text(&mut link.trace_state, &mut scrubbed);
        }
        if let Some(status) = &mut span.status {
            self.text(&mut status.message, &mut scrubbed);
        }
        scrubbed
    }

    fn attributes(&self, attributes: &mut Vec<KeyValue>, scrubbed: &mut Scrubbed) {
        let before = attributes.len();
        attributes.retain(|pair| !self.keys.contains(&pair.key));
        scrubbed.attributes += (before - attributes.len()) as u64;
        for value in attributes.iter_mut().filter_map(|pair| pair.value.as_mut()) {
            self.value(value, scrubbed);
        }
    }

    fn value(&self, value: &mut AnyValue, scrubbed: &mut Scrubbed) {
        match &mut value.value {
            Some(Value::StringValue(text)) => self.text(text, scrubbed),
            Some(Value::ArrayValue(array)) => {
                array.values.iter_mut().for_each(|value| self.value(value, scrubbed));
            }
            Some(Value::KvlistValue(list)) => self.attributes(&mut list.values, scrubbed),
            Some(
                Value::BoolValue(_)
                | Value::IntValue(_)
                | Value::DoubleValue(_)
                | Value::BytesValue(_)
                | Value::StringValueStrindex(_),
            )
            | None => {}
        }
    }

    fn text(&self, text: &mut String, scrubbed: &mut Scrubbed) {
        let mut is_changed = false;
        for pattern in &self.texts {
            if pattern.is_match(text) {
                *text = pattern.replace_all(text, regex::NoExpand(IN_ITS_PLACE)).into_owned();
                is_changed = true;
            }
        }
        scrubbed.texts += u64::from(is_changed);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{ArrayValue, KeyValueList},
        trace::v1::{
            Status,
            span::{Event, Link},
        },
    };

    use super::*;

    fn text(text: &str) -> AnyValue {
        AnyValue { value: Some(Value::StringValue(text.to_owned())) }
    }

    fn pair(key: &str, value: AnyValue) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
    }

    fn map(values: Vec<KeyValue>) -> AnyValue {
        AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) }
    }

    /// The key at three depths, and a secret in a value of another.
    fn attributes() -> Vec<KeyValue> {
        let array = AnyValue {
            value: Some(Value::ArrayValue(ArrayValue {
                values: vec![map(vec![pair("key", text("x")), pair("kept", text("no s3cret at all"))])],
            })),
        };
        vec![pair("key", text("x")), pair("map", map(vec![pair("key", text("x")), pair("deep", array)]))]
    }

    #[test]
    fn a_key_and_a_text_are_taken_out_wherever_they_stand() {
        let scrub = Scrub::new(&["key".to_owned()], &["s3cret( at)?".to_owned()]).unwrap();
        let mut span = Span {
            name: "of s3cret".to_owned(),
            trace_state: "a=s3cret".to_owned(),
            attributes: attributes(),
            events: vec![Event { name: "s3cret".to_owned(), attributes: attributes(), ..Event::default() }],
            links: vec![Link {
                trace_state: "s3cret".to_owned(),
                attributes: attributes(),
                ..Link::default()
            }],
            status: Some(Status { message: "s3cret s3cret".to_owned(), code: 2 }),
            ..Span::default()
        };
        assert_eq!(scrub.span(&mut span), Scrubbed { attributes: 9, texts: 8 });
        let shown = format!("{span:?}");
        assert!(
            !shown.contains("s3cret") && !shown.contains("\"key\"") && shown.contains("no [scrubbed] all")
        );
        let mut scope = InstrumentationScope {
            name: "s3cret".to_owned(),
            attributes: attributes(),
            ..InstrumentationScope::default()
        };
        assert_eq!(scrub.scope(&mut scope), Scrubbed { attributes: 3, texts: 2 });
        let mut resource = Resource { attributes: attributes(), ..Resource::default() };
        assert_eq!(scrub.resource(&mut resource), Scrubbed { attributes: 3, texts: 1 });
        assert!(Scrub::new([], &["(".to_owned()]).is_err() && Scrub::new([], &["x*".to_owned()]).is_err());
    }
}
