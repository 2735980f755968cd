use super::*;
use crate::store::{Artifacts, CheckpointKey};

/// Another machine: a directory of its own, the same queue and artifacts.
struct Machine {
    dir: TempDir,
    artifacts: Arc<Artifacts>,
}

impl Machine {
    fn new(artifacts: &Arc<Artifacts>) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), artifacts: Arc::clone(artifacts) }
    }

    /// Runs jobs whose handler adds a step to a checkpoint and then waits for a stop, until `last` is reached.
    fn start(&self, queue: &Queue, last: usize) -> RunningRunner {
        let handler = move |job: &JobRecord, context: &JobContext| {
            let path = context.work_dir().join("run.safetensors");
            let step = std::fs::read_to_string(&path).unwrap_or_default().len() + 1;
            std::fs::write(&path, "x".repeat(step)).map_err(JobError::transient)?;
            context.progress("step", step as u64, step as u64);
            if step == last { Ok(json!({ "steps": step })) } else { until_stopped(job, context) }
        };
        let config = RunnerConfig {
            lease: Duration::from_secs(1),
            handover: Some(Arc::clone(&self.artifacts)),
            ..RunnerConfig::new("w", self.dir.path())
        };
        Runner::new(queue.clone(), config).handle("adapter", 1, Arc::new(Call(handler))).start()
    }

    /// Works until the job has come to this step, and drains.
    async fn work_to(&self, queue: &Queue, step: u64) {
        let runner = self.start(queue, usize::MAX);
        wait_for(queue, "a", |job| job.progress.as_ref().is_some_and(|progress| progress.step == step)).await;
        runner.drain().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_on_from_its_newest_checkpoint_on_whichever_machine() {
    let (_dir, queue) = queue().await;
    let shared = tempfile::tempdir().unwrap();
    let artifacts = Arc::new(Artifacts::on_disk(shared.path()).unwrap());
    let (one, two) = (Machine::new(&artifacts), Machine::new(&artifacts));
    enqueue(&queue, "a").await;
    one.work_to(&queue, 1).await;
    two.work_to(&queue, 2).await;
    // The first machine's own file is older than what the second left.
    one.work_to(&queue, 3).await;
    one.work_to(&queue, 4).await;
    let runner = two.start(&queue, 5);
    assert_eq!(finished(&queue, "a").await.result, Some(json!({ "steps": 5 })));
    runner.drain().await;
    assert!(artifacts.checkpoints("a").await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_of_a_job_that_is_gone_are_collected() {
    let (dir, queue) = queue().await;
    let artifacts = Artifacts::on_disk(dir.path().join("artifacts")).unwrap();
    enqueue(&queue, "a").await;
    for job in ["a", "gone"] {
        let key = CheckpointKey { job: job.to_owned(), attempt: 1, name: "run".to_owned() };
        artifacts.put_checkpoint(&key, "x".into()).await.unwrap();
    }
    let store = SqliteStore::open(dir.path()).await.unwrap();
    let day = Duration::from_secs(24 * 3600);
    let now = std::time::SystemTime::now() + 2 * day;
    let collection = crate::store::Collection { now, grace: day, mode: crate::store::CollectMode::Collect };
    let collected = crate::store::collect::collect(&store, &artifacts, collection).await.unwrap();
    assert_eq!(collected.checkpoints.count, 1);
    assert_eq!(artifacts.checkpoints("a").await.unwrap().len(), 1);
    assert!(artifacts.checkpoints("gone").await.unwrap().is_empty());
}
