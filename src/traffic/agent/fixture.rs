//! Agents whose models are fixtures: the answers are given with the test, and the spans say so.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{
    definition::{Agent, Declaration, Limits, Model, closed_object},
    run,
};
use crate::traffic::junjo::sdk::Sdk;

fn agent(key: &'static str, name: &'static str, instructions: &'static str) -> Agent {
    let text = || json!({ "type": "string" });
    Agent::new(Declaration {
        key,
        name,
        instructions,
        input_schema: closed_object(&json!({ "question": text() }), &["question"]),
        output_schema: closed_object(&json!({ "answer": text() }), &["answer"]),
        model: Model { driver_key: "scripted", provider: "junjo", name: "scripted-v1", is_fixture: true },
        tools: Vec::new(),
        limits: Limits { model_requests: 8, tool_calls: 32 },
    })
}

static CLERK: LazyLock<Agent> = LazyLock::new(|| agent("clerk", "Clerk", "Answer in one sentence."));
static JUDGE: LazyLock<Agent> = LazyLock::new(|| agent("judge", "Judge", "Judge the answer."));

/// The clerk answers a question.
pub(crate) fn answer(sdk: &mut Sdk, question: &str, answer: &str) {
    execute(sdk, &CLERK, question, answer);
}

/// The judge calls an answer right or wrong.
pub(crate) fn judge(sdk: &mut Sdk, question: &str, passed: bool) {
    execute(sdk, &JUDGE, question, if passed { "pass" } else { "fail" });
}

fn execute(sdk: &mut Sdk, agent: &'static Agent, question: &str, answer: &str) {
    let output: Value = json!({ "answer": answer });
    run::execute(sdk, agent, &json!({ "question": question }), |run| Ok(run.answer(output)));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SDK 0.68.0 computed for the same declaration.
    #[test]
    fn a_fixture_counts_for_the_identity_of_an_agent() {
        assert_eq!(
            JUDGE.structural_id,
            "agent_sha256:46591bdc89fb53f430b16af9488d6a399254eea18ffc3ebd315f1a21aeb8c552"
        );
        assert!(
            JUDGE.snapshot.contains(r#""model":{"driverKey":"scripted","fixture":true,"#),
            "{}",
            JUDGE.snapshot
        );
    }
}
