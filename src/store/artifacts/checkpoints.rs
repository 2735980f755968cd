//! Checkpoints of jobs under way: `jobs/ID/ATTEMPT/NAME`. They are the only blobs that change.
//!
//! Each attempt writes below its own number, so one that does not know yet that it lost the job cannot write over its
//! successor's.

use bytes::Bytes;

use super::backend::Stored;
use super::{ArtifactError, Artifacts};

/// The folder of all of them.
pub(super) const JOBS: &str = "jobs";

/// Which checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointKey {
    /// The job.
    pub job: String,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// The file's name in the job's directory.
    pub name: String,
}

impl CheckpointKey {
    fn path(&self) -> String {
        format!("{JOBS}/{}/{:010}/{}", self.job, self.attempt, self.name)
    }

    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let [root, job, attempt, name] = [parts.next()?, parts.next()?, parts.next()?, parts.next()?];
        let whole = root == JOBS && parts.next().is_none() && !name.starts_with('.');
        let attempt = attempt.parse().ok().filter(|_| whole)?;
        Some(Self { job: job.to_owned(), attempt, name: name.to_owned() })
    }
}

impl Artifacts {
    /// Keeps a checkpoint, in place of the attempt's last one of that name.
    ///
    /// # Errors
    /// `DiskFull`, `Io` or `Away`.
    pub async fn put_checkpoint(&self, key: &CheckpointKey, bytes: Bytes) -> Result<(), ArtifactError> {
        self.backend.write(&key.path(), bytes).await
    }

    /// The checkpoint; `None` where there is none.
    ///
    /// # Errors
    /// `Io` or `Away`.
    pub async fn checkpoint(&self, key: &CheckpointKey) -> Result<Option<Bytes>, ArtifactError> {
        self.backend.read(&key.path()).await
    }

    /// The checkpoints of a job, those of later attempts behind those of earlier ones.
    ///
    /// # Errors
    /// `Io` or `Away`.
    pub async fn checkpoints(&self, job: &str) -> Result<Vec<CheckpointKey>, ArtifactError> {
        let stored = self.backend.list(&format!("{JOBS}/{job}")).await?;
        let mut keys: Vec<_> = stored.iter().filter_map(|Stored { key, .. }| CheckpointKey::parse(key)).collect();
        keys.sort_by_key(|key| key.attempt);
        Ok(keys)
    }

    /// Removes the checkpoints of a job.
    ///
    /// # Errors
    /// `Io` or `Away`.
    pub async fn delete_checkpoints(&self, job: &str) -> Result<(), ArtifactError> {
        for key in self.checkpoints(job).await? {
            self.delete_checkpoint(&key).await?;
        }
        Ok(())
    }

    pub(in crate::store) async fn delete_checkpoint(&self, key: &CheckpointKey) -> Result<(), ArtifactError> {
        self.backend.delete(&key.path()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_checkpoints_are_read_as_such() {
        let key = CheckpointKey { job: "j".to_owned(), attempt: 12, name: "a.safetensors".to_owned() };
        assert_eq!(CheckpointKey::parse(&key.path()), Some(key));
        for path in ["jobs/j/1", "jobs/j/1/..", "jobs/j/1/a/b", "jobs/j/x/a", "other/j/1/a"] {
            assert_eq!(CheckpointKey::parse(path), None, "{path}");
        }
    }
}
