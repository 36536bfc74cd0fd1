//! What a row's attributes say that the judge wants to know: the tags of our own traffic, and which Junjo
//! execution a span belongs to.

use std::borrow::Cow;

use serde_json::Value;
use twox_hash::XxHash3_128;

use self::key::Key;

pub(crate) mod key;
pub(crate) mod record;
pub(crate) mod records;

/// The attributes that matter, of a span or of a resource.
#[derive(Debug, Default)]
pub(crate) struct Attributes<'t> {
    /// `e2e.run`.
    pub(crate) run: Option<Cow<'t, str>>,
    /// `e2e.service`.
    pub(crate) service: Option<Cow<'t, str>>,
    /// `service.name`.
    pub(crate) service_name: Option<Cow<'t, str>>,
    /// `service.instance.id`.
    pub(crate) instance: Option<Cow<'t, str>>,
    executes: Option<Cow<'t, str>>,
    executed_by: Option<Cow<'t, str>>,
    agent: Option<Cow<'t, str>>,
    /// Whether any attribute is one of Junjo's.
    pub(crate) is_junjo: bool,
    /// Those of a span that are judged, with their values as JSON.
    pub(crate) judged: Vec<(Key, &'t str)>,
}

/// Which Junjo execution a span is, and which it belongs to; 0 where it says nothing.
///
/// One execution runs in one process, so spans that name the same are of one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) own: u64,
    pub(crate) parent: u64,
}

impl Execution {
    /// Whether a parent's span and this one name one execution.
    pub(crate) fn is_within(self, parent: Self) -> bool {
        self.parent != 0 && (self.parent == parent.own || self.parent == parent.parent)
    }
}

impl<'t> Attributes<'t> {
    /// Looks at one member of an object; `value` is its JSON text.
    pub(crate) fn note(&mut self, key: &str, value: &'t str) {
        if key.starts_with("junjo.") || key == "error.type" {
            self.is_junjo |= key != "error.type";
            self.judged.extend(Key::of(key).map(|key| (key, value)));
        }
        let Some(place) = self.place(key) else { return };
        if let Some(text) = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            *place = if text.contains('\\') {
                serde_json::from_str::<String>(value).ok().map(Cow::Owned)
            } else {
                Some(Cow::Borrowed(text))
            };
        }
    }

    /// The same of a text in any form, as far as it is JSON: a witness must not be lost with the form.
    pub(crate) fn of_general(text: &str) -> Self {
        let mut found = Self::default();
        if let Ok(Value::Object(members)) = serde_json::from_str(text) {
            for (key, value) in members {
                found.is_junjo |= key.starts_with("junjo.");
                if let (Some(place), Value::String(text)) = (found.place(&key), value) {
                    *place = Some(Cow::Owned(text));
                }
            }
        }
        found
    }

    fn place(&mut self, key: &str) -> Option<&mut Option<Cow<'t, str>>> {
        Some(match key {
            "e2e.run" => &mut self.run,
            "e2e.service" => &mut self.service,
            "service.name" => &mut self.service_name,
            "service.instance.id" => &mut self.instance,
            // `junjo.id` and its parent are the keys of SDK 0.44 to 0.62.
            "junjo.executable_runtime_id" | "junjo.id" => &mut self.executes,
            "junjo.parent_executable_runtime_id" | "junjo.parent_id" => &mut self.executed_by,
            "junjo.agent.runtime_id" => &mut self.agent,
            _ => return None,
        })
    }

    pub(crate) fn execution(&self) -> Execution {
        let number = |text: &Option<Cow<'t, str>>| {
            text.as_ref()
                .filter(|text| !text.is_empty())
                .map_or(0, |text| XxHash3_128::oneshot(text.as_bytes()) as u64)
        };
        // An operation of an agent is no executable: it belongs to the agent's run.
        let parent = if self.executes.is_none() { &self.agent } else { &self.executed_by };
        Execution { own: number(&self.executes), parent: number(parent) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json_form;

    fn execution(attributes: &str) -> Execution {
        let mut found = Attributes::default();
        json_form::object(attributes, |key, value| found.note(key, value));
        found.execution()
    }

    #[test]
    fn nodes_operations_and_what_a_tool_starts_belong_to_their_owner() {
        let agent = execution(r#"{"junjo.agent.runtime_id":"a","junjo.executable_runtime_id":"a"}"#);
        let operation = execution(r#"{"junjo.agent.runtime_id":"a"}"#);
        let nested =
            execution(r#"{"junjo.executable_runtime_id":"w","junjo.parent_executable_runtime_id":"a"}"#);
        let other = execution(r#"{"junjo.executable_runtime_id":"x"}"#);
        assert!(operation.is_within(agent));
        assert!(nested.is_within(operation) && nested.is_within(agent));
        assert!(!other.is_within(agent) && !agent.is_within(other) && !other.is_within(Execution::default()));
    }

    #[test]
    fn a_witness_is_read_in_any_form() {
        let general = Attributes::of_general(r#"{"e2e.service": "a\"b", "e2e.run":1}"#);
        assert_eq!((general.service.as_deref(), general.run), (Some("a\"b"), None));
        let mut exact = Attributes::default();
        json_form::object(r#"{"e2e.service":"a\"b"}"#, |key, value| exact.note(key, value));
        assert_eq!(exact.service.as_deref(), Some("a\"b"));
    }
}
