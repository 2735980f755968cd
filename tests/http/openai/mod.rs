//! `/v1`: OpenAI's shapes.

mod chat;
mod completions;
mod refusals;

use serde_json::{Value, json};

use crate::adapters::import;
use crate::support::{Answer, Server};

const CHAT: &str = "/v1/chat/completions";
const COMPLETIONS: &str = "/v1/completions";

/// Holds an answer against an error of OpenAI's.
#[track_caller]
fn error(answer: &Answer, status: u16, code: &str, param: Value) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    let body = answer.json();
    assert_eq!((&body["error"]["code"], &body["error"]["param"]), (&json!(code), &param), "{body}");
    assert!(body["error"]["message"].is_string() && body["error"]["type"].is_string(), "{body}");
    assert!(!answer.header("x-request-id").is_empty());
}

/// The chunks of a stream; its last event is `[DONE]`.
#[track_caller]
fn chunks(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.header("content-type"), "text/event-stream", "{}", answer.text());
    let data: Vec<&str> = answer.text().lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim).collect();
    let (last, chunks) = data.split_last().unwrap();
    assert_eq!(*last, "[DONE]");
    chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

#[tokio::test]
async fn models_are_the_base_and_the_named_adapters() {
    let server = Server::start().await;
    import(&server, &[]).await;
    let list = server.call("GET", "/v1/models").await.json();
    assert_eq!((&list["object"], list["data"].as_array().unwrap().len()), (&json!("list"), 1));
    let id = import(&server, &[("name", "mine")]).await.json()["id"].clone();
    let list = server.call("GET", "/v1/models").await.json();
    let named = |model: &Value| (model["id"].clone(), model["root"].clone(), model["parent"].clone());
    let models: Vec<_> = list["data"].as_array().unwrap().iter().map(named).collect();
    assert_eq!(models, [(json!("tiny"), json!("tiny"), Value::Null), (json!("mine"), id.clone(), json!("tiny"))]);
    for name in ["tiny", "mine", id.as_str().unwrap()] {
        let model = server.call("GET", &format!("/v1/models/{name}")).await.json();
        assert_eq!((&model["id"], &model["object"]), (&json!(name), &json!("model")));
        assert!(model["created"].as_i64().unwrap() > 1_700_000_000);
    }
    error(&server.call("GET", "/v1/models/nobody").await, 404, "model_not_found", json!("model"));
}

#[tokio::test]
async fn an_adapter_is_a_model_by_its_name_and_its_id() {
    let server = Server::start().await;
    let id = import(&server, &[("name", "mine")]).await.json()["id"].clone();
    let ask = async |model: &Value| {
        let body = json!({ "model": model, "prompt": "abc", "temperature": 0, "max_tokens": 8 });
        server.json("POST", COMPLETIONS, body).await.json()
    };
    let (by_name, by_id, base) = (ask(&json!("mine")).await, ask(&id).await, ask(&json!("tiny")).await);
    assert_eq!((&by_name["model"], &by_id["model"]), (&json!("mine"), &id));
    assert_eq!(by_name["choices"], by_id["choices"]);
    assert_ne!(by_name["choices"], base["choices"]);
}
