//! A whole instance in a file, and back.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::*;
use crate::store::backup::{Manifest, TABLES};

on_both! {
    a_backup_restores_every_row_and_every_artifact,
    a_backup_that_is_made_while_others_write_is_of_one_moment,
    a_restore_wants_an_empty_database,
}

/// Rows in every table, and the artifacts that they name.
pub(super) async fn furnish(store: &dyn Store, artifacts: &Artifacts) {
    let refuse = OnNameTaken::Refuse;
    let first = AdapterRecord {
        digest: artifacts.put("weights").await.unwrap(),
        name: Some("näme".to_owned()),
        task: Some("Say \"no\",\nthen \\ 'yes' — ünd 🦓".to_owned()),
        alpha: 0.1 + 0.2,
        seed: Some(i64::MIN),
        ..super::adapters::adapter("a", 0)
    };
    store.publish_adapter("one", &first, refuse).await.unwrap();
    store.publish_adapter("two", &AdapterRecord { name: None, ..first.clone() }, refuse).await.unwrap();
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let second = AdapterRecord {
        digest: artifacts.put(bytes).await.unwrap(),
        generator: None,
        confidence: None,
        seed: None,
        ..super::adapters::adapter("b", 1)
    };
    let key = RequestKey { key: "k".to_owned(), request: "r".to_owned() };
    store.publish_adapter_once("one", &second, refuse, &key).await.unwrap();
    store.put_task("t", &["Do it".to_owned(), "Do\tit".to_owned()], &Expected::Any, at(2)).await.unwrap();
    let example = |i: usize| Example::Answered {
        input: format!("in {i}"),
        output: Output::Several(vec!["x".to_owned(), "\"".to_owned()]),
        split: i.is_multiple_of(2).then_some(Split::Test),
    };
    store.put_examples("t", &(0..50).map(example).collect::<Vec<_>>(), &Expected::Any, at(3)).await.unwrap();
    for (id, bytes) in [("g", "generator"), ("h", "other")] {
        let record = GeneratorRecord {
            id: id.to_owned(),
            base_digest: "base".to_owned(),
            state: GeneratorState::Ready,
            arch: "cvae".to_owned(),
            digest: artifacts.put(bytes).await.unwrap(),
            bytes: 9,
            evaluation: Some(json!({ "exact_match": 0.1, "big": 1e300 })),
            parent: None,
            active: false,
            created_at: at(4),
        };
        store.insert_generator(&record).await.unwrap();
    }
    store.activate_generator("h").await.unwrap();
    for (i, id) in ["done", "waiting"].into_iter().enumerate() {
        let job = NewJob { idempotency_key: (i == 1).then(|| "key".to_owned()), ..new_job(id) };
        store.enqueue_job(&job, at(5 + i as i64)).await.unwrap();
    }
    let request = ClaimRequest { worker: "w", kinds: &["adapter"], lease: MINUTE, only: Some("done") };
    let job = store.claim_job(request, at(7)).await.unwrap().unwrap();
    let metric = JobUpdate::Metric([("loss".to_owned(), json!(0.25))].into_iter().collect());
    store.update_job(job.current_attempt(), &metric, at(8)).await.unwrap();
    let outcome = Outcome::Succeeded(json!({ "adapter": "a" }));
    store.finish_job(job.current_attempt(), &outcome, at(9)).await.unwrap();
    store.insert_key(&super::keys::key("k", "one")).await.unwrap();
    store.take_adapter("k", 20_000, 2).await.unwrap();
}

/// All rows of the store.
pub(super) async fn rows_of(store: &dyn Store) -> BTreeMap<&'static str, Vec<Map<String, Value>>> {
    let (to, mut from) = mpsc::channel::<RowBatch>(2);
    let gather = async move {
        let mut rows: BTreeMap<_, Vec<_>> = TABLES.iter().map(|table| (*table, Vec::new())).collect();
        while let Some(batch) = from.recv().await {
            rows.get_mut(batch.table()).unwrap().extend(batch.objects().map(Result::unwrap));
        }
        rows
    };
    let (dumped, rows) = tokio::join!(store.dump_rows(to), gather);
    dumped.unwrap();
    rows
}

pub(super) fn artifacts_in(dir: &Path) -> Artifacts {
    Artifacts::on_disk(dir.join("artifacts")).unwrap()
}

pub(super) async fn back_up(store: &dyn Store, artifacts: &Artifacts, file: &Path) -> Manifest {
    backup((store, artifacts), file, at(0), &|_| {}).await.unwrap()
}

async fn a_backup_restores_every_row_and_every_artifact(store: TestStore) {
    let dir = tempfile::tempdir().unwrap();
    let (artifacts, file) = (artifacts_in(dir.path()), dir.path().join("backup"));
    furnish(&*store, &artifacts).await;
    let rows = rows_of(&*store).await;
    assert!(rows.values().all(|rows| !rows.is_empty()), "a new table is to be furnished here: {rows:#?}");
    let manifest = back_up(&*store, &artifacts, &file).await;
    assert_eq!(manifest.artifacts.count, 4);
    assert_eq!(manifest.rows(), rows.values().map(|rows| rows.len() as u64).sum::<u64>());

    let (other_dir, other) = TestStore::empty_file().await;
    let other_artifacts = artifacts_in(other_dir.path());
    let contents = restore((&*other, &other_artifacts), &file, &|_| {}).await.unwrap();
    assert_eq!(contents.manifest, manifest);
    assert_eq!(rows_of(&*other).await, rows);
    let named = store.referenced_digests().await.unwrap();
    assert_eq!(other.referenced_digests().await.unwrap(), named);
    for digest in &named {
        assert_eq!(other_artifacts.get(digest).await.unwrap(), artifacts.get(digest).await.unwrap());
    }
    // It goes on as the first one would have.
    assert_eq!(other.active_generator("base").await.unwrap().unwrap().id, "h");
    assert_eq!(other.adapter("one", "a").await.unwrap(), store.adapter("one", "a").await.unwrap());
    let request = ClaimRequest { worker: "w", kinds: &["adapter"], lease: MINUTE, only: None };
    assert_eq!(other.claim_job(request, at(9)).await.unwrap().unwrap().id, "waiting");
}

/// From a file to a server and back, whatever is between: only the kinds of the stores differ.
#[tokio::test]
async fn a_backup_goes_from_a_file_to_postgres_and_back() {
    TestSchema::with(async |schema| {
        let (dir, file_store) = TestStore::empty_file().await;
        let artifacts = artifacts_in(dir.path());
        furnish(&*file_store, &artifacts).await;
        let (there, back) = (dir.path().join("there"), dir.path().join("back"));
        back_up(&*file_store, &artifacts, &there).await;
        let server = PostgresStore::open(&schema.url()).await.unwrap();
        let (server_dir, home_dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let server_artifacts = artifacts_in(server_dir.path());
        restore((&server, &server_artifacts), &there, &|_| {}).await.unwrap();
        assert_eq!(rows_of(&server).await, rows_of(&*file_store).await);
        back_up(&server, &server_artifacts, &back).await;
        server.close().await;
        let home = SqliteStore::open(home_dir.path()).await.unwrap();
        restore((&home, &artifacts_in(home_dir.path())), &back, &|_| {}).await.unwrap();
        assert_eq!(rows_of(&home).await, rows_of(&*file_store).await);
    })
    .await;
}

async fn a_backup_that_is_made_while_others_write_is_of_one_moment(store: TestStore) {
    let dir = tempfile::tempdir().unwrap();
    let (artifacts, file) = (artifacts_in(dir.path()), dir.path().join("backup"));
    furnish(&*store, &artifacts).await;
    let writer = {
        let store = store.another().await;
        tokio::spawn(async move {
            for i in 0..200_usize {
                let text = |j: usize| Example::Text { text: format!("{i} {j}"), split: None };
                let examples: Vec<_> = (0..=i % 40).map(text).collect();
                store.put_examples("t", &examples, &Expected::Any, at(0)).await.unwrap();
            }
        })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    back_up(&*store, &artifacts, &file).await;
    let (other_dir, other) = TestStore::empty_file().await;
    restore((&*other, &artifacts_in(other_dir.path())), &file, &|_| {}).await.unwrap();
    let (task, examples) = (other.task("t").await.unwrap(), other.examples("t").await.unwrap());
    assert_eq!(task.examples_digest, examples_digest(&examples).unwrap());
    writer.await.unwrap();
}

async fn a_restore_wants_an_empty_database(store: TestStore) {
    let dir = tempfile::tempdir().unwrap();
    let (artifacts, file) = (artifacts_in(dir.path()), dir.path().join("backup"));
    furnish(&*store, &artifacts).await;
    let rows = rows_of(&*store).await;
    back_up(&*store, &artifacts, &file).await;
    let refused = restore((&*store, &artifacts), &file, &|_| {}).await.unwrap_err();
    assert!(matches!(refused, BackupError::Store(StoreError::NotEmpty { table: "adapters" })), "{refused}");
    assert!(["--data-dir", "--database-url"].iter().all(|mend| refused.to_string().contains(mend)), "{refused}");
    assert_eq!(rows_of(&*store).await, rows);
    // Nor is a file written over.
    let exists = backup((&*store, &artifacts), &file, at(0), &|_| {}).await.unwrap_err();
    assert!(matches!(exists, BackupError::Exists { .. }), "{exists}");
}

#[tokio::test]
async fn a_backup_that_cannot_be_made_leaves_no_file() {
    let (dir, store) = TestStore::empty_file().await;
    let artifacts = artifacts_in(dir.path());
    let lost = crate::store::artifacts::sha256_hex(b"lost");
    let record = AdapterRecord { digest: lost, ..super::adapters::adapter("a", 0) };
    store.publish_adapter("one", &record, OnNameTaken::Refuse).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup");
    let failed = backup((&*store, &artifacts), &file, at(0), &|_| {}).await.unwrap_err();
    assert!(matches!(failed, BackupError::Artifacts(ArtifactError::NotFound { .. })), "{failed}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let nowhere = folder.path().join("nowhere/backup");
    let failed = backup((&*store, &artifacts), &nowhere, at(0), &|_| {}).await.unwrap_err();
    assert!(matches!(failed, BackupError::File { .. }), "{failed}");
}
