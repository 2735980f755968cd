use super::*;

on_both! {
    a_job_runs_from_queued_to_succeeded,
    jobs_come_in_the_order_of_their_arrival_and_only_of_the_kinds_asked_for,
    a_worker_that_wants_one_job_leaves_the_others,
    a_failure_is_retried_until_the_attempts_are_used_up,
    a_retry_waits_and_a_final_failure_is_not_retried,
    a_job_whose_lease_ran_out_is_taken_over_and_the_first_worker_is_refused,
    a_renewed_lease_holds_and_an_expired_one_that_nobody_took_can_be_renewed,
    a_job_that_loses_every_worker_fails_in_the_end,
    a_released_job_waits_again_and_no_attempt_is_counted,
    a_waiting_job_is_cancelled_at_once_and_only_once,
    a_running_job_is_asked_to_stop_and_asking_twice_is_the_same,
    a_job_that_was_to_stop_ends_cancelled_unless_it_had_succeeded,
    a_job_to_be_cancelled_whose_worker_is_lost_is_cancelled_by_the_next_claim,
    an_idempotency_key_gives_the_first_job_and_refuses_another_body,
    a_full_queue_refuses_the_next_job,
    updates_show_in_the_job_and_as_numbered_events,
    jobs_are_listed_by_state_and_kind_in_pages,
    many_workers_never_get_the_same_job,
    json_comes_back_as_it_went_in,
    an_unknown_job_has_no_events,
}

fn failed(retry_after: Option<Duration>) -> Outcome {
    Outcome::Failed { error: "it broke".to_owned(), retry_after }
}

async fn enqueue(store: &TestStore, id: &str) -> JobRecord {
    store.enqueue_job(&new_job(id), at(0)).await.unwrap().job
}

/// The states that the job's events tell of.
async fn states(store: &TestStore, id: &str) -> Vec<String> {
    let events = store.job_events(id, 0, 100).await.unwrap();
    let states = events.into_iter().filter(|event| event.kind == JobEventKind::State);
    states.map(|event| event.data["state"].as_str().unwrap().to_owned()).collect()
}

async fn a_job_runs_from_queued_to_succeeded(store: TestStore) {
    let queued = enqueue(&store, "a").await;
    assert_eq!((queued.state, queued.attempt, queued.created_at), (JobState::Queued, 0, at(0)));
    let job = claim(&store, MINUTE).await.unwrap();
    assert_eq!((job.state, job.attempt, job.worker.as_deref()), (JobState::Running, 1, Some("w")));
    assert!(job.started_at.is_some() && job.lease_until.is_some());
    assert_eq!(claim(&store, MINUTE).await, None);
    let outcome = Outcome::Succeeded(json!({ "adapter": "x" }));
    let done = store.finish_job(job.current_attempt(), &outcome, at(9)).await.unwrap();
    assert_eq!((done.state, done.result.clone()), (JobState::Succeeded, Some(json!({ "adapter": "x" }))));
    assert_eq!((done.finished_at, done.lease_until), (Some(at(9)), None));
    assert_eq!(store.job("a").await.unwrap(), done);
    assert_eq!(states(&store, "a").await, ["queued", "running", "succeeded"]);
}

async fn jobs_come_in_the_order_of_their_arrival_and_only_of_the_kinds_asked_for(store: TestStore) {
    store.enqueue_job(&NewJob { kind: "generator".to_owned(), ..new_job("g") }, at(0)).await.unwrap();
    store.enqueue_job(&new_job("b"), at(2)).await.unwrap();
    store.enqueue_job(&new_job("a"), at(1)).await.unwrap();
    let request = ClaimRequest { worker: "w", kinds: &["adapter"], lease: MINUTE, only: None };
    assert_eq!(store.claim_job(request, at(3)).await.unwrap().unwrap().id, "a");
    assert_eq!(store.claim_job(request, at(3)).await.unwrap().unwrap().id, "b");
    assert_eq!(store.claim_job(request, at(3)).await.unwrap(), None);
}

async fn a_worker_that_wants_one_job_leaves_the_others(store: TestStore) {
    enqueue(&store, "a").await;
    enqueue(&store, "b").await;
    let request = ClaimRequest { worker: "w", kinds: &["adapter"], lease: MINUTE, only: Some("b") };
    assert_eq!(store.claim_job(request, at(3)).await.unwrap().unwrap().id, "b");
    assert_eq!(store.claim_job(request, at(3)).await.unwrap(), None);
    assert_eq!(claim(&store, MINUTE).await.unwrap().id, "a");
}

async fn a_failure_is_retried_until_the_attempts_are_used_up(store: TestStore) {
    enqueue(&store, "a").await;
    for (attempt, state) in [(1, JobState::Queued), (2, JobState::Queued), (3, JobState::Failed)] {
        let job = claim(&store, MINUTE).await.unwrap();
        assert_eq!(job.attempt, attempt);
        let job = store.finish_job(job.current_attempt(), &failed(Some(Duration::ZERO)), at(0)).await.unwrap();
        assert_eq!((job.state, job.error.as_deref()), (state, Some("it broke")));
    }
    assert_eq!(claim(&store, MINUTE).await, None);
}

async fn a_retry_waits_and_a_final_failure_is_not_retried(store: TestStore) {
    enqueue(&store, "a").await;
    let job = claim(&store, MINUTE).await.unwrap();
    store.finish_job(job.current_attempt(), &failed(Some(MINUTE)), at(0)).await.unwrap();
    assert_eq!(claim(&store, MINUTE).await, None);
    enqueue(&store, "b").await;
    let job = claim(&store, MINUTE).await.unwrap();
    let job = store.finish_job(job.current_attempt(), &failed(None), at(0)).await.unwrap();
    assert_eq!((job.id.as_str(), job.state), ("b", JobState::Failed));
}

async fn a_job_whose_lease_ran_out_is_taken_over_and_the_first_worker_is_refused(store: TestStore) {
    enqueue(&store, "a").await;
    let first = claim(&store, Duration::ZERO).await.unwrap();
    let second = claim(&store, MINUTE).await.unwrap();
    assert_eq!((second.id.as_str(), second.attempt), ("a", 2));
    let stale = first.current_attempt();
    let log = JobUpdate::Log("I still live".to_owned());
    let refusals = [
        store.renew_job(stale, MINUTE).await.err(),
        store.update_job(stale, &log, at(0)).await.err(),
        store.finish_job(stale, &Outcome::Succeeded(json!(1)), at(0)).await.err(),
        store.release_job(stale, at(0)).await.err(),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Some(StoreError::StaleAttempt { attempt: 1, .. })), "{refusal:?}");
    }
    assert_eq!(store.job("a").await.unwrap(), second);
}

async fn a_renewed_lease_holds_and_an_expired_one_that_nobody_took_can_be_renewed(store: TestStore) {
    enqueue(&store, "a").await;
    let job = claim(&store, Duration::ZERO).await.unwrap();
    assert_eq!(store.renew_job(job.current_attempt(), Duration::from_secs(1)).await.unwrap(), JobState::Running);
    assert_eq!(claim(&store, MINUTE).await, None);
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert_eq!(claim(&store, MINUTE).await.unwrap().attempt, 2);
}

async fn a_job_that_loses_every_worker_fails_in_the_end(store: TestStore) {
    enqueue(&store, "a").await;
    for attempt in 1..=3 {
        assert_eq!(claim(&store, Duration::ZERO).await.unwrap().attempt, attempt);
    }
    assert_eq!(claim(&store, MINUTE).await, None);
    let job = store.job("a").await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("worker was lost"));
}

async fn a_released_job_waits_again_and_no_attempt_is_counted(store: TestStore) {
    enqueue(&store, "a").await;
    for _ in 0..5 {
        let job = claim(&store, MINUTE).await.unwrap();
        let job = store.release_job(job.current_attempt(), at(0)).await.unwrap();
        assert_eq!((job.state, job.counted_attempts()), (JobState::Queued, 0));
    }
    // The number still grows, so that the writes of an earlier turn stay stale.
    assert_eq!(claim(&store, MINUTE).await.unwrap().attempt, 6);
}

async fn a_waiting_job_is_cancelled_at_once_and_only_once(store: TestStore) {
    enqueue(&store, "a").await;
    let job = store.cancel_job("a", at(5)).await.unwrap();
    assert_eq!((job.state, job.finished_at), (JobState::Cancelled, Some(at(5))));
    let again = store.cancel_job("a", at(6)).await.unwrap_err();
    assert!(matches!(again, StoreError::AlreadyFinished { state: JobState::Cancelled, .. }));
    assert!(matches!(store.cancel_job("?", at(6)).await, Err(StoreError::NotFound { .. })));
    assert_eq!(claim(&store, MINUTE).await, None);
}

async fn a_running_job_is_asked_to_stop_and_asking_twice_is_the_same(store: TestStore) {
    enqueue(&store, "a").await;
    let job = claim(&store, MINUTE).await.unwrap();
    assert_eq!(store.cancel_job("a", at(1)).await.unwrap().state, JobState::Cancelling);
    assert_eq!(store.cancel_job("a", at(2)).await.unwrap().state, JobState::Cancelling);
    assert_eq!(store.renew_job(job.current_attempt(), MINUTE).await.unwrap(), JobState::Cancelling);
    let job = store.finish_job(job.current_attempt(), &Outcome::Cancelled, at(3)).await.unwrap();
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!(states(&store, "a").await, ["queued", "running", "cancelling", "cancelled"]);
}

async fn a_job_that_was_to_stop_ends_cancelled_unless_it_had_succeeded(store: TestStore) {
    let outcomes = [
        (Some(failed(Some(Duration::ZERO))), JobState::Cancelled),
        (Some(failed(None)), JobState::Cancelled),
        (Some(Outcome::Succeeded(json!(1))), JobState::Succeeded),
        (None, JobState::Cancelled),
    ];
    for (i, (outcome, state)) in outcomes.into_iter().enumerate() {
        enqueue(&store, &format!("job {i}")).await;
        let job = claim(&store, MINUTE).await.unwrap();
        store.cancel_job(&job.id, at(1)).await.unwrap();
        let ended = match &outcome {
            Some(outcome) => store.finish_job(job.current_attempt(), outcome, at(2)).await,
            None => store.release_job(job.current_attempt(), at(2)).await,
        };
        assert_eq!(ended.unwrap().state, state, "{outcome:?}");
    }
}

async fn a_job_to_be_cancelled_whose_worker_is_lost_is_cancelled_by_the_next_claim(store: TestStore) {
    enqueue(&store, "a").await;
    claim(&store, Duration::ZERO).await.unwrap();
    store.cancel_job("a", at(1)).await.unwrap();
    assert_eq!(claim(&store, MINUTE).await, None);
    assert_eq!(store.job("a").await.unwrap().state, JobState::Cancelled);
}

async fn an_idempotency_key_gives_the_first_job_and_refuses_another_body(store: TestStore) {
    let keyed = |id: &str| NewJob { idempotency_key: Some("k".to_owned()), queue_limit: 1, ..new_job(id) };
    let first = store.enqueue_job(&keyed("a"), at(0)).await.unwrap();
    assert!(first.created);
    // The queue is full by now, but this is no new job.
    let same = NewJob { payload: first.job.payload.clone(), ..keyed("b") };
    let second = store.enqueue_job(&same, at(1)).await.unwrap();
    assert_eq!((second.job.id.as_str(), second.created), ("a", false));
    let other = store.enqueue_job(&keyed("c"), at(2)).await.unwrap_err();
    assert!(matches!(other, StoreError::IdempotencyMismatch { what: "job", id, .. } if id == "a"));
}

async fn a_full_queue_refuses_the_next_job(store: TestStore) {
    let job = |id: &str| NewJob { queue_limit: 2, ..new_job(id) };
    store.enqueue_job(&job("a"), at(0)).await.unwrap();
    store.enqueue_job(&job("b"), at(0)).await.unwrap();
    assert!(matches!(store.enqueue_job(&job("c"), at(0)).await, Err(StoreError::QueueFull { limit: 2 })));
    claim(&store, MINUTE).await.unwrap();
    store.enqueue_job(&job("c"), at(0)).await.unwrap();
}

async fn updates_show_in_the_job_and_as_numbered_events(store: TestStore) {
    enqueue(&store, "a").await;
    let job = claim(&store, MINUTE).await.unwrap();
    let metric = |value: serde_json::Value| JobUpdate::Metric(value.as_object().unwrap().clone());
    let progress = Progress { phase: "train".to_owned(), step: 3, total: 9 };
    for update in [
        JobUpdate::Progress(progress.clone()),
        metric(json!({ "loss": 2.5, "kl": 0.1 })),
        metric(json!({ "loss": 1.5 })),
        JobUpdate::Log("half way".to_owned()),
    ] {
        store.update_job(job.current_attempt(), &update, at(7)).await.unwrap();
    }
    let job = store.job("a").await.unwrap();
    assert_eq!((job.progress, job.metrics), (Some(progress), json!({ "loss": 1.5, "kl": 0.1 })));
    let events = store.job_events("a", 2, 100).await.unwrap();
    assert_eq!(events.iter().map(|event| event.id).collect::<Vec<_>>(), [3, 4, 5, 6]);
    assert_eq!(events[3].data, json!({ "message": "half way" }));
    assert_eq!(store.job_events("a", 2, 1).await.unwrap().len(), 1);
    assert!(store.job_events("a", u64::MAX, 1).await.unwrap().is_empty());
    assert!(matches!(store.job_events("?", 0, 1).await, Err(StoreError::NotFound { what: "job", .. })));
}

async fn jobs_are_listed_by_state_and_kind_in_pages(store: TestStore) {
    for (i, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let kind = if id == "c" { "generator" } else { "adapter" }.to_owned();
        store.enqueue_job(&NewJob { kind, ..new_job(id) }, at(i as i64)).await.unwrap();
    }
    store.cancel_job("b", at(9)).await.unwrap();
    let filter = JobFilter { state: Some(JobState::Queued), kind: Some("adapter".to_owned()), ..JobFilter::default() };
    let first = store.list_jobs(&filter, &page(1, None)).await.unwrap();
    // One that comes between two pages is newer than what is still to come.
    store.enqueue_job(&new_job("e"), at(8)).await.unwrap();
    let second = store.list_jobs(&filter, &page(1, first.next_cursor)).await.unwrap();
    assert_eq!((first.data[0].id.as_str(), second.data[0].id.as_str()), ("d", "a"));
    assert_eq!(second.next_cursor, None);
    assert_eq!(store.list_jobs(&JobFilter::default(), &page(9, None)).await.unwrap().data.len(), 5);
}

async fn many_workers_never_get_the_same_job(store: TestStore) {
    for i in 0..20 {
        enqueue(&store, &format!("{i:02}")).await;
    }
    let worker = || {
        let store = store.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            while let Some(job) = claim(&store, MINUTE).await {
                ids.push(job.id);
            }
            ids
        })
    };
    let workers: Vec<_> = (0..4).map(|_| worker()).collect();
    let mut ids = Vec::new();
    for worker in workers {
        ids.extend(worker.await.unwrap());
    }
    ids.sort();
    assert_eq!(ids, (0..20).map(|i| format!("{i:02}")).collect::<Vec<_>>());
}

async fn json_comes_back_as_it_went_in(store: TestStore) {
    let payload = r#"{"z":1,"a":[1e16,0.1,-0.0,18446744073709551615],"text":"\u0000 \"ö\" 日"}"#;
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
    let job = NewJob { payload: payload.clone(), ..new_job("a") };
    store.enqueue_job(&job, at(0)).await.unwrap();
    let stored = store.job("a").await.unwrap().payload;
    assert_eq!(serde_json::to_string(&stored).unwrap(), serde_json::to_string(&payload).unwrap());
}

async fn an_unknown_job_has_no_events(store: TestStore) {
    assert!(matches!(store.job_events("?", 0, 10).await, Err(StoreError::NotFound { what: "job", .. })));
    enqueue(&store, "a").await;
    assert!(store.job_events("a", u64::MAX, 10).await.unwrap().is_empty());
}
