//! What the studio's indexer takes from a cold file, noted while its rows are judged.
//!
//! Of a file's traces a count and a sum of digests are kept: equal sets have equal sums, in whatever order they come,
//! so that a store of any size is held against its index without keeping its ids. Which ids differ is found out by
//! reading the one file again.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, LazyLock},
};

use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

use crate::{
    contract::{
        digest::hash,
        json_form::{self, Form},
        row::Cell,
        schema::column,
    },
    store::rows::Rows,
};

/// A set of texts, told from others by the number of its members and the sum of their digests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct KeySet {
    pub(crate) count: u64,
    pub(super) sum: u64,
}

impl KeySet {
    /// Adds a member that it does not have.
    pub(crate) fn add(&mut self, digest: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(digest);
    }
}

pub(crate) fn digest(text: &str) -> u64 {
    hash(text.as_bytes())
}

/// Of a trace as one service has it.
pub(crate) fn digest_of_pair(service: &str, trace: &str) -> u64 {
    digest(service).rotate_left(1) ^ digest(trace)
}

/// What a cold file should have left in the index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct IndexKeys {
    pub(crate) traces: KeySet,
    /// By name.
    pub(crate) services: Vec<ServiceKeys>,
    /// The earliest start and the latest end of all rows, in Unix nanoseconds.
    pub(crate) times: Option<(i64, i64)>,
}

/// The part of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceKeys {
    pub(crate) name: Arc<str>,
    pub(crate) spans: u64,
    /// Spans with `junjo.span_type` = `workflow`, and those with `agent`.
    pub(crate) workflows: u64,
    pub(crate) agents: u64,
    /// Digests of its traces with a span of a language model, with [`digest_of_pair`].
    pub(crate) llm_traces: Vec<u64>,
}

/// What the indexer reads from the attributes of a span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Semantics {
    pub(crate) span_type: Option<SpanType>,
    openinference: bool,
    provider: bool,
    operation: bool,
}

/// The types of Junjo spans that have a list of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SpanType {
    Workflow,
    Agent,
}

impl SpanType {
    /// The text that the studio's lists search for.
    pub(crate) fn searched(self) -> &'static str {
        match self {
            Self::Workflow => "\"junjo.span_type\":\"workflow\"",
            Self::Agent => "\"junjo.span_type\":\"agent\"",
        }
    }
}

/// What stands for a key in any JSON of it that a program writes.
static TRACES_OF_KEYS: LazyLock<[Finder<'_>; 3]> =
    LazyLock::new(|| ["\"junjo.span_type\"", "\"openinference.span.kind\"", "\"gen_ai."].map(Finder::new));

impl Semantics {
    pub(crate) fn of(attributes: &str) -> Self {
        let mut found = Self::default();
        if !TRACES_OF_KEYS.iter().any(|key| key.find(attributes.as_bytes()).is_some()) {
            return found;
        }
        // Of a key that comes twice the last counts, as in Python.
        match json_form::object(attributes, |key, value| found.note(key, value)).0 {
            Form::Canonical | Form::Valid | Form::DoubledKey => found,
            Form::Invalid => Self::default(),
        }
    }

    fn note(&mut self, key: &str, value: &str) {
        match key {
            "junjo.span_type" => {
                self.span_type = match value {
                    "\"workflow\"" => Some(SpanType::Workflow),
                    "\"agent\"" => Some(SpanType::Agent),
                    _ => None,
                }
            }
            "openinference.span.kind" => self.openinference = value == "\"LLM\"",
            "gen_ai.provider.name" => self.provider = is_truthy(value),
            "gen_ai.operation.name" => self.operation = is_truthy(value),
            _ => {}
        }
    }

    /// Whether the studio takes the span for one of a language model.
    pub(crate) fn is_llm(self) -> bool {
        self.openinference || self.provider || self.operation
    }
}

/// Whether the studio takes a span with these attributes for a call of a language model.
pub(crate) fn is_llm(attributes: &str) -> bool {
    TRACES_OF_KEYS[1..].iter().any(|key| key.find(attributes.as_bytes()).is_some())
        && Semantics::of(attributes).is_llm()
}

/// Whether the value of this key may make it one.
pub(super) fn names_llm(key: &str) -> bool {
    key == "openinference.span.kind" || key.starts_with("gen_ai.")
}

fn is_truthy(value: &str) -> bool {
    !matches!(value, "\"\"" | "null" | "false" | "0" | "-0" | "0.0" | "-0.0" | "[]" | "{}")
}

/// Takes the keys of one file, row by row.
#[derive(Debug, Default)]
pub(crate) struct KeyNotes {
    seen: HashSet<u64>,
    last_trace: String,
    services: BTreeMap<Arc<str>, Part>,
    last_service: Option<Arc<str>>,
    keys: IndexKeys,
}

#[derive(Debug, Default)]
struct Part {
    spans: u64,
    workflows: u64,
    agents: u64,
    llm_traces: HashSet<u64>,
}

impl KeyNotes {
    pub(crate) fn note_batch(&mut self, rows: &Rows<'_>) {
        (0..rows.count()).for_each(|row| self.note(rows, row));
    }

    fn note(&mut self, rows: &Rows<'_>, row: usize) {
        let text = |column: usize| rows.cell(row, column).and_then(Cell::text);
        let number = |column: usize| rows.cell(row, column).and_then(Cell::number);
        if let Some(trace) = text(column::TRACE_ID) {
            self.note_trace(trace);
        }
        if let (Some(start), Some(end)) = (number(column::START_TIME), number(column::END_TIME)) {
            let (first, last) = self.keys.times.unwrap_or((start, end));
            self.keys.times = Some((first.min(start), last.max(end)));
        }
        let Some(service) = text(column::SERVICE_NAME) else { return };
        let semantics = text(column::ATTRIBUTES).map(Semantics::of).unwrap_or_default();
        let part = self.part(service);
        part.spans += 1;
        match semantics.span_type {
            Some(SpanType::Workflow) => part.workflows += 1,
            Some(SpanType::Agent) => part.agents += 1,
            None => {}
        }
        if semantics.is_llm() {
            let trace = text(column::TRACE_ID).unwrap_or_default();
            part.llm_traces.insert(digest_of_pair(service, trace));
        }
    }

    fn note_trace(&mut self, trace: &str) {
        // Rows of a trace are mostly neighbours.
        if self.keys.traces.count > 0 && self.last_trace == trace {
            return;
        }
        trace.clone_into(&mut self.last_trace);
        let digest = digest(trace);
        if self.seen.insert(digest) {
            self.keys.traces.add(digest);
        }
    }

    fn part(&mut self, service: &str) -> &mut Part {
        let name = match &self.last_service {
            Some(last) if **last == *service => Arc::clone(last),
            _ => match self.services.get_key_value(service) {
                Some((name, _)) => Arc::clone(name),
                None => service.into(),
            },
        };
        self.last_service = Some(Arc::clone(&name));
        self.services.entry(name).or_default()
    }

    pub(crate) fn finish(self) -> IndexKeys {
        let service = |(name, part): (Arc<str>, Part)| {
            let Part { spans, workflows, agents, llm_traces } = part;
            let mut llm_traces: Vec<u64> = llm_traces.into_iter().collect();
            llm_traces.sort_unstable();
            ServiceKeys { name, spans, workflows, agents, llm_traces }
        };
        IndexKeys { services: self.services.into_iter().map(service).collect(), ..self.keys }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_equal_in_any_order() {
        let set = |members: &[&str]| {
            let mut set = KeySet::default();
            for member in members {
                set.add(digest(member));
            }
            set
        };
        assert_eq!(set(&["a", "b", "c"]), set(&["c", "a", "b"]));
        assert_ne!(set(&["a", "b"]), set(&["a", "c"]));
        assert_ne!(set(&["a"]), set(&["a", "b"]));
    }

    #[test]
    fn attributes_are_understood_as_by_the_indexer() {
        let of = |text: &str| {
            let found = Semantics::of(text);
            (found.span_type, found.is_llm())
        };
        let workflow = Some(SpanType::Workflow);
        assert_eq!(of(r#"{"junjo.span_type":"workflow"}"#), (workflow, false));
        assert_eq!(of(r#"{ "junjo.span_type" : "workflow" }"#), (workflow, false));
        assert_eq!(of(r#"{"junjo.span_type":"subflow"}"#), (None, false));
        assert_eq!(
            of(r#"{"junjo.span_type":"agent","gen_ai.provider.name":"x"}"#),
            (Some(SpanType::Agent), true)
        );
        assert_eq!(of(r#"{"gen_ai.operation.name":""}"#), (None, false));
        assert_eq!(of(r#"{"gen_ai.operation.name":0,"openinference.span.kind":"TOOL"}"#), (None, false));
        assert_eq!(of(r#"{"openinference.span.kind":"LLM"}"#), (None, true));
        // Of broken JSON the indexer takes nothing, and of a repeated key the last.
        assert_eq!(of(r#"{"junjo.span_type":"workflow""#), (None, false));
        assert_eq!(of(r#"{"junjo.span_type":"node","junjo.span_type":"workflow"}"#), (workflow, false));
    }
}
