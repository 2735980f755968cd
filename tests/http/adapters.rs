//! `/adapters`

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::Request;
use serde_json::json;

use crate::support::{Answer, Server, fixture};

/// Imports the fixture's adapter.
pub(crate) async fn import(server: &Server, more: &[(&str, &str)]) -> Answer {
    let config = fixture("adapters/qv/adapter_config.json");
    let weights = fixture("adapters/qv/adapter_model.safetensors");
    import_files(server, &config, &weights, more).await
}

/// Imports an adapter's two files.
pub(crate) async fn import_files(server: &Server, config: &[u8], weights: &[u8], more: &[(&str, &str)]) -> Answer {
    let files = [("adapter_config", config), ("adapter_model", weights)];
    let texts = more.iter().map(|(name, value)| (*name, value.as_bytes()));
    form(server, files.into_iter().chain(texts)).await
}

/// Imports the fixture's adapter with a header of one's own.
pub(crate) async fn import_with_header(server: &Server, header: (&str, &str), more: &[(&str, &str)]) -> Answer {
    let (config, weights) =
        (fixture("adapters/qv/adapter_config.json"), fixture("adapters/qv/adapter_model.safetensors"));
    let files = [("adapter_config", config.as_slice()), ("adapter_model", weights.as_slice())];
    let body = body_of(files.into_iter().chain(more.iter().map(|(name, value)| (*name, value.as_bytes()))));
    let request = Request::builder().method("POST").uri("/adapters/import").header("content-type", FORM);
    server.send(request.header(header.0, header.1).body(body.into()).unwrap()).await
}

async fn form<'a>(server: &Server, parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> Answer {
    server.with_body("POST", "/adapters/import", FORM, body_of(parts)).await
}

const FORM: &str = "multipart/form-data; boundary=bound";

fn body_of<'a>(parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in parts {
        body.extend(format!("--bound\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n").bytes());
        body.extend(value);
        body.extend(b"\r\n");
    }
    body.extend(b"--bound--\r\n");
    body
}

/// Imports the fixture's adapter under an idempotency key, as an archive in the form where that is wanted.
pub(crate) async fn import_once(server: &Server, key: &str, name: &str, archive: bool) -> Answer {
    let (config, weights) =
        (fixture("adapters/qv/adapter_config.json"), fixture("adapters/qv/adapter_model.safetensors"));
    let packed = tar();
    let files = match archive {
        true => vec![("archive", packed.as_slice())],
        false => vec![("adapter_config", config.as_slice()), ("adapter_model", weights.as_slice())],
    };
    let body = body_of(files.into_iter().chain([("name", name.as_bytes())]));
    let request = Request::builder().method("POST").uri("/adapters/import").header("content-type", FORM);
    server.send(request.header("idempotency-key", key).body(body.into()).unwrap()).await
}

#[tokio::test]
async fn a_key_imports_once_and_no_other_adapter() {
    let server = Server::start().await;
    let first = import_once(&server, "k", "mine", false).await;
    assert_eq!(first.status, 201, "{}", first.text());
    for archive in [false, true] {
        let again = import_once(&server, "k", "mine", archive).await;
        assert_eq!((again.status.as_u16(), again.json()), (200, first.json()));
    }
    let problem = import_once(&server, "k", "other", false).await.problem(422, "idempotency_key_reused");
    assert_eq!(problem["invalid_params"][0]["name"], "Idempotency-Key");
    server.call("GET", "/adapters/other").await.problem(404, "not_found");
    import_once(&server, "", "mine", false).await.problem(400, "malformed");
    // With the adapter its key is free.
    assert_eq!(server.call("DELETE", first.header("location")).await.status, 204);
    assert_eq!(import_once(&server, "k", "other", false).await.status, 201);
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

/// The fixture's adapter in a folder of a tar.
fn tar() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        let bytes = fixture(&format!("adapters/qv/{name}"));
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("qv/{name}"), bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip() -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(&fixture(&format!("adapters/qv/{name}"))).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn an_archive_gives_the_adapter_that_its_files_give() {
    let server = Server::start().await;
    let files = import(&server, &[]).await.json();
    for (media_type, bytes) in
        [("application/x-tar", tar()), ("application/gzip", gzip(&tar())), ("application/zip", zip())]
    {
        let body = form(&server, [("archive", bytes.as_slice())].into_iter()).await;
        assert_eq!((body.status.as_u16(), &body.json()["id"]), (200, &files["id"]), "{media_type}: {}", body.text());
        let path = "/adapters/import?name=mine&replace=true";
        let alone = server.with_body("POST", path, media_type, bytes).await;
        assert_eq!((alone.status.as_u16(), &alone.json()["id"]), (200, &files["id"]), "{media_type}");
        assert_eq!(server.call("GET", "/adapters/mine").await.json()["id"], files["id"]);
    }
}

#[tokio::test]
async fn an_archive_that_cannot_be_is_refused() {
    let server = Server::start().await;
    let archive =
        async |bytes: &[u8]| server.with_body("POST", "/adapters/import", "application/zip", bytes.to_vec()).await;
    let problem = archive(b"nonsense").await.problem(422, "invalid_adapter");
    assert_eq!(problem["invalid_params"][0]["name"], "archive");
    archive(&zip()[..100]).await.problem(422, "invalid_adapter");
    archive(&[]).await.problem(422, "invalid_adapter");
    archive(&gzip(&vec![0; 4 << 20])).await.problem(413, "too_large");
    archive(&vec![0; crate::support::LIMITS.import + 1]).await.problem(413, "too_large");
    import(&server, &[("archive", "zip")]).await.invalid("archive");
    server.with_body("POST", "/adapters/import?replace=perhaps", "application/zip", zip()).await.invalid("replace");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_given_up_on_the_way() {
    use futures::StreamExt;
    let server = Server::start().await;
    for media_type in ["application/zip", "multipart/form-data; boundary=b"] {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        // Without end: only a reader that stops ends it.
        let chunks = futures::stream::repeat_with(move || {
            let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            let begin: &[u8] = b"--b\r\ncontent-disposition: form-data; name=\"archive\"\r\n\r\n";
            let chunk = if first { begin.to_vec() } else { vec![0; 1 << 16] };
            Ok::<_, std::io::Error>(chunk)
        });
        let body = axum::body::Body::from_stream(chunks.boxed());
        server.with_body("POST", "/adapters/import", media_type, body).await.problem(413, "too_large");
        assert!(sent.load(Ordering::Relaxed) < 2 + (crate::support::LIMITS.import >> 16) + 2, "{media_type}");
    }
}

#[tokio::test]
async fn the_limit_of_imports_is_told() {
    let limits = Server::start().await.call("GET", "/info").await.json()["limits"].clone();
    assert_eq!(limits["import_bytes"], crate::support::LIMITS.import);
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
