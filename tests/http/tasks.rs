//! `/tasks` and `/generators`.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::{Answer, Server};

const LINES: &str = "application/x-ndjson";

#[tokio::test]
async fn a_task_is_made_changed_shown_and_removed() {
    let server = Server::start().await;
    let made = server.json("PUT", "/tasks/reverse", json!({ "description": "Write it backwards." })).await;
    assert_eq!((made.status.as_u16(), &made.json()["version"]), (201, &json!(1)));
    let descriptions = json!(["Write it backwards.", "Reverse the letters."]);
    let changed = server.json("PUT", "/tasks/reverse", json!({ "descriptions": descriptions })).await;
    assert_eq!((changed.status.as_u16(), &changed.json()["descriptions"]), (200, &descriptions));
    assert_eq!(server.call("GET", "/tasks/reverse").await.json(), changed.json());
    assert_eq!(server.call("GET", "/tasks").await.json(), json!({ "data": [changed.json()], "next_cursor": null }));
    let removed = server.call("DELETE", "/tasks/reverse").await;
    assert_eq!((removed.status.as_u16(), removed.body.len()), (204, 0));
    server.call("GET", "/tasks/reverse").await.problem(404, "not_found");
    server.call("DELETE", "/tasks/reverse").await.problem(404, "not_found");
}

#[tokio::test]
async fn a_task_without_a_description_is_refused() {
    let server = Server::start().await;
    server.json("PUT", "/tasks/a", json!({})).await.invalid("descriptions");
    server.json("PUT", "/tasks/a", json!({ "descriptions": [] })).await.invalid("descriptions");
    server.json("PUT", "/tasks/a", json!({ "description": " " })).await.invalid("descriptions");
    server.json("PUT", "/tasks/a", json!({ "descriptions": ["a", 1] })).await.invalid("descriptions[1]");
}

#[tokio::test]
async fn examples_are_json_lines_and_a_bad_line_is_named() {
    let server = Server::start().await;
    let lines =
        "{\"input\": \"a\", \"output\": \"b\"}\n\n{\"input\": \"c\", \"output\": [\"d\"], \"split\": \"test\"}\n";
    server.with_body("PUT", "/tasks/a/examples", LINES, lines).await.problem(404, "not_found");
    server.json("PUT", "/tasks/a", json!({ "description": "x" })).await;
    let task = server.with_body("PUT", "/tasks/a/examples", LINES, lines).await.json();
    assert_eq!((&task["example_count"], &task["test_count"]), (&json!(2), &json!(1)));
    let bad = format!("{lines}{{\"input\": 1}}");
    server.with_body("PUT", "/tasks/a/examples", LINES, bad).await.invalid("line 4: input");
    server.with_body("PUT", "/tasks/a/examples", LINES, "nonsense").await.invalid("line 1");
    server.json("PUT", "/tasks/a/examples", json!([])).await.problem(415, "unsupported_media_type");
    // Longer than other bodies may be, and then too long.
    let line = "{\"input\": \"a\", \"output\": \"b\"}\n";
    assert_eq!(server.with_body("PUT", "/tasks/a/examples", LINES, line.repeat(200)).await.status, 200);
    server.with_body("PUT", "/tasks/a/examples", LINES, line.repeat(400)).await.problem(413, "too_large");
}

#[tokio::test]
async fn examples_are_all_of_one_kind() {
    let server = Server::start().await;
    server.json("PUT", "/tasks/a", json!({ "description": "Go on." })).await;
    let put = async |lines: &'static str| server.with_body("PUT", "/tasks/a/examples", LINES, lines).await;
    let task = put("{\"text\": \"Once.\"}\n{\"text\": \"Upon.\", \"split\": \"test\"}\n").await.json();
    assert_eq!((&task["train_count"], &task["test_count"]), (&json!(1), &json!(1)));
    put("{\"text\": \"Once.\"}\n{\"input\": \"a\", \"output\": \"b\"}\n").await.invalid("examples");
    put("{\"text\": \" \"}\n").await.invalid("examples");
    put("{\"text\": \"Once.\", \"input\": \"a\"}\n").await.invalid("line 1");
    put("{\"text\": 1}\n").await.invalid("line 1: text");
}

#[tokio::test]
async fn lists_have_pages() {
    let server = Server::start().await;
    for name in ["a", "b", "c"] {
        server.json("PUT", &format!("/tasks/{name}"), json!({ "description": name })).await;
    }
    let first = server.call("GET", "/tasks?limit=2").await.json();
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = server.call("GET", &format!("/tasks?limit=2&cursor={cursor}")).await.json();
    assert_eq!((&second["data"][0]["name"], &second["next_cursor"]), (&json!("c"), &json!(null)));
    server.call("GET", "/tasks?limit=0").await.invalid("limit");
    server.call("GET", "/tasks?limit=x").await.invalid("limit");
    server.call("GET", "/tasks?cursor=x").await.invalid("cursor");
}

#[tokio::test]
async fn without_generators_the_list_is_empty() {
    let server = Server::start().await;
    assert_eq!(server.call("GET", "/generators").await.json(), json!({ "data": [], "next_cursor": null }));
    server.call("GET", "/generators/a").await.problem(404, "not_found");
    server.call("POST", "/generators/a/activate").await.problem(404, "not_found");
}

/// A request with `If-Match`; a JSON body where one is given.
async fn if_match(server: &Server, method: &str, path: &str, tag: &str, body: Option<(&str, String)>) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("if-match", tag);
    if let Some((media_type, _)) = body {
        request = request.header("content-type", media_type);
    }
    server.send(request.body(body.map_or_else(Body::empty, |(_, text)| Body::from(text))).unwrap()).await
}

#[tokio::test]
async fn a_change_of_what_the_caller_has_not_seen_is_refused_with_the_mend() {
    let server = Server::start().await;
    let described = |text: &str| Some(("application/json", json!({ "description": text }).to_string()));
    server.json("PUT", "/tasks/a", json!({ "description": "One." })).await;
    let seen = server.call("GET", "/tasks/a").await.header("etag").to_owned();
    let fresh = server.get_with("/tasks/a", "if-none-match", &seen).await;
    assert_eq!((fresh.status.as_u16(), fresh.header("etag")), (304, seen.as_str()));
    assert_eq!(if_match(&server, "PUT", "/tasks/a", &seen, described("Two.")).await.status, 200);
    let now = server.get_with("/tasks/a", "if-none-match", &seen).await;
    assert_eq!(now.status, 200);
    let now = now.header("etag").to_owned();
    let line = "{\"input\": \"a\", \"output\": \"b\"}\n".to_owned();
    for (method, path, body) in [
        ("PUT", "/tasks/a", described("Three.")),
        ("PUT", "/tasks/a/examples", Some((LINES, line.clone()))),
        ("DELETE", "/tasks/a", None),
    ] {
        let problem = if_match(&server, method, path, &seen, body).await.problem(412, "precondition_failed");
        let detail = problem["detail"].as_str().unwrap();
        assert!(["GET /tasks/a", "If-Match", now.as_str()].iter().all(|mend| detail.contains(mend)), "{detail}");
    }
    let shown = server.call("GET", "/tasks/a").await;
    assert_eq!((&shown.json()["descriptions"], shown.header("etag")), (&json!(["Two."]), now.as_str()));
    let several = format!("{seen}, {now}");
    assert_eq!(if_match(&server, "PUT", "/tasks/a/examples", &several, Some((LINES, line))).await.status, 200);
    if_match(&server, "PUT", "/tasks/a", "a", described("x")).await.problem(400, "malformed");
    assert_eq!(if_match(&server, "DELETE", "/tasks/a", "*", None).await.status, 204);
}

#[tokio::test]
async fn a_star_wants_a_task_that_is_there() {
    let server = Server::start().await;
    let body = || Some(("application/json", json!({ "description": "One." }).to_string()));
    if_match(&server, "PUT", "/tasks/a", "*", body()).await.problem(412, "precondition_failed");
    if_match(&server, "DELETE", "/tasks/a", "*", None).await.problem(404, "not_found");
    server.json("PUT", "/tasks/a", json!({ "description": "Zero." })).await;
    assert_eq!(if_match(&server, "PUT", "/tasks/a", "*", body()).await.status, 200);
}

#[tokio::test]
async fn a_cursor_that_no_list_gave_out_is_named_by_every_list() {
    let server = Server::start().await;
    for name in ["a", "b"] {
        server.json("PUT", &format!("/tasks/{name}"), json!({ "description": name })).await;
    }
    let of_tasks = server.call("GET", "/tasks?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    for list in ["adapters", "tasks", "jobs", "generators"] {
        for cursor in ["", "x", "00", "613a61"] {
            server.call("GET", &format!("/{list}?cursor={cursor}")).await.invalid("cursor");
        }
        for limit in ["0", "1001", "-1"] {
            server.call("GET", &format!("/{list}?limit={limit}")).await.invalid("limit");
        }
        let other = server.call("GET", &format!("/{list}?cursor={of_tasks}")).await;
        if list == "tasks" { assert_eq!(other.status, 200) } else { other.invalid("cursor") }
    }
}
