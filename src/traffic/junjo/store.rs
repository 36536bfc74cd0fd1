//! Stores: the state of one execution, its transitions and their events (section 5).
//!
//! A store belongs to one workflow, subflow or agent. Every accepted write leaves exactly one
//! `set_state` event on the span that is current, whosever store it is. A write waits for the
//! store's lock, so a store's events are in the order of their times.

use serde_json::{Map, Value};

use super::{
    payload::{slot, to_json},
    sdk::Sdk,
};
use crate::traffic::{dice::NanoId, profile::Telemetry, python, recorded::pair};

#[cfg(test)]
pub(crate) mod apply;
mod patch;

/// What an app declares of a store.
#[derive(Debug)]
pub(crate) struct StoreClass {
    pub(crate) name: &'static str,
    /// The fields of the state in the order of their declaration.
    pub(crate) fields: &'static [&'static str],
}

/// The state of one execution.
#[derive(Debug)]
pub(crate) struct Store {
    class: &'static StoreClass,
    pub(crate) id: NanoId,
    state: Map<String, Value>,
    /// How often the state changed.
    pub(crate) revision: i64,
    /// How often it was written.
    pub(crate) transitions: i64,
    last_write: u64,
}

impl Store {
    /// `state` is an object of all declared fields.
    pub(crate) fn new(class: &'static StoreClass, state: Value, sdk: &mut Sdk) -> Self {
        let Value::Object(state) = state else { unreachable!("a state is an object") };
        debug_assert_eq!(state.len(), class.fields.len(), "{class:?}");
        Self { class, id: sdk.dice.nano_id(), state, revision: 0, transitions: 0, last_write: sdk.now }
    }

    /// A field of the state.
    pub(crate) fn get(&self, field: &str) -> &Value {
        &self.state[field]
    }

    /// The state as the span of its owner carries it.
    pub(crate) fn json(&self, telemetry: Telemetry) -> String {
        match telemetry {
            Telemetry::Current => to_json(&self.state),
            Telemetry::Legacy => {
                let fields = self.class.fields.iter();
                let fields = fields.map(|field| format!("{}:{}", Value::from(*field), self.state[*field]));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }
        }
    }

    /// Overwrites the fields that `update` has; `action` is the function that does it.
    pub(crate) fn set_state(&mut self, sdk: &mut Sdk, action: &str, update: Value) {
        let Value::Object(update) = update else { unreachable!("an update is an object") };
        let patch = patch::of_update(&self.state, &update);
        let revision = self.revision + i64::from(!patch.is_empty());
        self.transitions += 1;

        sdk.now = sdk.now.max(self.last_write);
        sdk.pass(3_000..20_000);
        self.last_write = sdk.now;
        let mut attributes = vec![
            pair("id", sdk.dice.nano_id().as_str()),
            pair("junjo.store.name", self.class.name),
            pair("junjo.store.id", self.id.as_str()),
            pair("junjo.store.action", action),
        ];
        match sdk.telemetry {
            Telemetry::Current => {
                attributes.push(pair("junjo.store.transition.sequence", self.transitions));
                attributes.push(pair("junjo.store.revision.before", self.revision));
                attributes.push(pair("junjo.store.revision.after", revision));
                attributes.extend(slot("junjo.state_json_patch", &to_json(&patch)));
            }
            Telemetry::Legacy => {
                let text = if patch.is_empty() { "{}".to_owned() } else { python::dumps(&patch) };
                attributes.push(pair("junjo.state_json_patch", text));
            }
        }
        sdk.event("set_state", attributes);
        self.state.extend(update);
        debug_assert_eq!(
            self.state.len(),
            self.class.fields.len(),
            "{action} writes a field that {:?} lacks",
            self.class
        );
        self.revision = revision;
    }
}
