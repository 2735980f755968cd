//! Two processes that share a queue and artifacts train one generator.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use attune::engine::EngineOptions;
use attune::jobs::{Queue, QueueConfig, Runner, RunnerConfig, RunningRunner};
use attune::service::{EngineChoice, NewTask, Parts, Service, TrainHandler};
use attune::store::{Artifacts, Example, JobState, Output, SqliteStore};
use serde_json::json;
use time::OffsetDateTime;

use crate::support::base;

struct Process {
    service: Arc<Service>,
    runner: RunningRunner,
}

/// A process with a directory of its own, over the database and the artifacts in `shared`.
async fn process(shared: &Path, name: &str) -> Process {
    let store = Arc::new(SqliteStore::open(shared).await.unwrap());
    let artifacts = Arc::new(Artifacts::on_disk(shared.join("artifacts")).unwrap());
    let queue = Queue::new(store.clone(), QueueConfig { poll: Duration::from_millis(50), ..QueueConfig::default() });
    let service = Service::start(Parts {
        base: base(),
        queue: queue.clone(),
        store,
        artifacts: artifacts.clone(),
        request_timeout: Duration::from_secs(60),
        engine: EngineChoice::Local { options: EngineOptions::default(), adapter_bytes: 1 << 20 },
        clock: OffsetDateTime::now_utc,
        new_id: || uuid::Uuid::now_v7().simple().to_string(),
    });
    let service = Arc::new(service.await.unwrap());
    let own = shared.join(name);
    let trajectories = own.join("trajectories");
    let handler = TrainHandler { service: service.clone(), threads: 1, trajectories, available_memory: || None };
    let handler = Arc::new(handler);
    let config = RunnerConfig { handover: Some(artifacts), ..RunnerConfig::new(name, own) };
    let runner =
        Runner::new(queue, config).handle("adapter", 1, handler.clone()).handle("generator", 1, handler).start();
    Process { service, runner }
}

async fn register(service: &Service, name: &str) {
    let examples = ["ab", "cd", "ef", "gh", "ij"].map(|input| Example::Answered {
        input: input.to_owned(),
        output: Output::One(name.to_owned()),
        split: None,
    });
    let task =
        NewTask { name: name.to_owned(), descriptions: vec![format!("Write {name}.")], examples: examples.into() };
    service.import_task(&task).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generators_adapters_are_trained_by_all_workers_and_each_once() {
    let shared = tempfile::tempdir().unwrap();
    let (one, two) = (process(shared.path(), "one").await, process(shared.path(), "two").await);
    for name in ["x", "y", "z"] {
        register(&one.service, name).await;
    }
    let queue = one.service.queue();
    while queue.workers_for("adapter").await.unwrap() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let body = json!({ "kind": "generator", "tasks": ["x", "y", "z"], "init": "random", "stages": ["reconstruction"],
                       "steps": 2, "priority": 1 });
    let (parent, _) = one
        .service
        .train(&attune::service::Caller::default(), serde_json::from_value(body).unwrap(), None)
        .await
        .unwrap();
    let parent = loop {
        let job = queue.job(&parent.id).await.unwrap();
        if job.state.is_finished() {
            break job;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((parent.state, parent.attempt), (JobState::Succeeded, 2), "{:?}", parent.error);
    let evaluation = &parent.result.unwrap()["evaluation"];
    assert!(
        evaluation["not_learned"]["names"].as_array().is_some_and(|names| names.contains(&json!("x"))),
        "{evaluation}"
    );
    assert_eq!(evaluation["compared"], 0, "there is no other generator");
    let children = queue.children(&parent.id).await.unwrap();
    assert_eq!(children.len(), 3);
    for child in children {
        assert_eq!((child.state, child.attempt, child.priority), (JobState::Succeeded, 1, 1), "{:?}", child.error);
        assert_eq!(child.result.as_ref().unwrap()["task"], child.payload["task"]);
    }
    // Whoever joined them took all three; what the children left for it is gone.
    let kept = |name: &str| std::fs::read_dir(shared.path().join(name).join("trajectories")).map_or(0, Iterator::count);
    assert_eq!(kept("one").max(kept("two")), 3);
    assert!(one.service.info().generator.is_some() || two.service.info().generator.is_some());
    one.runner.drain().await;
    two.runner.drain().await;
    let left = std::fs::read_dir(shared.path().join("artifacts/jobs").join(&parent.id)).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}
