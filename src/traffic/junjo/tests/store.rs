//! Stores: their events, over all spans, lead from their first state to their last.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::trace::{Seen, Trace, text};
use crate::traffic::{junjo::store::apply::apply, python};

struct Write {
    time: u64,
    attributes: BTreeMap<String, Value>,
}

impl Write {
    fn number(&self, key: &str) -> u64 {
        self.attributes[&format!("junjo.store.{key}")].as_u64().unwrap()
    }
}

/// The writes of a store in the order of their times.
fn writes(trace: &Trace, store: &str) -> Vec<Write> {
    let events = trace.spans.iter().flat_map(|seen| seen.events("set_state"));
    let mut writes: Vec<_> = events
        .filter(|(_, attributes)| attributes["junjo.store.id"] == store)
        .map(|(event, attributes)| Write { time: event.time_unix_nano, attributes })
        .collect();
    writes.sort_by_key(|write| write.time);
    writes
}

pub(super) fn check(trace: &Trace) {
    check_identities(trace);
    for (_, flow) in trace.flows() {
        let writes = writes(trace, flow.text("junjo.workflow.store.id"));
        let mut state = flow.json("junjo.workflow.state.start");
        let mut revision = flow.number("junjo.store.revision.start");
        assert_eq!(revision, 0);
        for (write, sequence) in writes.iter().zip(1..) {
            assert_eq!(write.number("transition.sequence"), sequence);
            assert_eq!(write.number("revision.before"), revision);
            let json = text(&write.attributes["junjo.state_json_patch"]);
            let patch: Value = serde_json::from_str(json).unwrap();
            assert_eq!(patch.to_string(), json, "compact, with sorted keys");
            revision += u64::from(patch != Value::Array(Vec::new()));
            assert_eq!(write.number("revision.after"), revision);
            assert_eq!(apply(&mut state, &patch), Ok(()));
        }
        assert_eq!(state, flow.json("junjo.workflow.state.end"));
        assert_eq!(state.to_string(), flow.text("junjo.workflow.state.end"), "compact, with sorted keys");
        assert_eq!(flow.number("junjo.store.revision.end"), revision);
        assert_eq!(flow.number("junjo.store.transition.count"), writes.len() as u64);
        assert_eq!(flow.attributes["junjo.store.reconstructable"], true);
        check_slots(flow, &writes);
    }
}

fn check_slots(flow: &Seen, writes: &[Write]) {
    let patches = writes.iter().map(|write| (&write.attributes, "junjo.state_json_patch"));
    let states =
        ["junjo.workflow.state.start", "junjo.workflow.state.end"].map(|key| (&flow.attributes, key));
    for (attributes, key) in patches.chain(states) {
        assert_eq!(attributes[&format!("{key}.mode")], "full");
        assert_eq!(attributes[&format!("{key}.policy")], "junjo.full.v1");
    }
}

pub(super) fn check_legacy(trace: &Trace) {
    check_identities(trace);
    for (_, flow) in trace.flows() {
        let mut state = flow.json("junjo.workflow.state.start");
        for write in writes(trace, flow.text("junjo.workflow.store.id")) {
            assert_eq!(write.attributes.len(), 5, "{:?}", write.attributes);
            let json = text(&write.attributes["junjo.state_json_patch"]);
            if json != "{}" {
                let patch: Value = serde_json::from_str(json).unwrap();
                assert_eq!(python::dumps(&patch), json);
                assert_eq!(apply(&mut state, &patch), Ok(()));
            }
        }
        assert_eq!(state, flow.json("junjo.workflow.state.end"));
    }
}

/// A store has one owner and one name, and every event a store of the trace and an id of its own.
fn check_identities(trace: &Trace) {
    let owners: Vec<_> = trace.flows().map(|(_, flow)| flow.text("junjo.workflow.store.id")).collect();
    assert_eq!(owners.iter().collect::<HashSet<_>>().len(), owners.len());
    let mut names = BTreeMap::new();
    let mut ids = HashSet::new();
    for (_, attributes) in trace.spans.iter().flat_map(|seen| seen.events("set_state")) {
        let store = text(&attributes["junjo.store.id"]).to_owned();
        assert!(owners.contains(&store.as_str()));
        let name = attributes["junjo.store.name"].clone();
        assert_eq!(names.entry(store).or_insert(name.clone()), &name);
        assert!(ids.insert(attributes["id"].clone()));
    }
    for (_, flow) in trace.flows() {
        let mut enclosing = flow;
        let parent_store = loop {
            let Some(parent) = trace.parent(enclosing) else { break None };
            if parent.has("junjo.workflow.store.id") {
                break Some(parent.text("junjo.workflow.store.id"));
            }
            enclosing = parent;
        };
        assert_eq!(flow.attributes.get("junjo.workflow.parent_store.id").map(text), parent_store);
    }
}
