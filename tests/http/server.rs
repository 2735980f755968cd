//! Ids, problems, probes, the description.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::Server;

#[tokio::test]
async fn a_sane_request_id_comes_back_and_another_is_replaced() {
    let server = Server::start().await;
    assert_eq!(server.get_with("/info", "x-request-id", "abc-1").await.header("x-request-id"), "abc-1");
    for sent in ["a b", "a\"b", &"x".repeat(200)] {
        let answer = server.get_with("/info", "x-request-id", sent).await;
        assert_ne!(answer.header("x-request-id"), sent);
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn an_unknown_route_and_method_are_problems() {
    let server = Server::start().await;
    server.call("GET", "/nowhere").await.problem(404, "no_route");
    let answer = server.call("PATCH", "/adapters/a").await;
    answer.problem(405, "method_not_allowed");
    assert!(answer.header("allow").contains("DELETE"), "{answer:?}");
}

#[tokio::test]
async fn a_body_is_refused_by_its_type_its_length_and_its_values() {
    let server = Server::start().await;
    server.with_body("POST", "/adapters", "text/plain", "{}").await.problem(415, "unsupported_media_type");
    server.with_body("POST", "/adapters", "application/json", "{").await.problem(400, "malformed");
    server.json("POST", "/adapters", json!({ "task": "x".repeat(5000) })).await.problem(413, "too_large");
    server.json("POST", "/adapters", json!({ "task": 1 })).await.invalid("task");
    server.json("POST", "/adapters", json!({ "task": "a", "smaples": 1 })).await.invalid("smaples");
}

#[tokio::test]
async fn the_server_is_live_and_ready_until_it_drains() {
    let server = Server::start().await;
    assert_eq!(server.call("GET", "/health/live").await.json(), json!({ "status": "live" }));
    assert_eq!(server.call("GET", "/health/ready").await.json(), json!({ "status": "ready" }));
    server.closing.send(true).unwrap();
    let answer = server.call("GET", "/health/ready").await;
    answer.problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(server.call("GET", "/health/live").await.status, 200);
}

#[tokio::test]
async fn info_names_the_base_and_the_limits() {
    let info = Server::start().await.call("GET", "/info").await.json();
    assert_eq!(info["base_model"], "tiny");
    assert_eq!(info["generator"], json!(null));
    assert_eq!(info["limits"]["demonstrations"], 32);
}

#[tokio::test]
async fn the_description_and_its_viewer_are_served() {
    let server = Server::start().await;
    let answer = server.call("GET", "/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.text(), attune::http::openapi_json());
    assert_eq!(server.call("GET", "/docs").await.status, 303);
    let page = server.call("GET", "/docs/").await;
    assert!(page.text().contains("swagger-ui"), "{}", page.text());
    assert!(server.call("GET", "/docs/swagger-initializer.js").await.text().contains("/openapi.json"));
    server.call("GET", "/docs/none.js").await.problem(404, "no_route");
}

#[tokio::test]
async fn the_page_is_served_with_a_policy_that_lets_nothing_else_in() {
    let server = Server::start().await;
    let page = server.call("GET", "/").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let script = server.call("GET", "/web/app.js").await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(server.call("GET", "/web/style.css").await.header("content-type"), "text/css; charset=utf-8");
    for answer in [&page, &script] {
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
    assert!(!page.text().contains("<style") && !page.text().contains("<script>"), "the policy refuses what is inline");
    let again = server.get_with("/", "if-none-match", page.header("etag")).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    server.call("GET", "/web/none.js").await.problem(404, "no_route");
    server.call("GET", "/web/index.html").await.problem(404, "no_route");
}

#[tokio::test]
async fn a_path_that_is_no_text_is_malformed() {
    let server = Server::start().await;
    let request = Request::builder().uri("/adapters/%ff").body(Body::empty()).unwrap();
    server.send(request).await.problem(400, "malformed");
}
