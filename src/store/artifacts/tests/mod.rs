//! The same tests over a directory, over objects in memory, and over S3 where `ATTUNE_TEST_S3` names an endpoint
//! (`.ci/with_s3.sh COMMAND` starts one).

mod collecting;
mod contract;
mod crashes;
mod faulty;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::backend::Backend;
use super::disk::Disk;
use super::s3::S3;
use super::*;
use crate::store::{
    AdapterKind, AdapterRecord, AdapterStore, CollectMode, Collected, Collection, DEFAULT_TENANT, OnNameTaken,
    SqliteStore, Store,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Artifacts, and what lies under them.
struct Place {
    artifacts: Artifacts,
    backend: Arc<dyn Backend>,
    _dir: TempDir,
}

impl Place {
    fn over(backend: Arc<dyn Backend>, dir: TempDir) -> Self {
        Self { artifacts: Artifacts::over(Arc::clone(&backend), None), backend, _dir: dir }
    }

    fn with_quota(&self, bytes: u64) -> Artifacts {
        Artifacts::over(Arc::clone(&self.backend), Some(bytes))
    }
}

fn on_disk() -> Place {
    let dir = tempfile::tempdir().unwrap();
    Place::over(Arc::new(Disk::open(dir.path().join("artifacts")).unwrap()), dir)
}

fn in_memory() -> Place {
    Place::over(Arc::new(S3::over(InMemory::new())), tempfile::tempdir().unwrap())
}

/// A part of its own of a bucket; nothing where there is no S3 to test with.
async fn on_s3(test: &str) -> Option<Place> {
    let Ok(endpoint) = std::env::var("ATTUNE_TEST_S3") else {
        eprintln!("skipped: ATTUNE_TEST_S3 names no endpoint");
        return None;
    };
    // The bucket may be there already.
    reqwest::Client::new().put(format!("{endpoint}/attune-test")).send().await.unwrap();
    let builder = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_access_key_id("test")
        .with_secret_access_key("test");
    let prefix = format!("{test}/{}", std::process::id());
    let s3 = S3::with(builder, "attune-test", &prefix).await.unwrap();
    Some(Place::over(Arc::new(s3), tempfile::tempdir().unwrap()))
}

/// Each of these functions of a place, as a test in each place.
macro_rules! everywhere {
    ($($test:ident)+) => {
        mod on_disk {
            $(#[tokio::test] async fn $test() { super::$test(&super::super::on_disk()).await })+
        }
        mod in_memory {
            $(#[tokio::test] async fn $test() { super::$test(&super::super::in_memory()).await })+
        }
        mod on_s3 {
            $(#[tokio::test] async fn $test() {
                if let Some(place) = super::super::on_s3(stringify!($test)).await {
                    super::$test(&place).await
                }
            })+
        }
    };
}
pub(super) use everywhere;

async fn records() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path()).await.unwrap();
    (dir, store)
}

/// Commits a record that names the artifact.
async fn name(store: &SqliteStore, digest: &str) {
    let record = AdapterRecord {
        id: digest[..32].to_owned(),
        kind: AdapterKind::Imported,
        name: None,
        task: None,
        generator: None,
        base_digest: "base".to_owned(),
        rank: 8,
        alpha: 16.0,
        target_modules: vec!["q_proj".to_owned()],
        parameters: 1,
        bytes: 1,
        digest: digest.to_owned(),
        config: "{}".to_owned(),
        seed: None,
        confidence: None,
        created_at: OffsetDateTime::UNIX_EPOCH,
    };
    store.publish_adapter(DEFAULT_TENANT, &record, OnNameTaken::Refuse).await.unwrap();
}

async fn forget(store: &SqliteStore, digest: &str) {
    store.unlist_adapter(DEFAULT_TENANT, &digest[..32]).await.unwrap();
}

/// What a collection with a day's grace does, so long from now.
async fn collect(store: &dyn Store, artifacts: &Artifacts, from_now: Duration) -> Collected {
    let collection = Collection { now: SystemTime::now() + from_now, grace: DAY, mode: CollectMode::Collect };
    crate::store::collect::collect(store, artifacts, collection).await.unwrap()
}

async fn digests(artifacts: &Artifacts) -> Vec<String> {
    artifacts.inventory().await.unwrap().artifacts.into_iter().map(|entry| entry.digest).collect()
}
