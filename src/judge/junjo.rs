//! What a row's attributes say that the judge wants to know: the tags of our own traffic, and which Junjo
//! execution a span belongs to.

use std::borrow::Cow;

use serde_json::Value;

use self::key::Key;
use super::index_keys;
use crate::contract::digest::hash;

pub(crate) mod key;
pub(crate) mod record;
mod record_shapes;
pub(crate) mod records;

/// The id of an executable in SDK 0.44 to 0.62.
const LEGACY_ID: &str = "junjo.id";

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
    span_type: Option<Cow<'t, str>>,
    is_legacy: bool,
    /// Whether any attribute is one of Junjo's.
    pub(crate) is_junjo: bool,
    /// Whether any may say that the span is a call of a language model.
    pub(crate) names_llm: bool,
    /// Those of a span that are judged, with their values as JSON.
    pub(crate) judged: Vec<(Key, &'t str)>,
}

/// What an attribute's key says of its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meaning {
    is_legacy: bool,
    is_junjo: bool,
    names_llm: bool,
    judged: Option<Key>,
    place: Option<Place>,
}

/// Where the value of a key is kept.
#[derive(Debug, Clone, Copy)]
enum Place {
    Run,
    Service,
    ServiceName,
    Instance,
    Executes,
    ExecutedBy,
    Agent,
    SpanType,
}

impl Meaning {
    pub(crate) fn of(key: &str) -> Self {
        let is_junjo = key.starts_with("junjo.");
        Self {
            is_legacy: key == LEGACY_ID,
            is_junjo,
            names_llm: index_keys::names_llm(key),
            judged: if is_junjo || key == "error.type" { Key::of(key) } else { None },
            place: Place::of(key),
        }
    }
}

impl Place {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "e2e.run" => Self::Run,
            "e2e.service" => Self::Service,
            "service.name" => Self::ServiceName,
            "service.instance.id" => Self::Instance,
            // `junjo.id` and its parent are the keys of SDK 0.44 to 0.62.
            "junjo.executable_runtime_id" | LEGACY_ID => Self::Executes,
            "junjo.parent_executable_runtime_id" | "junjo.parent_id" => Self::ExecutedBy,
            "junjo.agent.runtime_id" => Self::Agent,
            "junjo.span_type" => Self::SpanType,
            _ => return None,
        })
    }
}

/// Which Junjo execution a span is, and which it belongs to; 0 where it says nothing.
///
/// One execution runs in one process, so spans that name the same are of one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) own: u64,
    pub(crate) parent: u64,
    pub(crate) kind: Kind,
}

/// What a span is to Junjo.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kind(u8);

impl Kind {
    /// A span of other instrumentation, or of a type that Junjo does not have.
    const OTHER: u8 = 0;
    const WORKFLOW: u8 = 1;
    const SUBFLOW: u8 = 2;
    const NODE: u8 = 3;
    const RUN_CONCURRENT: u8 = 4;
    const AGENT: u8 = 5;
    /// A model request or a tool call of an agent.
    const OPERATION: u8 = 6;
    /// The keys of SDK 0.44 to 0.62.
    const LEGACY: u8 = 1 << 3;

    fn is(self, kind: u8) -> bool {
        self.0 & !Self::LEGACY == kind
    }

    fn is_legacy(self) -> bool {
        self.0 & Self::LEGACY != 0
    }

    /// Whether nothing but its owner starts it. A workflow or an agent is started by the code of a node or a tool,
    /// which need not wait for it.
    fn is_part_of_its_owner(self) -> bool {
        !self.is(Self::WORKFLOW) && !self.is(Self::AGENT)
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }

    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

impl Execution {
    /// Whether a parent's span and this one name one execution.
    pub(crate) fn is_within(self, parent: Self) -> bool {
        self.parent != 0 && (self.parent == parent.own || self.parent == parent.parent)
    }

    /// Whether Junjo ends it before it ends its parent. Up to SDK 0.62 a group did not wait for the others when one
    /// of its items failed.
    pub(crate) fn is_awaited_by(self, parent: Self) -> bool {
        let spares_others = parent.kind.is_legacy() && parent.kind.is(Kind::RUN_CONCURRENT);
        self.kind.is_part_of_its_owner() && !spares_others
    }

    /// Whether a stored owner proves that all between it and this one has ended. A group that runs again, or a
    /// legacy workflow, is stored under the same id while the next one still runs.
    pub(crate) fn is_closed_by(self, owner: Self) -> bool {
        let runs_once =
            !owner.kind.is_legacy() && !owner.kind.is(Kind::RUN_CONCURRENT) && !owner.kind.is(Kind::NODE);
        runs_once && self.kind.is_part_of_its_owner()
    }
}

impl<'t> Attributes<'t> {
    /// Looks at one member of an object; `value` is its JSON text.
    pub(crate) fn note(&mut self, key: Meaning, value: &'t str) {
        self.is_legacy |= key.is_legacy;
        self.is_junjo |= key.is_junjo;
        self.names_llm |= key.names_llm;
        self.judged.extend(key.judged.map(|key| (key, value)));
        let Some(place) = key.place.map(|place| self.place(place)) else { return };
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
                let key = Meaning::of(&key);
                found.is_legacy |= key.is_legacy;
                found.is_junjo |= key.is_junjo;
                if let (Some(place), Value::String(text)) = (key.place, value) {
                    *found.place(place) = Some(Cow::Owned(text));
                }
            }
        }
        found
    }

    fn place(&mut self, place: Place) -> &mut Option<Cow<'t, str>> {
        match place {
            Place::Run => &mut self.run,
            Place::Service => &mut self.service,
            Place::ServiceName => &mut self.service_name,
            Place::Instance => &mut self.instance,
            Place::Executes => &mut self.executes,
            Place::ExecutedBy => &mut self.executed_by,
            Place::Agent => &mut self.agent,
            Place::SpanType => &mut self.span_type,
        }
    }

    pub(crate) fn execution(&self) -> Execution {
        let number = |text: &Option<Cow<'t, str>>| {
            text.as_ref().filter(|text| !text.is_empty()).map_or(0, |text| hash(text.as_bytes()))
        };
        // An operation of an agent is no executable: it belongs to the agent's run.
        let parent = if self.executes.is_none() { &self.agent } else { &self.executed_by };
        Execution { own: number(&self.executes), parent: number(parent), kind: self.kind() }
    }

    fn kind(&self) -> Kind {
        let kind = match self.span_type.as_deref() {
            Some("workflow") => Kind::WORKFLOW,
            Some("subflow") => Kind::SUBFLOW,
            Some("node") => Kind::NODE,
            Some("run_concurrent") => Kind::RUN_CONCURRENT,
            Some("agent") => Kind::AGENT,
            _ if self.executes.is_none() && self.agent.is_some() => Kind::OPERATION,
            _ => Kind::OTHER,
        };
        Kind(kind | if self.is_legacy { Kind::LEGACY } else { 0 })
    }

    /// Whether Junjo itself started and ended the span: its events are read off the clock that its times are.
    pub(crate) fn is_timed_by_junjo(&self) -> bool {
        self.executes.is_some() || self.agent.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json_form;

    fn execution(attributes: &str) -> Execution {
        let mut found = Attributes::default();
        json_form::object(attributes, |key, value| found.note(Meaning::of(key), value));
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
    fn only_what_a_user_starts_may_outlive_its_parent() {
        let of = |kind: &str, key: &str| {
            let mut found = Attributes::default();
            let text = format!(r#"{{"{key}":"x","junjo.span_type":"{kind}"}}"#);
            json_form::object(&text, |key, value| found.note(Meaning::of(key), value));
            found.execution()
        };
        let current = |kind| of(kind, "junjo.executable_runtime_id");
        let legacy = |kind| of(kind, "junjo.id");
        let operation = execution(r#"{"junjo.agent.runtime_id":"a"}"#);
        for part in
            [current("node"), current("subflow"), current("run_concurrent"), operation, legacy("node")]
        {
            assert!(part.is_awaited_by(current("workflow")) && part.is_awaited_by(current("run_concurrent")));
            assert!(part.is_closed_by(current("workflow")) && part.is_closed_by(current("agent")));
            assert!(!part.is_awaited_by(legacy("run_concurrent")) && part.is_awaited_by(legacy("workflow")));
            for reused in [current("run_concurrent"), current("node"), legacy("workflow")] {
                assert!(!part.is_closed_by(reused));
            }
        }
        for started in [current("workflow"), current("agent"), legacy("workflow")] {
            assert!(!started.is_awaited_by(current("node")) && !started.is_closed_by(current("workflow")));
        }
    }

    #[test]
    fn a_witness_is_read_in_any_form() {
        let general = Attributes::of_general(r#"{"e2e.service": "a\"b", "e2e.run":1}"#);
        assert_eq!((general.service.as_deref(), general.run), (Some("a\"b"), None));
        let mut exact = Attributes::default();
        json_form::object(r#"{"e2e.service":"a\"b"}"#, |key, value| exact.note(Meaning::of(key), value));
        assert_eq!(exact.service.as_deref(), Some("a\"b"));
    }
}
