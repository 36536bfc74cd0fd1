//! Calls of Grok as xAI's SDK records them: client spans whose keys are `gen_ai.*`.
//!
//! Fractions and a list are among their values.

use std::ops::Range;

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    trace::v1::span::SpanKind,
};

use super::prose::{self, EDITOR};
use crate::traffic::{
    junjo::sdk::Sdk,
    recorded::{Scope, pair},
};

const MODEL: &str = "grok-4";

/// How long an answer takes, in nanoseconds.
const ANSWER: Range<u64> = 15_000_000..60_000_000;

/// A call that is answered.
pub(super) fn sample(sdk: &mut Sdk, prompt: &str, answer: &str) {
    sdk.open(format!("chat.sample {MODEL}"));
    sdk.set_scope(Scope::named("xai_sdk.aio.chat", ""));
    sdk.span().kind = SpanKind::Client.into();
    sdk.span().attributes.extend(request(prompt));
    sdk.pass(ANSWER);
    let id = sdk.dice.nano_id();
    let thought = sdk.dice.below(300).cast_signed();
    sdk.span().attributes.extend(response(id.as_str(), prompt, answer, thought));
    sdk.pass(5_000..40_000);
    sdk.close();
}

fn request(prompt: &str) -> [KeyValue; 18] {
    [
        pair("gen_ai.operation.name", "chat"),
        pair("gen_ai.provider.name", "xai"),
        pair("gen_ai.output.type", "text"),
        pair("gen_ai.request.model", MODEL),
        pair("gen_ai.request.frequency_penalty", 0.0),
        pair("gen_ai.request.presence_penalty", 0.0),
        pair("gen_ai.request.temperature", 0.2),
        pair("gen_ai.request.max_tokens", 256_i64),
        pair("gen_ai.request.parallel_tool_calls", true),
        pair("gen_ai.request.store_messages", false),
        pair("gen_ai.request.use_encrypted_content", false),
        pair("gen_ai.request.logprobs", false),
        pair("gen_ai.prompt.0.role", "system"),
        pair("gen_ai.prompt.0.content", EDITOR),
        pair("gen_ai.prompt.1.role", "user"),
        pair("gen_ai.prompt.1.content", prompt),
        pair("server.address", "api.x.ai"),
        pair("server.port", 443_i64),
    ]
}

/// `thought` is the number of tokens that the model spent on reasoning.
fn response(id: &str, prompt: &str, answer: &str, thought: i64) -> [KeyValue; 13] {
    let read = prose::tokens(EDITOR) + prose::tokens(prompt);
    let written = prose::tokens(answer);
    [
        pair("gen_ai.response.id", id),
        pair("gen_ai.response.model", MODEL),
        pair("gen_ai.response.system_fingerprint", "fp_156d35dcaa"),
        list("gen_ai.response.finish_reasons", &["REASON_STOP"]),
        pair("gen_ai.usage.input_tokens", read),
        pair("gen_ai.usage.output_tokens", written),
        pair("gen_ai.usage.total_tokens", read + written + thought),
        pair("gen_ai.usage.reasoning_tokens", thought),
        pair("gen_ai.usage.cached_prompt_text_tokens", read / 2),
        pair("gen_ai.usage.prompt_text_tokens", read),
        pair("gen_ai.usage.prompt_image_tokens", 0_i64),
        pair("gen_ai.completion.0.role", "assistant"),
        pair("gen_ai.completion.0.content", answer),
    ]
}

fn list(key: &str, texts: &[&str]) -> KeyValue {
    let values = texts.iter().map(|text| AnyValue { value: Some(Value::StringValue((*text).to_owned())) });
    let array = Value::ArrayValue(ArrayValue { values: values.collect() });
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(array) }), ..KeyValue::default() }
}
