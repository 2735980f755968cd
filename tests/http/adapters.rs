//! `/adapters`

use serde_json::json;

use crate::support::{Answer, Server, fixture};

/// Imports the fixture's adapter.
pub(crate) async fn import(server: &Server, more: &[(&str, &str)]) -> Answer {
    let config = fixture("adapters/qv/adapter_config.json");
    let weights = fixture("adapters/qv/adapter_model.safetensors");
    let files = [("adapter_config", config.as_slice()), ("adapter_model", weights.as_slice())];
    let texts = more.iter().map(|(name, value)| (*name, value.as_bytes()));
    form(server, files.into_iter().chain(texts)).await
}

async fn form<'a>(server: &Server, parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> Answer {
    let mut body = Vec::new();
    for (name, value) in parts {
        body.extend(format!("--bound\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
        body.extend(value);
        body.extend(b"\r\n");
    }
    body.extend(b"--bound--\r\n");
    server.with_body("POST", "/adapters/import", "multipart/form-data; boundary=bound", body).await
}

#[tokio::test]
async fn without_a_generator_nothing_is_generated() {
    let server = Server::start().await;
    let problem = server.json("POST", "/adapters", json!({ "task": "Reverse it." })).await.problem(409, "no_generator");
    assert!(problem["detail"].as_str().unwrap().contains("/jobs/train"), "{problem}");
    server.json("POST", "/adapters", json!({ "task": " " })).await.invalid("task");
    let examples = json!([{ "input": "a", "output": "b" }, { "input": "a", "output": [] }]);
    let body = json!({ "task": "Reverse it.", "examples": examples });
    server.json("POST", "/adapters", body).await.invalid("examples[1].output");
    let examples = json!([{ "text": "Once." }, { "input": "a", "output": "b" }]);
    let body = json!({ "task": "Go on.", "examples": examples });
    server.json("POST", "/adapters", body).await.invalid("examples[1]");
}

#[tokio::test]
async fn an_imported_adapter_is_listed_served_and_deleted() {
    let server = Server::start().await;
    let new = import(&server, &[("name", "mine")]).await;
    assert_eq!(new.status, 201, "{}", new.text());
    let adapter = new.json();
    let path = new.header("location").to_owned();
    assert_eq!(adapter["links"]["self"], path);
    assert_eq!(import(&server, &[("name", "mine")]).await.status, 200);
    assert_eq!(server.call("GET", &path).await.json(), adapter);
    assert_eq!(server.call("GET", "/adapters/mine").await.json()["id"], adapter["id"]);
    assert_eq!(server.call("GET", "/adapters?query=MIN").await.json()["data"][0]["id"], adapter["id"]);
    assert_eq!(server.call("GET", "/adapters?query=other").await.json()["data"], json!([]));
    assert_eq!(server.call("DELETE", &path).await.status, 204);
    server.call("GET", &path).await.problem(404, "not_found");
    server.call("GET", adapter["links"]["weights"].as_str().unwrap()).await.problem(404, "not_found");
}

#[tokio::test]
async fn files_have_etags_and_ranges() {
    let server = Server::start().await;
    let new = import(&server, &[]).await;
    let links = &new.json()["links"];
    let (weights, config) = (links["weights"].as_str().unwrap(), links["config"].as_str().unwrap());
    let whole = server.call("GET", weights).await;
    assert_eq!(whole.body, fixture("adapters/qv/adapter_model.safetensors"));
    let tag = whole.header("etag");
    let fresh = server.get_with(weights, "if-none-match", tag).await;
    assert_eq!((fresh.status.as_u16(), fresh.body.len()), (304, 0));
    let part = server.get_with(weights, "range", "bytes=8-15").await;
    assert_eq!((part.status.as_u16(), part.body.as_slice()), (206, &whole.body[8..16]));
    assert_eq!(part.header("content-length"), "8");
    let outside = server.get_with(weights, "range", "bytes=99999999-").await;
    outside.problem(416, "range_not_satisfiable");
    assert_eq!(outside.header("content-range"), format!("bytes */{}", whole.body.len()));
    let head = server.call("HEAD", weights).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.body.len().to_string());
    let config = server.call("GET", config).await;
    assert_eq!((config.header("content-type"), &config.json()["peft_type"]), ("application/json", &json!("LORA")));
    assert_ne!(config.header("etag"), tag);
    assert_eq!(new.header("etag"), tag);
}

#[tokio::test]
async fn a_form_that_cannot_be_is_refused() {
    let server = Server::start().await;
    server.json("POST", "/adapters/import", json!({})).await.problem(415, "unsupported_media_type");
    server.with_body("POST", "/adapters/import", "multipart/form-data", "").await.problem(400, "malformed");
    let cut = server.with_body("POST", "/adapters/import", "multipart/form-data; boundary=b", "--b\r\n").await;
    cut.problem(400, "malformed");
    form(&server, [("adapter_config", b"{}".as_slice())].into_iter()).await.invalid("adapter_model");
    import(&server, &[("replace", "perhaps")]).await.invalid("replace");
    let long = vec![0; crate::support::LIMITS.import];
    form(&server, [("adapter_model", long.as_slice())].into_iter()).await.problem(413, "too_large");
    let parts = [("adapter_config", b"{}".as_slice()), ("adapter_model", b"nonsense".as_slice())];
    form(&server, parts.into_iter()).await.problem(422, "invalid_adapter");
}
