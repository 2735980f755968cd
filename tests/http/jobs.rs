//! `/jobs`

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::generate::events;
use crate::support::{Answer, Server};

async fn train(server: &Server, body: Value, key: Option<&str>) -> Answer {
    let mut request = Request::builder().method("POST").uri("/jobs/train").header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    server.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn generator() -> Value {
    json!({ "kind": "generator", "tasks": "all" })
}

#[tokio::test]
async fn a_job_is_queued_shown_and_cancelled_once() {
    let server = Server::start().await;
    let queued = train(&server, generator(), None).await;
    assert_eq!(queued.status, 202, "{}", queued.text());
    let job = queued.json();
    let path = format!("/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(queued.header("location"), path);
    let fields: Vec<_> = job.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "id kind state priority timeout_seconds parent_id attempt created_at started_at finished_at progress metrics result error";
    assert_eq!(fields.join(" "), expected);
    assert_eq!(server.call("GET", &path).await.json(), job);
    assert_eq!(server.call("GET", "/jobs?state=queued&kind=generator").await.json()["data"], json!([job]));
    assert_eq!(server.call("GET", "/jobs?state=failed").await.json()["data"], json!([]));
    server.call("GET", "/jobs?state=lost").await.invalid("state");
    let cancelled = server.call("POST", &format!("{path}/cancel")).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["state"]), (200, &json!("cancelled")));
    server.call("POST", &format!("{path}/cancel")).await.problem(409, "job_finished");
    server.call("POST", "/jobs/none/cancel").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_key_finds_its_job_and_no_other() {
    let server = Server::start().await;
    let first = train(&server, generator(), Some("k")).await;
    let second = train(&server, generator(), Some("k")).await;
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (202, 200));
    assert_eq!(first.json(), second.json());
    let other = json!({ "kind": "generator", "tasks": "all", "seed": 1 });
    train(&server, other, Some("k")).await.problem(422, "idempotency_key_reused");
    train(&server, generator(), Some("")).await.problem(400, "malformed");
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_again() {
    let server = Server::start().await;
    for _ in 0..3 {
        assert_eq!(train(&server, generator(), None).await.status, 202);
    }
    let refused = train(&server, generator(), None).await;
    refused.problem(429, "queue_full");
    assert_eq!(refused.header("retry-after"), "60");
}

#[tokio::test]
async fn a_job_over_what_is_not_there_is_refused() {
    let server = Server::start().await;
    train(&server, json!({ "kind": "adapter", "task": "none" }), None).await.problem(404, "not_found");
    train(&server, json!({ "kind": "adapter" }), None).await.invalid("task");
    train(&server, json!({ "kind": "generator", "tasks": [] }), None).await.invalid("tasks");
    train(&server, json!({ "kind": "gan" }), None).await.problem(422, "invalid_request");
}

#[tokio::test]
async fn a_job_says_its_priority_and_its_limit_and_refuses_those_that_cannot_be() {
    let server = Server::start().await;
    let with = |field: &str, value: Value| {
        let mut body = generator();
        body[field] = value;
        body
    };
    let usual = train(&server, generator(), None).await.json();
    let defaults = (&usual["priority"], &usual["timeout_seconds"], &usual["parent_id"]);
    assert_eq!(defaults, (&json!(0), &json!(null), &json!(null)));
    let high = train(&server, with("priority", json!(100)), None).await;
    assert_eq!((high.status.as_u16(), &high.json()["priority"]), (202, &json!(100)), "{}", high.text());
    let limited = train(&server, with("timeout_seconds", json!(60)), None).await.json();
    assert_eq!(limited["timeout_seconds"], 60);
    let listed = server.call("GET", "/jobs?limit=2").await.json();
    assert_eq!((&listed["data"][0]["timeout_seconds"], &listed["data"][1]["priority"]), (&json!(60), &json!(100)));
    for (field, value) in [
        ("priority", json!(101)),
        ("priority", json!("high")),
        ("timeout_seconds", json!(0)),
        ("timeout_seconds", json!(-1)),
        ("prio", json!(1)),
    ] {
        train(&server, with(field, value), None).await.invalid(field);
    }
    assert_eq!(server.call("GET", "/jobs?state=waiting").await.json()["data"], json!([]));
}

#[tokio::test]
async fn events_end_with_the_job_and_are_taken_up_again() {
    let server = Server::start().await;
    let id = train(&server, generator(), None).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/jobs/{id}/events");
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.call("POST", &format!("/jobs/{id}/cancel")).await
    };
    let (stream, _) = tokio::join!(server.call("GET", &path), cancel);
    let all = events(stream.text());
    assert_eq!(all.len(), 2, "{}", stream.text());
    assert_eq!((all[0].0.as_str(), &all[0].1["state"]), ("state", &json!("queued")));
    assert_eq!(all[1].1["state"], "cancelled");
    assert!(stream.text().contains("id: 2"), "{}", stream.text());
    let rest = server.get_with(&path, "last-event-id", "1").await;
    assert_eq!(events(rest.text()), all[1..]);
    assert_eq!(server.get_with(&path, "last-event-id", "2").await.status, 204);
    server.get_with(&path, "last-event-id", "x").await.problem(400, "malformed");
    server.call("GET", "/jobs/none/events").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_draining_server_ends_its_streams() {
    let server = Server::start().await;
    let id = train(&server, generator(), None).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/jobs/{id}/events");
    let close = async {
        // Until the first event has been read, on a server's database too.
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.closing.send(true).unwrap();
    };
    let both = async { tokio::join!(server.call("GET", &path), close) };
    let (stream, ()) = tokio::time::timeout(Duration::from_secs(10), both).await.unwrap();
    assert_eq!(events(stream.text()).len(), 1);
}
