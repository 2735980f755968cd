//! A server that is busy, goes away and answers nonsense, played by a router.

use super::{Error, Remote};
use crate::jobs::JobSpec;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The part's calls so far.
type Calls = Arc<AtomicUsize>;

async fn remote(router: Router) -> Remote {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/below/", listener.local_addr().unwrap());
    let below = Router::new().nest("/below", router);
    tokio::spawn(async move { axum::serve(listener, below).await.unwrap() });
    Remote::new(url.parse().unwrap(), None).unwrap()
}

fn busy(seconds: &'static str) -> Response {
    let problem = json!({ "type": "/problems/queue_full", "detail": "the queue is full" });
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], Json(problem)).into_response()
}

#[tokio::test]
async fn a_busy_server_is_asked_again_unless_it_asks_for_too_long() {
    let calls = Calls::default();
    let count = Arc::clone(&calls);
    let some = get(move || async move {
        if count.fetch_add(1, Ordering::Relaxed) < 2 { busy("0") } else { Json(json!("here")).into_response() }
    });
    let remote = remote(Router::new().route("/info", some).route("/tomorrow", get(|| async { busy("86400") }))).await;
    assert_eq!(remote.get::<Value>(&["info"]).await.unwrap(), "here");
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    let refused = remote.get::<Value>(&["tomorrow"]).await.unwrap_err().to_string();
    assert_eq!(refused, "the queue is full (429 queue_full): try again in 86400 s");
    assert_eq!(remote.to_string().matches("/below").count(), 1);
}

#[tokio::test]
async fn names_are_parts_of_an_address_and_what_is_no_answer_is_told() {
    let page = get(|| async { "<html>" });
    let remote = remote(Router::new().route("/tasks/{name}", page)).await;
    let odd = remote.get::<Value>(&["tasks", "a/b ?#ü"]).await.unwrap_err();
    assert!(matches!(odd, Error::Unreadable { .. }), "{odd}");
    assert!(odd.to_string().contains("none of attune's answers"), "{odd}");
    for nothing in ["", ".", ".."] {
        let refused = remote.request(Method::GET, &["tasks", nothing]).unwrap_err();
        assert!(matches!(refused, Error::NoName { .. }), "{refused}");
    }
}

/// The job's events, of which each connection gets one, and its state, which the server does not tell at first.
fn job(calls: Calls) -> Router {
    const LAST: usize = 3;
    let events = get(|State(_): State<Calls>, headers: HeaderMap| async move {
        let seen: usize = headers["last-event-id"].to_str().unwrap().parse().unwrap();
        let data = json!({ "phase": "adapters", "step": seen + 1, "total": LAST });
        let event = format!("id: {}\nevent: progress\ndata: {data}\n\n", seen + 1);
        ([(header::CONTENT_TYPE, "text/event-stream")], if seen < LAST { event } else { String::new() })
    });
    let state = get(|State(calls): State<Calls>| async move {
        match calls.fetch_add(1, Ordering::Relaxed) {
            0 => StatusCode::BAD_GATEWAY.into_response(),
            1 => Json(json!({ "id": "j", "state": "running" })).into_response(),
            _ => Json(json!({ "id": "j", "state": "succeeded" })).into_response(),
        }
    });
    let queue = post(|headers: HeaderMap| async move {
        assert!(headers.contains_key("idempotency-key"));
        (StatusCode::ACCEPTED, Json(json!({ "id": "j", "state": "queued" })))
    });
    Router::new()
        .route("/jobs/train", queue)
        .route("/jobs/{id}", state)
        .route("/jobs/{id}/events", events)
        .with_state(calls)
}

#[tokio::test]
async fn a_job_is_followed_through_what_breaks_the_connection() {
    let remote = remote(job(Calls::default())).await;
    let spec: JobSpec = serde_json::from_value(json!({ "kind": "adapter", "task": "t" })).unwrap();
    assert_eq!(remote.train(&spec).await.unwrap()["state"], "succeeded");
}
