//! `attune worker` as a user runs it.

use crate::command_line::{Place, refused, text};
use attune::jobs::{JobRequest, JobSpec, Queue, QueueConfig};
use attune::store::{DataDirLock, JobOwner, JobRecord, SqliteStore};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;

#[test]
fn the_help_teaches_how_workers_and_servers_share_a_queue() {
    let help = text(&Place::new().run(&["worker", "--help"]).stdout);
    for part in [
        "attune serve  --slots adapter=0,generator=0",
        "--database-url",
        "--artifacts",
        "SIGTERM",
        "[env: ATTUNE_KINDS=]",
        "[attune.toml: slots]",
        "[attune.toml: job_timeout]",
        "1 of a kind that is not named",
    ] {
        assert!(help.contains(part), "`{part}` is missing in:\n{help}");
    }
    assert!(!help.contains("--listen"), "{help}");
}

#[test]
fn a_worker_beside_a_server_is_told_what_both_must_share() {
    let place = Place::new();
    let _server = DataDirLock::acquire(&place.path().join("attune-data")).unwrap();
    refused(&place.run(&["worker"]), 1, &["in use", "--database-url", "--artifacts", "--data-dir of its own"]);
    // Before anything is connected to.
    let url = ["--database-url", "postgres://nobody@127.0.0.1:1/none"];
    refused(&place.run(&["worker", url[0], url[1]]), 1, &["--database-url without --artifacts", "s3://BUCKET/PREFIX"]);
}

#[test]
fn slots_that_cannot_be_are_refused_with_those_that_can() {
    let place = Place::new();
    refused(&place.run(&["worker", "--slots", "adapter"]), 2, &["adapter=2,generator=1"]);
    refused(&place.run(&["worker", "--kinds", "trainer"]), 2, &["choose of adapter, generator"]);
    refused(
        &place.run(&["worker", "--kinds", "adapter", "--slots", "generator=2"]),
        1,
        &["--kinds leaves generator out"],
    );
    refused(&place.run(&["worker", "--slots", "adapter=0,generator=0"]), 1, &["nothing to do"]);
    refused(&place.run(&["worker", "--slots", "adapter=1,adapter=2"]), 2, &["named twice"]);
    refused(&place.run(&["serve", "--job-timeout", "0"]), 2, &["--job-timeout"]);
}

/// Ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Sends SIGTERM and waits for the end.
    fn terminated(mut self) -> String {
        let killed = std::process::Command::new("kill").arg(self.0.id().to_string()).status().expect("kill runs");
        assert!(killed.success());
        let status = self.0.wait().expect("the worker ends");
        let mut told = String::new();
        let stderr = self.0.stderr.as_mut().expect("its messages");
        std::io::Read::read_to_string(stderr, &mut told).expect("they are text");
        assert!(status.success(), "{status}: {told}");
        told
    }
}

#[test]
fn a_worker_works_the_queue_off_and_gives_back_what_it_has_not_done_when_it_is_stopped() {
    let place = Place::new();
    let lines = ["cat", "tree", "stone", "lamp", "river", "bird"];
    let lines: Vec<String> =
        lines.iter().map(|word| format!(r#"{{"input": "{word}", "output": "{word}!"}}"#)).collect();
    place.write("exclaim.jsonl", &lines.join("\n"));
    assert!(
        place.run(&["task", "import", "exclaim.jsonl", "--description", "Put an exclamation mark."]).status.success()
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let queue = runtime.block_on(async {
        let store = SqliteStore::open(&place.path().join("attune-data")).await.unwrap();
        Queue::new(Arc::new(store), QueueConfig::default())
    });
    let enqueue = |id: &str, body: &str| {
        let spec: JobSpec = serde_json::from_str(body).unwrap();
        let request = JobRequest { id: id.to_owned(), spec, idempotency_key: None, owner: JobOwner::default() };
        runtime.block_on(queue.enqueue(request, OffsetDateTime::now_utc())).unwrap();
    };
    enqueue("endless", r#"{"kind": "adapter", "task": "exclaim", "steps": 1000000}"#);
    enqueue("short", r#"{"kind": "adapter", "task": "exclaim", "steps": 2, "priority": 1}"#);
    enqueue("other", r#"{"kind": "generator", "tasks": "all"}"#);
    let wait = |id: &str, holds: &dyn Fn(&JobRecord) -> bool| {
        let began = Instant::now();
        loop {
            let job = runtime.block_on(queue.job(id)).unwrap();
            if holds(&job) {
                return job;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{job:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let worker =
        place.command(&["worker", "--kinds", "adapter", "--train-threads", "1"]).stderr(Stdio::piped()).spawn();
    let worker = Running(worker.unwrap());
    let pid = format!("-{}-", worker.0.id());
    assert!(wait("short", &|job| job.state.is_finished()).result.is_some(), "the higher priority came first");
    let running = wait("endless", &|job| job.progress.is_some());
    assert!(running.worker.as_ref().is_some_and(|name| name.contains(&pid)), "{running:?}");
    let told = worker.terminated();
    assert!(told.contains("works jobs off as") && told.contains("slots adapter=1,generator=0"), "{told}");
    let given_back = wait("endless", &|_| true);
    assert_eq!((given_back.state.as_str(), given_back.counted_attempts()), ("queued", 0));
    assert_eq!(wait("other", &|_| true).attempt, 0, "a kind that was left out waits");
}
