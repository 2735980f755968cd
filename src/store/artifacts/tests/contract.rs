//! What artifacts promise, wherever they lie.

use super::*;

everywhere! {
    bytes_come_back_under_their_digest
    the_same_bytes_are_stored_once
    a_damaged_artifact_is_refused_and_healed_by_the_next_put
    a_missing_artifact_is_told_from_a_wrong_key
    an_artifact_that_was_set_aside_is_put_back_by_its_reader
    many_may_put_the_same_bytes
    a_large_artifact_comes_back_whole
    a_quota_refuses_what_is_new_and_does_not_fit
    what_others_put_there_is_no_artifact
}

async fn bytes_come_back_under_their_digest(place: &Place) {
    let digest = place.artifacts.put("abc").await.unwrap();
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(place.artifacts.get(&digest).await.unwrap(), "abc");
    let empty = place.artifacts.put("").await.unwrap();
    assert_eq!(place.artifacts.get(&empty).await.unwrap(), "");
}

async fn the_same_bytes_are_stored_once(place: &Place) {
    let digest = place.artifacts.put("abc").await.unwrap();
    let first = place.artifacts.inventory().await.unwrap().artifacts;
    assert_eq!(place.artifacts.put("abc").await.unwrap(), digest);
    let again = place.artifacts.inventory().await.unwrap().artifacts;
    assert_eq!((again.len(), &again[0].digest, again[0].bytes), (1, &digest, 3));
    assert!(again[0].modified >= first[0].modified);
}

async fn a_damaged_artifact_is_refused_and_healed_by_the_next_put(place: &Place) {
    let digest = place.artifacts.put("weights").await.unwrap();
    place.backend.write(&key(&digest), "weighty".into()).await.unwrap();
    let damaged = place.artifacts.get(&digest).await.unwrap_err();
    assert!(matches!(damaged, ArtifactError::Damaged { found, .. } if found == sha256_hex(b"weighty")));
    place.artifacts.put("weights").await.unwrap();
    assert_eq!(place.artifacts.get(&digest).await.unwrap(), "weights");
}

async fn a_missing_artifact_is_told_from_a_wrong_key(place: &Place) {
    let digest = sha256_hex(b"never put");
    assert!(matches!(place.artifacts.get(&digest).await, Err(ArtifactError::NotFound { .. })));
    for key in ["", "../../etc/passwd", &digest.to_uppercase(), &digest[1..]] {
        assert!(matches!(place.artifacts.get(key).await, Err(ArtifactError::InvalidDigest { .. })), "{key}");
    }
}

async fn an_artifact_that_was_set_aside_is_put_back_by_its_reader(place: &Place) {
    let digest = place.artifacts.put("abc").await.unwrap();
    assert!(place.artifacts.set_aside(&digest).await.unwrap());
    assert!(!place.artifacts.set_aside(&digest).await.unwrap());
    let inventory = place.artifacts.inventory().await.unwrap();
    assert_eq!((inventory.artifacts.len(), inventory.aside.len(), inventory.bytes()), (0, 1, 3));
    assert_eq!(place.artifacts.get(&digest).await.unwrap(), "abc");
    assert_eq!(digests(&place.artifacts).await, [digest]);
}

async fn many_may_put_the_same_bytes(place: &Place) {
    let puts = (0..80_u8).map(|i| place.artifacts.put(vec![i % 10; 100]));
    futures::future::try_join_all(puts).await.unwrap();
    for digest in digests(&place.artifacts).await {
        assert_eq!(place.artifacts.get(&digest).await.unwrap().len(), 100);
    }
    assert_eq!(digests(&place.artifacts).await.len(), 10);
}

async fn a_large_artifact_comes_back_whole(place: &Place) {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    let digest = place.artifacts.put(bytes.clone()).await.unwrap();
    assert_eq!(place.artifacts.get(&digest).await.unwrap(), bytes);
}

async fn a_quota_refuses_what_is_new_and_does_not_fit(place: &Place) {
    let artifacts = place.with_quota(10);
    let digest = artifacts.put("12345678").await.unwrap();
    assert!(matches!(artifacts.put("abc").await, Err(ArtifactError::QuotaFull { quota_bytes: 10 })));
    assert_eq!(artifacts.put("12345678").await.unwrap(), digest);
    artifacts.put("ab").await.unwrap();
    // Another process counts what is there.
    let other = place.with_quota(11);
    other.inventory().await.unwrap();
    assert!(matches!(other.put("cd").await, Err(ArtifactError::QuotaFull { .. })));
    for entry in artifacts.inventory().await.unwrap().artifacts {
        artifacts.delete(&entry).await.unwrap();
    }
    artifacts.put("abc").await.unwrap();
}

async fn what_others_put_there_is_no_artifact(place: &Place) {
    let digest = place.artifacts.put("abc").await.unwrap();
    for key in ["readme", "ab/readme", &format!("00/{digest}"), &format!("deep/er/{digest}")] {
        place.backend.write(key, "x".into()).await.unwrap();
    }
    assert_eq!(digests(&place.artifacts).await, [digest]);
}

#[tokio::test]
async fn what_is_half_written_is_no_artifact_and_is_tidied_away_later() {
    let place = on_disk();
    let rest = place._dir.path().join("artifacts/tmp/1-1");
    std::fs::write(&rest, b"half").unwrap();
    assert!(digests(&place.artifacts).await.is_empty());
    place.artifacts.tidy(SystemTime::now() - HOUR).await.unwrap();
    assert!(rest.exists());
    place.artifacts.tidy(SystemTime::now() + HOUR).await.unwrap();
    assert!(!rest.exists());
}

#[test]
fn a_full_disk_has_its_own_error() {
    let full = super::super::error::at("x".as_ref())(std::io::Error::from(std::io::ErrorKind::StorageFull));
    assert!(matches!(full, ArtifactError::DiskFull { .. }));
}
