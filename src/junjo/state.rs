//! State: the transitions of a store, in their order, lead from its first state to its last.

use std::collections::{BTreeMap, HashSet};

use serde::de::IgnoredAny;
use serde_json::{Number, Value};

use super::{
    difference::Difference,
    patch,
    span::{Span, counted},
};
use crate::judge::junjo::{
    key::Key,
    record::{self, Event, Head, Members},
};

/// Transitions of one store that are replayed; a store with more is too large.
const MAX_TRANSITIONS: usize = 1_000_000;

/// What the owner of a store says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store<'b> {
    pub(crate) id: &'b str,
    pub(crate) start: Slot<'b>,
    pub(crate) end: Slot<'b>,
    pub(crate) revision_start: Option<i64>,
    pub(crate) revision_end: Option<i64>,
    pub(crate) count: Option<i64>,
    pub(crate) reconstructable: Option<bool>,
}

/// A payload: its text, and how it was made fit for export.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Slot<'b> {
    pub(crate) text: Option<&'b str>,
    pub(crate) mode: Option<&'b str>,
    pub(crate) policy: Option<&'b str>,
}

/// A `set_state` event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Transition<'b> {
    /// The span that carries it.
    pub(crate) head: Head,
    pub(crate) carrier_is_junjo: bool,
    pub(crate) event_id: Option<&'b str>,
    pub(crate) store_id: &'b str,
    pub(crate) store_name: Option<&'b str>,
    pub(crate) action: Option<&'b str>,
    pub(crate) sequence: Option<i64>,
    pub(crate) before: Option<i64>,
    pub(crate) after: Option<i64>,
    pub(crate) patch: Slot<'b>,
    pub(crate) time: i64,
}

impl<'b> Slot<'b> {
    fn of(members: &Members<'b>, keys: [Key; 3]) -> Self {
        let [text, mode, policy] = keys.map(|key| members.text(key));
        Self { text, mode, policy }
    }

    /// What the contract demands of one, where it is broken.
    fn fault(self) -> Option<&'static str> {
        match (self.mode, self.text.is_some()) {
            _ if self.policy.is_none_or(str::is_empty) => Some("no policy"),
            (Some("full" | "redacted"), true) | (Some("reference" | "excluded"), false) => None,
            (Some("full" | "redacted"), false) => Some("no content"),
            (Some("reference" | "excluded"), true) => Some("content that its mode excludes"),
            (Some(_), _) => Some("an unknown mode"),
            (None, _) => Some("no mode"),
        }
    }

    fn is_of(self, other: Self) -> bool {
        (self.mode, self.policy) == (other.mode, other.policy)
    }
}

impl<'b> Store<'b> {
    /// What an owner of contract 2 says; none where it has no store.
    pub(crate) fn of(span: &Span<'b>) -> Option<Self> {
        let id = span.store_id()?;
        let of_agent = span.attributes.has(Key::AgentStoreId);
        let (start, end) = if of_agent {
            (
                [Key::AgentStateStart, Key::AgentStateStartMode, Key::AgentStateStartPolicy],
                [Key::AgentStateEnd, Key::AgentStateEndMode, Key::AgentStateEndPolicy],
            )
        } else {
            (
                [Key::StateStart, Key::StateStartMode, Key::StateStartPolicy],
                [Key::StateEnd, Key::StateEndMode, Key::StateEndPolicy],
            )
        };
        Some(Self {
            id,
            start: Slot::of(&span.attributes, start),
            end: Slot::of(&span.attributes, end),
            revision_start: span.number(Key::RevisionStart),
            revision_end: span.number(Key::RevisionEnd),
            count: span.number(Key::TransitionCount),
            reconstructable: span.attributes.get(Key::Reconstructable).and_then(record::Value::flag),
        })
    }
}

impl<'b> Transition<'b> {
    pub(crate) fn of(span: &Span<'b>, event: &Event<'b>) -> Option<Self> {
        let members = &event.members;
        Some(Self {
            head: span.head,
            carrier_is_junjo: span.attributes.has(Key::ContractVersion),
            event_id: members.text(Key::EventId),
            store_id: members.text(Key::StoreId)?,
            store_name: members.text(Key::StoreName),
            action: members.text(Key::StoreAction),
            sequence: members.number(Key::TransitionSequence),
            before: members.number(Key::RevisionBefore),
            after: members.number(Key::RevisionAfter),
            patch: Slot::of(members, [Key::Patch, Key::PatchMode, Key::PatchPolicy]),
            time: event.time,
        })
    }

    fn label(&self) -> String {
        let number = self.sequence.map_or_else(|| "?".to_owned(), |sequence| sequence.to_string());
        format!("transition {number} ({})", self.action.unwrap_or("no action"))
    }
}

/// What is known beside the store itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Spans of the trace are known to be missing.
    pub(crate) lacks_spans: bool,
    /// Rows of the trace cannot be read.
    pub(crate) is_blind: bool,
    /// A span of the trace dropped events.
    pub(crate) drops_events: bool,
}

/// Whether the transitions are exactly those that the owner counted.
pub(crate) fn is_whole(store: &Store<'_>, transitions: &[Transition<'_>]) -> bool {
    store.count == i64::try_from(transitions.len()).ok()
        && transitions.iter().zip(1..).all(|(transition, number)| transition.sequence == Some(number))
}

/// What is wrong with a store; `transitions` are all that name it, by sequence. Each difference comes with the place of
/// the transition that it is about; without one it is about the owner.
pub(crate) fn judge(
    store: &Store<'_>,
    transitions: &[Transition<'_>],
    setting: Setting,
) -> Vec<(Option<usize>, Difference)> {
    let mut found = Vec::new();
    if transitions.len() > MAX_TRANSITIONS {
        let difference = Difference::new("too_large").about(format!("store {}", store.id));
        found.push((None, difference.between(Some(MAX_TRANSITIONS), Some(transitions.len()))));
        return found;
    }
    let [start, end] = [store.start, store.end].map(|slot| slot.text.map(serde_json::from_str::<Value>));
    let is_json = [&start, &end].map(|state| !matches!(state, Some(Err(_))));
    form(store, transitions, is_json, &mut found);
    let has_order = order(store, transitions, setting, &mut found);
    if has_order && found.is_empty() {
        revisions(store, transitions, &mut found);
        if let (Some(Ok(start)), Some(Ok(end))) = (start, end)
            && let Some(replayed) = replay(store, transitions, start, &end)
        {
            found.push(replayed);
        }
    }
    found
}

/// The parts that every store and transition has.
fn form(
    store: &Store<'_>,
    transitions: &[Transition<'_>],
    is_json: [bool; 2],
    found: &mut Vec<(Option<usize>, Difference)>,
) {
    // A terminal state that could not be collected is said to be none.
    let has_end =
        store.count.is_some() || store.revision_end.is_some() || store.reconstructable != Some(false);
    let slots = [("state.start", store.start, true), ("state.end", store.end, has_end)];
    for ((name, slot, is_needed), is_json) in slots.into_iter().zip(is_json) {
        if let Some(fault) = slot.fault().filter(|_| is_needed) {
            found.push((None, Difference::new("slot").about(name).because(fault)));
        } else if is_needed && !slot.is_of(store.start) {
            found.push((
                None,
                Difference::new("slot").about(name).because("another mode or policy than the start"),
            ));
        } else if !is_json && slot.text.is_some_and(|text| serde_json::from_str::<IgnoredAny>(text).is_err())
        {
            // A number may be too large for us, and is JSON.

            found.push((None, Difference::new("slot").about(name).because("no JSON")));
        }
    }
    let facts = [
        ("revision.start", store.revision_start, true),
        ("revision.end", store.revision_end, has_end),
        ("transition.count", store.count, has_end),
    ];
    for (name, fact, is_needed) in facts {
        if is_needed && fact.is_none_or(|number| number < 0) {
            found.push((None, Difference::new("store_fact").about(name).between(Some("a count"), fact)));
        }
    }
    if store.reconstructable.is_none() {
        found.push((
            None,
            Difference::new("store_fact").about("reconstructable").because("absent or no flag"),
        ));
    }
    if store.revision_start.is_some_and(|revision| revision > 0) {
        let difference = Difference::new("revision").about("revision.start");
        found.push((None, difference.between(Some(0), store.revision_start)));
    }
    let name = transitions.iter().find_map(|transition| transition.store_name);
    for (place, transition) in transitions.iter().enumerate() {
        let mut add =
            |difference: Difference| found.push((Some(place), difference.about(transition.label())));
        if let Some(fault) = transition.patch.fault() {
            add(Difference::new("slot").because(fault));
        } else if !transition.patch.is_of(store.start) {
            add(Difference::new("slot").because("another mode or policy than the start"));
        }
        if transition.event_id.is_none_or(str::is_empty) || transition.action.is_none_or(str::is_empty) {
            add(Difference::new("event_fact").because("no event id or no action"));
        }
        if transition.before.is_none() || transition.after.is_none() || transition.sequence.is_none() {
            add(Difference::new("event_fact").because("a sequence or a revision is no number"));
        }
        if transition.store_name != name {
            add(Difference::new("store_name").between(name, transition.store_name));
        }
    }
}

/// Whether the transitions are 1 to the count, each once.
fn order(
    store: &Store<'_>,
    transitions: &[Transition<'_>],
    setting: Setting,
    found: &mut Vec<(Option<usize>, Difference)>,
) -> bool {
    let Some(count) = store.count else { return false };
    let mut seen: BTreeMap<i64, usize> = BTreeMap::new();
    let mut is_sound = true;
    for (place, transition) in transitions.iter().enumerate() {
        let Some(sequence) = transition.sequence else { return false };
        let why = if seen.insert(sequence, place).is_some() {
            "repeated"
        } else if !(1..=count).contains(&sequence) {
            "out of range"
        } else {
            continue;
        };
        is_sound = false;
        let difference = Difference::new("sequence").about(transition.label());
        found.push((
            Some(place),
            difference.between(Some(format!("1 to {count}")), Some(sequence)).because(why),
        ));
    }
    if !is_sound {
        return false;
    }
    let absent = count - counted(seen.len());
    if absent == 0 {
        return true;
    }
    if setting.is_blind {
        return false;
    }
    let (kind, cause) = if setting.lacks_spans {
        ("transitions_lost", "with the spans that carried them")
    } else if setting.drops_events {
        ("known_defect", "B2")
    } else {
        (
            "transitions_unrecorded",
            "all known spans are stored: not recorded by the program, or removed from a row",
        )
    };
    let difference = Difference::new(kind).between(Some(count), Some(seen.len()));
    let subject = if kind == "known_defect" { cause.to_owned() } else { absent_numbers(count, &seen) };
    found.push((None, difference.about(subject).because(cause)));
    false
}

/// The first numbers that are absent.
fn absent_numbers(count: i64, seen: &BTreeMap<i64, usize>) -> String {
    let mut absent = (1..=count).filter(|number| !seen.contains_key(number));
    let first: Vec<String> = absent.by_ref().take(5).map(|number| number.to_string()).collect();
    let more = if absent.next().is_some() { " and others" } else { "" };
    format!("transitions {}{more}", first.join(", "))
}

/// Each revision follows from the one before.
fn revisions(
    store: &Store<'_>,
    transitions: &[Transition<'_>],
    found: &mut Vec<(Option<usize>, Difference)>,
) {
    let mut revision = store.revision_start;
    for (place, transition) in transitions.iter().enumerate() {
        let (Some(before), Some(after)) = (transition.before, transition.after) else { return };
        if revision != Some(before) || !(before..=before + 1).contains(&after) {
            let difference = Difference::new("revision").about(transition.label());
            let actual = format!("{before} to {after}");
            found.push((Some(place), difference.between(revision, Some(actual))));
            return;
        }
        revision = Some(after);
    }
    if revision != store.revision_end {
        let difference = Difference::new("revision").about("revision.end");
        found.push((None, difference.between(revision, store.revision_end)));
    }
}

fn replay(
    store: &Store<'_>,
    transitions: &[Transition<'_>],
    mut state: Value,
    end: &Value,
) -> Option<(Option<usize>, Difference)> {
    // Nothing to replay where patches are not exported.
    let patches: Option<Vec<&str>> = transitions.iter().map(|transition| transition.patch.text).collect();
    let mut failed = None;
    for (place, patch) in patches?.into_iter().enumerate() {
        let applied = patch::read(patch)
            .map_err(|err| err.to_string())
            .and_then(|patch| json_patch::patch(&mut state, &patch).map_err(|err| err.to_string()));
        if let Err(err) = applied {
            failed = Some((place, err));
            break;
        }
    }
    let is_reached = failed.is_none() && are_equal(&state, end);
    let claim = store.reconstructable?;
    if is_reached {
        let difference = Difference::new("reconstructable_claim").about("reconstructable");
        return (!claim).then(|| (None, difference.between(Some(true), Some(false))));
    }
    let keeps_revision = |transition: &Transition<'_>| {
        transition.before == transition.after && transition.patch.text.is_some_and(|patch| patch != "[]")
    };
    // The SDK compares as Python does, where 1 is True: it writes a patch and keeps the state.
    if let Some(place) = transitions.iter().position(keeps_revision)
        && failed.is_none()
    {
        let difference = Difference::new("known_defect").about("B1").because(transitions[place].label());
        return Some((Some(place), difference));
    }
    if !claim {
        return Some((
            None,
            Difference::new("known_defect").about("B12").because("the program says so itself"),
        ));
    }
    if let Some((place, err)) = failed {
        return Some((Some(place), Difference::new("replay").about(transitions[place].label()).because(err)));
    }
    let place = first_difference("", &state, end).unwrap_or_default();
    let (expected, actual) = (pointed(end, &place), pointed(&state, &place));
    let difference = Difference::new("replay").about(format!("state.end{place}"));
    Some((None, difference.between(Some(expected), Some(actual))))
}

/// Where two states first differ, as a JSON pointer.
fn first_difference(at: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: HashSet<&String> = one.keys().chain(other.keys()).collect();
            let mut keys: Vec<_> = keys.into_iter().collect();
            keys.sort();
            keys.into_iter().find_map(|key| {
                let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => first_difference(&at, one, other),
                    _ => Some(at),
                }
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            let pairs = one.iter().zip(other).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (one, other))| first_difference(&format!("{at}/{index}"), one, other))
        }
        _ => (!are_equal(one, other)).then(|| at.to_owned()),
    }
}

/// The value at a place, cut to what a finding has room for.
fn pointed(value: &Value, place: &str) -> String {
    const ROOM: usize = 120;
    let text = value.pointer(place).map_or_else(|| "absent".to_owned(), Value::to_string);
    match text.char_indices().nth(ROOM) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Whether two values are equal: numbers by what they are, and never to a flag.
pub(crate) fn are_equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => are_equal_numbers(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| are_equal(value, other)))
        }
        _ => one == other,
    }
}

fn are_equal_numbers(one: &Number, other: &Number) -> bool {
    one == other || (one.is_f64() || other.is_f64()) && one.as_f64() == other.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_they_are_and_flags_are_none() {
        let equal = |one: &str, other: &str| {
            let read = |text: &str| serde_json::from_str(text).unwrap();
            are_equal(&read(one), &read(other))
        };
        assert!(equal(r#"{"a":[1,2.0]}"#, r#"{"a":[1.0,2]}"#));
        for (one, other) in [("1", "true"), ("0", "null"), ("1", "\"1\""), ("[1]", "[1,1]"), ("{}", "[]")] {
            assert!(!equal(one, other), "{one} {other}");
        }
    }
}
