//! `POST /generate`

use serde_json::{Value, json};

use crate::adapters::import;
use crate::support::Server;

#[tokio::test]
async fn a_text_is_completed_with_and_without_an_adapter() {
    let server = Server::start().await;
    let bare = server.json("POST", "/generate", json!({ "prompt": "abc", "max_tokens": 4 })).await;
    assert_eq!(bare.status, 200, "{}", bare.text());
    assert_eq!(bare.json()["adapter"], json!({ "id": null, "applied": "none" }));
    let id = import(&server, &[("name", "mine")]).await.json()["id"].clone();
    let body = json!({ "input": "abc", "adapter": "mine", "max_tokens": 4 });
    assert_eq!(server.json("POST", "/generate", body).await.json()["adapter"]["id"], id);
}

#[tokio::test]
async fn an_unknown_adapter_is_never_silently_the_base() {
    let server = Server::start().await;
    for stream in [false, true] {
        let body = json!({ "prompt": "abc", "adapter": "nobody", "max_tokens": 4, "stream": stream });
        server.json("POST", "/generate", body).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let server = Server::start().await;
    let body = json!({ "prompt": "abc", "max_tokens": 100_000 });
    assert_eq!(server.json("POST", "/generate", body).await.status, 422);
    server.json("POST", "/generate", json!({ "prompt": "abc", "merge": "maybe" })).await.invalid("merge");
    assert_eq!(server.json("POST", "/generate", json!({ "prompt": "a", "input": "b" })).await.status, 422);
}

#[tokio::test]
async fn a_stream_is_tokens_and_then_the_whole_answer() {
    let server = Server::start().await;
    let mut body = json!({ "prompt": "abc", "max_tokens": 6, "logprobs": 1 });
    let whole = server.json("POST", "/generate", body.clone()).await.json();
    body["stream"] = json!(true);
    let answer = server.json("POST", "/generate", body).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let events = events(answer.text());
    let (last, tokens) = events.split_last().unwrap();
    assert!(tokens.iter().all(|(name, _)| name == "token"), "{events:?}");
    let text: String = tokens.iter().map(|(_, data)| data["text"].as_str().unwrap()).collect();
    assert_eq!(text, whole["text"]);
    assert_eq!((last.0.as_str(), &last.1["finish_reason"]), ("done", &whole["finish_reason"]));
}

/// The names and the data of events.
pub(crate) fn events(text: &str) -> Vec<(String, Value)> {
    let blocks = text.split("\n\n").filter(|block| block.contains("event:"));
    let line = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key));
        line.unwrap_or_else(|| panic!("no {key} in {block}")).trim().to_owned()
    };
    blocks.map(|block| (line(block, "event:"), serde_json::from_str(&line(block, "data:")).unwrap())).collect()
}
