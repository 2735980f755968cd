//! What is refused, and how.

use attune::engine::EngineOptions;
use serde_json::{Value, json};

use super::{CHAT, COMPLETIONS, error};
use crate::support::{LIMITS, Server};

#[tokio::test]
async fn whatever_fails_below_v1_has_openais_envelope() {
    let server = Server::start().await;
    error(&server.call("GET", "/v1/nowhere").await, 404, "no_route", Value::Null);
    error(&server.call("GET", CHAT).await, 405, "method_not_allowed", Value::Null);
    error(&server.with_body("POST", CHAT, "application/json", "{").await, 400, "malformed", Value::Null);
    error(&server.with_body("POST", CHAT, "text/plain", "{}").await, 415, "unsupported_media_type", Value::Null);
    let long = "x".repeat(LIMITS.general + 1);
    error(&server.json("POST", COMPLETIONS, json!({ "prompt": long })).await, 413, "too_large", Value::Null);
}

#[tokio::test]
async fn an_unknown_model_is_never_silently_the_base() {
    let server = Server::start().await;
    for stream in [false, true] {
        let body = json!({ "model": "nobody", "prompt": "abc", "stream": stream });
        error(&server.json("POST", COMPLETIONS, body).await, 404, "model_not_found", json!("model"));
    }
    let body = json!({ "model": "nobody", "prompt": "abc", "task": "say it backwards" });
    error(&server.json("POST", COMPLETIONS, body).await, 400, "unsupported", json!("model"));
    let body = json!({ "model": "tiny", "prompt": "abc", "task": "say it backwards" });
    error(&server.json("POST", COMPLETIONS, body).await, 409, "no_generator", Value::Null);
}

#[tokio::test]
async fn a_field_that_cannot_be_is_named() {
    let server = Server::start().await;
    for (field, value) in [
        ("temperature", json!(11)),
        ("temperature", json!("hot")),
        ("top_p", json!(0)),
        ("frequency_penalty", json!(2.5)),
        ("presence_penalty", json!(-3)),
        ("n", json!(0)),
        ("n", json!(17)),
        ("stop", json!(["", "a"])),
        ("logprobs", json!(21)),
        ("max_tokens", json!(0)),
        ("logit_bias", json!({ "260": 1 })),
        ("logit_bias", json!({ "1": 101 })),
        ("timeout_ms", json!(0)),
        ("prompt", json!([])),
        ("prompt", json!([260])),
        ("stream_options", json!({ "include_usage": true })),
        ("nonsense", json!(1)),
    ] {
        let mut body = json!({ "model": "tiny", "prompt": "abc" });
        body[field] = value;
        error(&server.json("POST", COMPLETIONS, body).await, 400, "invalid_request", json!(field));
    }
    error(&server.json("POST", COMPLETIONS, json!({ "model": "tiny" })).await, 400, "invalid_request", json!("prompt"));
}

#[tokio::test]
async fn a_field_that_asks_for_what_cannot_be_done_is_named() {
    let server = Server::start().await;
    for (field, value) in [
        ("tools", json!([{ "type": "function", "function": { "name": "f" } }])),
        ("functions", json!([{ "name": "f" }])),
        ("tool_choice", json!("required")),
        ("modalities", json!(["text", "audio"])),
        ("audio", json!({ "voice": "a" })),
        ("reasoning_effort", json!("high")),
    ] {
        let mut body = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "abc" }] });
        body[field] = value;
        error(&server.json("POST", CHAT, body).await, 400, "unsupported", json!(field));
    }
    for (field, value) in [("best_of", json!(2)), ("suffix", json!("x"))] {
        let mut body = json!({ "model": "tiny", "prompt": "abc" });
        body[field] = value;
        error(&server.json("POST", COMPLETIONS, body).await, 400, "unsupported", json!(field));
    }
    let body = json!({ "model": "tiny", "prompt": "abc", "echo": true, "logprobs": 1 });
    error(&server.json("POST", COMPLETIONS, body).await, 400, "unsupported", json!("echo"));
    let image = json!([{ "type": "text", "text": "a" }, { "type": "image_url", "image_url": { "url": "x" } }]);
    let body = json!({ "model": "tiny", "messages": [{ "role": "user", "content": image }] });
    error(&server.json("POST", CHAT, body).await, 400, "unsupported", json!("messages[0].content[1].type"));
}

#[tokio::test]
async fn a_prompt_beyond_the_context_a_deadline_and_a_full_queue_have_their_own_words() {
    let server = Server::with_engine(EngineOptions { queue: 2, max_rows: 1, ..EngineOptions::default() }).await;
    let body = json!({ "model": "tiny", "prompt": "abc", "max_tokens": 100_000 });
    error(&server.json("POST", COMPLETIONS, body).await, 400, "context_length_exceeded", json!("max_tokens"));
    let body = json!({ "model": "tiny", "prompt": "abc", "max_tokens": 500, "ignore_eos": true, "timeout_ms": 1 });
    error(&server.json("POST", COMPLETIONS, body).await, 504, "timeout", Value::Null);
    let body = json!({ "model": "tiny", "prompt": "abc", "n": 16, "max_tokens": 400, "ignore_eos": true });
    let full = server.json("POST", COMPLETIONS, body).await;
    error(&full, 429, "rate_limit_exceeded", Value::Null);
    assert!(!full.header("retry-after").is_empty());
}
