use super::*;

on_both! {
    the_first_published_adapter_stands,
    a_second_tenant_shares_the_bytes_and_nothing_else,
    an_adapter_is_gone_with_its_last_tenant,
    a_taken_name_is_refused_or_moved,
    an_adapter_is_renamed_and_loses_its_name,
    pages_show_every_adapter_once_also_when_times_are_equal_and_one_is_deleted,
    a_key_publishes_once_and_says_what_it_published,
    a_key_that_came_with_another_request_is_refused_and_goes_with_its_adapter,
    a_query_finds_parts_of_tasks_and_names_and_takes_no_wildcards,
}

pub(super) fn adapter(id: &str, ms: i64) -> AdapterRecord {
    AdapterRecord {
        id: id.to_owned(),
        kind: AdapterKind::Generated,
        name: None,
        task: Some(format!("Write the word {id} backwards")),
        generator: Some("g1".to_owned()),
        base_digest: "base".to_owned(),
        rank: 8,
        alpha: 16.0,
        target_modules: vec!["q_proj".to_owned(), "v_proj".to_owned()],
        parameters: 1_024,
        bytes: 4_096,
        digest: format!("digest of {id}"),
        config: "{}".to_owned(),
        seed: Some(-3),
        confidence: Some(json!({ "score": 0.5 })),
        created_at: at(ms),
    }
}

async fn publish(store: &TestStore, tenant: &str, record: &AdapterRecord) -> Published {
    store.publish_adapter(tenant, record, OnNameTaken::Refuse).await.unwrap()
}

async fn the_first_published_adapter_stands(store: TestStore) {
    let first = adapter("a", 0);
    let published = publish(&store, "default", &first).await;
    assert_eq!(published, Published { record: first.clone(), outcome: PublishOutcome::Created });
    let second = AdapterRecord { digest: "other bytes".to_owned(), created_at: at(5), ..first.clone() };
    let published = publish(&store, "default", &second).await;
    assert_eq!(published, Published { record: first, outcome: PublishOutcome::Existing });
}

async fn a_second_tenant_shares_the_bytes_and_nothing_else(store: TestStore) {
    let mine = AdapterRecord { name: Some("mine".to_owned()), ..adapter("a", 0) };
    publish(&store, "one", &mine).await;
    let not_found = store.adapter("two", "a").await.unwrap_err();
    assert!(matches!(not_found, StoreError::NotFound { what: "adapter", .. }));
    let theirs = AdapterRecord {
        task: Some("reverse it".to_owned()),
        confidence: None,
        digest: "later".to_owned(),
        ..adapter("a", 9)
    };
    let published = publish(&store, "two", &theirs).await;
    assert_eq!(published.outcome, PublishOutcome::Shared);
    assert_eq!(published.record, AdapterRecord { digest: mine.digest.clone(), ..theirs });
    assert_eq!(store.adapter("one", "a").await.unwrap(), mine);
}

async fn an_adapter_is_gone_with_its_last_tenant(store: TestStore) {
    publish(&store, "one", &adapter("a", 0)).await;
    publish(&store, "two", &adapter("a", 0)).await;
    let digest = adapter("a", 0).digest;
    let unlisted = store.unlist_adapter("one", "a").await.unwrap();
    assert_eq!(unlisted, Unlisted { digest: digest.clone(), last: false });
    assert!(store.referenced_digests().await.unwrap().contains(&digest));
    assert!(store.unlist_adapter("two", "a").await.unwrap().last);
    assert!(store.referenced_digests().await.unwrap().is_empty());
    assert!(matches!(store.unlist_adapter("two", "a").await, Err(StoreError::NotFound { .. })));
}

async fn a_taken_name_is_refused_or_moved(store: TestStore) {
    publish(&store, "default", &AdapterRecord { name: Some("x".to_owned()), ..adapter("a", 0) }).await;
    let second = AdapterRecord { name: Some("x".to_owned()), ..adapter("b", 0) };
    let refused = store.publish_adapter("default", &second, OnNameTaken::Refuse).await.unwrap_err();
    assert!(matches!(refused, StoreError::NameTaken { holder, .. } if holder == "a"));
    // The refusal left nothing behind.
    assert!(store.adapter("default", "b").await.is_err());
    store.publish_adapter("default", &second, OnNameTaken::Replace).await.unwrap();
    assert_eq!(store.adapter_by_name("default", "x").await.unwrap().id, "b");
    assert_eq!(store.adapter("default", "a").await.unwrap().name, None);
    // Another tenant has its own names.
    publish(&store, "other", &AdapterRecord { name: Some("x".to_owned()), ..adapter("a", 0) }).await;
}

async fn an_adapter_is_renamed_and_loses_its_name(store: TestStore) {
    publish(&store, "default", &adapter("a", 0)).await;
    let refuse = OnNameTaken::Refuse;
    let named = store.rename_adapter("default", "a", Some("x"), refuse).await.unwrap();
    assert_eq!(named.name.as_deref(), Some("x"));
    store.rename_adapter("default", "a", Some("x"), refuse).await.unwrap();
    assert_eq!(store.rename_adapter("default", "a", None, refuse).await.unwrap().name, None);
    assert!(matches!(store.adapter_by_name("default", "x").await, Err(StoreError::NotFound { .. })));
    assert!(matches!(store.rename_adapter("default", "?", None, refuse).await, Err(StoreError::NotFound { .. })));
}

async fn pages_show_every_adapter_once_also_when_times_are_equal_and_one_is_deleted(store: TestStore) {
    for (i, id) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        publish(&store, "default", &adapter(id, i as i64 / 3)).await;
    }
    let all = AdapterFilter::default();
    let first = store.list_adapters("default", &all, &page(2, None)).await.unwrap();
    let ids = |page: &Page<AdapterRecord>| page.data.iter().map(|row| row.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&first), ["e", "d"]);
    store.unlist_adapter("default", "d").await.unwrap();
    publish(&store, "default", &adapter("new", 9)).await;
    let second = store.list_adapters("default", &all, &page(2, first.next_cursor)).await.unwrap();
    assert_eq!(ids(&second), ["c", "b"]);
    let third = store.list_adapters("default", &all, &page(2, second.next_cursor)).await.unwrap();
    assert_eq!((ids(&third), third.next_cursor), (vec!["a".to_owned()], None));
    let made_up = store.list_adapters("default", &all, &page(2, Some("made up".to_owned()))).await;
    assert!(matches!(made_up, Err(StoreError::InvalidCursor)));
}

fn key(key: &str, request: &str) -> RequestKey {
    RequestKey { key: key.to_owned(), request: request.to_owned() }
}

async fn a_key_publishes_once_and_says_what_it_published(store: TestStore) {
    let named = AdapterRecord { name: Some("x".to_owned()), ..adapter("a", 0) };
    let once = async |tenant: &str| {
        store.publish_adapter_once(tenant, &named, OnNameTaken::Replace, &key("k", "r")).await.unwrap()
    };
    assert_eq!(once("default").await.outcome, PublishOutcome::Created);
    // The name went to another one since, and stays there.
    let other = AdapterRecord { name: Some("x".to_owned()), ..adapter("b", 1) };
    store.publish_adapter("default", &other, OnNameTaken::Replace).await.unwrap();
    let again = once("default").await;
    assert_eq!((again.outcome, again.record.id.as_str(), again.record.name), (PublishOutcome::Existing, "a", None));
    assert_eq!(store.adapter_by_name("default", "x").await.unwrap().id, "b");
    // Another tenant has its own keys.
    assert_eq!(once("other").await.outcome, PublishOutcome::Shared);
}

async fn a_key_that_came_with_another_request_is_refused_and_goes_with_its_adapter(store: TestStore) {
    let refuse = OnNameTaken::Refuse;
    store.publish_adapter_once("default", &adapter("a", 0), refuse, &key("k", "r")).await.unwrap();
    let (second, other) = (adapter("b", 0), key("k", "other"));
    let refused = store.publish_adapter_once("default", &second, refuse, &other).await.unwrap_err();
    assert!(matches!(refused, StoreError::IdempotencyMismatch { what: "adapter", id, .. } if id == "a"));
    assert!(store.adapter("default", "b").await.is_err());
    store.unlist_adapter("default", "a").await.unwrap();
    let free = store.publish_adapter_once("default", &second, refuse, &other).await.unwrap();
    assert_eq!((free.outcome, free.record.id.as_str()), (PublishOutcome::Created, "b"));
    // A publication that fails leaves its key free.
    let named = AdapterRecord { name: Some("x".to_owned()), ..adapter("c", 0) };
    store.publish_adapter("default", &named, refuse).await.unwrap();
    let named = AdapterRecord { name: Some("x".to_owned()), ..adapter("d", 0) };
    assert!(store.publish_adapter_once("default", &named, refuse, &key("n", "r")).await.is_err());
    store.publish_adapter_once("default", &adapter("d", 0), refuse, &key("n", "s")).await.unwrap();
}

async fn a_query_finds_parts_of_tasks_and_names_and_takes_no_wildcards(store: TestStore) {
    publish(&store, "default", &AdapterRecord { name: Some("shout".to_owned()), task: None, ..adapter("a", 0) }).await;
    publish(&store, "default", &adapter("b", 1)).await;
    let found = async |query: &str, named_only| {
        let filter = AdapterFilter { query: Some(query.to_owned()), named_only };
        let page = store.list_adapters("default", &filter, &page(10, None)).await.unwrap();
        page.data.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(found("SHO", false).await, ["a"]);
    assert_eq!(found("backwards", false).await, ["b"]);
    assert_eq!(found("", false).await, ["b", "a"]);
    assert_eq!(found("", true).await, ["a"]);
    assert!(found("%", false).await.is_empty());
}
