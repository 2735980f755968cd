//! `POST /v1/chat/completions`

use serde_json::{Value, json};

use super::{CHAT, chunks, error};
use crate::support::Server;

fn body(more: Value) -> Value {
    let mut body = json!({ "model": "tiny", "max_tokens": 8, "messages": [{ "role": "user", "content": "abc" }] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_chat_is_answered_in_openais_shape() {
    let server = Server::start().await;
    let answer = server.json("POST", CHAT, body(json!({ "temperature": 0, "user": "u", "tools": [] }))).await;
    let timing = answer.header("server-timing").to_owned();
    assert!(["adapter;dur=", "queue;dur=", "prefill;dur=", "decode;dur="].iter().all(|part| timing.contains(part)));
    let answer = answer.json();
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"), "{answer}");
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("tiny")));
    let choice = &answer["choices"][0];
    assert_eq!((&choice["index"], &choice["message"]["role"]), (&json!(0), &json!("assistant")));
    assert_eq!((&choice["logprobs"], &choice["message"]["refusal"]), (&Value::Null, &Value::Null));
    let usage = &answer["usage"];
    let count = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"));
    assert!(usage["prompt_tokens_details"]["cached_tokens"].is_u64());
}

#[tokio::test]
async fn a_stream_says_the_role_then_the_text_then_why_it_ended_then_the_tokens() {
    let server = Server::start().await;
    let whole = server.json("POST", CHAT, body(json!({ "seed": 3, "n": 2 }))).await.json();
    let more = json!({ "seed": 3, "n": 2, "stream": true, "stream_options": { "include_usage": true } });
    let chunks = chunks(&server.json("POST", CHAT, body(more)).await);
    let (usage, pieces) = chunks.split_last().unwrap();
    assert_eq!((&usage["choices"], &usage["usage"]), (&json!([]), &whole["usage"]));
    assert!(pieces.iter().all(|piece| piece["object"] == "chat.completion.chunk" && piece["usage"].is_null()));
    for index in 0..2 {
        let mine = |piece: &&Value| piece["choices"][0]["index"] == index;
        let mine: Vec<&Value> = pieces.iter().filter(mine).map(|piece| &piece["choices"][0]).collect();
        assert_eq!(mine[0]["delta"], json!({ "role": "assistant", "content": "" }));
        let text: String = mine.iter().filter_map(|piece| piece["delta"]["content"].as_str()).collect();
        assert_eq!(text, whole["choices"][index]["message"]["content"]);
        let ends: Vec<&Value> = mine.iter().map(|piece| &piece["finish_reason"]).collect();
        let (last, others) = ends.split_last().unwrap();
        assert_eq!(*last, &whole["choices"][index]["finish_reason"]);
        assert!(others.iter().all(|reason| reason.is_null()));
    }
}

#[tokio::test]
async fn seeds_repeat_answers_and_without_one_they_differ() {
    let server = Server::start().await;
    let ask = async |more: Value| server.json("POST", CHAT, body(more)).await.json()["choices"].clone();
    let seeded = ask(json!({ "seed": -7, "n": 3 })).await;
    assert_eq!(seeded, ask(json!({ "seed": -7, "n": 3 })).await);
    assert_ne!(seeded[0]["message"], seeded[1]["message"]);
    assert_eq!(seeded[1]["message"], ask(json!({ "seed": -6 })).await[0]["message"]);
    assert_ne!(ask(json!({})).await, ask(json!({})).await);
}

#[tokio::test]
async fn tokens_are_told_with_their_bytes_and_make_up_the_text() {
    let server = Server::start().await;
    let more = json!({ "seed": 5, "logprobs": true, "top_logprobs": 3 });
    let choice = server.json("POST", CHAT, body(more.clone())).await.json()["choices"][0].clone();
    let content = choice["logprobs"]["content"].as_array().unwrap();
    let bytes = |token: &Value| serde_json::from_value::<Vec<u8>>(token["bytes"].clone()).unwrap();
    let all: Vec<u8> = content.iter().flat_map(bytes).collect();
    assert_eq!(String::from_utf8_lossy(&all), choice["message"]["content"].as_str().unwrap());
    for token in content {
        assert!(token["logprob"].as_f64().unwrap() <= 0.0);
        assert_eq!(token["top_logprobs"].as_array().unwrap().len(), 3);
    }
    let mut more = more;
    more["stream"] = json!(true);
    let chunks = chunks(&server.json("POST", CHAT, body(more)).await);
    let streamed = |chunk: &Value| chunk["choices"][0]["logprobs"]["content"].as_array().cloned().unwrap_or_default();
    assert_eq!(&chunks.iter().flat_map(streamed).collect::<Vec<_>>(), content);
}

#[tokio::test]
async fn an_answer_goes_on_to_the_end_of_the_context_where_the_request_does_not_say() {
    let server = Server::start().await;
    let request = json!({ "model": "tiny", "messages": [{ "role": "user", "content": "abc" }], "ignore_eos": true });
    let answer = server.json("POST", CHAT, request).await.json();
    assert_eq!(
        (&answer["usage"]["total_tokens"], &answer["choices"][0]["finish_reason"]),
        (&json!(512), &json!("length"))
    );
    let answer =
        server.json("POST", CHAT, body(json!({ "max_tokens": null, "max_completion_tokens": 3 }))).await.json();
    assert!(answer["usage"]["completion_tokens"].as_u64().unwrap() <= 3);
    let both = server.json("POST", CHAT, body(json!({ "max_completion_tokens": 3 }))).await;
    error(&both, 400, "invalid_request", json!("max_tokens"));
}

#[tokio::test]
async fn an_answer_keeps_to_its_form() {
    let server = Server::start().await;
    let ask = async |format: Value| {
        let more = json!({ "response_format": format, "max_tokens": 400, "temperature": 0 });
        server.json("POST", CHAT, body(more)).await
    };
    let schema = json!({ "type": "object", "properties": { "yes": { "type": "boolean" } }, "required": ["yes"],
                         "additionalProperties": false });
    let named = json!({ "type": "json_schema", "json_schema": { "name": "answer", "schema": schema, "strict": true } });
    let answer = ask(named).await.json()["choices"][0].clone();
    let content: Value = serde_json::from_str(answer["message"]["content"].as_str().unwrap()).unwrap();
    assert!(content["yes"].is_boolean() && content.as_object().unwrap().len() == 1, "{content}");
    assert_eq!(answer["finish_reason"], "stop");
    for format in [
        json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": { "type": "nonsense" } } }),
        json!({ "type": "json_schema", "json_schema": { "name": "a" } }),
        json!({ "type": "grammar" }),
    ] {
        let answer = ask(format.clone()).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        let param = answer.json()["error"]["param"].as_str().unwrap().to_owned();
        assert!(param.starts_with("response_format"), "{format}: {param}");
    }
    let native = json!({ "prompt": "abc", "max_tokens": 300, "response_format": { "type": "json_object" } });
    let native = server.json("POST", "/generate", native).await.json();
    assert!(native["text"].as_str().unwrap().starts_with('{'), "{native}");
}
