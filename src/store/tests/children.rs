use super::*;

on_both! {
    the_highest_priority_comes_first_and_of_its_equals_the_oldest,
    a_key_with_another_priority_or_limit_is_another_request,
    a_parent_waits_for_its_children_and_holds_no_slot,
    a_parent_goes_on_once_when_all_of_its_children_have_ended,
    a_failed_child_sends_for_its_parent_and_ends_with_it,
    a_child_is_made_once_however_often_its_parent_asks,
    a_cancelled_parent_takes_its_children_with_it,
    a_parent_that_was_to_stop_makes_no_children,
    a_stale_parent_makes_no_children,
    a_parent_whose_last_worker_is_lost_takes_its_children_with_it,
    children_do_not_fill_the_queue_and_are_listed_under_their_state,
    workers_are_there_as_long_as_they_say_so,
    open_jobs_are_counted_and_children_belong_to_their_parents_trace,
}

fn child(id: &str) -> NewChild {
    NewChild { id: id.to_owned(), kind: "adapter".to_owned(), payload: json!({ "task": id }), max_attempts: 1 }
}

/// A parent `p` that waits for `a` and `b`.
async fn forked(store: &TestStore) -> JobRecord {
    let parent = NewJob { kind: "generator".to_owned(), priority: 5, timeout_ms: Some(9_000), ..new_job("p") };
    store.enqueue_job(&parent, at(0)).await.unwrap();
    let parent = claim(store, MINUTE).await.unwrap();
    store.fork_job(parent.current_attempt(), &[child("a"), child("b")], at(1)).await.unwrap()
}

async fn succeed(store: &TestStore, job: &JobRecord) {
    store.finish_job(job.current_attempt(), &Outcome::Succeeded(json!(1)), at(2)).await.unwrap();
}

async fn fail(store: &TestStore, job: &JobRecord) {
    let failed = Outcome::Failed { error: "it broke".to_owned(), retry_after: None };
    store.finish_job(job.current_attempt(), &failed, at(2)).await.unwrap();
}

async fn state(store: &TestStore, id: &str) -> JobState {
    store.job(id).await.unwrap().state
}

async fn the_highest_priority_comes_first_and_of_its_equals_the_oldest(store: TestStore) {
    for (id, priority, ms) in [("low", -100, 0), ("late", 3, 2), ("early", 3, 1), ("usual", 0, 0), ("high", 100, 9)] {
        store.enqueue_job(&NewJob { priority, ..new_job(id) }, at(ms)).await.unwrap();
    }
    for expected in ["high", "early", "late", "usual", "low"] {
        let job = claim(&store, MINUTE).await.unwrap();
        assert_eq!(job.id, expected, "{job:?}");
    }
}

async fn a_key_with_another_priority_or_limit_is_another_request(store: TestStore) {
    let keyed = NewJob { idempotency_key: Some("k".to_owned()), ..new_job("a") };
    store.enqueue_job(&keyed, at(0)).await.unwrap();
    for other in [NewJob { priority: 1, ..keyed.clone() }, NewJob { timeout_ms: Some(1), ..keyed.clone() }] {
        let refused = store.enqueue_job(&other, at(0)).await.unwrap_err();
        assert!(matches!(refused, StoreError::IdempotencyMismatch { .. }), "{refused}");
    }
    assert!(!store.enqueue_job(&keyed, at(0)).await.unwrap().created);
}

async fn a_parent_waits_for_its_children_and_holds_no_slot(store: TestStore) {
    let parent = forked(&store).await;
    assert_eq!((parent.state, parent.counted_attempts(), parent.worker), (JobState::Waiting, 0, None));
    let children = store.children("p").await.unwrap();
    assert_eq!(children.iter().map(|child| child.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    for child in &children {
        let inherited = (child.state, child.priority, child.timeout_ms, child.parent.as_deref());
        assert_eq!(inherited, (JobState::Queued, 5, Some(9_000), Some("p")));
    }
    // The only worker takes the children, one behind the other, and not the parent.
    assert_eq!(claim(&store, MINUTE).await.unwrap().id, "a");
    assert_eq!(claim(&store, MINUTE).await.unwrap().id, "b");
    assert_eq!(claim(&store, MINUTE).await, None);
    let told = store.job_events("p", 2, 9).await.unwrap();
    assert_eq!(told[0].data, json!({ "state": "waiting", "attempt": 1 }));
}

async fn a_parent_goes_on_once_when_all_of_its_children_have_ended(store: TestStore) {
    forked(&store).await;
    let (a, b) = (claim(&store, MINUTE).await.unwrap(), claim(&store, MINUTE).await.unwrap());
    succeed(&store, &a).await;
    assert_eq!(claim(&store, MINUTE).await, None);
    succeed(&store, &b).await;
    let parent = claim(&store, MINUTE).await.unwrap();
    assert_eq!((parent.id.as_str(), parent.attempt, parent.state), ("p", 2, JobState::Running));
    assert_eq!(claim(&store, MINUTE).await, None);
    succeed(&store, &parent).await;
    assert_eq!(state(&store, "p").await, JobState::Succeeded);
}

async fn a_failed_child_sends_for_its_parent_and_ends_with_it(store: TestStore) {
    forked(&store).await;
    let a = claim(&store, MINUTE).await.unwrap();
    fail(&store, &a).await;
    let parent = claim(&store, MINUTE).await.unwrap();
    assert_eq!(parent.id, "p");
    fail(&store, &parent).await;
    assert_eq!((state(&store, "a").await, state(&store, "b").await), (JobState::Failed, JobState::Cancelled));
    assert_eq!(claim(&store, MINUTE).await, None);
}

async fn a_child_is_made_once_however_often_its_parent_asks(store: TestStore) {
    forked(&store).await;
    for _ in 0..2 {
        succeed(&store, &claim(&store, MINUTE).await.unwrap()).await;
    }
    let parent = claim(&store, MINUTE).await.unwrap();
    store.fork_job(parent.current_attempt(), &[child("b"), child("c")], at(3)).await.unwrap();
    let states: Vec<_> = store.children("p").await.unwrap().into_iter().map(|job| (job.id, job.state)).collect();
    let ended = |id: &str| (id.to_owned(), JobState::Succeeded);
    assert_eq!(states, [ended("a"), ended("b"), ("c".to_owned(), JobState::Queued)]);
    assert_eq!(claim(&store, MINUTE).await.unwrap().id, "c");
}

async fn a_cancelled_parent_takes_its_children_with_it(store: TestStore) {
    forked(&store).await;
    let a = claim(&store, MINUTE).await.unwrap();
    let parent = store.cancel_job("p", at(4)).await.unwrap();
    assert_eq!((parent.state, parent.finished_at), (JobState::Cancelled, Some(at(4))));
    assert_eq!((state(&store, "a").await, state(&store, "b").await), (JobState::Cancelling, JobState::Cancelled));
    assert_eq!(store.renew_job(a.current_attempt(), MINUTE).await.unwrap(), JobState::Cancelling);
    store.finish_job(a.current_attempt(), &Outcome::Cancelled, at(5)).await.unwrap();
    assert_eq!(claim(&store, MINUTE).await, None);
}

async fn a_parent_that_was_to_stop_makes_no_children(store: TestStore) {
    store.enqueue_job(&new_job("p"), at(0)).await.unwrap();
    let parent = claim(&store, MINUTE).await.unwrap();
    store.cancel_job("p", at(1)).await.unwrap();
    let ended = store.fork_job(parent.current_attempt(), &[child("a")], at(2)).await.unwrap();
    assert_eq!(ended.state, JobState::Cancelled);
    assert!(store.children("p").await.unwrap().is_empty());
}

async fn a_stale_parent_makes_no_children(store: TestStore) {
    store.enqueue_job(&new_job("p"), at(0)).await.unwrap();
    let first = claim(&store, Duration::ZERO).await.unwrap();
    claim(&store, MINUTE).await.unwrap();
    let refused = store.fork_job(first.current_attempt(), &[child("a")], at(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::StaleAttempt { attempt: 1, .. }), "{refused}");
    assert!(store.children("p").await.unwrap().is_empty());
}

async fn a_parent_whose_last_worker_is_lost_takes_its_children_with_it(store: TestStore) {
    store.enqueue_job(&NewJob { max_attempts: 1, ..new_job("p") }, at(0)).await.unwrap();
    let parent = claim(&store, MINUTE).await.unwrap();
    store.fork_job(parent.current_attempt(), &[child("a"), child("b")], at(1)).await.unwrap();
    let a = claim(&store, MINUTE).await.unwrap();
    fail(&store, &a).await;
    assert_eq!(claim(&store, Duration::ZERO).await.unwrap().id, "p");
    assert_eq!(claim(&store, MINUTE).await, None);
    assert_eq!((state(&store, "p").await, state(&store, "b").await), (JobState::Failed, JobState::Cancelled));
}

async fn children_do_not_fill_the_queue_and_are_listed_under_their_state(store: TestStore) {
    forked(&store).await;
    store.enqueue_job(&NewJob { queue_limit: 1, ..new_job("x") }, at(3)).await.unwrap();
    let listed = async |state| {
        let filter = JobFilter { state: Some(state), ..JobFilter::default() };
        let jobs = store.list_jobs(&filter, &page(9, None)).await.unwrap().data;
        jobs.into_iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(JobState::Waiting).await, ["p"]);
    assert_eq!(listed(JobState::Queued).await, ["x", "b", "a"]);
}

async fn workers_are_there_as_long_as_they_say_so(store: TestStore) {
    let worker = |name: &str, slots| WorkerRecord {
        name: name.to_owned(),
        slots: [("adapter".to_owned(), slots)].into_iter().collect(),
    };
    store.announce_worker(&worker("b", 1), MINUTE).await.unwrap();
    store.announce_worker(&worker("a", 1), MINUTE).await.unwrap();
    store.announce_worker(&worker("a", 3), MINUTE).await.unwrap();
    store.announce_worker(&worker("gone", 9), Duration::ZERO).await.unwrap();
    assert_eq!(store.workers().await.unwrap(), [worker("a", 3), worker("b", 1)]);
    store.retire_worker("a").await.unwrap();
    assert_eq!(store.workers().await.unwrap(), [worker("b", 1)]);
}

async fn open_jobs_are_counted_and_children_belong_to_their_parents_trace(store: TestStore) {
    assert_eq!(store.open_jobs().await.unwrap(), OpenJobs::default());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    store.enqueue_job(&NewJob { priority: -1, ..new_job("done") }, at(0)).await.unwrap();
    store.cancel_job("done", at(0)).await.unwrap();
    let parent = NewJob { kind: "generator".to_owned(), traceparent: Some(trace.to_owned()), ..new_job("p") };
    store.enqueue_job(&parent, at(0)).await.unwrap();
    let parent = claim(&store, MINUTE).await.unwrap();
    assert_eq!(parent.traceparent.as_deref(), Some(trace));
    store.fork_job(parent.current_attempt(), &[child("a"), child("b")], at(7)).await.unwrap();
    assert_eq!(claim(&store, MINUTE).await.unwrap().traceparent.as_deref(), Some(trace));
    let mut open = store.open_jobs().await.unwrap();
    open.counts.sort_by_key(|(state, kind, _)| (state.as_str(), kind.clone()));
    let counted = |state, kind: &str| (state, kind.to_owned(), 1);
    let expected = [(JobState::Queued, "adapter"), (JobState::Running, "adapter"), (JobState::Waiting, "generator")];
    assert_eq!(open.counts, expected.map(|(state, kind)| counted(state, kind)));
    assert_eq!(open.oldest_queued, Some(at(7)));
}
