//! Calls of Gemini as OpenInference's instrumentation of google-genai records them.

use std::ops::Range;

use opentelemetry_proto::tonic::trace::v1::{Status, status::StatusCode};
use serde_json::{Value, json};

use super::prose::{self, EDITOR};
use crate::traffic::{
    junjo::sdk::Sdk,
    recorded::{Scope, pair},
};

const MODEL: &str = "gemini-2.5-flash";
const TEMPERATURE: f64 = 0.7;

/// How long an answer takes, in nanoseconds.
const ANSWER: Range<u64> = 20_000_000..90_000_000;
const REFUSAL: Range<u64> = 2_000_000..20_000_000;

/// A call that is answered.
pub(super) fn generate(sdk: &mut Sdk, prompt: &str, answer: &str) {
    open(sdk, prompt);
    sdk.pass(ANSWER);
    let read = prose::tokens(EDITOR) + prose::tokens(prompt);
    let thought = sdk.dice.below(200).cast_signed();
    let written = prose::tokens(answer);
    let output = json!({
        "candidates": [{
            "content": { "parts": [{ "text": answer }], "role": "model" },
            "finish_reason": "STOP",
            "index": 0,
        }],
        "model_version": MODEL,
        "response_id": sdk.dice.nano_id().as_str(),
        "usage_metadata": {
            "prompt_token_count": read,
            "candidates_token_count": written,
            "thoughts_token_count": thought,
            "total_token_count": read + written + thought,
        },
    });
    let span = sdk.span();
    span.attributes.extend([
        pair("llm.output_messages.0.message.role", "model"),
        pair("llm.output_messages.0.message.content", answer),
        pair("llm.finish_reason", "STOP"),
        pair("llm.token_count.prompt", read),
        pair("llm.token_count.completion", written + thought),
        pair("llm.token_count.completion_details.reasoning", thought),
        pair("llm.token_count.total", read + written + thought),
        pair("output.value", output.to_string()),
        pair("output.mime_type", "application/json"),
    ]);
    span.status = Some(Status { code: StatusCode::Ok.into(), message: String::new() });
    sdk.close();
}

/// A call that the provider turns down.
pub(super) fn fail(sdk: &mut Sdk, prompt: &str) {
    open(sdk, prompt);
    sdk.pass(REFUSAL);
    let message = "503 UNAVAILABLE. {'error': {'code': 503, 'status': 'UNAVAILABLE'}}";
    let class = "google.genai.errors.ServerError";
    let stacktrace = format!(
        "Traceback (most recent call last):\n  File \"/app/nodes.py\", line 31, in draft\n{class}: {message}\n"
    );
    let attributes = vec![
        pair("exception.type", class),
        pair("exception.message", message),
        pair("exception.stacktrace", stacktrace),
        pair("exception.escaped", "False"),
    ];
    sdk.event("exception", attributes);
    let status = Status { code: StatusCode::Error.into(), message: format!("ServerError: {message}") };
    sdk.span().status = Some(status);
    sdk.pass(5_000..40_000);
    sdk.close();
}

/// Starts the span of a call, with what is asked.
fn open(sdk: &mut Sdk, prompt: &str) {
    let parameters = json!({ "temperature": TEMPERATURE, "max_output_tokens": 512 });
    let input = json!({
        "contents": [content("user", prompt)],
        "system_instruction": content("user", EDITOR),
        "generation_config": parameters,
    });
    sdk.open("AsyncGenerateContent");
    sdk.set_scope(Scope::named("openinference.instrumentation.google_genai", "1.4.14"));
    sdk.span().attributes.extend([
        pair("openinference.span.kind", "LLM"),
        pair("llm.provider", "google"),
        pair("llm.model_name", MODEL),
        pair("llm.input_messages.0.message.role", "system"),
        pair("llm.input_messages.0.message.content", EDITOR),
        pair("llm.input_messages.1.message.role", "user"),
        pair("llm.input_messages.1.message.content", prompt),
        pair("llm.invocation_parameters", parameters.to_string()),
        pair("input.value", input.to_string()),
        pair("input.mime_type", "application/json"),
    ]);
}

fn content(role: &str, text: &str) -> Value {
    json!({ "parts": [{ "text": text }], "role": role })
}
