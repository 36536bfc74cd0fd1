//! What Junjo's stores went through: the state patches of a trace, replayed.
//!
//! A store's transitions lie as `set_state` events on any span of its trace; its first and last states are
//! attributes of the span that owns it. Current telemetry numbers the transitions, older only times them.

use std::collections::{BTreeMap, BTreeSet};

use json_patch::{PatchOperation, jsonptr::Pointer};
use serde_json::Value;

use super::span::{Event, Span};

/// One store and its history.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Store {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The span whose run the store belongs to, where it is stored.
    pub(crate) owner: Option<usize>,
    pub(crate) transitions: Vec<Transition>,
    /// How many transitions the owner counted.
    pub(crate) recorded: Option<u64>,
    pub(crate) end: End,
}

/// One change of a store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Transition {
    /// The span and the event on it.
    pub(crate) at: (usize, usize),
    pub(crate) action: String,
    pub(crate) sequence: Option<i64>,
    pub(crate) revisions: Option<(i64, i64)>,
    pub(crate) changes: Vec<Change>,
    /// Why the patch could not be applied, where it could not.
    pub(crate) problem: Option<String>,
}

/// One operation of a patch with the value that was there before, where that is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) op: &'static str,
    pub(crate) path: String,
    pub(crate) from: Option<String>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// How the replayed state compares with the one that the owner recorded at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    AsRecorded,
    Differs,
    /// A state is not recorded, or a patch did not apply.
    Unknown,
}

const SET_STATE: &str = "set_state";
const STORE_ID: &str = "junjo.store.id";

/// Where owners keep a store's id, its first state and its last.
const OWNERS: [[&str; 3]; 2] = [
    ["junjo.workflow.store.id", "junjo.workflow.state.start", "junjo.workflow.state.end"],
    ["junjo.agent.store.id", "junjo.agent.state.start", "junjo.agent.state.end"],
];

/// All stores of a trace, in the order in which they first changed; those without a change last.
pub(crate) fn replay(spans: &[Span]) -> Vec<Store> {
    let mut transitions: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for (span, of_span) in spans.iter().enumerate() {
        for (event, of_event) in
            of_span.events.iter().enumerate().filter(|(_, event)| event.name == SET_STATE)
        {
            let store = of_event.text(STORE_ID).unwrap_or_default();
            transitions.entry(store).or_default().push((span, event));
        }
    }
    let owned = spans.iter().flat_map(|span| OWNERS.iter().filter_map(|[id, ..]| span.text(id)));
    let ids: BTreeSet<&str> = transitions.keys().copied().chain(owned).collect();
    let mut stores: Vec<Store> =
        ids.into_iter().map(|id| store(spans, id, transitions.remove(id).unwrap_or_default())).collect();
    let first = |store: &Store| store.transitions.first().map(|one| event(spans, one.at).time);
    stores.sort_by_key(|store| (first(store).is_none(), first(store)));
    stores
}

fn event(spans: &[Span], (span, event): (usize, usize)) -> &Event {
    &spans[span].events[event]
}

fn store(spans: &[Span], id: &str, mut events: Vec<(usize, usize)>) -> Store {
    let sequence = |at| event(spans, at).number("junjo.store.transition.sequence");
    if events.iter().all(|&at| sequence(at).is_some()) {
        events.sort_by_key(|&at| sequence(at));
    } else {
        events.sort_by_key(|&at| (event(spans, at).time, at));
    }
    let owner = spans.iter().position(|span| OWNERS.iter().any(|[key, ..]| span.text(key) == Some(id)));
    let recorded = |slot: usize| {
        let span = &spans[owner?];
        let keys = OWNERS.iter().find(|[key, ..]| span.text(key) == Some(id))?;
        serde_json::from_str::<Value>(span.text(keys[slot])?).ok()
    };
    let mut state = recorded(1);
    let transitions: Vec<Transition> =
        events.iter().map(|&at| transition(at, event(spans, at), &mut state)).collect();
    let names = events.iter().find_map(|&at| event(spans, at).text("junjo.store.name"));
    let end = match (state, recorded(2)) {
        (Some(replayed), Some(recorded)) if is_same(&replayed, &recorded) => End::AsRecorded,
        (Some(_), Some(_)) => End::Differs,
        _ => End::Unknown,
    };
    let counted =
        owner.and_then(|owner| spans[owner].attributes.get("junjo.store.transition.count")?.as_u64());
    Store {
        id: id.to_owned(),
        name: names.unwrap_or_default().to_owned(),
        owner,
        transitions,
        recorded: counted,
        end,
    }
}

/// `state` is none where it is not known, and becomes so where a patch does not apply.
fn transition(at: (usize, usize), event: &Event, state: &mut Option<Value>) -> Transition {
    let number = |key| event.number(key);
    let mut transition = Transition {
        at,
        action: event.text("junjo.store.action").unwrap_or_default().to_owned(),
        sequence: number("junjo.store.transition.sequence"),
        revisions: number("junjo.store.revision.before").zip(number("junjo.store.revision.after")),
        changes: Vec::new(),
        problem: None,
    };
    let operations = match operations(event) {
        Ok(operations) => operations,
        Err(problem) => {
            transition.problem = Some(problem);
            *state = None;
            return transition;
        }
    };
    for operation in operations {
        transition.changes.push(change(&operation, state.as_ref()));
        let Some(known) = state else { continue };
        if let Err(err) = json_patch::patch(known, &[operation]) {
            transition.problem = Some(format!("the patch does not apply: {}", err.kind));
            *state = None;
        }
    }
    transition
}

fn operations(event: &Event) -> Result<Vec<PatchOperation>, String> {
    let text = event.text("junjo.state_json_patch").ok_or("no patch is recorded")?;
    // Older telemetry writes `{}` where nothing changed.
    if text.trim() == "{}" {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map_err(|err| format!("the patch does not parse: {err}"))
}

fn change(operation: &PatchOperation, state: Option<&Value>) -> Change {
    let there = |path: &Pointer| state.and_then(|state| path.resolve(state).ok()).cloned();
    let path = operation.path().to_string();
    let (op, from, before, after) = match operation {
        PatchOperation::Add(add) => ("add", None, None, Some(add.value.clone())),
        PatchOperation::Remove(remove) => ("remove", None, there(&remove.path), None),
        PatchOperation::Replace(replace) => {
            ("replace", None, there(&replace.path), Some(replace.value.clone()))
        }
        PatchOperation::Move(moved) => ("move", Some(moved.from.to_string()), there(&moved.from), None),
        PatchOperation::Copy(copied) => ("copy", Some(copied.from.to_string()), there(&copied.from), None),
        PatchOperation::Test(test) => ("test", None, there(&test.path), Some(test.value.clone())),
    };
    Change { op, path, from, before, after }
}

/// Equal as JSON, where 1 and 1.0 are one number.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| is_same(a, b)))
        }
        _ => a == b,
    }
}
