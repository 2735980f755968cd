use super::*;

on_both! {
    a_key_is_found_by_its_prefix_as_it_was_stored,
    keys_are_listed_and_revoked_within_a_tenant_or_over_all,
    a_use_is_noted_once_a_minute,
    a_day_has_so_many_adapters_and_another_day_its_own,
    racing_requests_do_not_pass_a_quota,
    a_keys_training_is_the_time_between_start_and_end_within_the_day,
    jobs_are_listed_by_tenant_and_so_are_their_idempotency_keys,
}

pub(super) fn key(id: &str, tenant: &str) -> KeyRecord {
    KeyRecord {
        id: id.to_owned(),
        tenant: tenant.to_owned(),
        name: format!("key {id}"),
        scopes: vec![Scope::Read, Scope::Train],
        prefix: format!("attune_{id}"),
        hash: KeyHash("00ff".to_owned()),
        limits: KeyLimits { requests_per_minute: Some(0), adapters_per_day: Some(7), training_minutes_per_day: None },
        created_at: at(0),
        expires_at: Some(at(9)),
        revoked_at: None,
        last_used_at: None,
    }
}

async fn a_key_is_found_by_its_prefix_as_it_was_stored(store: TestStore) {
    assert!(!store.has_keys().await.unwrap());
    store.insert_key(&key("a", "t")).await.unwrap();
    assert!(store.has_keys().await.unwrap());
    assert_eq!(store.key_of_prefix("attune_a").await.unwrap(), Some(key("a", "t")));
    assert_eq!(store.key_of_prefix("attune_").await.unwrap(), None);
    let same_prefix = KeyRecord { prefix: "attune_a".to_owned(), ..key("b", "t") };
    assert!(store.insert_key(&same_prefix).await.is_err());
}

async fn keys_are_listed_and_revoked_within_a_tenant_or_over_all(store: TestStore) {
    for (id, tenant) in [("a", "t"), ("b", "u"), ("c", "t")] {
        store.insert_key(&key(id, tenant)).await.unwrap();
    }
    let ids = |page: Page<KeyRecord>| page.data.into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(ids(store.list_keys(None, &page(9, None)).await.unwrap()), ["c", "b", "a"]);
    let first = store.list_keys(Some("t"), &page(1, None)).await.unwrap();
    let second = store.list_keys(Some("t"), &page(1, first.next_cursor.clone())).await.unwrap();
    assert_eq!((ids(first), ids(second)), (vec!["c".to_owned()], vec!["a".to_owned()]));
    let foreign = store.revoke_key(Some("t"), "b", at(1)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound { what: "key", .. })));
    assert_eq!(store.revoke_key(Some("u"), "b", at(1)).await.unwrap().revoked_at, Some(at(1)));
    assert_eq!(store.revoke_key(None, "b", at(2)).await.unwrap().revoked_at, Some(at(1)));
}

async fn a_use_is_noted_once_a_minute(store: TestStore) {
    store.insert_key(&key("a", "t")).await.unwrap();
    for (now, noted) in [(0, 0), (59_999, 0), (60_000, 60_000)] {
        store.touch_key("a", at(now)).await.unwrap();
        let record = store.key_of_prefix("attune_a").await.unwrap().unwrap();
        assert_eq!(record.last_used_at, Some(at(noted)), "{now}");
    }
}

async fn a_day_has_so_many_adapters_and_another_day_its_own(store: TestStore) {
    store.insert_key(&key("a", "t")).await.unwrap();
    for taken in [true, true, false] {
        assert_eq!(store.take_adapter("a", 7, 2).await.unwrap(), taken);
    }
    assert!(store.take_adapter("a", 8, 2).await.unwrap());
    store.give_adapter_back("a", 7).await.unwrap();
    assert!(store.take_adapter("a", 7, 2).await.unwrap());
    assert!(!store.take_adapter("a", 7, 2).await.unwrap());
}

async fn racing_requests_do_not_pass_a_quota(store: TestStore) {
    store.insert_key(&key("a", "t")).await.unwrap();
    let other = store.another().await;
    let takes = (0..12).map(|i| {
        let store = if i % 2 == 0 { Arc::from(&store) } else { Arc::clone(&other) };
        tokio::spawn(async move { store.take_adapter("a", 1, 5).await.unwrap() })
    });
    let mut taken = 0;
    for take in takes.collect::<Vec<_>>() {
        taken += u32::from(take.await.unwrap());
    }
    assert_eq!(taken, 5);
}

async fn a_keys_training_is_the_time_between_start_and_end_within_the_day(store: TestStore) {
    let owner = JobOwner { tenant: "t".to_owned(), key: Some("a".to_owned()) };
    for id in ["1", "2", "3"] {
        store.enqueue_job(&NewJob { owner: owner.clone(), ..new_job(id) }, at(0)).await.unwrap();
    }
    let kinds = ClaimRequest { worker: "w", kinds: &["adapter"], lease: MINUTE, only: None };
    let first = store.claim_job(kinds, at(1_000)).await.unwrap().unwrap();
    assert_eq!(first.owner, owner);
    store.claim_job(kinds, at(8_000)).await.unwrap().unwrap();
    store.finish_job(first.current_attempt(), &Outcome::Succeeded(json!({})), at(5_000)).await.unwrap();
    // The first ran for 4 s; the second runs since 8 s; the third waits.
    assert_eq!(store.trained_ms("a", at(0), at(10_000)).await.unwrap(), 4_000 + 2_000);
    assert_eq!(store.trained_ms("a", at(4_000), at(10_000)).await.unwrap(), 1_000 + 2_000);
    assert_eq!(store.trained_ms("a", at(9_000), at(10_000)).await.unwrap(), 1_000);
    assert_eq!(store.trained_ms("b", at(0), at(10_000)).await.unwrap(), 0);
}

async fn jobs_are_listed_by_tenant_and_so_are_their_idempotency_keys(store: TestStore) {
    let of = |id: &str, tenant: &str| NewJob {
        owner: JobOwner { tenant: tenant.to_owned(), key: None },
        idempotency_key: Some("k".to_owned()),
        payload: json!(1),
        ..new_job(id)
    };
    for (id, tenant) in [("a", DEFAULT_TENANT), ("b", "t"), ("c", "u")] {
        assert!(store.enqueue_job(&of(id, tenant), at(0)).await.unwrap().created, "{id}");
        let again = store.enqueue_job(&of("z", tenant), at(0)).await.unwrap();
        assert_eq!(
            (again.created, again.job.id.as_str(), again.job.idempotency_key.as_deref()),
            (false, id, Some("k"))
        );
        let filter = JobFilter { tenant: tenant.to_owned(), ..JobFilter::default() };
        let listed = store.list_jobs(&filter, &page(9, None)).await.unwrap().data;
        assert_eq!(listed.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), [id]);
    }
}
