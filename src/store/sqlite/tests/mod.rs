//! The repositories over a SQLite file in a temporary directory.

mod adapters;
mod generators;
mod jobs;
mod open;
mod queue_properties;
mod tasks;

use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::SqliteStore;
use crate::store::*;

const MINUTE: Duration = Duration::from_secs(60);

async fn store() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).await.unwrap();
    (dir, store)
}

/// A moment: this many milliseconds after a fixed one.
fn at(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap() + time::Duration::milliseconds(ms)
}

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { limit, cursor }
}

fn new_job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: "adapter".to_owned(),
        payload: json!({ "kind": "adapter", "task": id }),
        max_attempts: 3,
        idempotency_key: None,
        queue_limit: 100,
    }
}

/// A claim by worker `w` of any kind.
async fn claim(store: &SqliteStore, lease: Duration) -> Option<JobRecord> {
    let request = ClaimRequest { worker: "w", kinds: &["adapter", "generator"], lease, only: None };
    store.claim_job(request, at(0)).await.unwrap()
}
