//! Two processes that write at once. What one call promises holds whatever the others do.

use std::collections::BTreeSet;

use super::*;

on_both! {
    the_queue_never_grows_beyond_its_limit,
    one_key_makes_one_job,
    one_key_imports_one_adapter,
    one_of_two_changes_of_the_same_state_is_made,
    one_adapter_is_created_and_the_others_get_its_bytes,
    an_adapter_may_come_and_go_at_once,
    a_free_name_goes_to_one,
    a_name_that_is_moved_has_one_holder,
    one_generator_is_active_in_the_end,
    events_are_numbered_without_gaps,
    a_task_may_come_and_go_at_once,
    two_processes_never_get_the_same_job,
}

/// Runs so many calls at once, alternating between two processes, and gives what they gave.
async fn at_once<T, F>(store: &TestStore, count: usize, call: impl Fn(Arc<dyn Store>, usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let processes = [Arc::<dyn Store>::from(store), store.another().await];
    let calls: Vec<_> = (0..count).map(|i| tokio::spawn(call(Arc::clone(&processes[i % 2]), i))).collect();
    let mut given = Vec::new();
    for call in calls {
        given.push(call.await.unwrap());
    }
    given
}

async fn the_queue_never_grows_beyond_its_limit(store: TestStore) {
    let enqueued = at_once(&store, 16, |store: Arc<dyn Store>, i| async move {
        let job = NewJob { queue_limit: 5, ..new_job(&format!("{i:02}")) };
        store.enqueue_job(&job, at(0)).await
    });
    let enqueued = enqueued.await;
    assert_eq!(enqueued.iter().filter(|enqueued| enqueued.is_ok()).count(), 5);
    for refused in enqueued.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, StoreError::QueueFull { limit: 5 }), "{refused}");
    }
    assert_eq!(store.list_jobs(&JobFilter::default(), &page(100, None)).await.unwrap().data.len(), 5);
}

async fn one_key_makes_one_job(store: TestStore) {
    let enqueued = at_once(&store, 10, |store: Arc<dyn Store>, i| async move {
        let job = NewJob { idempotency_key: Some("k".to_owned()), payload: json!(1), ..new_job(&format!("{i:02}")) };
        store.enqueue_job(&job, at(0)).await.unwrap()
    });
    let enqueued = enqueued.await;
    assert_eq!(enqueued.iter().filter(|enqueued| enqueued.created).count(), 1);
    assert_eq!(enqueued.iter().map(|enqueued| &enqueued.job.id).collect::<BTreeSet<_>>().len(), 1);
}

async fn one_key_imports_one_adapter(store: TestStore) {
    let published = at_once(&store, 10, |store: Arc<dyn Store>, i| async move {
        // Two requests with one key ask for different things: one of them has it, the other is refused throughout.
        let asked = ["a", "b"][i / 2 % 2];
        let key = RequestKey { key: "k".to_owned(), request: asked.to_owned() };
        let record = super::adapters::adapter(asked, 0);
        store.publish_adapter_once("default", &record, OnNameTaken::Refuse, &key).await.map(|done| done.record.id)
    });
    let ids: BTreeSet<_> = published.await.into_iter().filter_map(Result::ok).collect();
    let listed = store.list_adapters("default", &AdapterFilter::default(), &page(10, None)).await.unwrap().data;
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), listed.into_iter().map(|row| row.id).collect::<Vec<_>>());
}

async fn one_of_two_changes_of_the_same_state_is_made(store: TestStore) {
    let seen = store.put_task("t", &[], &Expected::Any, at(0)).await.unwrap();
    let expected = Expected::Tagged(vec![seen.tag().unwrap()]);
    let changes = at_once(&store, 8, |store: Arc<dyn Store>, i| {
        let expected = expected.clone();
        async move { store.put_task("t", &[format!("wording {i}")], &expected, at(1)).await }
    });
    let made: Vec<_> = changes.await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(store.task("t").await.unwrap(), made[0]);
}

async fn one_adapter_is_created_and_the_others_get_its_bytes(store: TestStore) {
    let published = at_once(&store, 10, |store: Arc<dyn Store>, i| async move {
        let tenant = ["one", "two", "three"][i % 3];
        let record = AdapterRecord { digest: format!("bytes {i}"), ..super::adapters::adapter("a", 0) };
        store.publish_adapter(tenant, &record, OnNameTaken::Refuse).await.unwrap()
    });
    let published = published.await;
    let with = |outcome| published.iter().filter(|published| published.outcome == outcome).count();
    assert_eq!((with(PublishOutcome::Created), with(PublishOutcome::Shared)), (1, 2));
    assert_eq!(published.iter().map(|published| &published.record.digest).collect::<BTreeSet<_>>().len(), 1);
}

async fn an_adapter_may_come_and_go_at_once(store: TestStore) {
    let calls = at_once(&store, 24, |store: Arc<dyn Store>, i| async move {
        let (tenant, record) = (["one", "two"][i / 2 % 2], super::adapters::adapter("a", 0));
        if i % 3 == 0 {
            store.unlist_adapter(tenant, "a").await.map(drop)
        } else {
            store.publish_adapter(tenant, &record, OnNameTaken::Refuse).await.map(drop)
        }
    });
    for refused in calls.await.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, StoreError::NotFound { .. }), "{refused}");
    }
}

fn named(id: &str) -> AdapterRecord {
    AdapterRecord { name: Some("x".to_owned()), ..super::adapters::adapter(id, 0) }
}

async fn a_free_name_goes_to_one(store: TestStore) {
    let published = at_once(&store, 8, |store: Arc<dyn Store>, i| async move {
        store.publish_adapter("default", &named(&format!("{i}")), OnNameTaken::Refuse).await
    });
    let published = published.await;
    assert_eq!(published.iter().filter(|published| published.is_ok()).count(), 1);
    for refused in published.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, StoreError::NameTaken { .. }), "{refused}");
    }
}

async fn a_name_that_is_moved_has_one_holder(store: TestStore) {
    let ids = ["a", "b", "c"];
    for id in ids {
        store.publish_adapter("default", &super::adapters::adapter(id, 0), OnNameTaken::Refuse).await.unwrap();
    }
    at_once(&store, 24, move |store: Arc<dyn Store>, i| async move {
        store.rename_adapter("default", ids[i % 3], Some(["x", "y"][i / 3 % 2]), OnNameTaken::Replace).await.unwrap();
    })
    .await;
    let filter = AdapterFilter { named_only: true, ..AdapterFilter::default() };
    let named = store.list_adapters("default", &filter, &page(10, None)).await.unwrap().data;
    let names: BTreeSet<_> = named.iter().map(|adapter| adapter.name.clone()).collect();
    assert_eq!(names.len(), named.len(), "{named:?}");
}

async fn one_generator_is_active_in_the_end(store: TestStore) {
    for id in ["g0", "g1", "g2"] {
        super::generators::insert(&store, id, "b").await;
    }
    at_once(&store, 18, |store: Arc<dyn Store>, i| async move {
        store.activate_generator(&format!("g{}", i % 3)).await.unwrap();
    })
    .await;
    let all = store.list_generators(&page(10, None)).await.unwrap().data;
    assert_eq!(all.iter().filter(|generator| generator.active).count(), 1);
}

async fn events_are_numbered_without_gaps(store: TestStore) {
    store.enqueue_job(&new_job("a"), at(0)).await.unwrap();
    claim(&store, MINUTE).await.unwrap();
    let mut ids = at_once(&store, 20, |store: Arc<dyn Store>, i| async move {
        let update = match i % 2 {
            0 => JobUpdate::Log("l".to_owned()),
            _ => JobUpdate::Metric([(format!("m{i}"), json!(i))].into_iter().collect()),
        };
        store.update_job(Attempt { job: "a", number: 1 }, &update, at(0)).await.unwrap().id
    })
    .await;
    ids.sort_unstable();
    assert_eq!(ids, (3..=22).collect::<Vec<_>>());
    // No metric was written over by another.
    assert_eq!(store.job("a").await.unwrap().metrics.as_object().unwrap().len(), 10);
}

async fn a_task_may_come_and_go_at_once(store: TestStore) {
    let calls = at_once(&store, 24, |store: Arc<dyn Store>, i| async move {
        let (descriptions, examples) = ([format!("d{i}")], [Example::Text { text: format!("{i}"), split: None }]);
        match i % 4 {
            0 => store.put_task("t", &descriptions, &Expected::Any, at(0)).await.map(drop),
            1 => store.put_examples("t", &examples, &Expected::Any, at(0)).await.map(drop),
            2 => store.import_task("t", (&descriptions, &examples), at(0)).await.map(drop),
            _ => store.delete_task("t", &Expected::Any).await,
        }
    });
    for refused in calls.await.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, StoreError::NotFound { .. }), "{refused}");
    }
    // What the task says of its examples is true.
    store.import_task("t", (&[], &[Example::Text { text: "last".to_owned(), split: None }]), at(0)).await.unwrap();
    let (task, examples) = (store.task("t").await.unwrap(), store.examples("t").await.unwrap());
    assert_eq!(task.examples_digest, examples_digest(&examples).unwrap());
}

async fn two_processes_never_get_the_same_job(store: TestStore) {
    for i in 0..30 {
        store.enqueue_job(&new_job(&format!("{i:02}")), at(0)).await.unwrap();
    }
    let claimed = at_once(&store, 6, |store: Arc<dyn Store>, _| async move {
        let request = ClaimRequest { worker: "w", kinds: &["adapter"], lease: MINUTE, only: None };
        let mut ids = Vec::new();
        while let Some(job) = store.claim_job(request, at(0)).await.unwrap() {
            ids.push(job.id);
        }
        ids
    });
    let mut ids: Vec<_> = claimed.await.into_iter().flatten().collect();
    ids.sort();
    assert_eq!(ids, (0..30).map(|i| format!("{i:02}")).collect::<Vec<_>>());
}
