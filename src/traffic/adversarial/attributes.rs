//! Lists of attributes that are odd as lists: by their keys, their order and their number.

use opentelemetry_proto::tonic::common::v1::KeyValue;

use super::{
    texts,
    values::{self, pair, value},
};
use crate::traffic::recorded;

/// Keys of one attribute. Those that resemble Junjo's and the run's own are none of either's.
const KEYS: [&str; 10] = [
    "odd.value",
    "",
    "schlüssel.鍵.🔑",
    "\0\u{1b}\"\\\n",
    "a.b..c.",
    "__proto__",
    "junjo.span_type ",
    "junjo.",
    "e2e",
    "E2E.run",
];

/// The ways to write one attribute: under each key, under a long one, twice, and out of order.
pub(super) const WAYS: usize = KEYS.len() + 3;
const LONG_KEY: usize = KEYS.len();
const TWICE: usize = KEYS.len() + 1;

/// Bytes of a long key.
const KEY_BYTES: usize = 1_024;

/// How many attributes there are besides the odd one; with the run's four tags, the last makes as many as
/// SDKs let a span have.
pub(super) const MORE: [usize; 3] = [0, 1, 123];

/// The odd attribute with one of [`values::COUNT`] values, and others.
pub(super) fn around(value: usize, way: usize, more: usize, long: usize) -> Vec<KeyValue> {
    let odd = values::value(value, long);
    let mut attributes = match way {
        LONG_KEY => vec![pair(texts::text(texts::LONG, KEY_BYTES), odd)],
        TWICE => {
            // Half the values further there is one of another kind.
            let another = values::value((value + values::COUNT / 2) % values::COUNT, KEY_BYTES);
            vec![pair("odd.twice", another), pair("odd.twice", odd)]
        }
        key if key < KEYS.len() => vec![pair(KEYS[key], odd)],
        _ => vec![pair("z", None), pair("é", odd), recorded::pair("a", 1_i64), recorded::pair("Z", 2_i64)],
    };
    attributes
        .extend((0_i64..).take(MORE[more]).map(|index| recorded::pair(&format!("more.{index:03}"), index)));
    attributes
}

/// Attributes of an event, a link or a scope: none, all values, all keys, or very many.
pub(super) const LISTS: usize = 4;

/// Bytes of a long value in a list.
const LIST_BYTES: usize = 64;

/// One of [`LISTS`].
pub(super) fn list(list: usize) -> Vec<KeyValue> {
    match list {
        0 => Vec::new(),
        1 => (0..values::COUNT).map(|level| pair(format!("odd.{level}"), value(level, LIST_BYTES))).collect(),
        2 => (0..WAYS).rev().flat_map(|way| around(texts::PLAIN, way, 0, LIST_BYTES)).collect(),
        _ => around(texts::PLAIN, 0, MORE.len() - 1, LIST_BYTES),
    }
}
