//! What an agent and its model say to each other (`junjo-telemetry`, sections 2.5 and 2.6).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A model's wish to have a tool called.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) tool: &'static str,
    /// As the model wrote them.
    pub(super) requested: Value,
    /// With defaults filled in.
    pub(super) arguments: Value,
}

/// What a model answers.
#[derive(Debug)]
pub(super) enum Answer<'a> {
    ToolCalls { text: Option<&'static str>, calls: &'a [Call] },
    Final(Value),
}

/// Token counts of one answer, by the names that Junjo gives them.
pub(super) type Tokens = BTreeMap<&'static str, u64>;

/// The name of a count that not every answer has.
pub(super) const CACHED: &str = "cachedInputTokens";

/// What a transcript begins with.
pub(super) fn input_message(input: &Value) -> Value {
    json!({ "type": "agent_input", "input": input })
}

impl Answer<'_> {
    /// What a transcript keeps of it.
    pub(super) fn message(&self) -> Value {
        self.tagged(match self {
            Self::ToolCalls { .. } => "assistant_tool_calls",
            Self::Final(_) => "assistant_output",
        })
    }

    /// What the model's driver returns.
    pub(super) fn response(&self, usage: &Value) -> Value {
        let mut response = self.tagged(self.response_type());
        response["v"] = json!(1);
        response["usage"] = usage.clone();
        response
    }

    pub(super) fn response_type(&self) -> &'static str {
        match self {
            Self::ToolCalls { .. } => "tool_calls",
            Self::Final(_) => "final_output",
        }
    }

    fn tagged(&self, kind: &str) -> Value {
        match self {
            Self::ToolCalls { text, calls } => {
                let calls: Vec<_> = calls.iter().map(Call::to_json).collect();
                let mut message = json!({ "type": kind, "calls": calls });
                if let Some(text) = text {
                    message["assistantText"] = json!(text);
                }
                message
            }
            Self::Final(output) => json!({ "type": kind, "output": output }),
        }
    }
}

impl Call {
    /// What a transcript keeps of its result.
    pub(super) fn result_message(&self, result: &Value) -> Value {
        json!({ "type": "tool_result", "callId": self.id, "toolName": self.tool, "result": result })
    }

    fn to_json(&self) -> Value {
        json!({ "id": self.id, "name": self.tool, "arguments": self.requested })
    }
}
