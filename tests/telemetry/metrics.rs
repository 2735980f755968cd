//! `GET /metrics`

use attune::telemetry::metrics::{self, Kind, Metric};
use serde_json::{Value, json};

use crate::support::{KNOWN, Server};
use crate::{TURN, ended, register, work};

/// The samples of a text, each with its value.
struct Scraped(Vec<(String, f64)>);

impl Scraped {
    async fn of(server: &Server) -> (String, Self) {
        let answer = server.call("GET", "/metrics").await;
        assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
        let text = answer.text().to_owned();
        let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        });
        let samples = Self(samples.collect());
        (text, samples)
    }

    /// The sum of the samples of this name that have these labels.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |series: &str| {
            let rest = series.strip_prefix(name)?;
            let inside = rest.is_empty() || rest.starts_with('{');
            let all = labels.iter().all(|(label, value)| rest.contains(&format!("{label}=\"{value}\"")));
            (inside && all).then_some(())
        };
        self.0.iter().filter(|(series, _)| has(series).is_some()).map(|(_, value)| value).sum()
    }
}

fn moved(before: &Scraped, after: &Scraped, metric: Metric, labels: &[(&str, &str)]) -> f64 {
    let name = match metric.kind {
        Kind::Histogram(_) => format!("{}_count", metric.name),
        _ => metric.name.to_owned(),
    };
    after.sum(&name, labels) - before.sum(&name, labels)
}

/// What was asked of the server, and what it should be found by.
struct Walk {
    ids: Vec<String>,
    prompt_tokens: f64,
    completion_tokens: f64,
}

async fn walk(server: &Server) -> Walk {
    let mut ids = Vec::new();
    for status in [201, 200] {
        let made = server.json("POST", "/adapters", json!({ "task": KNOWN[0] })).await;
        assert_eq!(made.status.as_u16(), status, "{}", made.text());
        ids.push(made.json()["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(server.json("POST", "/adapters", json!({ "task": "" })).await.status, 422);
    let body = json!({ "input": "abc", "adapter": ids[0], "max_tokens": 4 });
    let whole = server.json("POST", "/generate", body).await;
    assert_eq!(whole.status, 200, "{}", whole.text());
    let usage = whole.json()["usage"].clone();
    let body = json!({ "prompt": "abc", "max_tokens": 3, "ignore_eos": true, "stream": true });
    let stream = server.json("POST", "/generate", body).await;
    let done = stream.text().lines().filter_map(|line| line.strip_prefix("data:")).next_back().unwrap();
    let streamed: Value = serde_json::from_str(done.trim()).unwrap();
    register(server, "a-secret-task").await;
    let runner = work(server);
    let job = json!({ "kind": "adapter", "task": "a-secret-task", "steps": 2 });
    let queued = server.json("POST", "/jobs/train", job.clone()).await;
    assert_eq!(queued.status, 202, "{}", queued.text());
    ids.push(queued.json()["id"].as_str().unwrap().to_owned());
    let trained = ended(server, &queued).await;
    assert_eq!(trained["state"], "succeeded", "{trained}");
    runner.drain().await;
    for status in [202, 202, 202, 429] {
        assert_eq!(server.json("POST", "/jobs/train", job.clone()).await.status.as_u16(), status);
    }
    server.call("GET", "/nowhere/at-all").await.problem(404, "no_route");
    server.call("GET", "/adapters/a-secret-name").await.problem(404, "not_found");
    server.call("BREW", "/adapters").await.problem(405, "method_not_allowed");
    let both = |field: &str| usage[field].as_f64().unwrap() + streamed["usage"][field].as_f64().unwrap();
    Walk { ids, prompt_tokens: both("prompt_tokens"), completion_tokens: both("completion_tokens") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_moves_what_it_should_and_every_metric_is_told() {
    let _turn = TURN.lock().await;
    metrics::install();
    let server = Server::with_generator().await;
    let (_, before) = Scraped::of(&server).await;
    let walk = walk(&server).await;
    let (text, after) = Scraped::of(&server).await;
    every_metric_is_told(&text);
    no_label_is_unbounded(&text, &walk.ids);

    let moved = |metric: Metric, labels: &[(&str, &str)]| moved(&before, &after, metric, labels);
    let request = |method: &str, route: &str, status: &str| {
        moved(metrics::HTTP_REQUESTS, &[("method", method), ("route", route), ("status", status)])
    };
    assert_eq!((request("POST", "/adapters", "201"), request("POST", "/adapters", "200")), (1.0, 1.0));
    assert_eq!((request("GET", "none", "404"), request("GET", "/adapters/{id}", "404")), (1.0, 1.0));
    assert_eq!((request("POST", "/generate", "200"), request("POST", "/jobs/train", "429")), (2.0, 1.0));
    assert_eq!(request("other", "/adapters", "405"), 1.0);
    assert_eq!(moved(metrics::HTTP_DURATION, &[("route", "/generate")]), 2.0);
    for outcome in ["created", "cached", "failed"] {
        assert_eq!(moved(metrics::ADAPTER_REQUESTS, &[("outcome", outcome)]), 1.0, "{outcome}");
    }
    assert_eq!((moved(metrics::ADAPTER_ENCODE, &[]), moved(metrics::ADAPTER_GENERATE, &[])), (1.0, 1.0));
    assert_eq!(moved(metrics::ADAPTER_REFINE, &[]), 0.0);
    assert_eq!(moved(metrics::COMPLETIONS, &[]), 2.0);
    for metric in [metrics::REQUEST_QUEUE, metrics::REQUEST_PREFILL, metrics::REQUEST_DECODE, metrics::FIRST_TOKEN] {
        assert_eq!(moved(metric, &[]), 2.0, "{}", metric.name);
    }
    assert_eq!(moved(metrics::PROMPT_TOKENS, &[]), walk.prompt_tokens);
    assert_eq!(moved(metrics::GENERATION_TOKENS, &[]), walk.completion_tokens);
    assert!(moved(metrics::STEP_ROWS, &[]) >= 4.0);
    assert_eq!(moved(metrics::ADAPTER_LOADS, &[]), 1.0);
    assert_eq!(moved(metrics::JOB_ATTEMPTS, &[("kind", "adapter")]), 1.0);
    assert_eq!(moved(metrics::JOB_DURATION, &[("kind", "adapter"), ("outcome", "succeeded")]), 1.0);
    assert_eq!(moved(metrics::RATE_LIMITED, &[("reason", "queue")]), 1.0);

    let value = |metric: Metric| after.sum(metric.name, &[]);
    assert_eq!((value(metrics::READY), value(metrics::RUNNING), value(metrics::WAITING)), (1.0, 0.0, 0.0));
    assert_eq!((value(metrics::HTTP_IN_FLIGHT), value(metrics::ADAPTERS_RESIDENT)), (1.0, 1.0), "this one is answered");
    assert!(value(metrics::KV_CAPACITY) > 0.0 && value(metrics::PROCESS_MEMORY) > 1e6);
    let lora = [("max_lora", "32"), ("running_lora_adapters", ""), ("waiting_lora_adapters", "")];
    assert!(after.sum(metrics::LORA_INFO.name, &lora) > 1.7e9, "the time of the last change");
}

#[tokio::test]
async fn a_listener_of_its_own_has_metrics_and_nothing_else() {
    let _turn = TURN.lock().await;
    metrics::install();
    let server = Server::start().await;
    let router = attune::http::metrics_router(server.service.clone());
    let alone = Server { router, ..server };
    every_metric_is_told(alone.call("GET", "/metrics").await.text());
    assert_eq!(alone.call("GET", "/info").await.status, 404);
}

#[track_caller]
fn every_metric_is_told(text: &str) {
    for Metric { name, kind, help } in metrics::ALL {
        let (help, kind) = (format!("# HELP {name} {help}\n"), format!("# TYPE {name} {}\n", kind.word()));
        assert_eq!((text.matches(&help).count(), text.matches(&kind).count()), (1, 1), "{name}");
    }
    let told = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(told, metrics::ALL.len(), "one that is not declared");
    let samples = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for sample in samples {
        let name = sample.split(['{', ' ']).next().unwrap();
        let is = |metric: &&Metric| match metric.kind {
            Kind::Histogram(_) => {
                name.strip_prefix(metric.name).is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end))
            }
            _ => name == metric.name,
        };
        assert!(metrics::ALL.iter().any(|metric| is(&metric)), "{sample}");
    }
}

/// Of what the walk named, nothing is a label.
#[track_caller]
fn no_label_is_unbounded(text: &str, ids: &[String]) {
    for line in text.lines().filter(|line| !line.starts_with(metrics::LORA_INFO.name)) {
        for secret in ids.iter().map(String::as_str).chain(["nowhere", "secret", "BREW", KNOWN[0], "default"]) {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
