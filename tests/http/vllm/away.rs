//! A vLLM that is not there, or goes away.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Pair, wait_for};
use crate::generate::events;
use crate::support::Answer;

async fn ready(pair: &Pair) -> Answer {
    pair.server.call("GET", "/health/ready").await
}

/// Waits until readiness has this status.
async fn until_ready_is(pair: &Pair, status: u16) -> Answer {
    for _ in 0..500 {
        let answer = ready(pair).await;
        if answer.status == status {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("readiness never was {status}");
}

#[tokio::test]
async fn readiness_says_why_and_requests_are_to_come_again_until_it_is_back() {
    let mut pair = Pair::start().await;
    let id = pair.adapter(8).await;
    assert_eq!(ready(&pair).await.status, 200);
    let info = pair.server.call("GET", "/info").await.json();
    assert_eq!(
        info["engine"]["vllm"],
        json!({ "ready": true, "reason": null, "base_model": "served", "max_loras": 4 })
    );
    pair.vllm.die();
    for stream in [false, true] {
        for adapter in [json!(null), json!(id)] {
            let answer = pair.ask(json!({ "adapter": adapter, "stream": stream })).await;
            answer.problem(503, "unavailable");
            assert_eq!(answer.header("retry-after"), "5");
        }
    }
    let body = json!({ "model": "tiny", "prompt": "abc" });
    assert_eq!(pair.server.json("POST", "/v1/completions", body).await.status, 503);
    let reason = until_ready_is(&pair, 503).await.problem(503, "unavailable");
    assert!(reason["detail"].as_str().unwrap().contains("vLLM cannot be reached"), "{reason}");
    let info = pair.server.call("GET", "/info").await.json();
    assert_eq!(
        (&info["engine"]["vllm"]["ready"], &info["engine"]["vllm"]["reason"]),
        (&json!(false), &reason["detail"])
    );
    assert!(!info.to_string().contains("127.0.0.1"), "its address is nobody's business: {info}");
    assert_eq!(pair.server.call("GET", "/health/live").await.status, 200);
    // What needs no completion goes on.
    assert_eq!(pair.server.call("GET", &format!("/adapters/{id}")).await.status, 200);
    pair.vllm.restart();
    until_ready_is(&pair, 200).await;
    assert_eq!(pair.through(&id).await, json!(id));
}

#[tokio::test]
async fn an_engine_that_died_under_its_server_is_not_ready() {
    let pair = Pair::start().await;
    pair.vllm.seen.lock().sick = true;
    let reason = until_ready_is(&pair, 503).await.problem(503, "unavailable");
    assert!(reason["detail"].as_str().unwrap().contains("503"), "{reason}");
    pair.vllm.seen.lock().sick = false;
    until_ready_is(&pair, 200).await;
}

#[tokio::test]
async fn a_server_may_start_before_its_engine() {
    let mut vllm = super::StandIn::start();
    vllm.die();
    let mut pair = Pair::with(vllm, 4).await;
    ready(&pair).await.problem(503, "unavailable");
    pair.ask(json!({})).await.problem(503, "unavailable");
    pair.vllm.restart();
    until_ready_is(&pair, 200).await;
    assert_eq!(pair.ask(json!({})).await.status, 200);
}

#[tokio::test]
async fn a_death_in_the_middle_of_an_answer_is_an_error_event() {
    let mut pair = Pair::start().await;
    let id = pair.adapter(8).await;
    pair.through(&id).await;
    pair.vllm.seen.lock().pace = Duration::from_millis(30);
    let seen = std::sync::Arc::clone(&pair.vllm.seen);
    let Pair { vllm, server, folder } = &mut pair;
    let body = json!({ "prompt": "abc", "adapter": id, "stream": true });
    let chat = json!({ "model": id, "messages": [{ "role": "user", "content": "abc" }], "stream": true });
    let whole = json!({ "prompt": "abc", "adapter": id });
    let dies = async {
        wait_for("they do not run", || seen.bodies("complete").len() == 4).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        vllm.die();
    };
    let (answer, chat, whole, ()) = tokio::join!(
        server.json("POST", "/generate", body),
        server.json("POST", "/v1/chat/completions", chat),
        server.json("POST", "/generate", whole),
        dies
    );
    let events = events(answer.text());
    let (last, tokens) = events.split_last().unwrap();
    assert!(!tokens.is_empty() && tokens.iter().all(|(name, _)| name == "token"), "{events:?}");
    assert_eq!((last.0.as_str(), &last.1["type"]), ("error", &json!("/problems/unavailable")));
    assert_eq!(last.1["instance"], answer.header("x-request-id"));
    let last = chat.text().lines().filter_map(|line| line.strip_prefix("data:")).next_back().unwrap();
    let last: Value = serde_json::from_str(last.trim()).unwrap();
    assert!(last["error"]["message"].as_str().unwrap().contains("vLLM"), "{last}");
    whole.problem(503, "unavailable");
    assert!(folder.path().join(&id).exists());
}

#[tokio::test]
async fn an_answer_that_vllm_gives_up_is_an_error_event() {
    let pair = Pair::start().await;
    pair.vllm.seen.lock().fail_after = Some(2);
    let answer = pair.ask(json!({ "stream": true })).await;
    let events = events(answer.text());
    let (last, tokens) = events.split_last().unwrap();
    assert_eq!((tokens.len(), last.0.as_str()), (2, "error"));
    assert!(last.1["detail"].as_str().unwrap().contains("EngineDeadError"), "{last:?}");
    pair.ask(json!({})).await.problem(503, "unavailable");
}
