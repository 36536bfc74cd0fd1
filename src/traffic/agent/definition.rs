//! Declared agents and tools: structural ids and the texts that all runs of an agent share.
//!
//! A structural id is a prefix and the SHA-256 of RFC 8785 JSON (`junjo-telemetry`, sections 2.5 and
//! 4.3). For ASCII names and whole numbers that is compact JSON with sorted keys, which is what
//! `serde_json` writes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What a tool is declared to be. Schemas are in the SDK's normal form: closed, without titles.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) input_schema: Value,
    pub(super) output_schema: Value,
}

/// What an agent is declared to be.
#[derive(Debug)]
pub(super) struct Declaration {
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) instructions: &'static str,
    pub(super) input_schema: Value,
    pub(super) output_schema: Value,
    pub(super) model: Model,
    pub(super) tools: Vec<Tool>,
    pub(super) limits: Limits,
}

/// The binding of an agent to a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Model {
    pub(super) driver_key: &'static str,
    pub(super) provider: &'static str,
    pub(super) name: &'static str,
    /// Whether its answers are given with a test.
    pub(super) is_fixture: bool,
}

/// How much one run of an agent may do.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) model_requests: i64,
    pub(super) tool_calls: i64,
}

/// A declared agent with everything that does not differ between runs worked out.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) declared: Declaration,
    pub(super) structural_id: String,
    /// By name: the structural ids of its tools.
    pub(super) tool_ids: BTreeMap<&'static str, String>,
    /// The definition as JSON text.
    pub(super) snapshot: String,
    /// The tools as a model is told of them.
    pub(super) offered_tools: Value,
}

impl Tool {
    fn structural_id(&self) -> String {
        let mut material = self.material();
        material["v"] = json!(1);
        fingerprint("tool_sha256", &material)
    }

    fn identified(&self) -> Value {
        let mut material = self.material();
        material["structuralId"] = json!(self.structural_id());
        material
    }

    fn material(&self) -> Value {
        json!({
            "name": self.name,
            "description": self.description,
            "inputSchema": self.input_schema,
            "outputSchema": self.output_schema,
        })
    }
}

impl Agent {
    pub(super) fn new(declared: Declaration) -> Self {
        let offered_tools: Vec<Value> = declared.tools.iter().map(Tool::material).collect();
        let identified_tools: Vec<Value> = declared.tools.iter().map(Tool::identified).collect();
        let tool_ids = declared.tools.iter().map(|tool| (tool.name, tool.structural_id())).collect();
        let material = declared.material(&offered_tools);
        let structural_id = fingerprint("agent_sha256", &material);
        let mut snapshot = material;
        snapshot["name"] = json!(declared.name);
        snapshot["structuralId"] = json!(structural_id);
        snapshot["tools"] = json!(identified_tools);
        let snapshot = snapshot.to_string();
        Self { declared, structural_id, tool_ids, snapshot, offered_tools: json!(offered_tools) }
    }
}

impl Declaration {
    /// Neither the display name nor any id counts for an agent's identity.
    fn material(&self, tools: &[Value]) -> Value {
        let mut model = json!({
            "driverKey": self.model.driver_key,
            "provider": self.model.provider,
            "model": self.model.name,
            "settings": {},
        });
        if self.model.is_fixture {
            model["fixture"] = json!(true);
        }
        json!({
            "v": 1,
            "agentKey": self.key,
            "instructions": self.instructions,
            "inputSchema": self.input_schema,
            "model": model,
            "tools": tools,
            "outputSchema": self.output_schema,
            "limits": { "modelRequests": self.limits.model_requests, "toolCalls": self.limits.tool_calls },
        })
    }
}

/// The schema of an object with these properties and no others.
pub(super) fn closed_object(properties: &Value, required: &[&str]) -> Value {
    json!({ "additionalProperties": false, "properties": properties, "required": required, "type": "object" })
}

fn fingerprint(prefix: &str, material: &Value) -> String {
    format!("{prefix}:{}", const_hex::encode(Sha256::digest(material.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structural_ids_are_those_that_the_sdk_computes() {
        let text = || json!({ "type": "string" });
        let lookup = Tool {
            name: "lookup",
            description: "Look up",
            input_schema: closed_object(
                &json!({ "query": text(), "k": { "default": 3, "type": "integer" } }),
                &["query"],
            ),
            output_schema: closed_object(&json!({ "value": text() }), &["value"]),
        };
        assert_eq!(
            lookup.structural_id(),
            "tool_sha256:953161e0eb3f33380e231d76e41f0391953c4bb51fb1c1d8882a7191599e8ee6"
        );
        let agent = Agent::new(Declaration {
            key: "demo",
            name: "Demo",
            instructions: "Be brief.",
            input_schema: closed_object(&json!({ "question": text() }), &["question"]),
            output_schema: closed_object(&json!({ "answer": text() }), &["answer"]),
            model: Model {
                driver_key: "scripted",
                provider: "junjo",
                name: "scripted-v1",
                is_fixture: false,
            },
            tools: vec![lookup],
            limits: Limits { model_requests: 8, tool_calls: 32 },
        });
        assert_eq!(
            agent.structural_id,
            "agent_sha256:7d8f365ed07e8538b14df30787cd4c8749343d913bf938916054806412ccb412"
        );
    }
}
