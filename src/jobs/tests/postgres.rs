//! Processes that share a server's database: what one does wakes the others at once. Here they look by themselves only
//! once an hour.

use futures::TryStreamExt;

use super::*;
use crate::store::PostgresStore;
use crate::store::tests::postgres::TestSchema;

/// Far less than the time after which a process looks by itself.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn process(schema: &TestSchema) -> Queue {
    let store = PostgresStore::open(&schema.url()).await.unwrap();
    let config = QueueConfig { queue_limit: 100, max_attempts: 3, poll: Duration::from_secs(3_600) };
    Queue::new(Arc::new(store), config)
}

/// Two processes, of which the first hears what the second does.
async fn processes(schema: &TestSchema) -> (Queue, Queue) {
    let (here, there) = (process(schema).await, process(schema).await);
    let mut changes = here.changes();
    for i in 0.. {
        enqueue(&there, &format!("probe {i}")).await;
        there.cancel(&format!("probe {i}"), OffsetDateTime::now_utc()).await.unwrap();
        if tokio::time::timeout(Duration::from_millis(200), changes.recv()).await.is_ok() {
            break;
        }
    }
    (here, there)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_is_woken_by_another_process() {
    TestSchema::with(async |schema| {
        let (here, there) = processes(&schema).await;
        enqueue(&there, "a").await;
        let reader = tokio::spawn(here.subscribe("a", 0).try_collect::<Vec<_>>());
        // The reader has read what there is, and waits.
        tokio::time::sleep(Duration::from_millis(200)).await;
        there.cancel("a", OffsetDateTime::now_utc()).await.unwrap();
        let events = tokio::time::timeout(AT_ONCE, reader).await.unwrap().unwrap().unwrap();
        assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [1, 2]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_is_woken_by_another_process() {
    TestSchema::with(async |schema| {
        let (here, there) = processes(&schema).await;
        let dir = tempfile::tempdir().unwrap();
        let _runner = start(&here, &dir, 60_000, Call(|_: &JobRecord, _: &JobContext| Ok(json!(1))));
        tokio::time::sleep(Duration::from_millis(200)).await;
        enqueue(&there, "a").await;
        let done = tokio::time::timeout(AT_ONCE, finished(&there, "a")).await.unwrap();
        assert_eq!(done.state, JobState::Succeeded);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_is_stopped_by_another_process_before_the_heartbeat() {
    TestSchema::with(async |schema| {
        let (here, there) = processes(&schema).await;
        let dir = tempfile::tempdir().unwrap();
        enqueue(&here, "a").await;
        let _runner = start(&here, &dir, 60_000, Call(until_stopped));
        wait_for(&here, "a", |job| job.state == JobState::Running).await;
        there.cancel("a", OffsetDateTime::now_utc()).await.unwrap();
        let done = tokio::time::timeout(AT_ONCE, finished(&here, "a")).await.unwrap();
        assert_eq!(done.state, JobState::Cancelled);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_process_is_gone_is_taken_up_by_another() {
    TestSchema::with(async |schema| {
        let (here, there) = processes(&schema).await;
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        enqueue(&here, "a").await;
        let crashing = start(&here, &first, 300, Call(until_stopped));
        wait_for(&here, "a", |job| job.state == JobState::Running).await;
        drop(crashing);
        tokio::time::sleep(Duration::from_millis(400)).await;
        let _runner = start(&there, &second, 60_000, Call(|_: &JobRecord, _: &JobContext| Ok(json!(2))));
        let done = tokio::time::timeout(AT_ONCE, finished(&there, "a")).await.unwrap();
        assert_eq!((done.state, done.attempt, done.result), (JobState::Succeeded, 2, Some(json!(2))));
    })
    .await;
}
