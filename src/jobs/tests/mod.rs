//! The queue and the runner over a SQLite file in a temporary directory, with leases of a second or none; and over a server's
//! database, where one is named.

mod children;
mod faults;
mod handover;
mod postgres;
mod queue;
mod runner;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;

use super::*;
use crate::store::JobOwner;
use crate::store::{JobRecord, JobState, SqliteStore};

/// A queue on the store of this directory, as one process has it.
async fn process(dir: &Path) -> Queue {
    let store = SqliteStore::open(dir).await.unwrap();
    let config = QueueConfig { queue_limit: 100, max_attempts: 3, poll: Duration::from_millis(50) };
    Queue::new(Arc::new(store), config)
}

async fn queue() -> (TempDir, Queue) {
    let dir = tempfile::tempdir().unwrap();
    let queue = process(dir.path()).await;
    (dir, queue)
}

fn request(id: &str) -> JobRequest {
    let spec = serde_json::from_value(json!({ "kind": "adapter", "task": id })).unwrap();
    JobRequest { id: id.to_owned(), spec, idempotency_key: None, owner: JobOwner::default() }
}

async fn enqueue(queue: &Queue, id: &str) -> JobRecord {
    queue.enqueue(request(id), OffsetDateTime::now_utc()).await.unwrap().0
}

/// Starts a runner of one kind with a lease of this length.
fn start(queue: &Queue, dir: &TempDir, lease_ms: u64, handler: impl JobHandler + 'static) -> RunningRunner {
    let lease = Duration::from_millis(lease_ms);
    let config = RunnerConfig { lease, ..RunnerConfig::new("w", dir.path()) };
    Runner::new(queue.clone(), config).handle("adapter", 1, Arc::new(handler)).start()
}

/// The job once this holds of it.
async fn wait_for(queue: &Queue, id: &str, holds: impl Fn(&JobRecord) -> bool) -> JobRecord {
    for _ in 0..1_000 {
        let job = queue.job(id).await.unwrap();
        if holds(&job) {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within 10 seconds: {:?}", queue.job(id).await.unwrap());
}

async fn finished(queue: &Queue, id: &str) -> JobRecord {
    wait_for(queue, id, |job| job.state.is_finished()).await
}

/// A handler that is a function.
struct Call<F>(F);

impl<F> JobHandler for Call<F>
where
    F: Fn(&JobRecord, &JobContext) -> Result<Value, JobError> + Send + Sync,
{
    fn run(&self, job: &JobRecord, context: &JobContext) -> Result<Value, JobError> {
        (self.0)(job, context)
    }
}

/// Works until it is told to stop, like a training between two checkpoints.
fn until_stopped(_: &JobRecord, context: &JobContext) -> Result<Value, JobError> {
    for _ in 0..2_000 {
        if context.cancelled() {
            return Err(JobError::Stopped);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(JobError::permanent("nobody stopped it"))
}
