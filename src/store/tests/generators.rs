use super::*;

on_both! {
    a_generator_is_inserted_once_and_inactive,
    activation_moves_from_one_to_the_other_and_back_and_leaves_other_bases_alone,
    a_reader_always_sees_exactly_one_active_generator,
    a_rejected_or_unknown_generator_is_not_activated_and_the_served_one_stays,
    generators_are_listed_the_newest_first,
}

fn generator(id: &str, base: &str, state: GeneratorState) -> GeneratorRecord {
    GeneratorRecord {
        id: id.to_owned(),
        base_digest: base.to_owned(),
        state,
        arch: "cvae".to_owned(),
        digest: format!("digest of {id}"),
        bytes: 10,
        evaluation: Some(json!({ "groups": {} })),
        parent: None,
        active: false,
        created_at: at(0),
    }
}

pub(super) async fn insert(store: &TestStore, id: &str, base: &str) {
    store.insert_generator(&generator(id, base, GeneratorState::Ready)).await.unwrap();
}

async fn a_generator_is_inserted_once_and_inactive(store: TestStore) {
    let offered = GeneratorRecord { active: true, ..generator("g", "b", GeneratorState::Ready) };
    let stored = store.insert_generator(&offered).await.unwrap();
    assert_eq!(stored, generator("g", "b", GeneratorState::Ready));
    let other = GeneratorRecord { bytes: 99, ..offered };
    assert_eq!(store.insert_generator(&other).await.unwrap(), stored);
}

async fn activation_moves_from_one_to_the_other_and_back_and_leaves_other_bases_alone(store: TestStore) {
    for (id, base) in [("g1", "b"), ("g2", "b"), ("h", "other")] {
        insert(&store, id, base).await;
    }
    store.activate_generator("h").await.unwrap();
    for id in ["g1", "g2", "g1", "g1"] {
        assert!(store.activate_generator(id).await.unwrap().active);
        assert_eq!(store.active_generator("b").await.unwrap().unwrap().id, id);
    }
    assert_eq!(store.active_generator("other").await.unwrap().unwrap().id, "h");
    assert!(!store.generator("g2").await.unwrap().active);
    assert_eq!(store.active_generator("third").await.unwrap(), None);
}

async fn a_reader_always_sees_exactly_one_active_generator(store: TestStore) {
    insert(&store, "g1", "b").await;
    insert(&store, "g2", "b").await;
    store.activate_generator("g1").await.unwrap();
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..40 {
                store.activate_generator(["g2", "g1"][i % 2]).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        let all = store.list_generators(&page(10, None)).await.unwrap().data;
        assert_eq!(all.iter().filter(|generator| generator.active).count(), 1);
    }
    writer.await.unwrap();
}

async fn a_rejected_or_unknown_generator_is_not_activated_and_the_served_one_stays(store: TestStore) {
    insert(&store, "good", "b").await;
    store.activate_generator("good").await.unwrap();
    store.insert_generator(&generator("bad", "b", GeneratorState::Rejected)).await.unwrap();
    let refused = store.activate_generator("bad").await.unwrap_err();
    assert!(matches!(refused, StoreError::NotReady { state: GeneratorState::Rejected, .. }));
    assert!(matches!(store.activate_generator("?").await, Err(StoreError::NotFound { .. })));
    assert_eq!(store.active_generator("b").await.unwrap().unwrap().id, "good");
}

#[test]
fn a_generator_of_another_base_is_seen_as_stale() {
    let ready = generator("g", "b", GeneratorState::Ready);
    assert_eq!(ready.clone().seen_from("b").state, GeneratorState::Ready);
    assert_eq!(ready.seen_from("new").state, GeneratorState::Stale);
}

async fn generators_are_listed_the_newest_first(store: TestStore) {
    for (i, id) in ["x", "z", "y"].into_iter().enumerate() {
        let record = GeneratorRecord { created_at: at(i as i64), ..generator(id, "b", GeneratorState::Ready) };
        store.insert_generator(&record).await.unwrap();
    }
    let first = store.list_generators(&page(2, None)).await.unwrap();
    let newer = GeneratorRecord { created_at: at(9), ..generator("w", "b", GeneratorState::Ready) };
    store.insert_generator(&newer).await.unwrap();
    let second = store.list_generators(&page(2, first.next_cursor)).await.unwrap();
    let ids: Vec<_> = first.data.iter().chain(&second.data).map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["y", "z", "x"]);
}
