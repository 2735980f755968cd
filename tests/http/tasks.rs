//! `/tasks` and `/generators`.

use serde_json::json;

use crate::support::Server;

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
