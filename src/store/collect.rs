//! Artifacts that no record names are collected after a while.
//!
//! A writer puts an artifact first and commits the record that names it afterwards. So one that is younger than the grace
//! period is let be: its record may be under way. An older one without a record is *set aside*: it is gone from the
//! artifacts, but who asks for it still finds it, and the next collection puts it back where a record came to name it after
//! all. What was set aside an hour ago is deleted. That settles the race that a look at the records alone leaves open: a
//! writer that puts an old artifact again and commits between a collector's look and its delete.
//!
//! Several collectors at once do what one would do. A collector that dies leaves its work to the next.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::artifacts::{ArtifactEntry, ArtifactError, Artifacts, Inventory, JobFile};
use super::error::StoreError;
use super::repository::Store;

/// How long an artifact may be without a record, where nobody says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(24 * 3600);
/// How long at most what was set aside is kept.
const ASIDE: Duration = Duration::from_secs(3600);
/// Artifacts that are moved or deleted at once: on S3 each takes some tens of milliseconds.
const AT_ONCE: usize = 16;

/// A collection.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// The time before the records are looked at.
    pub now: SystemTime,
    /// How long an artifact may be without a record. Without any grace it is deleted at once, so nobody may write.
    pub grace: Duration,
    /// Whether it is done, or only told.
    pub mode: CollectMode,
}

/// Whether a collection is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectMode {
    /// It is.
    Collect,
    /// It is only told what would be done.
    DryRun,
}

/// How many artifacts, and what they take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// A record names them.
    pub named: Tally,
    /// No record names them, but they are younger than the grace period.
    pub young: Tally,
    /// They were set aside.
    pub set_aside: Tally,
    /// They were set aside before, not long ago.
    pub waiting: Tally,
    /// They had been set aside and a record names them: they are back.
    pub restored: Tally,
    /// They are gone.
    pub deleted: Tally,
    /// Files of jobs that have ended: they are gone.
    pub checkpoints: Tally,
}

/// Why a collection ended early. What it had done until then stands.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The artifacts.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
}

/// Collects the artifacts that no record of this store names.
///
/// # Errors
/// Those of the two stores.
pub async fn collect(
    store: &dyn Store,
    artifacts: &Artifacts,
    collection: Collection,
) -> Result<Collected, CollectError> {
    // First the artifacts, then the records: one that is put and named in between is not missed among the records.
    let inventory = artifacts.inventory().await?;
    let named = store.referenced_digests().await?;
    let ended = ended(store, &inventory.checkpoints).await?;
    let plan = Plan::new(inventory, (&named, &ended), collection);
    if collection.mode == CollectMode::Collect {
        plan.carry_out(artifacts, collection).await?;
    }
    Ok(plan.told())
}

/// What is to become of each artifact.
#[derive(Debug, Default)]
struct Plan {
    named: Vec<ArtifactEntry>,
    young: Vec<ArtifactEntry>,
    set_aside: Vec<ArtifactEntry>,
    delete: Vec<ArtifactEntry>,
    waiting: Vec<ArtifactEntry>,
    restore: Vec<ArtifactEntry>,
    delete_aside: Vec<ArtifactEntry>,
    checkpoints: Vec<JobFile>,
}

impl Plan {
    fn new(
        inventory: Inventory,
        (named, ended): (&BTreeSet<String>, &BTreeSet<String>),
        collection: Collection,
    ) -> Self {
        let Collection { now, grace, .. } = collection;
        // A clock that runs behind the store's finds an artifact of the future young.
        let age_of = |modified: SystemTime| now.duration_since(modified).unwrap_or_default();
        let age = |entry: &ArtifactEntry| age_of(entry.modified);
        let there: BTreeSet<String> = inventory.artifacts.iter().map(|entry| entry.digest.clone()).collect();
        let mut plan = Self::default();
        for entry in inventory.artifacts {
            let list = match named.contains(&entry.digest) {
                true => &mut plan.named,
                false if grace.is_zero() => &mut plan.delete,
                false if age(&entry) < grace => &mut plan.young,
                false => &mut plan.set_aside,
            };
            list.push(entry);
        }
        for entry in inventory.aside {
            let list = match named.contains(&entry.digest) {
                true => &mut plan.restore,
                false if age(&entry) < grace.min(ASIDE) => &mut plan.waiting,
                // It was put again since, or a collector died half-way: its hour begins when it is set aside again.
                false if there.contains(&entry.digest) && !grace.is_zero() => &mut plan.waiting,
                false => &mut plan.delete_aside,
            };
            list.push(entry);
        }
        let old = |file: &JobFile| ended.contains(&file.key.job) && age_of(file.modified) >= grace;
        plan.checkpoints.extend(inventory.checkpoints.into_iter().filter(old));
        plan
    }

    async fn carry_out(&self, artifacts: &Artifacts, collection: Collection) -> Result<(), ArtifactError> {
        all(self.restore.iter().map(|entry| artifacts.restore(&entry.digest)).collect()).await?;
        all(self.delete_aside.iter().map(|entry| artifacts.delete_aside(entry)).collect()).await?;
        all(self.delete.iter().map(|entry| artifacts.delete(entry)).collect()).await?;
        all(self.set_aside.iter().map(|entry| artifacts.set_aside(&entry.digest)).collect()).await?;
        all(self.checkpoints.iter().map(|file| artifacts.delete_checkpoint(&file.key)).collect()).await?;
        // No write takes as long as this, whatever the grace is.
        artifacts.tidy(collection.now - collection.grace.max(ASIDE)).await
    }

    fn told(&self) -> Collected {
        let deleted = [self.delete.as_slice(), self.delete_aside.as_slice()].concat();
        Collected {
            named: tally(&self.named),
            young: tally(&self.young),
            set_aside: tally(&self.set_aside),
            waiting: tally(&self.waiting),
            restored: tally(&self.restore),
            deleted: tally(&deleted),
            checkpoints: sum(self.checkpoints.iter().map(|file| file.bytes)),
        }
    }
}

/// The jobs of these files that will not go on.
async fn ended(store: &dyn Store, files: &[JobFile]) -> Result<BTreeSet<String>, StoreError> {
    let mut ended = BTreeSet::new();
    for job in files.iter().map(|file| &file.key.job).collect::<BTreeSet<_>>() {
        match store.job(job).await {
            Ok(record) if !record.state.is_finished() => {}
            Ok(_) | Err(StoreError::NotFound { .. }) => drop(ended.insert(job.clone())),
            Err(error) => return Err(error),
        }
    }
    Ok(ended)
}

/// Some at a time, until one fails.
async fn all<T>(steps: Vec<impl Future<Output = Result<T, ArtifactError>>>) -> Result<(), ArtifactError> {
    stream::iter(steps).buffer_unordered(AT_ONCE).try_collect::<Vec<T>>().await.map(drop)
}

fn tally(entries: &[ArtifactEntry]) -> Tally {
    sum(entries.iter().map(|entry| entry.bytes))
}

fn sum(bytes: impl Iterator<Item = u64>) -> Tally {
    bytes.fold(Tally::default(), |all, bytes| Tally { count: all.count + 1, bytes: all.bytes + bytes })
}
