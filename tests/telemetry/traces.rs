//! Traces: from the caller's span to the engine's steps, and to the phases of a job.

use attune::telemetry::{LogFormat, start};
use axum::body::Body;
use axum::http::Request;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use time::OffsetDateTime;

use crate::collector::{Collector, hex, named, number, text};
use crate::support::{Answer, KNOWN, Server};
use crate::{TURN, ended, register, work};

/// The caller's span.
const SPAN: &str = "00f067aa0ba902b7";

async fn call(server: &Server, path: &str, trace: &str, body: Value) -> Answer {
    let request = Request::builder().method("POST").uri(path).header("content-type", "application/json");
    let request = request.header("traceparent", format!("00-{trace}-{SPAN}-01"));
    server.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn trace(number: u8) -> String {
    format!("{:032x}", 0x4bf9_2f35_0000_0000_u128 + u128::from(number))
}

#[track_caller]
fn is_child(child: &Span, parent: &Span) {
    assert_eq!(hex(&child.parent_span_id), hex(&parent.span_id), "{} of {}", child.name, parent.name);
    assert!(child.start_time_unix_nano <= child.end_time_unix_nano);
}

fn a_completion(spans: &[Span], whole: &Value) {
    let request = named(spans, "POST /generate");
    assert_eq!(hex(&request.parent_span_id), SPAN);
    assert_eq!((request.kind(), text(request, "http.route")), (SpanKind::Server, Some("/generate")));
    assert_eq!(number(request, "http.response.status_code"), Some(200));
    assert_eq!(text(request, "tenant"), Some("default"));
    let adapter = named(spans, "adapter");
    is_child(adapter, request);
    assert_eq!(text(adapter, "adapter"), whole["adapter"]["id"].as_str());
    is_child(named(spans, "adapter.encode"), adapter);
    is_child(named(spans, "adapter.generate"), adapter);
    let completion = named(spans, "completion");
    is_child(completion, request);
    let steps = ["engine.queue", "engine.prefill", "engine.decode"].map(|name| named(spans, name));
    steps.iter().for_each(|step| is_child(step, completion));
    assert!(steps.windows(2).all(|pair| pair[0].end_time_unix_nano == pair[1].start_time_unix_nano));
    assert_eq!(number(steps[1], "prompt_tokens"), whole["usage"]["prompt_tokens"].as_i64());
    assert_eq!(number(steps[2], "completion_tokens"), whole["usage"]["completion_tokens"].as_i64());
}

fn a_job(spans: &[Span]) {
    let request = named(spans, "POST /jobs/train");
    assert_eq!(hex(&request.parent_span_id), SPAN);
    let job = named(spans, "job adapter");
    is_child(job, request);
    let phases: Vec<_> = spans.iter().filter(|span| span.name.starts_with("phase ")).collect();
    assert!(!phases.is_empty(), "{spans:?}");
    phases.iter().for_each(|phase| is_child(phase, job));
    assert!(phases.iter().any(|phase| number(phase, "steps").is_some_and(|steps| steps >= 2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_trace_goes_from_the_caller_to_the_engine_and_to_the_phases_of_a_job() {
    let _turn = TURN.lock().await;
    let (collector, address) = Collector::start().await;
    let telemetry = start(LogFormat::Json, Some(&address), OffsetDateTime::now_utc).unwrap();
    let server = Server::with_generator().await;

    let body = json!({ "input": "abc", "task": KNOWN[1], "max_tokens": 4 });
    let whole = call(&server, "/generate", &trace(1), body).await;
    assert_eq!(whole.status, 200, "{}", whole.text());

    let stream = json!({ "prompt": "abc", "max_tokens": 4, "stream": true });
    assert_eq!(call(&server, "/generate", &trace(2), stream).await.status, 200);

    register(&server, "x").await;
    let runner = work(&server);
    let job = json!({ "kind": "adapter", "task": "x", "steps": 2 });
    let queued = call(&server, "/jobs/train", &trace(3), job).await;
    assert_eq!(queued.status, 202, "{}", queued.text());
    let trained = ended(&server, &queued).await;
    assert_eq!(trained["state"], "succeeded", "{trained}");
    runner.drain().await;

    let refused = call(&server, "/generate", &trace(4), json!({ "prompt": "a", "adapter": "nobody" })).await;
    assert_eq!(refused.problem(404, "not_found")["trace_id"], trace(4));
    let own = server.json("POST", "/generate", json!({ "prompt": "a", "adapter": "nobody" })).await;
    let own = own.problem(404, "not_found")["trace_id"].as_str().unwrap().to_owned();

    // A request's span may end a moment after its answer has come.
    let began = Instant::now();
    while collector.of(&own).is_empty() && began.elapsed() < Duration::from_secs(10) {
        tokio::task::block_in_place(|| telemetry.flush());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    a_completion(&collector.of(&trace(1)), &whole.json());
    is_child(named(&collector.of(&trace(2)), "completion"), named(&collector.of(&trace(2)), "POST /generate"));
    a_job(&collector.of(&trace(3)));
    named(&collector.of(&trace(4)), "POST /generate");
    let root = collector.of(&own);
    assert!(named(&root, "POST /generate").parent_span_id.is_empty());
}
