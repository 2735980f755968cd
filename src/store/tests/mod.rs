//! The repositories, the same tests over both databases: `tests::adapters::sqlite::…` and `tests::adapters::postgres::…`.
//!
//! A test is a function that is given a store; `on_both!` makes the two of it. Those over Postgres need a server that
//! [`postgres::SERVER`] names, and make themselves a schema there.

mod adapters;
mod backup;
mod children;
pub(crate) mod cut;
mod damaged_backups;
mod generators;
mod jobs;
mod keys;
pub(crate) mod postgres;
mod queue_properties;
mod races;
mod tasks;

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;

use self::postgres::TestSchema;
use crate::store::*;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Makes a test for each database of each of these functions.
macro_rules! on_both {
    ($($name:ident,)+) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $name() {
                    crate::store::tests::TestStore::with_sqlite(super::$name).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $name() {
                    crate::store::tests::TestStore::with_postgres(super::$name).await;
                }
            )+
        }
    };
}
pub(crate) use on_both;

/// An empty store, which goes with its test. Clones share it.
#[derive(Clone)]
pub(crate) struct TestStore {
    store: Arc<dyn Store>,
    place: Place,
}

/// Where it lies.
#[derive(Clone)]
enum Place {
    File(Arc<Path>),
    Server(Arc<TestSchema>),
}

impl TestStore {
    /// Runs the test with a store in a temporary directory.
    pub(crate) async fn with_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Self) -> F) {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).await.unwrap());
        test(Self { store, place: Place::File(dir.path().into()) }).await;
    }

    /// Runs the test with a store in a schema of its own, which is dropped also where the test fails; says why where there
    /// is no server.
    pub(crate) async fn with_postgres<F: Future<Output = ()>>(test: impl FnOnce(Self) -> F) {
        TestSchema::with(async |schema| {
            let store = Arc::new(PostgresStore::open(&schema.url()).await.unwrap());
            test(Self { store: Arc::clone(&store) as _, place: Place::Server(schema) }).await;
            store.close().await;
        })
        .await;
    }

    /// An empty store beside this one, in a file.
    pub(crate) async fn empty_file() -> (tempfile::TempDir, Arc<dyn Store>) {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).await.unwrap());
        (dir, store)
    }

    /// Another process's store over the same database.
    pub(crate) async fn another(&self) -> Arc<dyn Store> {
        match &self.place {
            Place::File(directory) => Arc::new(SqliteStore::open(directory).await.unwrap()),
            Place::Server(schema) => Arc::new(PostgresStore::open(&schema.url()).await.unwrap()),
        }
    }

    /// A statement past the repositories.
    pub(crate) async fn execute(&self, sql: &'static str) {
        match &self.place {
            Place::File(directory) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(directory.join("attune.db"));
                let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
                sqlx::query(sql).execute(&pool).await.unwrap();
            }
            Place::Server(schema) => schema.execute(sql).await,
        }
    }
}

impl Deref for TestStore {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

impl From<&TestStore> for Arc<dyn Store> {
    fn from(store: &TestStore) -> Self {
        Arc::clone(&store.store)
    }
}

/// A moment: this many milliseconds after a fixed one.
pub(crate) fn at(ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap() + time::Duration::milliseconds(ms)
}

fn page(limit: u32, cursor: Option<String>) -> PageRequest {
    PageRequest { limit, cursor }
}

pub(crate) fn new_job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        kind: "adapter".to_owned(),
        payload: json!({ "kind": "adapter", "task": id }),
        max_attempts: 3,
        priority: 0,
        timeout_ms: None,
        idempotency_key: None,
        owner: JobOwner::default(),
        traceparent: None,
        queue_limit: 100,
    }
}

/// A claim by worker `w` of any kind.
async fn claim(store: &TestStore, lease: Duration) -> Option<JobRecord> {
    let request = ClaimRequest { worker: "w", kinds: &["adapter", "generator"], lease, only: None };
    store.claim_job(request, at(0)).await.unwrap()
}
