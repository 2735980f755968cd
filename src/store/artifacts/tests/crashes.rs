//! A process that is killed anywhere between a put and its record, or in a collection, leaves no record without a whole
//! artifact, and nothing that is not collected later.

use super::faulty::{Fault, Faulty};
use super::*;

everywhere! {
    a_writer_that_dies_anywhere_leaves_nothing_dangling
    a_collector_that_dies_anywhere_leaves_nothing_dangling
    a_writer_that_names_an_artifact_while_it_is_set_aside_keeps_it
}

/// More operations than any of these makes.
const LAST: usize = 12;

/// Puts the bytes and commits the record, as the service does; stops where it is killed.
async fn publish(store: &SqliteStore, artifacts: &Artifacts, text: &str) -> Result<String, ArtifactError> {
    let digest = artifacts.put(text.to_owned()).await?;
    name(store, &digest).await;
    Ok(digest)
}

/// Every artifact that a record names can be read, and after two collections nothing else is there.
async fn check_whole(store: &SqliteStore, artifacts: &Artifacts) {
    let named = store.referenced_digests().await.unwrap();
    for _ in 0..2 {
        for digest in &named {
            artifacts.get(digest).await.unwrap();
        }
        collect(store, artifacts, 2 * DAY).await;
    }
    let left = artifacts.inventory().await.unwrap();
    assert!(left.artifacts.iter().map(|entry| &entry.digest).eq(&named), "{left:?}");
    assert!(left.aside.is_empty(), "{left:?}");
}

async fn a_writer_that_dies_anywhere_leaves_nothing_dangling(place: &Place) {
    let (_dir, store) = records().await;
    publish(&store, &place.artifacts, "there before").await.unwrap();
    for (fault, dies_at) in [Fault::Before, Fault::After].into_iter().flat_map(|fault| (0..4).map(move |n| (fault, n)))
    {
        for quota in [None, Some(1 << 20)] {
            let dying = Faulty::new(Arc::clone(&place.backend), fault, dies_at);
            let dying = Artifacts::over(Arc::new(dying), quota);
            let _ = publish(&store, &dying, &format!("new {fault:?} {dies_at} {quota:?}")).await;
            let _ = publish(&store, &dying, "there before").await;
            check_whole(&store, &place.artifacts).await;
        }
    }
    // Killed after the put and before the record.
    place.artifacts.put("without a record").await.unwrap();
    check_whole(&store, &place.artifacts).await;
}

async fn a_collector_that_dies_anywhere_leaves_nothing_dangling(place: &Place) {
    let (_dir, store) = records().await;
    for (fault, dies_at) in [Fault::Before, Fault::After].into_iter().flat_map(|f| (0..LAST).map(move |n| (f, n))) {
        publish(&store, &place.artifacts, "named").await.unwrap();
        let back = publish(&store, &place.artifacts, "named and set aside").await.unwrap();
        place.artifacts.set_aside(&back).await.unwrap();
        for bytes in [b"a".as_slice(), b"b", b"c"] {
            let digest = place.artifacts.put(bytes).await.unwrap();
            if bytes == b"c" {
                place.artifacts.set_aside(&digest).await.unwrap();
            }
        }
        // A collector that died between the two halves of a move on S3.
        for bytes in [b"named".as_slice(), b"b"] {
            place.backend.write(&trash_key(&sha256_hex(bytes)), bytes.into()).await.unwrap();
        }
        let dying = Artifacts::over(Arc::new(Faulty::new(Arc::clone(&place.backend), fault, dies_at)), None);
        let collection = Collection { now: SystemTime::now() + 2 * DAY, grace: DAY, mode: CollectMode::Collect };
        let _ = crate::store::collect::collect(&store, &dying, collection).await;
        check_whole(&store, &place.artifacts).await;
    }
}

/// The worst moment: a collector has looked at the records, and before it moves the artifact a writer puts it again
/// and commits.
async fn a_writer_that_names_an_artifact_while_it_is_set_aside_keeps_it(place: &Place) {
    let (_dir, store) = records().await;
    let digest = place.artifacts.put("abc").await.unwrap();
    let named = store.referenced_digests().await.unwrap();
    assert!(!named.contains(&digest));
    publish(&store, &place.artifacts, "abc").await.unwrap();
    place.artifacts.set_aside(&digest).await.unwrap();
    assert_eq!(place.artifacts.get(&digest).await.unwrap(), "abc");
    place.artifacts.set_aside(&digest).await.unwrap();
    check_whole(&store, &place.artifacts).await;
}
