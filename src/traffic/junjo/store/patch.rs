//! JSON patches (RFC 6902) from one state to another: `add`, `remove` and `replace`.

use serde_json::{Map, Value, json};

/// The operations that give fields of a state other values; none when they have them.
pub(super) fn of_update(state: &Map<String, Value>, update: &Map<String, Value>) -> Vec<Value> {
    let mut operations = Vec::new();
    members(state, update, "", &mut operations);
    operations
}

fn objects(before: &Map<String, Value>, after: &Map<String, Value>, path: &str, operations: &mut Vec<Value>) {
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        operations.push(json!({"op": "remove", "path": child(path, key)}));
    }
    members(before, after, path, operations);
}

/// What `after` adds and changes.
fn members(before: &Map<String, Value>, after: &Map<String, Value>, path: &str, operations: &mut Vec<Value>) {
    for (key, value) in after {
        match before.get(key) {
            Some(before) if before == value => {}
            Some(before) => values(before, value, &child(path, key), operations),
            None => operations.push(json!({"op": "add", "path": child(path, key), "value": value})),
        }
    }
}

fn values(before: &Value, after: &Value, path: &str, operations: &mut Vec<Value>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => objects(before, after, path, operations),
        (Value::Array(before), Value::Array(after)) => arrays(before, after, path, operations),
        _ if before == after => {}
        _ => operations.push(json!({"op": "replace", "path": path, "value": after})),
    }
}

/// Leaves equal elements at both ends alone, changes those that both have, then drops or adds.
fn arrays(before: &[Value], after: &[Value], path: &str, operations: &mut Vec<Value>) {
    let shorter = before.len().min(after.len());
    let head = before.iter().zip(after).take_while(|(before, after)| before == after).count();
    let tails = before.iter().rev().zip(after.iter().rev()).take(shorter - head);
    let tail = tails.take_while(|(before, after)| before == after).count();
    let (before_end, after_end) = (before.len() - tail, after.len() - tail);
    let common = head..before_end.min(after_end);

    for index in common.clone() {
        values(&before[index], &after[index], &format!("{path}/{index}"), operations);
    }
    for index in (common.end..before_end).rev() {
        operations.push(json!({"op": "remove", "path": format!("{path}/{index}")}));
    }
    for (index, value) in after.iter().enumerate().take(after_end).skip(common.end) {
        operations.push(json!({"op": "add", "path": format!("{path}/{index}"), "value": value}));
    }
}

/// The JSON pointer to a member of what `path` points to.
fn child(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::traffic::junjo::store::apply::apply;

    /// Values of few different parts, so that two of them often agree in places.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4_u64).prop_map(Value::from),
            "[ab]".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                fields(inner).prop_map(Value::Object),
            ]
        })
    }

    fn fields(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map("[ab/~]{1,2}", value, 0..4).prop_map(|map| map.into_iter().collect())
    }

    proptest! {
        #[test]
        fn a_patch_leads_from_one_state_to_the_other(before in fields(value()), update in fields(value())) {
            let patch = of_update(&before, &update);
            let mut after = before.clone();
            after.extend(update);
            prop_assert_eq!(patch.is_empty(), before == after);
            let mut state = Value::Object(before);
            prop_assert_eq!(apply(&mut state, &Value::Array(patch)), Ok(()));
            prop_assert_eq!(state, Value::Object(after));
        }
    }

    #[test]
    fn a_patch_names_only_what_differs() {
        for (before, after, expected) in [
            (json!({"a": 1}), json!({"a": 1}), json!([])),
            (json!({"a": 1}), json!({"a": "1"}), json!([{"op": "replace", "path": "/a", "value": "1"}])),
            (json!({"l": [1]}), json!({"l": [1, 2]}), json!([{"op": "add", "path": "/l/1", "value": 2}])),
            (json!({"l": [1, 2, 3]}), json!({"l": [1, 3]}), json!([{"op": "remove", "path": "/l/1"}])),
            (
                json!({"m": {"x": 1}}),
                json!({"m": {"x": 2}}),
                json!([{"op": "replace", "path": "/m/x", "value": 2}]),
            ),
            (
                json!({"m": {"a/b": 1}}),
                json!({"m": {"c~d": null}}),
                json!([
                    {"op": "remove", "path": "/m/a~1b"},
                    {"op": "add", "path": "/m/c~0d", "value": null},
                ]),
            ),
        ] {
            let of = |value: &Value| value.as_object().cloned().unwrap();
            assert_eq!(Value::Array(of_update(&of(&before), &of(&after))), expected);
        }
    }
}
