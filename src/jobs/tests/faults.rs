//! Workers that sleep, clocks that jump, a database that is away for a while. Over both databases.

use std::sync::atomic::{AtomicBool, AtomicI64};

use super::*;
use crate::store::tests::{TestStore, on_both};
use crate::store::{ClaimRequest, JobEventKind, StoreError};

on_both! {
    a_worker_that_sleeps_past_its_lease_is_refused_when_it_wakes,
    a_job_is_done_once_however_the_clock_of_its_worker_jumps,
    a_database_clock_that_jumps_forwards_moves_a_job_and_does_it_once,
    a_database_clock_that_jumps_backwards_delays_what_a_lost_worker_held,
}

fn over(store: &TestStore) -> Queue {
    let config = QueueConfig { queue_limit: 100, max_attempts: 3, poll: Duration::from_millis(50) };
    Queue::new(Arc::<dyn crate::store::Store>::from(store) as _, config)
}

fn runner(queue: &Queue, config: RunnerConfig, handler: impl JobHandler + 'static) -> RunningRunner {
    Runner::new(queue.clone(), config).handle("adapter", 1, Arc::new(handler)).start()
}

/// Every attempt to write as an attempt that is over is refused.
async fn refuses_every_write(queue: &Queue, attempt: crate::store::Attempt<'_>) {
    let now = OffsetDateTime::now_utc();
    let stale = |error: StoreError| assert!(matches!(error, StoreError::StaleAttempt { .. }), "{error}");
    stale(queue.store().renew_job(attempt, Duration::from_secs(60)).await.unwrap_err());
    let log = crate::store::JobUpdate::Log("a ghost's words".to_owned());
    stale(queue.store().update_job(attempt, &log, now).await.unwrap_err());
    let done = crate::store::Outcome::Succeeded(json!("a ghost's result"));
    stale(queue.store().finish_job(attempt, &done, now).await.unwrap_err());
    stale(queue.store().release_job(attempt, now).await.unwrap_err());
}

/// The whole worker sleeps, its heartbeat too: a machine that was suspended.
async fn a_worker_that_sleeps_past_its_lease_is_refused_when_it_wakes(store: TestStore) {
    let queue = over(&store);
    enqueue(&queue, "a").await;
    let kinds = ["adapter"];
    let claim = |worker| ClaimRequest { worker, kinds: &kinds, lease: Duration::from_millis(200), only: None };
    let sleeper = queue.store().claim_job(claim("sleeper"), OffsetDateTime::now_utc()).await.unwrap().unwrap();
    assert!(queue.store().claim_job(claim("other"), OffsetDateTime::now_utc()).await.unwrap().is_none());
    tokio::time::sleep(Duration::from_millis(300)).await;
    let dir = tempfile::tempdir().unwrap();
    let half = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&half);
    let slow = move |_: &JobRecord, _: &JobContext| {
        seen.store(true, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(700));
        Ok(json!("the other's result"))
    };
    let _other = runner(&queue, RunnerConfig::new("other", dir.path()), Call(slow));
    while !half.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // It wakes while the other works, and again when that is done.
    refuses_every_write(&queue, sleeper.current_attempt()).await;
    let job = finished(&queue, "a").await;
    refuses_every_write(&queue, sleeper.current_attempt()).await;
    assert_eq!((job.attempt, &job.result), (2, &Some(json!("the other's result"))));
    assert_eq!(queue.job("a").await.unwrap(), job);
    let events = queue.store().job_events("a", 0, 100).await.unwrap();
    assert!(events.iter().all(|event| event.kind != JobEventKind::Log), "{events:?}");
}

/// By how many seconds the clock below is off.
static OFF_BY: AtomicI64 = AtomicI64::new(0);

fn jumping() -> OffsetDateTime {
    OffsetDateTime::now_utc() + time::Duration::seconds(OFF_BY.load(Ordering::SeqCst))
}

/// Leases run on the database's clock, so that of a worker only dates its records.
async fn a_job_is_done_once_however_the_clock_of_its_worker_jumps(store: TestStore) {
    let queue = over(&store);
    let dir = tempfile::tempdir().unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let jumps = move |_: &JobRecord, context: &JobContext| {
        counted.fetch_add(1, Ordering::SeqCst);
        for hours in [24 * 365, -24 * 365, 1, -1, 0] {
            OFF_BY.store(hours * 3_600, Ordering::SeqCst);
            context.log(format!("off by {hours} hours"));
            std::thread::sleep(Duration::from_millis(150));
        }
        Ok(json!(1))
    };
    let config = |worker: &str| RunnerConfig {
        lease: Duration::from_millis(300),
        clock: jumping,
        ..RunnerConfig::new(worker, dir.path())
    };
    let _first = runner(&queue, config("first"), Call(jumps.clone()));
    let _second = runner(&queue, config("second"), Call(jumps));
    for (id, hours) in [("a", 24), ("b", -24), ("c", 0)] {
        OFF_BY.store(hours * 3_600, Ordering::SeqCst);
        queue.enqueue(request(id), jumping()).await.unwrap();
        let job = finished(&queue, id).await;
        assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1), "{id}");
        let events = queue.store().job_events(id, 0, 100).await.unwrap();
        assert!(events.iter().map(|event| event.id).eq(1..=events.len() as u64), "{events:?}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

/// What the database's clock does when it jumps, seen from what it is compared with.
const FORWARDS: &str = "UPDATE jobs SET lease_until = lease_until - 3600000, run_after = run_after - 3600000";
const BACKWARDS: &str = "UPDATE jobs SET lease_until = lease_until + 3600000, run_after = run_after + 3600000";

async fn a_database_clock_that_jumps_forwards_moves_a_job_and_does_it_once(store: TestStore) {
    let (queue, dirs) = (over(&store), [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()]);
    enqueue(&queue, "a").await;
    let config = |worker: &str, dir: &TempDir| RunnerConfig {
        lease: Duration::from_secs(60),
        ..RunnerConfig::new(worker, dir.path())
    };
    let _first = runner(&queue, config("first", &dirs[0]), Call(until_stopped));
    wait_for(&queue, "a", |job| job.state == JobState::Running).await;
    store.execute(FORWARDS).await;
    let _second = runner(&queue, config("second", &dirs[1]), Call(|_: &JobRecord, _: &JobContext| Ok(json!(2))));
    let job = finished(&queue, "a").await;
    assert_eq!((job.state, job.attempt, job.result), (JobState::Succeeded, 2, Some(json!(2))));
}

/// A lease that lies an hour ahead holds that long where its worker is gone, and not at all where it lives: it ends with the
/// job, and the next renewal sets it right.
async fn a_database_clock_that_jumps_backwards_delays_what_a_lost_worker_held(store: TestStore) {
    let (queue, dir) = (over(&store), tempfile::tempdir().unwrap());
    enqueue(&queue, "a").await;
    let config = RunnerConfig { lease: Duration::from_millis(300), ..RunnerConfig::new("w", dir.path()) };
    let living = runner(&queue, config.clone(), Call(until_stopped));
    wait_for(&queue, "a", |job| job.state == JobState::Running).await;
    store.execute(BACKWARDS).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(living);
    // The renewal after the jump has set the lease right, so it runs out soon.
    let next = runner(&queue, config, Call(|_: &JobRecord, _: &JobContext| Ok(json!(2))));
    let job = finished(&queue, "a").await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 2));
    let kinds = ["adapter"];
    enqueue(&queue, "b").await;
    let only = ClaimRequest { worker: "gone", kinds: &kinds, lease: Duration::ZERO, only: Some("b") };
    drop(next);
    queue.store().claim_job(only, OffsetDateTime::now_utc()).await.unwrap();
    store.execute(BACKWARDS).await;
    assert!(queue.store().claim_job(only, OffsetDateTime::now_utc()).await.unwrap().is_none());
}
