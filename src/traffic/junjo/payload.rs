//! Payload slots: a JSON text with the policy under which it was captured (section 2.2).

use opentelemetry_proto::tonic::common::v1::KeyValue;
use serde::Serialize;

use crate::traffic::recorded::pair;

const MODE: &str = "full";
const POLICY: &str = "junjo.full.v1";

/// The three attributes of a slot that holds all of its content.
pub(crate) fn slot(key: &str, json: &str) -> [KeyValue; 3] {
    [pair(key, json), pair(&format!("{key}.mode"), MODE), pair(&format!("{key}.policy"), POLICY)]
}

/// The JSON of a payload.
pub(crate) fn to_json(payload: &impl Serialize) -> String {
    serde_json::to_string(payload).expect("a payload has a JSON form")
}
