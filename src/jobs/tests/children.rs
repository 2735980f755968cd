//! Jobs that wait for others, and time limits.

use super::*;
use crate::jobs::kinds::AdapterJob;
use crate::store::Artifacts;

fn child(task: &str) -> ChildJob {
    let body = json!({ "task": task });
    ChildJob { key: task.to_owned(), kind: JobKind::Adapter(serde_json::from_value::<AdapterJob>(body).unwrap()) }
}

async fn enqueue_parent(queue: &Queue) {
    let spec = serde_json::from_value(json!({ "kind": "generator", "tasks": "all", "priority": 3 })).unwrap();
    let request = JobRequest { id: "p".to_owned(), spec, idempotency_key: None, owner: JobOwner::default() };
    queue.enqueue(request, OffsetDateTime::now_utc()).await.unwrap();
}

/// A parent that waits for `a` and `b` and then gives what they gave, or fails with the one that failed.
fn parent(_: &JobRecord, context: &JobContext) -> Result<Value, JobError> {
    let children = context.children().map_err(JobError::transient)?;
    if let Some(lost) = children.iter().find(|child| child.state == JobState::Failed) {
        return Err(JobError::permanent(format!("{} failed", lost.id)));
    }
    if children.is_empty() {
        return Err(JobError::Waits(vec![child("a"), child("b")]));
    }
    Ok(children.into_iter().map(|child| child.result.unwrap_or_default()).collect())
}

/// One worker with one slot for both kinds together would need none more: parents hold no slot while they wait.
fn start_both(
    queue: &Queue,
    dir: &TempDir,
    adapter: impl JobHandler + 'static,
    generator: impl JobHandler + 'static,
) -> RunningRunner {
    Runner::new(queue.clone(), RunnerConfig::new("w", dir.path()))
        .handle("adapter", 1, Arc::new(adapter))
        .handle("generator", 1, Arc::new(generator))
        .start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_with_one_slot_runs_the_children_and_then_the_parent() {
    let (dir, queue) = queue().await;
    enqueue_parent(&queue).await;
    let work = |job: &JobRecord, _: &JobContext| Ok(job.payload["task"].clone());
    let _runner = start_both(&queue, &dir, Call(work), Call(parent));
    let job = finished(&queue, "p").await;
    assert_eq!((job.state, job.attempt, job.counted_attempts()), (JobState::Succeeded, 2, 1), "{:?}", job.error);
    let mut given: Vec<_> = serde_json::from_value::<Vec<String>>(job.result.unwrap()).unwrap();
    given.sort();
    assert_eq!(given, ["a", "b"]);
    for child in queue.children("p").await.unwrap() {
        assert_eq!((child.attempt, child.priority), (1, 3), "each was trained once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_child_fails_its_parent_by_name() {
    let (dir, queue) = queue().await;
    enqueue_parent(&queue).await;
    let work = |job: &JobRecord, _: &JobContext| match job.payload["task"].as_str() {
        Some("a") => Err(JobError::permanent("no")),
        _ => Ok(json!(1)),
    };
    let _runner = start_both(&queue, &dir, Call(work), Call(parent));
    let job = finished(&queue, "p").await;
    assert_eq!((job.state, job.error.unwrap()), (JobState::Failed, format!("{} failed", ChildJob::id("p", "a"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_a_parent_stops_the_child_that_runs() {
    let (dir, queue) = queue().await;
    enqueue_parent(&queue).await;
    let _runner = start_both(&queue, &dir, Call(until_stopped), Call(parent));
    wait_for(&queue, "p", |job| job.state == JobState::Waiting).await;
    let running = async || {
        let children = queue.children("p").await.unwrap();
        children.into_iter().find(|child| child.state == JobState::Running)
    };
    let child = loop {
        if let Some(child) = running().await {
            break child;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(queue.cancel("p", OffsetDateTime::now_utc()).await.unwrap().state, JobState::Cancelled);
    assert_eq!(finished(&queue, &child.id).await.state, JobState::Cancelled);
    assert!(queue.children("p").await.unwrap().iter().all(|child| child.state == JobState::Cancelled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_pays_to_fork_where_two_workers_share_queue_and_artifacts() {
    let (dir, queue) = queue().await;
    let artifacts = Arc::new(Artifacts::on_disk(dir.path().join("artifacts")).unwrap());
    let asks = || Call(|_: &JobRecord, context: &JobContext| Ok(json!(context.should_fork("adapter").unwrap())));
    let start = |name: &str, slots, handover: Option<&Arc<Artifacts>>| {
        let config = RunnerConfig { handover: handover.cloned(), ..RunnerConfig::new(name, dir.path().join(name)) };
        Runner::new(queue.clone(), config)
            .handle("adapter", slots, Arc::new(Call(|_: &JobRecord, _: &JobContext| Ok(json!(1)))))
            .handle("generator", 1, Arc::new(asks()))
            .start()
    };
    let answer = async || {
        let spec = serde_json::from_value(json!({ "kind": "generator", "tasks": "all" })).unwrap();
        let id = uuid::Uuid::now_v7().to_string();
        let request = JobRequest { id: id.clone(), spec, idempotency_key: None, owner: JobOwner::default() };
        queue.enqueue(request, OffsetDateTime::now_utc()).await.unwrap();
        finished(&queue, &id).await.result.unwrap()
    };
    let there = async |count| {
        while queue.workers_for("adapter").await.unwrap() != count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let first = start("one", 1, Some(&artifacts));
    there(1).await;
    assert_eq!(answer().await, json!(false));
    let only_generators = start("two", 0, Some(&artifacts));
    let alone = start("three", 1, None);
    assert_eq!(answer().await, json!(false));
    alone.drain().await;
    let second = start("four", 2, Some(&artifacts));
    there(2).await;
    assert_eq!(answer().await, json!(true));
    second.drain().await;
    there(1).await;
    first.drain().await;
    only_generators.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_takes_longer_than_its_limit_fails_the_job_and_says_so() {
    let (dir, queue) = queue().await;
    let spec = serde_json::from_value(json!({ "kind": "adapter", "task": "a", "timeout_seconds": 1 })).unwrap();
    let own = JobRequest { id: "own".to_owned(), spec, idempotency_key: None, owner: JobOwner::default() };
    queue.enqueue(own, OffsetDateTime::now_utc()).await.unwrap();
    let started = std::time::Instant::now();
    let config = RunnerConfig { timeout: Some(Duration::from_millis(200)), ..RunnerConfig::new("w", dir.path()) };
    let runner = Runner::new(queue.clone(), config).handle("adapter", 1, Arc::new(Call(until_stopped)));
    let _runner = runner.start();
    let job = finished(&queue, "own").await;
    assert!(started.elapsed() >= Duration::from_secs(1), "the job's own limit counts before the worker's");
    assert_eq!((job.state, job.attempt), (JobState::Failed, 1));
    let error = job.error.unwrap();
    assert!(error.contains("limit of 1 seconds") && error.contains("timeout_seconds"), "{error}");
    enqueue(&queue, "usual").await;
    let job = finished(&queue, "usual").await;
    assert!(job.state == JobState::Failed && job.error.as_ref().unwrap().contains("0.2 seconds"), "{job:?}");
}
