use super::*;

fn store() -> (tempfile::TempDir, Artifacts) {
    let dir = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(dir.path().join("artifacts")).unwrap();
    (dir, artifacts)
}

#[test]
fn bytes_come_back_under_their_digest() {
    let (dir, artifacts) = store();
    let digest = artifacts.put(b"abc").unwrap();
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(artifacts.get(&digest).unwrap(), b"abc");
    assert_eq!(artifacts.path(&digest).unwrap(), dir.path().join("artifacts/ba").join(&digest));
}

#[test]
fn the_same_bytes_are_stored_once() {
    let (_dir, artifacts) = store();
    let first = artifacts.put(b"abc").unwrap();
    let before = fs::metadata(artifacts.path(&first).unwrap()).unwrap().modified().unwrap();
    assert_eq!(artifacts.put(b"abc").unwrap(), first);
    let entries = artifacts.list().unwrap();
    assert_eq!(entries, [ArtifactEntry { digest: first, bytes: 3, modified: before }]);
}

#[test]
fn a_damaged_artifact_is_refused_and_healed_by_the_next_put() {
    let (_dir, artifacts) = store();
    let digest = artifacts.put(b"weights").unwrap();
    fs::write(artifacts.path(&digest).unwrap(), b"weighty").unwrap();
    assert!(
        matches!(artifacts.get(&digest), Err(ArtifactError::Damaged { found, .. }) if found == sha256_hex(b"weighty"))
    );
    artifacts.put(b"weights").unwrap();
    assert_eq!(artifacts.get(&digest).unwrap(), b"weights");
}

#[test]
fn a_missing_artifact_is_told_from_a_wrong_key() {
    let (_dir, artifacts) = store();
    let digest = sha256_hex(b"never put");
    assert!(matches!(artifacts.get(&digest), Err(ArtifactError::NotFound { .. })));
    for key in ["", "../../etc/passwd", &digest.to_uppercase(), &digest[1..]] {
        assert!(matches!(artifacts.get(key), Err(ArtifactError::InvalidDigest { .. })), "{key}");
    }
}

#[test]
fn deleting_twice_says_that_nothing_was_there() {
    let (_dir, artifacts) = store();
    let digest = artifacts.put(b"abc").unwrap();
    assert!(artifacts.delete(&digest).unwrap());
    assert!(!artifacts.delete(&digest).unwrap());
    assert!(artifacts.list().unwrap().is_empty());
}

#[test]
fn a_half_written_artifact_is_gone_after_the_next_start_and_was_never_listed() {
    let (dir, artifacts) = store();
    let digest = artifacts.put(b"whole").unwrap();
    let rest = dir.path().join("artifacts/tmp/1-1");
    fs::write(&rest, b"half").unwrap();
    assert_eq!(artifacts.list().unwrap().len(), 1);
    let again = Artifacts::open(dir.path().join("artifacts")).unwrap();
    assert!(!rest.exists());
    assert_eq!(again.get(&digest).unwrap(), b"whole");
}

#[test]
fn many_threads_may_put_the_same_bytes() {
    let (_dir, artifacts) = store();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..10).for_each(|i: u8| drop(artifacts.put(&[i; 100]).unwrap())));
        }
    });
    assert_eq!(artifacts.list().unwrap().len(), 10);
}

#[test]
fn a_full_disk_has_its_own_error() {
    let full = at(Path::new("x"))(io::Error::from(io::ErrorKind::StorageFull));
    assert!(matches!(full, ArtifactError::DiskFull { .. }));
}
