use futures::{StreamExt, TryStreamExt};

use super::*;
use crate::store::{ClaimRequest, JobEvent, JobEventKind, JobUpdate, Outcome, StoreError};

const NOW: OffsetDateTime = time::macros::datetime!(2026-11-24 12:00 UTC);

/// Claims the oldest job and reports some lines.
async fn claim_and_log(queue: &Queue, lines: usize) -> JobRecord {
    let request = ClaimRequest { worker: "w", kinds: &JobKind::NAMES, lease: Duration::from_secs(60), only: None };
    let job = queue.claim(request, NOW).await.unwrap().unwrap();
    for line in 0..lines {
        queue.update(job.current_attempt(), &JobUpdate::Log(line.to_string()), NOW).await.unwrap();
    }
    job
}

fn ids(events: &[JobEvent]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}

#[tokio::test]
async fn an_impossible_job_is_not_queued() {
    let (_dir, queue) = queue().await;
    let refused = queue.enqueue(request(" "), NOW).await.unwrap_err();
    assert!(matches!(refused, QueueError::Invalid(InvalidKind { field: "task", .. })), "{refused}");
    assert!(matches!(queue.job(" ").await, Err(StoreError::NotFound { .. })));
}

#[tokio::test]
async fn a_queued_job_gives_its_kind_back() {
    let (_dir, queue) = queue().await;
    let job = enqueue(&queue, "a").await;
    assert_eq!(job.kind, "adapter");
    assert_eq!(serde_json::from_value::<JobKind>(job.payload).unwrap(), request("a").spec.kind);
}

#[tokio::test]
async fn the_same_key_gives_the_same_job() {
    let (_dir, queue) = queue().await;
    let keyed = |id: &str| JobRequest { id: id.to_owned(), idempotency_key: Some("k".to_owned()), ..request("t") };
    let (first, created) = queue.enqueue(keyed("a"), NOW).await.unwrap();
    assert!(created);
    assert_eq!(queue.enqueue(keyed("b"), NOW).await.unwrap(), (first, false));
}

#[tokio::test]
async fn a_reader_gets_every_event_once_and_in_order_until_the_job_has_ended() {
    let (_dir, queue) = queue().await;
    enqueue(&queue, "a").await;
    let reader = tokio::spawn(queue.subscribe("a", 0).try_collect::<Vec<_>>());
    let job = claim_and_log(&queue, 300).await;
    queue.finish(job.current_attempt(), &Outcome::Succeeded(json!(1)), NOW).await.unwrap();
    let events = reader.await.unwrap().unwrap();
    assert_eq!(ids(&events), (1..=303).collect::<Vec<_>>());
    assert_eq!(events[302].data, json!({ "state": "succeeded", "attempt": 1 }));
}

#[tokio::test]
async fn a_reader_that_was_cut_off_goes_on_after_its_last_event() {
    let (_dir, queue) = queue().await;
    enqueue(&queue, "a").await;
    let job = claim_and_log(&queue, 5).await;
    let first: Vec<JobEvent> = queue.subscribe("a", 0).take(4).try_collect().await.unwrap();
    assert_eq!(ids(&first), [1, 2, 3, 4]);
    queue.finish(job.current_attempt(), &Outcome::Cancelled, NOW).await.unwrap();
    let rest: Vec<JobEvent> = queue.subscribe("a", 4).try_collect().await.unwrap();
    assert_eq!(ids(&rest), [5, 6, 7, 8]);
    // After the last event there is nothing to wait for.
    assert_eq!(queue.subscribe("a", 8).count().await, 0);
}

#[tokio::test]
async fn a_reader_sees_what_another_process_does() {
    let (dir, here) = queue().await;
    let there = process(dir.path()).await;
    enqueue(&here, "a").await;
    let reader = tokio::spawn(here.subscribe("a", 1).try_collect::<Vec<_>>());
    there.cancel("a", NOW).await.unwrap();
    let events = reader.await.unwrap().unwrap();
    assert_eq!((events[0].kind, &events[0].data["state"]), (JobEventKind::State, &json!("cancelled")));
}

#[tokio::test]
async fn the_events_of_an_unknown_job_are_an_error() {
    let (_dir, queue) = queue().await;
    let events: Vec<_> = queue.subscribe("?", 0).collect().await;
    assert!(matches!(events[..], [Err(StoreError::NotFound { .. })]));
}
