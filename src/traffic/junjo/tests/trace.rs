//! A recorded workflow, ready to be looked at.

use std::collections::{BTreeMap, HashSet};

use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::{Span, span::Event},
};
use serde_json::Value;

use super::{Dice, PROFILES, Profile, Telemetry};
use crate::traffic::{ids::RunId, place::Place};

#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) profile: Profile,
    pub(crate) variant: u32,
    /// By position; the root is the last.
    pub(crate) spans: Vec<Seen>,
}

/// A span with its parent's position and its attributes by key.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) span: Span,
    pub(crate) parent: Option<usize>,
    pub(crate) attributes: BTreeMap<String, Value>,
}

/// One workflow of every profile and variant that existed then.
pub(crate) fn traces(telemetry: Telemetry, seed: u64, turn: u64) -> Vec<Trace> {
    let kinds =
        PROFILES.iter().flat_map(|profile| (0..profile.variants()).map(move |variant| (*profile, variant)));
    kinds.map(|(profile, variant)| Trace::of(profile, variant, telemetry, seed, turn)).collect()
}

impl Trace {
    pub(crate) fn of(profile: Profile, variant: u32, telemetry: Telemetry, seed: u64, turn: u64) -> Self {
        let run = RunId::from_bits(7);
        let place = Place {
            run,
            workflow: 3,
            service: "s",
            peer: "p",
            turn,
            variant,
            telemetry,
            start_time: 1_795_346_058,
        };
        let recorded = profile.record(&place, Dice::at(seed, 3));
        let ids: Vec<_> = recorded.iter().map(|recorded| recorded.span.span_id.clone()).collect();
        let spans = recorded.into_iter().map(|recorded| Seen {
            parent: ids.iter().position(|id| *id == recorded.span.parent_span_id),
            attributes: values(&recorded.span.attributes),
            span: recorded.span,
        });
        Self { profile, variant, spans: spans.collect() }
    }

    pub(crate) fn children(&self, position: usize) -> impl Iterator<Item = &Seen> {
        self.spans.iter().filter(move |seen| seen.parent == Some(position))
    }

    pub(crate) fn parent(&self, seen: &Seen) -> Option<&Seen> {
        seen.parent.map(|parent| &self.spans[parent])
    }

    /// The positions of workflows and subflows.
    pub(crate) fn flows(&self) -> impl Iterator<Item = (usize, &Seen)> {
        self.spans.iter().enumerate().filter(|(_, seen)| matches!(seen.kind(), "workflow" | "subflow"))
    }

    pub(crate) fn check_keys(&self) {
        for seen in &self.spans {
            let events = seen.span.events.iter().map(|event| &event.attributes);
            for attributes in events.chain([&seen.span.attributes]) {
                assert_eq!(values(attributes).len(), attributes.len(), "a key is repeated: {attributes:?}");
            }
        }
    }

    /// Children lie inside, follow each other unless they run concurrently, and end in their order.
    pub(crate) fn check_times(&self) {
        for (position, seen) in self.spans.iter().enumerate() {
            let (start, end) = (seen.span.start_time_unix_nano, seen.span.end_time_unix_nano);
            let times: Vec<_> = seen.span.events.iter().map(|event| event.time_unix_nano).collect();
            assert!(times.is_sorted(), "{seen:?}");
            assert!(times.iter().all(|time| (start..=end).contains(time)), "{seen:?}");
            let children: Vec<_> = self.children(position).map(|child| &child.span).collect();
            for child in &children {
                assert!(start < child.start_time_unix_nano && child.end_time_unix_nano < end, "{seen:?}");
            }
            let concurrent = seen.kind() == "run_concurrent";
            for pair in children.windows(2) {
                assert!(pair[0].end_time_unix_nano < pair[1].end_time_unix_nano, "{pair:?}");
                let overlap = pair[1].start_time_unix_nano < pair[0].end_time_unix_nano;
                assert_eq!(overlap, concurrent, "{pair:?}");
            }
        }
    }

    /// The semantic parent is the physical one, and what is correlated with the root is with all.
    pub(crate) fn check_parents(&self) {
        let root = &self.spans[self.spans.len() - 1];
        for seen in &self.spans {
            let Some(parent) = self.parent(seen) else {
                assert!(!seen.attributes.keys().any(|key| key.starts_with("junjo.parent_executable")));
                continue;
            };
            for id in ["definition_id", "runtime_id", "structural_id"] {
                let of_parent = parent.text(&format!("junjo.executable_{id}"));
                assert_eq!(seen.text(&format!("junjo.parent_executable_{id}")), of_parent, "{seen:?}");
            }
            if seen.kind() == "subflow" {
                assert_eq!(seen.text("junjo.parent_executable_type"), parent.kind());
            }
            for key in ["junjo.correlation.type", "junjo.correlation.id"] {
                assert_eq!(seen.attributes.get(key), root.attributes.get(key));
            }
        }
    }

    pub(crate) fn check_legacy_parents(&self) {
        let known: HashSet<_> = [
            "junjo.id",
            "junjo.parent_id",
            "junjo.span_type",
            "junjo.workflow.state.start",
            "junjo.workflow.state.end",
            "junjo.workflow.graph_structure",
            "junjo.workflow.store.id",
            "junjo.workflow.parent_store.id",
            "junjo.workflow.node.count",
        ]
        .into();
        for seen in &self.spans {
            let parent = self.parent(seen).map(|parent| parent.text("junjo.id"));
            assert_eq!(seen.attributes.get("junjo.parent_id").map(text), parent, "{seen:?}");
            let unknown =
                seen.attributes.keys().find(|key| !key.starts_with("e2e.") && !known.contains(key.as_str()));
            assert_eq!(unknown, None);
        }
    }
}

impl Seen {
    /// What kind of executable it is; empty where it is none.
    pub(crate) fn kind(&self) -> &str {
        self.attributes.get("junjo.span_type").map_or("", text)
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.attributes.get(key).map_or_else(|| panic!("no {key} in {self:?}"), text)
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.attributes[key].as_u64().unwrap()
    }

    /// The attribute's text, as JSON.
    pub(crate) fn json(&self, key: &str) -> Value {
        serde_json::from_str(self.text(key)).unwrap()
    }

    pub(crate) fn status(&self) -> (i32, &str) {
        let status = self.span.status.as_ref().unwrap();
        (status.code, &status.message)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.attributes.contains_key(key)
    }

    /// Its events of a name, with their attributes.
    pub(crate) fn events(&self, name: &str) -> Vec<(&Event, BTreeMap<String, Value>)> {
        let events = self.span.events.iter().filter(|event| event.name == name);
        events.map(|event| (event, values(&event.attributes))).collect()
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn values(attributes: &[KeyValue]) -> BTreeMap<String, Value> {
    let pair = |pair: &KeyValue| {
        let value = match pair.value.clone().unwrap().value.unwrap() {
            Any::StringValue(text) => Value::from(text),
            Any::IntValue(number) => Value::from(number),
            Any::BoolValue(flag) => Value::from(flag),
            other => panic!("{other:?} is no value of Junjo's"),
        };
        (pair.key.clone(), value)
    };
    attributes.iter().map(pair).collect()
}
