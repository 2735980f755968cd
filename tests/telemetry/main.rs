//! What a process tells of itself: metrics and traces. Both are of the whole process, so that these tests have one of
//! their own and take turns.

#![allow(clippy::unwrap_used, reason = "a test may fail by a panic, in its helpers too")]

#[cfg(feature = "otlp")]
mod collector;
mod metrics;
#[path = "../http/state.rs"]
#[expect(dead_code, reason = "the tests of the HTTP interface use more of it")]
mod state;
#[path = "../http/support.rs"]
#[expect(dead_code, reason = "the tests of the HTTP interface use more of it")]
mod support;
#[cfg(feature = "otlp")]
mod traces;

use std::sync::Arc;
use std::time::Duration;

use attune::jobs::{Runner, RunnerConfig, RunningRunner};
use attune::service::TrainHandler;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::support::{Answer, Server};

/// Held by the test whose turn it is.
static TURN: Mutex<()> = Mutex::const_new(());

/// Works the server's jobs off.
fn work(server: &Server) -> RunningRunner {
    let directory = server.state.directory();
    let trajectories = directory.join("trajectories");
    let handler = TrainHandler { service: server.service.clone(), threads: 1, trajectories, available_memory: || None };
    let runner = Runner::new(server.service.queue().clone(), RunnerConfig::new("here", directory));
    runner.handle("adapter", 1, Arc::new(handler)).start()
}

/// Registers a task.
async fn register(server: &Server, name: &str) {
    let put = server.json("PUT", &format!("/tasks/{name}"), json!({ "descriptions": ["Write x."] })).await;
    assert!(put.status.is_success(), "{}", put.text());
    let lines: Vec<String> =
        ["ab", "cd", "ef", "gh", "ij"].map(|input| json!({ "input": input, "output": "x" }).to_string()).into();
    let path = format!("/tasks/{name}/examples");
    let put = server.with_body("PUT", &path, "application/x-ndjson", lines.join("\n")).await;
    assert!(put.status.is_success(), "{}", put.text());
}

/// The job when it has ended.
async fn ended(server: &Server, queued: &Answer) -> Value {
    let path = format!("/jobs/{}", queued.json()["id"].as_str().unwrap());
    loop {
        let job = server.call("GET", &path).await.json();
        if ["succeeded", "failed", "cancelled"].contains(&job["state"].as_str().unwrap()) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
