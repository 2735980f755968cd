use super::*;
use crate::store::JobEventKind;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_run_with_its_reports_and_its_directory_is_removed() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "a").await;
    let runner = start(
        &queue,
        &dir,
        1_000,
        Call(|job: &JobRecord, context: &JobContext| {
            std::fs::write(context.work_dir().join("checkpoint"), "1").map_err(JobError::transient)?;
            context.progress("train", 1, 2);
            context.metrics(&[("loss", 0.5)]);
            context.log("hello");
            Ok(json!({ "task": job.payload["task"] }))
        }),
    );
    let job = finished(&queue, "a").await;
    assert_eq!((job.state, job.result), (JobState::Succeeded, Some(json!({ "task": "a" }))));
    assert_eq!(job.metrics, json!({ "loss": 0.5 }));
    assert_eq!(job.progress.unwrap().phase, "train");
    runner.drain().await;
    assert!(!dir.path().join("jobs/a").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_arrives_later_wakes_the_runner_and_one_kind_runs_one_at_a_time() {
    let (dir, queue) = queue().await;
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (in_handler, seen) = (Arc::clone(&now), Arc::clone(&most));
    let _runner = start(
        &queue,
        &dir,
        1_000,
        Call(move |_: &JobRecord, _: &JobContext| {
            seen.fetch_max(in_handler.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(20));
            in_handler.fetch_sub(1, Ordering::SeqCst);
            Ok(json!(null))
        }),
    );
    for id in ["a", "b", "c"] {
        enqueue(&queue, id).await;
    }
    for id in ["a", "b", "c"] {
        assert_eq!(finished(&queue, id).await.state, JobState::Succeeded);
    }
    assert_eq!((now.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_a_failure_with_its_message_and_the_runner_goes_on() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "bad").await;
    let _runner = start(
        &queue,
        &dir,
        1_000,
        Call(|job: &JobRecord, _: &JobContext| {
            assert!(job.id != "bad", "shapes differ");
            Ok(json!(1))
        }),
    );
    let job = finished(&queue, "bad").await;
    assert_eq!((job.state, job.attempt), (JobState::Failed, 1));
    assert!(job.error.unwrap().contains("panicked: shapes differ"));
    enqueue(&queue, "good").await;
    assert_eq!(finished(&queue, "good").await.state, JobState::Succeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transient_failure_waits_for_its_retry_and_a_permanent_one_ends_the_job() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "transient").await;
    enqueue(&queue, "permanent").await;
    let _runner = start(
        &queue,
        &dir,
        1_000,
        Call(|job: &JobRecord, _: &JobContext| {
            let error = std::io::Error::other("the disk is away");
            Err(if job.id == "transient" { JobError::transient(error) } else { JobError::permanent(error) })
        }),
    );
    let job = finished(&queue, "permanent").await;
    assert_eq!((job.state, job.error.as_deref()), (JobState::Failed, Some("the disk is away")));
    let job = queue.job("transient").await.unwrap();
    assert_eq!((job.state, job.attempt, job.error.as_deref()), (JobState::Queued, 1, Some("the disk is away")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_job_is_cancelled_at_its_next_checkpoint() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "a").await;
    // The lease is long, so it is not the heartbeat that brings the word.
    let _runner = start(&queue, &dir, 60_000, Call(until_stopped));
    wait_for(&queue, "a", |job| job.state == JobState::Running).await;
    queue.cancel("a", OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!(finished(&queue, "a").await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_can_cancel_a_running_job() {
    let (dir, queue) = queue().await;
    let other = process(dir.path()).await;
    enqueue(&queue, "a").await;
    let _runner = start(&queue, &dir, 300, Call(until_stopped));
    wait_for(&queue, "a", |job| job.state == JobState::Running).await;
    other.cancel("a", OffsetDateTime::now_utc()).await.unwrap();
    assert_eq!(finished(&queue, "a").await.state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_heartbeat_keeps_a_job_that_runs_longer_than_its_lease() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "a").await;
    let slow = |_: &JobRecord, _: &JobContext| {
        std::thread::sleep(Duration::from_millis(1_500));
        Ok(json!(1))
    };
    let _first = start(&queue, &dir, 400, Call(slow));
    wait_for(&queue, "a", |job| job.state == JobState::Running).await;
    let _second = start(&queue, &dir, 400, Call(slow));
    let job = finished(&queue, "a").await;
    assert_eq!((job.state, job.attempt), (JobState::Succeeded, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_a_second_runner_goes_on_from_the_checkpoint_and_the_first_one_is_not_heard() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "a").await;
    let (told, learned) = std::sync::mpsc::channel();
    let crashing = start(
        &queue,
        &dir,
        200,
        Call(move |job: &JobRecord, context: &JobContext| {
            std::fs::write(context.work_dir().join("checkpoint"), "step 7").map_err(JobError::transient)?;
            context.log("checkpoint written");
            let stopped = until_stopped(job, context);
            std::thread::sleep(Duration::from_millis(500));
            context.log("a ghost's words");
            let _ = told.send(context.stop_reason());
            stopped
        }),
    );
    let written = |job: &JobRecord| job.state == JobState::Running && dir.path().join("jobs/a/checkpoint").exists();
    wait_for(&queue, "a", written).await;
    drop(crashing);
    let _second = start(
        &queue,
        &dir,
        1_000,
        Call(|_: &JobRecord, context: &JobContext| {
            std::thread::sleep(Duration::from_millis(700));
            let checkpoint = std::fs::read_to_string(context.work_dir().join("checkpoint"));
            Ok(json!(checkpoint.map_err(JobError::transient)?))
        }),
    );
    let job = finished(&queue, "a").await;
    assert_eq!((job.state, job.attempt, job.result), (JobState::Succeeded, 2, Some(json!("step 7"))));
    assert_eq!(learned.recv_timeout(Duration::from_secs(5)).unwrap(), Some(StopReason::LeaseLost));
    let events = queue.store().job_events("a", 0, 100).await.unwrap();
    let logs: Vec<_> = events.iter().filter(|event| event.kind == JobEventKind::Log).collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_gives_the_job_back_with_its_work_and_counts_no_attempt() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "a").await;
    enqueue(&queue, "b").await;
    let runner = start(
        &queue,
        &dir,
        60_000,
        Call(|job: &JobRecord, context: &JobContext| {
            std::fs::write(context.work_dir().join("checkpoint"), "1").map_err(JobError::transient)?;
            until_stopped(job, context)
        }),
    );
    wait_for(&queue, "a", |job| job.state == JobState::Running && dir.path().join("jobs/a/checkpoint").exists()).await;
    runner.drain().await;
    let job = queue.job("a").await.unwrap();
    assert_eq!((job.state, job.attempt, job.counted_attempts()), (JobState::Queued, 1, 0));
    assert!(dir.path().join("jobs/a/checkpoint").exists());
    // What waited was not begun.
    assert_eq!(queue.job("b").await.unwrap().attempt, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_kind_without_a_handler_waits() {
    let (dir, queue) = queue().await;
    let spec = serde_json::from_value(json!({ "kind": "generator", "tasks": "all" })).unwrap();
    let request = JobRequest { id: "g".to_owned(), spec, idempotency_key: None, owner: JobOwner::default() };
    queue.enqueue(request, OffsetDateTime::now_utc()).await.unwrap();
    enqueue(&queue, "a").await;
    let _runner = start(&queue, &dir, 1_000, Call(|_: &JobRecord, _: &JobContext| Ok(json!(1))));
    finished(&queue, "a").await;
    assert_eq!(queue.job("g").await.unwrap().state, JobState::Queued);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_begins_by_removing_what_ended_jobs_left() {
    let (dir, queue) = queue().await;
    enqueue(&queue, "cancelled").await;
    queue.cancel("cancelled", OffsetDateTime::now_utc()).await.unwrap();
    let left = |id: &str| dir.path().join("jobs").join(id);
    for id in ["cancelled", "unknown"] {
        std::fs::create_dir_all(left(id)).unwrap();
    }
    start(&queue, &dir, 1_000, Call(until_stopped)).drain().await;
    assert!(!left("cancelled").exists() && !left("unknown").exists());
}
