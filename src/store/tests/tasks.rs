use super::*;

on_both! {
    a_task_keeps_its_examples_in_order_and_counts_its_versions,
    putting_the_same_again_changes_nothing,
    ten_thousand_examples_are_taken_and_one_more_is_not,
    a_deleted_task_takes_its_examples_along,
    tasks_are_listed_by_name,
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
    let made = store.put_task("t", &["Do it".to_owned()], at(0)).await.unwrap();
    assert_eq!((made.version, made.example_count), (1, 0));
    let filled = store.put_examples("t", &examples(10), at(1)).await.unwrap();
    assert_eq!((filled.version, filled.train_count, filled.test_count), (2, 7, 3));
    assert_eq!(filled.examples_digest, examples_digest(&examples(10)).unwrap());
    assert_eq!((filled.created_at, filled.updated_at), (at(0), at(1)));
    assert_eq!(store.examples("t").await.unwrap(), examples(10));
    let fewer = store.put_examples("t", &examples(2), at(2)).await.unwrap();
    assert_eq!((fewer.version, fewer.example_count), (3, 2));
    assert_eq!(store.examples("t").await.unwrap(), examples(2));
}

async fn putting_the_same_again_changes_nothing(store: TestStore) {
    store.put_task("t", &["Do it".to_owned()], at(0)).await.unwrap();
    let filled = store.put_examples("t", &examples(3), at(1)).await.unwrap();
    assert_eq!(store.put_task("t", &["Do it".to_owned()], at(2)).await.unwrap(), filled);
    assert_eq!(store.put_examples("t", &examples(3), at(2)).await.unwrap(), filled);
    let reworded = store.put_task("t", &["Do that".to_owned()], at(3)).await.unwrap();
    assert_eq!((reworded.version, reworded.example_count), (3, 3));
}

async fn ten_thousand_examples_are_taken_and_one_more_is_not(store: TestStore) {
    store.put_task("t", &[], at(0)).await.unwrap();
    let task = store.put_examples("t", &examples(MAX_EXAMPLES), at(0)).await.unwrap();
    assert_eq!(task.example_count, 10_000);
    let refused = store.put_examples("t", &examples(MAX_EXAMPLES + 1), at(0)).await;
    assert!(matches!(refused, Err(StoreError::TooManyExamples { count: 10_001, limit: 10_000 })));
}

async fn a_deleted_task_takes_its_examples_along(store: TestStore) {
    store.put_task("t", &[], at(0)).await.unwrap();
    store.put_examples("t", &examples(3), at(0)).await.unwrap();
    store.delete_task("t").await.unwrap();
    for gone in [store.delete_task("t").await.err(), store.examples("t").await.err(), store.task("t").await.err()] {
        assert!(matches!(gone, Some(StoreError::NotFound { what: "task", .. })));
    }
    let unknown = store.put_examples("t", &[], at(0)).await;
    assert!(matches!(unknown, Err(StoreError::NotFound { .. })));
    store.put_task("t", &[], at(1)).await.unwrap();
    assert!(store.examples("t").await.unwrap().is_empty());
}

async fn tasks_are_listed_by_name(store: TestStore) {
    for name in ["c", "a", "b"] {
        store.put_task(name, &[], at(0)).await.unwrap();
    }
    let first = store.list_tasks(&page(2, None)).await.unwrap();
    let second = store.list_tasks(&page(2, first.next_cursor)).await.unwrap();
    let names: Vec<_> = first.data.iter().chain(&second.data).map(|task| task.name.as_str()).collect();
    assert_eq!((names, second.next_cursor), (vec!["a", "b", "c"], None));
}
