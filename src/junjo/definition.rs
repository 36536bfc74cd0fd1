//! The definition that an agent carries, and the fingerprints that follow from it.

use std::{collections::HashMap, rc::Rc};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// What a definition states of itself and of its tools, and what follows from it.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) stated: Option<Value>,
    /// None where the form of a number is not plain.
    pub(crate) expected: Option<String>,
    /// Those whose fingerprint is known.
    pub(crate) tools: Vec<ToolDefinition>,
}

/// The fingerprint of a tool.
#[derive(Debug)]
pub(crate) struct ToolDefinition {
    pub(crate) name: String,
    pub(crate) stated: Option<Value>,
    pub(crate) expected: String,
}

/// Definitions by their texts: programs run few agents often.
#[derive(Debug, Default)]
pub(crate) struct Definitions(HashMap<String, Option<Rc<Definition>>>);

/// Definitions to keep, and the longest that is kept.
const KEPT: usize = 64;
const MAX_LENGTH: usize = 64 << 10;

impl Definitions {
    /// None where the text is no JSON object.
    pub(crate) fn of(&mut self, text: &str) -> Option<Rc<Definition>> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let definition = serde_json::from_str(text).ok().map(|material| Rc::new(Definition::of(material)));
        if text.len() <= MAX_LENGTH {
            if self.0.len() >= KEPT {
                self.0.clear();
            }
            self.0.insert(text.to_owned(), definition.clone());
        }
        definition
    }
}

impl Definition {
    fn of(mut material: Map<String, Value>) -> Self {
        material.remove("name");
        let stated = material.remove("structuralId");
        let mut tools = Vec::new();
        for tool in material.get_mut("tools").and_then(Value::as_array_mut).into_iter().flatten() {
            let Value::Object(tool) = tool else { continue };
            let stated = tool.remove("structuralId");
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let mut of_tool = tool.clone();
            of_tool.insert("v".to_owned(), json!(1));
            let expected = fingerprint("tool_sha256", &Value::Object(of_tool));
            tools.extend(expected.map(|expected| ToolDefinition { name, stated, expected }));
        }
        Self { stated, expected: fingerprint("agent_sha256", &Value::Object(material)), tools }
    }

    /// The fingerprint of a tool; of those with one name the last counts.
    pub(crate) fn tool(&self, name: &str) -> Option<&str> {
        let tool = self.tools.iter().rev().find(|tool| tool.name == name)?;
        Some(&tool.expected)
    }
}

/// The SHA-256 of the RFC 8785 form; none where a number's form there is not plain.
fn fingerprint(prefix: &str, material: &Value) -> Option<String> {
    let digest = Sha256::digest(plain(material)?.to_string());
    Some(format!("{prefix}:{}", const_hex::encode(digest)))
}

/// Whole floats are written as ints there; what needs an exponent is left alone.
fn plain(value: &Value) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    Some(match value {
        Value::Number(number) if number.is_f64() => {
            let double = number.as_f64()?;
            if double.fract() == 0.0 && double.abs() < EXACT {
                json!(double as i64)
            } else if number.to_string().contains('e') {
                return None;
            } else {
                value.clone()
            }
        }
        Value::Array(items) => Value::Array(items.iter().map(plain).collect::<Option<_>>()?),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| Some((key.clone(), plain(value)?));
            Value::Object(members.iter().map(member).collect::<Option<_>>()?)
        }
        _ => value.clone(),
    })
}
