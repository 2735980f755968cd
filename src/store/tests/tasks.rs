use super::*;

on_both! {
    a_task_keeps_its_examples_in_order_and_counts_its_versions,
    putting_the_same_again_changes_nothing,
    ten_thousand_examples_are_taken_and_one_more_is_not,
    a_deleted_task_takes_its_examples_along,
    a_task_is_changed_in_the_expected_state_alone,
    tasks_are_listed_by_name_whatever_comes_and_goes_between_pages,
}

fn examples(count: usize) -> Vec<Example> {
    let example = |i: usize| Example::Answered {
        input: format!("\"in\" {i}\n"),
        output: if i.is_multiple_of(2) {
            Output::One("ö".to_owned())
        } else {
            Output::Several(vec!["a".to_owned(), "b".to_owned()])
        },
        split: [None, Some(Split::Train), Some(Split::Test)][i % 3],
    };
    (0..count).map(example).collect()
}

async fn a_task_keeps_its_examples_in_order_and_counts_its_versions(store: TestStore) {
    let made = store.put_task("t", &["Do it".to_owned()], &Expected::Any, at(0)).await.unwrap();
    assert_eq!((made.version, made.example_count), (1, 0));
    let filled = store.put_examples("t", &examples(10), &Expected::Any, at(1)).await.unwrap();
    assert_eq!((filled.version, filled.train_count, filled.test_count), (2, 7, 3));
    assert_eq!(filled.examples_digest, examples_digest(&examples(10)).unwrap());
    assert_eq!((filled.created_at, filled.updated_at), (at(0), at(1)));
    assert_eq!(store.examples("t").await.unwrap(), examples(10));
    let fewer = store.put_examples("t", &examples(2), &Expected::Any, at(2)).await.unwrap();
    assert_eq!((fewer.version, fewer.example_count), (3, 2));
    assert_eq!(store.examples("t").await.unwrap(), examples(2));
}

async fn putting_the_same_again_changes_nothing(store: TestStore) {
    store.put_task("t", &["Do it".to_owned()], &Expected::Any, at(0)).await.unwrap();
    let filled = store.put_examples("t", &examples(3), &Expected::Any, at(1)).await.unwrap();
    assert_eq!(store.put_task("t", &["Do it".to_owned()], &Expected::Any, at(2)).await.unwrap(), filled);
    assert_eq!(store.put_examples("t", &examples(3), &Expected::Any, at(2)).await.unwrap(), filled);
    let reworded = store.put_task("t", &["Do that".to_owned()], &Expected::Any, at(3)).await.unwrap();
    assert_eq!((reworded.version, reworded.example_count), (3, 3));
}

async fn ten_thousand_examples_are_taken_and_one_more_is_not(store: TestStore) {
    store.put_task("t", &[], &Expected::Any, at(0)).await.unwrap();
    let task = store.put_examples("t", &examples(MAX_EXAMPLES), &Expected::Any, at(0)).await.unwrap();
    assert_eq!(task.example_count, 10_000);
    let refused = store.put_examples("t", &examples(MAX_EXAMPLES + 1), &Expected::Any, at(0)).await;
    assert!(matches!(refused, Err(StoreError::TooManyExamples { count: 10_001, limit: 10_000 })));
}

async fn a_deleted_task_takes_its_examples_along(store: TestStore) {
    store.put_task("t", &[], &Expected::Any, at(0)).await.unwrap();
    store.put_examples("t", &examples(3), &Expected::Any, at(0)).await.unwrap();
    store.delete_task("t", &Expected::Any).await.unwrap();
    for gone in [
        store.delete_task("t", &Expected::Any).await.err(),
        store.examples("t").await.err(),
        store.task("t").await.err(),
    ] {
        assert!(matches!(gone, Some(StoreError::NotFound { what: "task", .. })));
    }
    let unknown = store.put_examples("t", &[], &Expected::Any, at(0)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
    store.put_task("t", &[], &Expected::Any, at(1)).await.unwrap();
    assert!(store.examples("t").await.unwrap().is_empty());
}

async fn a_task_is_changed_in_the_expected_state_alone(store: TestStore) {
    let tag = async || store.task("t").await.unwrap().tag().unwrap();
    let tagged = |tag: String| Expected::Tagged(vec![tag]);
    let absent = store.put_task("t", &[], &Expected::Existing, at(0)).await.unwrap_err();
    assert!(matches!(absent, StoreError::Changed { found: None, .. }));
    store.put_task("t", &[], &Expected::Any, at(0)).await.unwrap();
    let old = tag().await;
    store.put_examples("t", &examples(2), &tagged(old.clone()), at(1)).await.unwrap();
    let new = tag().await;
    assert_ne!(new, old);
    let stale = tagged(old.clone());
    for refused in [
        store.put_task("t", &["Do it".to_owned()], &stale, at(2)).await.map(drop),
        store.put_examples("t", &examples(3), &stale, at(2)).await.map(drop),
        store.delete_task("t", &stale).await,
    ] {
        assert!(matches!(refused, Err(StoreError::Changed { found: Some(tag), .. }) if tag == new));
    }
    assert_eq!(tag().await, new);
    store.put_task("t", &["Do it".to_owned()], &Expected::Existing, at(3)).await.unwrap();
    store.delete_task("t", &tagged(tag().await)).await.unwrap();
    for gone in [
        store.delete_task("t", &Expected::Existing).await.map(drop),
        store.put_examples("t", &[], &stale, at(4)).await.map(drop),
    ] {
        assert!(matches!(gone, Err(StoreError::NotFound { .. })));
    }
    // A later task of the name is another one.
    store.put_task("t", &[], &Expected::Any, at(5)).await.unwrap();
    assert_ne!(tag().await, old);
}

async fn tasks_are_listed_by_name_whatever_comes_and_goes_between_pages(store: TestStore) {
    for name in ["e", "a", "c", "d"] {
        store.put_task(name, &[], &Expected::Any, at(0)).await.unwrap();
    }
    let first = store.list_tasks(&page(2, None)).await.unwrap();
    store.delete_task("c", &Expected::Any).await.unwrap();
    store.delete_task("d", &Expected::Any).await.unwrap();
    for name in ["b", "f"] {
        store.put_task(name, &[], &Expected::Any, at(0)).await.unwrap();
    }
    let second = store.list_tasks(&page(2, first.next_cursor)).await.unwrap();
    let names: Vec<_> = first.data.iter().chain(&second.data).map(|task| task.name.as_str()).collect();
    assert_eq!((names, second.next_cursor), (vec!["a", "c", "e", "f"], None));
}
