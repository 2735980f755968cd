//! A whole load test against a stub that plays attune.

use super::client::Error;
use super::measure::Recorder;
use super::options::{Mode, RunKind};
use super::report::{Measured, Outcome, Report};
use super::{BenchArgs, Running, load_test, plot};
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use clap::Parser;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the stub was asked.
#[derive(Clone, Default)]
struct Stub {
    generator: bool,
    /// Every so-many-th completion meets a full queue.
    busy_every: usize,
    /// How long an answer takes.
    delay: Duration,
    bodies: Arc<Mutex<Vec<Value>>>,
    imports: Arc<Mutex<Vec<(String, Bytes)>>>,
    deleted: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/info", get(info))
            .route("/openapi.json", get(openapi))
            .route("/generate", post(generate))
            .route("/adapters", post(create))
            .route("/adapters/import", post(import))
            .route("/adapters/{id}", delete(remove))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap().clone()
    }
}

async fn info(State(stub): State<Stub>) -> Json<Value> {
    let generator = stub.generator.then_some("g1");
    Json(json!({
        "version": "0.0.0", "base_model": "stub", "device": "cpu", "weights": "f32", "generator": generator,
        "target_modules": ["q_proj", "down_proj"],
    }))
}

async fn openapi() -> Json<Value> {
    Json(json!({"components": {"schemas": {"Generate": {"properties": {"prompt": {}, "ignore_eos": {}}}}}}))
}

async fn create(State(stub): State<Stub>, Json(body): Json<Value>) -> Response {
    let mut bodies = stub.bodies.lock().unwrap();
    bodies.push(body);
    (StatusCode::CREATED, Json(json!({"id": format!("a{}", bodies.len())}))).into_response()
}

async fn import(State(stub): State<Stub>, headers: HeaderMap, body: Bytes) -> Response {
    let media_type = headers[header::CONTENT_TYPE].to_str().unwrap().to_owned();
    let mut imports = stub.imports.lock().unwrap();
    imports.push((media_type, body));
    (StatusCode::CREATED, Json(json!({"id": format!("i{}", imports.len())}))).into_response()
}

async fn remove(State(stub): State<Stub>, Path(id): Path<String>) -> StatusCode {
    stub.deleted.lock().unwrap().push(id);
    StatusCode::NO_CONTENT
}

async fn generate(State(stub): State<Stub>, Json(body): Json<Value>) -> Response {
    let number = {
        let mut bodies = stub.bodies.lock().unwrap();
        bodies.push(body.clone());
        bodies.len()
    };
    if body["merge"] == "always" {
        let problem = json!({"detail": "quantised weights cannot be merged into"});
        return (StatusCode::CONFLICT, Json(problem)).into_response();
    }
    if stub.busy_every > 0 && number % stub.busy_every == 0 {
        return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "0")]).into_response();
    }
    tokio::time::sleep(stub.delay).await;
    let done = json!({
        "usage": {"prompt_tokens": 9, "completion_tokens": 2}, "adapter": {"applied": "unmerged"},
        "timings_ms": {"queue": 1.0, "prefill": 2.0, "decode": 3.0, "adapter": 0.0, "total": 6.0},
    });
    let token = "event: token\ndata: {\"text\":\"x\"}\n\n";
    let pieces = [token.to_owned(), token.to_owned(), format!("event: done\ndata: {done}\n\n")];
    let stream = futures::stream::iter(pieces.map(Ok::<_, std::convert::Infallible>));
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream)).into_response()
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: BenchArgs,
}

fn args(line: &str) -> BenchArgs {
    Line::parse_from(format!("bench {line}").split_whitespace()).args
}

/// A report of one run that failed for the most part, and one that was skipped.
pub(super) fn report() -> Report {
    let mut recorder = Recorder::new().unwrap();
    recorder.record(&Err(Error::TimedOut));
    recorder.record(&Err(Error::Refused { status: 429, detail: String::new(), retry_after_s: Some(3) }));
    let done = Outcome::Done { recorder: recorder.into(), wall_s: 2.0 };
    let skipped = Outcome::Skipped { reason: "409: no".into() };
    let measured = |mode, adapters, result| Measured { kind: RunKind { mode, adapters }, result, notes: Vec::new() };
    Report {
        args: args(""),
        url: "http://localhost:1".into(),
        info: json!({"base_model": "stub", "device": "cpu", "weights": "f32"}),
        request: json!({}),
        adapters: None,
        runs: vec![measured(Mode::Base, 0, done), measured(Mode::Merged, 2, skipped)],
        interrupted: true,
    }
}

/// The load test on this server.
async fn loaded(url: &str, line: &str) -> anyhow::Result<Report> {
    load_test(args(&format!("--url {url} {line}")), async || anyhow::bail!("there is a server already")).await
}

/// Its JSON.
async fn bench(url: &str, line: &str) -> anyhow::Result<Value> {
    Ok(loaded(url, line).await?.json())
}

#[test]
fn a_report_with_nothing_in_it_is_still_written_and_drawn() {
    let json = report().json();
    assert_eq!(json["runs"][0]["requests"], json!({"ended": 2, "completed": 0, "busy": 1, "failed": 1}));
    assert_eq!(json["runs"][0]["end_to_end_ms"], Value::Null);
    assert_eq!(json["runs"][1]["skipped"], "409: no");
    assert_eq!((&json["interrupted"], &json["options"]["loop"]), (&json!(true), &json!("closed")));
    assert!(plot::svg(&report()).unwrap().contains("base"));
}

#[tokio::test]
async fn every_run_is_measured_and_what_the_server_refuses_is_skipped() {
    let stub = Stub { generator: true, ..Stub::default() };
    let line = "--adapters 0,3 --requests 20 --warmup 2 --concurrency 4 --max-tokens 2";
    let report = bench(&stub.serve().await, line).await.unwrap();
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(
        runs.iter().map(|run| run["run"].as_str().unwrap()).collect::<Vec<_>>(),
        ["base", "3 unmerged", "3 merged"]
    );
    for run in &runs[..2] {
        assert_eq!(run["requests"], json!({"ended": 20, "completed": 20, "busy": 0, "failed": 0}));
        assert_eq!((&run["completion_tokens"], &run["prompt_tokens_mean"]), (&json!(40), &json!(9.0)));
        assert_eq!(run["server_mean_ms"]["prefill"], 2.0);
        assert_eq!(run["between_tokens_ms"]["count"], 20);
        assert!(run["end_to_end_ms"]["p50"].as_f64() >= run["time_to_first_token_ms"]["p50"].as_f64());
    }
    assert_eq!(runs[2]["skipped"], "409: quantised weights cannot be merged into");
    let asked: Vec<Value> = stub.bodies().into_iter().filter(|body| body.get("prompt").is_some()).collect();
    // A probe each; two to warm up and twenty measured of the runs that are not refused.
    assert_eq!(asked.len(), 3 + 2 * 22);
    assert!(asked.iter().all(|body| body["ignore_eos"] == true && body["stream"] == true));
    assert!(
        asked.iter().all(|body| body.get("cache_prompt").is_none() && body["prompt"].as_str().unwrap().len() == 32)
    );
    assert!(asked.iter().all(|body| body.get("adapter").is_some() == body.get("merge").is_some()));
}

#[tokio::test]
async fn adapters_that_were_made_go_again_unless_they_are_to_be_kept() {
    for (keep, gone) in [("", vec!["a1", "a2"]), ("--keep-adapters", vec![])] {
        let stub = Stub { generator: true, ..Stub::default() };
        let line = format!("--adapters 2 --modes unmerged --requests 4 --warmup 0 {keep}");
        bench(&stub.serve().await, &line).await.unwrap();
        assert_eq!(*stub.deleted.lock().unwrap(), gone);
        assert_ne!(stub.bodies()[0]["task"], stub.bodies()[1]["task"]);
    }
}

#[tokio::test]
async fn without_a_generator_random_adapters_are_imported_where_the_shape_is_known() {
    let stub = Stub::default();
    let url = stub.serve().await;
    let error = bench(&url, "--adapters 1 --requests 2").await.unwrap_err().to_string();
    assert!(error.contains("--shape-from"), "{error}");
    let dir = tempfile::tempdir().unwrap();
    let config = r#"{"hidden_size":8,"intermediate_size":12,"num_hidden_layers":1,"num_attention_heads":2}"#;
    std::fs::write(dir.path().join("config.json"), config).unwrap();
    let line = format!("--adapters 2 --modes unmerged --requests 2 --shape-from {}", dir.path().display());
    let report = bench(&url, &line).await.unwrap();
    assert_eq!(report["adapters"]["source"], "random, imported");
    let imports = stub.imports.lock().unwrap().clone();
    assert_eq!(imports.len(), 2);
    let (media_type, body) = &imports[0];
    let request = axum::http::Request::builder().header(header::CONTENT_TYPE, media_type);
    let request = request.body(Body::from(body.clone())).unwrap();
    let mut form =
        <axum::extract::Multipart as axum::extract::FromRequest<()>>::from_request(request, &()).await.unwrap();
    let config = form.next_field().await.unwrap().unwrap();
    assert_eq!(config.name(), Some("adapter_config"));
    assert!(serde_json::from_slice::<Value>(&config.bytes().await.unwrap()).is_ok());
    let weights = form.next_field().await.unwrap().unwrap();
    assert_eq!(weights.name(), Some("adapter_model"));
    assert_eq!(safetensors::SafeTensors::deserialize(&weights.bytes().await.unwrap()).unwrap().len(), 4);
}

#[tokio::test]
async fn a_full_queue_is_counted_apart_and_no_success_at_all_is_a_failure() {
    let stub = Stub { busy_every: 4, ..Stub::default() };
    let report = bench(&stub.serve().await, "--adapters 0 --requests 40 --warmup 0").await.unwrap();
    let run = &report["runs"][0];
    assert_eq!(run["requests"], json!({"ended": 40, "completed": 30, "busy": 10, "failed": 0}));
    assert_eq!(run["busy"]["retry_after_s"], json!([0, 0]));
    let stub = Stub { busy_every: 1, ..Stub::default() };
    let report = loaded(&stub.serve().await, "--adapters 0 --requests 3 --warmup 0").await.unwrap();
    let error = report.check().unwrap_err();
    assert_eq!(error.to_string(), "no request succeeded: the report says why");
}

#[tokio::test]
async fn an_open_loop_sends_on_though_no_answer_comes_and_a_closed_one_waits() {
    let stub = Stub { delay: Duration::from_millis(300), ..Stub::default() };
    let url = stub.serve().await;
    let begin = Instant::now();
    let report = bench(&url, "--adapters 0 --loop open --rate 200 --requests 40 --warmup 0").await.unwrap();
    assert_eq!(report["runs"][0]["requests"]["completed"], 40);
    // One after the other would take 12 s.
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let report = bench(&url, "--adapters 0 --duration 0.5 --concurrency 2 --warmup 0").await.unwrap();
    // Two workers begin twice each within half a second, and the last are waited for.
    assert_eq!(report["runs"][0]["requests"]["completed"], 4);
}

#[tokio::test]
async fn the_picture_has_every_run_by_name() {
    let stub = Stub { generator: true, ..Stub::default() };
    let line = "--adapters 2 --modes base,unmerged --requests 8 --warmup 0";
    let text = plot::svg(&loaded(&stub.serve().await, line).await.unwrap()).unwrap();
    assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
    for word in ["base", "2 unmerged", "Time to first token, ms", "Between tokens, ms", "End to end, ms", "tokens/s"] {
        assert!(text.contains(word), "{word}");
    }
}

#[tokio::test]
async fn without_an_address_a_server_is_started() {
    let stub = Stub::default();
    let url = stub.serve().await;
    let running = async move || Ok(Running { url, shape: None });
    load_test(args("--adapters 0 --requests 2"), running).await.unwrap();
    // One to probe, eight to warm up, two that are measured.
    assert_eq!(stub.bodies().len(), 11);
}
