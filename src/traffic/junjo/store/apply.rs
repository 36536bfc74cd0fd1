//! JSON patches (RFC 6902) applied strictly: what a path names must be there, or must not.

use serde_json::Value;

/// Applies the operations of a patch one after the other.
pub(crate) fn apply(state: &mut Value, patch: &Value) -> Result<(), String> {
    let operations = patch.as_array().ok_or_else(|| format!("{patch} is no list"))?;
    operations.iter().try_for_each(|operation| apply_one(state, operation))
}

fn apply_one(state: &mut Value, operation: &Value) -> Result<(), String> {
    let wrong = || format!("{operation} does not fit {state}");
    let kind = operation["op"].as_str().ok_or_else(wrong)?;
    let path = operation["path"].as_str().ok_or_else(wrong)?;
    let (parent, name) = path.rsplit_once('/').ok_or_else(wrong)?;
    let name = name.replace("~1", "/").replace("~0", "~");
    let value = operation.get("value");
    let keys = if kind == "remove" { 2 } else { 3 };
    let has_keys = operation.as_object().is_some_and(|object| object.len() == keys);
    let error = wrong();
    let parent = state.pointer_mut(parent).filter(|_| has_keys).ok_or_else(|| error.clone())?;
    let done = match parent {
        Value::Object(fields) => match (kind, value) {
            ("add", Some(value)) => fields.insert(name, value.clone()).is_none(),
            ("replace", Some(value)) => fields.insert(name, value.clone()).is_some(),
            ("remove", None) => fields.remove(&name).is_some(),
            _ => false,
        },
        Value::Array(items) => match (kind, name.parse::<usize>(), value) {
            ("add", Ok(index), Some(value)) if index <= items.len() => {
                items.insert(index, value.clone());
                true
            }
            ("replace", Ok(index), Some(value)) if index < items.len() => {
                items[index] = value.clone();
                true
            }
            ("remove", Ok(index), None) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    };
    if done { Ok(()) } else { Err(error) }
}
