//! Bytes by their digest, on the local disk or on S3.
//!
//! ```text
//! ab/abcdef…     a whole artifact, named by the SHA-256 of its bytes
//! trash/abcdef…  one that no record named, on its way out
//! jobs/…         checkpoints of jobs under way, see [`CheckpointKey`]
//! ```
//!
//! An artifact appears whole or not at all and never changes; whoever reads it checks its digest. A record that names an
//! artifact is written after the artifact, so a crash leaves an artifact too many and never one too few;
//! [`collect`](super::collect::collect) removes those after a while.

mod backend;
mod checkpoints;
mod digest;
mod disk;
mod error;
mod location;
mod s3;
mod s3_http;

pub use checkpoints::CheckpointKey;
pub use digest::sha256_hex;
pub(crate) use digest::{Hasher, hex, is_digest};
pub use error::ArtifactError;
pub use location::{ArtifactLocation, LocationError};

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use backend::{Backend, Stored};
use disk::Disk;
use s3::S3;

const TRASH: &str = "trash";

/// A stored artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactEntry {
    /// SHA-256 of its bytes in hexadecimal.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// When it was put last, or set aside.
    pub modified: SystemTime,
}

/// All that is stored, each in the order of the digests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The artifacts.
    pub artifacts: Vec<ArtifactEntry>,
    /// Those that were set aside.
    pub aside: Vec<ArtifactEntry>,
    /// Files of jobs that are or were under way.
    pub checkpoints: Vec<JobFile>,
}

/// A checkpoint that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    /// Which one.
    pub key: CheckpointKey,
    /// Its size.
    pub bytes: u64,
    /// When it was written.
    pub modified: SystemTime,
}

impl Inventory {
    /// What artifacts take, in use or set aside; checkpoints go by themselves when their job ends.
    pub fn bytes(&self) -> u64 {
        self.artifacts.iter().chain(&self.aside).map(|entry| entry.bytes).sum()
    }
}

/// The artifact store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// let artifacts = attune::store::Artifacts::on_disk(dir.path().join("artifacts"))?;
/// let digest = artifacts.put("weights").await?;
/// assert_eq!(artifacts.get(&digest).await?, "weights");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Artifacts {
    backend: Arc<dyn Backend>,
    quota_bytes: Option<u64>,
    /// What is stored, as far as this process knows: counted by [`Artifacts::inventory`], and what it wrote since.
    used_bytes: AtomicU64,
}

impl Artifacts {
    /// The store in this directory, which is made where it is missing, without a quota.
    ///
    /// # Errors
    /// `DiskFull` or `Io` where the directories cannot be made.
    pub fn on_disk(root: impl Into<PathBuf>) -> Result<Self, ArtifactError> {
        Ok(Self::over(Arc::new(Disk::open(root.into())?), None))
    }

    /// The store at this place, which holds at most so many bytes where that is said.
    ///
    /// # Errors
    /// `DiskFull` or `Io` where a directory cannot be made; `Away` where S3 does not answer or does not let in.
    pub async fn open(location: &ArtifactLocation, quota_bytes: Option<u64>) -> Result<Self, ArtifactError> {
        let backend: Arc<dyn Backend> = match location {
            ArtifactLocation::Directory(root) => Arc::new(Disk::open(root.clone())?),
            ArtifactLocation::S3 { bucket, prefix } => Arc::new(S3::open(bucket, prefix).await?),
        };
        let opened = Self::over(backend, quota_bytes);
        if quota_bytes.is_some() {
            opened.inventory().await?;
        }
        Ok(opened)
    }

    fn over(backend: Arc<dyn Backend>, quota_bytes: Option<u64>) -> Self {
        Self { backend, quota_bytes, used_bytes: AtomicU64::new(0) }
    }

    /// Stores the bytes and gives their digest. An artifact that is there already stays what it is, or becomes whole again
    /// where it is damaged; its age begins anew, so that no collection takes it before its record is written.
    ///
    /// # Errors
    /// `QuotaFull`, `DiskFull`, `Io` or `Away`.
    pub async fn put(&self, bytes: impl Into<Bytes>) -> Result<String, ArtifactError> {
        let bytes: Bytes = bytes.into();
        let digest = digest_of(bytes.clone()).await;
        let (key, size) = (key(&digest), bytes.len() as u64);
        let new = match self.quota_bytes {
            Some(quota) => self.is_new_and_fits(&key, size, quota).await?,
            None => false,
        };
        self.backend.write(&key, bytes).await?;
        if new {
            self.used_bytes.fetch_add(size, Ordering::Relaxed);
        }
        Ok(digest)
    }

    async fn is_new_and_fits(&self, key: &str, size: u64, quota_bytes: u64) -> Result<bool, ArtifactError> {
        if self.backend.size(key).await?.is_some() {
            return Ok(false);
        }
        match self.used_bytes.load(Ordering::Relaxed).saturating_add(size) > quota_bytes {
            true => Err(ArtifactError::QuotaFull { quota_bytes }),
            false => Ok(true),
        }
    }

    /// The bytes with this digest, which is checked. One that was set aside is put back.
    ///
    /// # Errors
    /// `NotFound`, `InvalidDigest`, `Damaged`, `Io` or `Away`.
    pub async fn get(&self, digest: &str) -> Result<Bytes, ArtifactError> {
        if !is_digest(digest) {
            return Err(ArtifactError::InvalidDigest { key: digest.to_owned() });
        }
        let key = key(digest);
        let bytes = match self.backend.read(&key).await? {
            Some(bytes) => bytes,
            None => self.get_from_trash(digest).await?,
        };
        match digest_of(bytes.clone()).await {
            found if found == digest => Ok(bytes),
            found => Err(ArtifactError::Damaged { place: self.backend.place(&key), found }),
        }
    }

    async fn get_from_trash(&self, digest: &str) -> Result<Bytes, ArtifactError> {
        let not_found = || ArtifactError::NotFound { digest: digest.to_owned() };
        match self.backend.read(&trash_key(digest)).await? {
            Some(bytes) => {
                self.restore(digest).await?;
                Ok(bytes)
            }
            // Another reader, or a collection, may have put it back between the two looks.
            None => self.backend.read(&key(digest)).await?.ok_or_else(not_found),
        }
    }

    /// All that is stored. What is put or collected meanwhile may be left out.
    ///
    /// # Errors
    /// `Io` or `Away`.
    pub async fn inventory(&self) -> Result<Inventory, ArtifactError> {
        let mut inventory = Inventory::default();
        for stored in self.backend.list("").await? {
            let Stored { key, bytes, modified } = stored;
            let entry = |digest: &str| ArtifactEntry { digest: digest.to_owned(), bytes, modified };
            match place_of(&key) {
                Some(Place::Artifact(digest)) => inventory.artifacts.push(entry(digest)),
                Some(Place::Trash(digest)) => inventory.aside.push(entry(digest)),
                Some(Place::Checkpoint(key)) => inventory.checkpoints.push(JobFile { key, bytes, modified }),
                None => {}
            }
        }
        inventory.artifacts.sort_by(|a, b| a.digest.cmp(&b.digest));
        inventory.aside.sort_by(|a, b| a.digest.cmp(&b.digest));
        self.used_bytes.store(inventory.bytes(), Ordering::Relaxed);
        Ok(inventory)
    }

    /// Sets the artifact aside: who asks for it still gets it, and then it is back. Says whether it was there.
    pub(super) async fn set_aside(&self, digest: &str) -> Result<bool, ArtifactError> {
        self.backend.rename(&key(digest), &trash_key(digest)).await
    }

    /// Puts back what was set aside.
    pub(super) async fn restore(&self, digest: &str) -> Result<bool, ArtifactError> {
        self.backend.rename(&trash_key(digest), &key(digest)).await
    }

    /// Deletes the artifact.
    pub(super) async fn delete(&self, entry: &ArtifactEntry) -> Result<(), ArtifactError> {
        self.backend.delete(&key(&entry.digest)).await?;
        self.freed(entry);
        Ok(())
    }

    /// Deletes what was set aside.
    pub(super) async fn delete_aside(&self, entry: &ArtifactEntry) -> Result<(), ArtifactError> {
        self.backend.delete(&trash_key(&entry.digest)).await?;
        self.freed(entry);
        Ok(())
    }

    /// Removes what writers that died before then left half written.
    pub(super) async fn tidy(&self, before: SystemTime) -> Result<(), ArtifactError> {
        self.backend.tidy(before).await
    }

    fn freed(&self, entry: &ArtifactEntry) {
        let less = |used: u64| Some(used.saturating_sub(entry.bytes));
        let _ = self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// On a thread that may compute: an imported adapter takes up to seconds.
async fn digest_of(bytes: Bytes) -> String {
    const SMALL: usize = 1 << 16;
    if bytes.len() <= SMALL {
        return sha256_hex(&bytes);
    }
    let again = bytes.clone();
    tokio::task::spawn_blocking(move || sha256_hex(&bytes)).await.unwrap_or_else(|_| sha256_hex(&again))
}

fn key(digest: &str) -> String {
    format!("{}/{digest}", &digest[..2])
}

fn trash_key(digest: &str) -> String {
    format!("{TRASH}/{digest}")
}

enum Place<'a> {
    Artifact(&'a str),
    Trash(&'a str),
    Checkpoint(CheckpointKey),
}

/// What a key stands for; nothing where others put something there.
fn place_of(key: &str) -> Option<Place<'_>> {
    match key.split_once('/')? {
        (TRASH, digest) if is_digest(digest) => Some(Place::Trash(digest)),
        (folder, digest) if is_digest(digest) && folder == &digest[..2] => Some(Place::Artifact(digest)),
        _ => CheckpointKey::parse(key).map(Place::Checkpoint),
    }
}

#[cfg(test)]
mod tests;
