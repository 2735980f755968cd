//! What only a file can do.

use sqlx::AssertSqlSafe;
use tempfile::TempDir;

use super::*;
use crate::store::tests::{at, new_job};
use crate::store::{JobState, JobStore};

async fn store() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).await.unwrap();
    (dir, store)
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_its_records() {
    let (dir, store) = store().await;
    store.enqueue_job(&new_job("a"), at(0)).await.unwrap();
    store.close().await;
    let again = SqliteStore::open(dir.path()).await.unwrap();
    assert_eq!(again.job("a").await.unwrap().state, JobState::Queued);
}

#[tokio::test]
async fn a_newer_schema_is_refused_by_name() {
    let (dir, store) = store().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', TRUE, x'00', 0)";
    sqlx::query(newer).execute(&store.pool).await.unwrap();
    store.close().await;
    let refused = SqliteStore::open(dir.path()).await.unwrap_err();
    assert!(matches!(refused, StoreError::NewerSchema { found: 9999, .. }), "{refused}");
    assert!(refused.to_string().contains("start the newer version"), "{refused}");
}

#[tokio::test]
async fn a_backup_opens_as_a_store_of_its_own() {
    let (_dir, store) = store().await;
    store.enqueue_job(&new_job("a"), at(0)).await.unwrap();
    let copy = tempfile::tempdir().unwrap();
    store.backup_into(&copy.path().join("attune.db")).await.unwrap();
    let copy = SqliteStore::open(copy.path()).await.unwrap();
    assert_eq!(copy.job("a").await.unwrap(), store.job("a").await.unwrap());
}

#[tokio::test]
async fn backups_know_every_table() {
    let (_dir, store) = store().await;
    let tables = "SELECT name FROM sqlite_schema
                  WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> '_sqlx_migrations' ORDER BY name";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&store.pool).await.unwrap();
    let mut known = [&crate::store::backup::TABLES[..], &crate::store::backup::PASSING[..]].concat();
    known.sort_unstable();
    assert_eq!(tables, known, "a new table needs its line in store::backup::TABLES");
}

#[tokio::test]
async fn a_store_is_attached_as_it_is_or_not_at_all() {
    let (dir, store) = store().await;
    store.enqueue_job(&new_job("a"), at(0)).await.unwrap();
    let attached = SqliteStore::attach(dir.path()).await.unwrap();
    assert_eq!(attached.job("a").await.unwrap(), store.job("a").await.unwrap());
    let missing = SqliteStore::attach(&dir.path().join("nowhere")).await.unwrap_err();
    assert!(matches!(missing, StoreError::NoDatabase { .. }));
    assert!(!dir.path().join("nowhere").exists());
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version > 1").execute(&store.pool).await.unwrap();
    let older = SqliteStore::attach(dir.path()).await.unwrap_err();
    assert!(matches!(older, StoreError::OlderSchema { found: 1, .. }), "{older}");
    assert!(older.to_string().contains("attune migrate"), "{older}");
}

#[tokio::test]
async fn what_large_tables_are_asked_for_often_has_an_index() {
    let (_dir, store) = store().await;
    for (what, sql, _) in sql::plans::HOT {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(explain).fetch_all(&store.pool).await.unwrap();
        let steps: Vec<String> = plan.into_iter().map(|step| step.3).collect();
        for step in steps.iter().filter(|step| step.starts_with("SCAN")) {
            // The list that a parameter holds; and the jobs that have not ended, in the order in which they are claimed.
            let small = step.contains("json_each") || step.ends_with("jobs USING INDEX jobs_to_claim");
            assert!(small, "{what}: {steps:?}");
        }
        let sorted = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorted, "{what} sorts what an index could have in order: {steps:?}");
    }
}

#[tokio::test]
async fn a_migration_tells_what_it_applied_and_then_that_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let first = SqliteStore::migrate(dir.path()).await.unwrap();
    assert_eq!(first.database, dir.path().join("attune.db").display().to_string());
    assert_eq!(first.applied[0].version, 1);
    assert_eq!(first.applied.last().map(|step| step.version), Some(first.schema));
    let again = SqliteStore::migrate(dir.path()).await.unwrap();
    assert_eq!((again.applied, again.schema), (Vec::new(), first.schema));
    SqliteStore::open(dir.path()).await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_by_itself_breaks_no_connection() {
    let (_dir, store) = store().await;
    for _ in 0..2 * CONNECTIONS {
        let mut tx = store.write(&[]).await.unwrap();
        // As SQLite does where a commit finds the disk full; the driver does not hear of it.
        sqlx::query("ROLLBACK").execute(&mut *tx).await.unwrap();
        drop(tx);
    }
    store.enqueue_job(&new_job("a"), at(0)).await.unwrap();
}

#[tokio::test]
async fn a_commit_is_on_the_disk_when_it_is_told() {
    let (_dir, store) = store().await;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&store.pool).await.unwrap();
    let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&store.pool).await.unwrap();
    // 2 is FULL.
    assert_eq!((mode.as_str(), synchronous), ("wal", 2));
}
