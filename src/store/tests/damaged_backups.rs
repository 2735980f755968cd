//! Files that are not as they were written.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::backup::{artifacts_in, back_up, furnish, rows_of};
use super::*;
use crate::store::backup::Damage;

type Entries = Vec<(String, Vec<u8>)>;

/// A good backup.
async fn good() -> Vec<u8> {
    let (dir, store) = TestStore::empty_file().await;
    let artifacts = artifacts_in(dir.path());
    furnish(&*store, &artifacts).await;
    let file = dir.path().join("backup");
    back_up(&*store, &artifacts, &file).await;
    std::fs::read(file).unwrap()
}

fn unpacked(file: &[u8]) -> Entries {
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
    });
    entries.collect()
}

fn packed(entries: &Entries) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes.as_slice()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Why the file is not restored. No row is there afterwards.
async fn refusal(bytes: &[u8]) -> BackupError {
    let (dir, store) = TestStore::empty_file().await;
    let file = dir.path().join("backup");
    std::fs::write(&file, bytes).unwrap();
    let refused = restore((&*store, &artifacts_in(dir.path())), &file, &|_| {}).await.unwrap_err();
    assert!(rows_of(&*store).await.values().all(Vec::is_empty), "{refused}");
    refused
}

/// The damage that shows when the entries were changed.
async fn damage(change: impl FnOnce(&mut Entries)) -> Damage {
    let mut entries = unpacked(&good().await);
    change(&mut entries);
    match refusal(&packed(&entries)).await {
        BackupError::Damaged { damage, .. } => damage,
        other => panic!("{other}"),
    }
}

fn first(entries: &Entries, begins: &str) -> usize {
    entries.iter().position(|(name, _)| name.starts_with(begins)).unwrap()
}

#[tokio::test]
async fn what_is_no_backup_is_told_so() {
    let zeros = packed(&vec![("other.json".to_owned(), b"{}".to_vec())]);
    for bytes in [b"".as_slice(), b"nonsense", &[0; 4096], &zeros] {
        let refused = refusal(bytes).await;
        assert!(matches!(refused, BackupError::NotABackup { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_file_that_was_cut_or_changed_is_damaged_wherever_that_is() {
    let good = good().await;
    for cut in [good.len() / 4, good.len() / 2, good.len() - 9, good.len() - 1] {
        let refused = refusal(&good[..cut]).await;
        assert!(matches!(refused, BackupError::Damaged { .. }), "{cut} of {}: {refused}", good.len());
        assert!(refused.to_string().contains("nothing was restored"), "{refused}");
    }
    for at in [good.len() / 4, good.len() / 2, good.len() - 6] {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        let refused = refusal(&changed).await;
        assert!(matches!(refused, BackupError::Damaged { .. }), "{at} of {}: {refused}", good.len());
    }
    let mut longer = good.clone();
    longer.write_all(b"more").unwrap();
    assert!(matches!(refusal(&longer).await, BackupError::Damaged { .. }));
}

#[tokio::test]
async fn what_is_missing_or_another_is_named() {
    let gone = damage(|entries| drop(entries.remove(first(entries, "artifacts/")))).await;
    assert!(matches!(gone, Damage::Missing { .. }), "{gone}");
    let other = damage(|entries| {
        let at = first(entries, "artifacts/");
        entries[at].1.push(0);
    });
    assert!(matches!(other.await, Damage::Artifact { .. }));
    let twice = damage(|entries| {
        let at = first(entries, "artifacts/");
        let again = entries[at].clone();
        entries.insert(at, again);
    });
    assert!(matches!(twice.await, Damage::Artifacts));
    let rows = damage(|entries| drop(entries.remove(first(entries, "rows/tasks/")))).await;
    assert!(matches!(rows, Damage::Rows { table: "tasks" }), "{rows}");
    let stranger = damage(|entries| entries.insert(1, ("rows/users/000000.jsonl".to_owned(), Vec::new())));
    assert!(matches!(stranger.await, Damage::Entry { name } if name.contains("users")));
    let behind = damage(|entries| entries.push(("rows/tasks/9.jsonl".to_owned(), Vec::new())));
    assert!(matches!(behind.await, Damage::Entry { .. }));
    let short = damage(|entries| drop(entries.pop())).await;
    assert!(matches!(short, Damage::Short), "{short}");
}

#[tokio::test]
async fn another_schema_or_format_names_the_version_that_reads_it() {
    for (field, value) in [("schema", 9_999), ("schema", 1), ("format", 2)] {
        let mut entries = unpacked(&good().await);
        let mut head: serde_json::Value = serde_json::from_slice(&entries[0].1).unwrap();
        head[field] = value.into();
        head["attune"] = "7.8.9".into();
        entries[0].1 = serde_json::to_vec(&head).unwrap();
        let refused = refusal(&packed(&entries)).await;
        assert!(refused.to_string().contains("7.8.9"), "{refused}");
        assert!(matches!(refused, BackupError::Schema { .. } | BackupError::Format { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_row_that_fits_no_table_is_refused_and_no_other_is_written() {
    let (_dir, store) = TestStore::empty_file().await;
    let row = |name: &str, more: (&str, serde_json::Value)| {
        let task = json!({
            "name": name, "descriptions": "[]", "examples_digest": "", "train_count": 0, "test_count": 0,
            "version": 1, "created_at": 0, "updated_at": 0,
        });
        let mut row = task.as_object().unwrap().clone();
        row.insert(more.0.to_owned(), more.1);
        row
    };
    for (more, fault) in [
        (("version", json!("1")), RowFault::Value { column: "version".to_owned() }),
        (("colour", json!("red")), RowFault::Unknown { column: "colour".to_owned() }),
    ] {
        let mut batch = RowBatch::new("tasks");
        batch.push(&row("good", ("version", json!(1)))).unwrap();
        batch.push(&row("bad", more)).unwrap();
        let rows = futures::stream::iter([Ok(batch)]);
        let refused = store.fill_rows(Box::pin(rows)).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Row { table: "tasks", reason } if *reason == fault), "{refused}");
        assert!(store.list_tasks(&PageRequest::default()).await.unwrap().data.is_empty());
    }
}
