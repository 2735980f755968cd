//! Checkpoints in the artifact store, so that a worker on another machine goes on where this one stopped.
//!
//! A handler's files in the job's directory are replaced whole. They are copied below the attempt's number every minute,
//! and once more when the attempt ends without an end of the job. The next attempt takes each file as the latest attempt
//! left it, unless it runs where that attempt ran: its own files are at least as new. Attempts count from 1; what lies
//! below 0 was left by the job's children, for its handler to ask for.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::fs;
use tokio::task::JoinHandle;

use crate::store::{ArtifactError, Artifacts, CheckpointKey, JobRecord, JobState};

/// How often changed files are copied.
const EVERY: Duration = Duration::from_secs(60);
/// Holds the number of the attempt that worked in the directory last. A name with a dot before it is no checkpoint.
const WORKED_HERE: &str = ".attempt";

/// Why a job's files cannot be brought or kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandoverError {
    /// The artifact store.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// The job's directory.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// One attempt's files. Clones share what was copied.
#[derive(Clone)]
pub(super) struct Handover {
    artifacts: Arc<Artifacts>,
    job: String,
    attempt: u32,
    dir: PathBuf,
    /// The times and sizes of the files that were copied.
    sent: Arc<Mutex<BTreeMap<String, (SystemTime, u64)>>>,
}

/// Copies as long as it lives.
pub(super) struct Sending(JoinHandle<()>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Handover {
    pub(super) fn new(artifacts: Arc<Artifacts>, job: &JobRecord, dir: PathBuf) -> Self {
        Self { artifacts, job: job.id.clone(), attempt: job.attempt, dir, sent: Arc::default() }
    }

    /// Brings the files of later attempts than the last one that worked here.
    pub(super) async fn fetch(&self) -> Result<(), HandoverError> {
        let marker = self.dir.join(WORKED_HERE);
        let worked_here = fs::read_to_string(&marker).await.ok().and_then(|text| text.trim().parse().ok());
        let kept = self.artifacts.checkpoints(&self.job).await?;
        // Later attempts stand behind earlier ones.
        let latest: BTreeMap<String, CheckpointKey> = kept.into_iter().map(|key| (key.name.clone(), key)).collect();
        for key in latest.values().filter(|key| key.attempt > worked_here.unwrap_or(0)) {
            if let Some(bytes) = self.artifacts.checkpoint(key).await? {
                replace(&self.dir.join(&key.name), &bytes).await?;
            }
        }
        replace(&marker, self.attempt.to_string().as_bytes()).await
    }

    /// Copies what has changed. What cannot be copied now is tried again the next time.
    pub(super) async fn send(&self) {
        if let Err(error) = self.try_send().await {
            tracing::warn!(job = self.job, %error, "a job's checkpoint was not copied for other machines");
        }
    }

    async fn try_send(&self) -> Result<(), HandoverError> {
        for (name, version) in files(&self.dir).await? {
            if self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(&name) == Some(&version) {
                continue;
            }
            let path = self.dir.join(&name);
            let bytes = match fs::read(&path).await {
                Ok(bytes) => Bytes::from(bytes),
                Err(source) if source.kind() == ErrorKind::NotFound => continue,
                Err(source) => return Err(HandoverError::Io { path, source }),
            };
            let key = CheckpointKey { job: self.job.clone(), attempt: self.attempt, name: name.clone() };
            self.artifacts.put_checkpoint(&key, bytes).await?;
            self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(name, version);
        }
        Ok(())
    }

    /// Copies every minute.
    pub(super) fn keep_sending(&self) -> Sending {
        let handover = self.clone();
        Sending(tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                handover.send().await;
            }
        }))
    }
}

/// Removes the copies of a job that will not go on. Those that stay are collected later.
pub(super) async fn forget(artifacts: Option<&Artifacts>, job: &JobRecord) {
    let Some(artifacts) = artifacts.filter(|_| matches!(job.state, JobState::Succeeded | JobState::Cancelled)) else {
        return;
    };
    if let Err(error) = artifacts.delete_checkpoints(&job.id).await {
        tracing::warn!(job = job.id, %error, "cannot remove a job's copied checkpoints");
    }
}

/// The checkpoints in the directory, with their times and sizes. What is being written ends in `.tmp`.
async fn files(dir: &Path) -> Result<BTreeMap<String, (SystemTime, u64)>, HandoverError> {
    let io = |source| HandoverError::Io { path: dir.to_owned(), source };
    let mut found = BTreeMap::new();
    let mut entries = fs::read_dir(dir).await.map_err(io)?;
    while let Some(entry) = entries.next_entry().await.map_err(io)? {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(metadata) = entry.metadata().await else { continue };
        if metadata.is_file() && !name.starts_with('.') && !name.ends_with(".tmp") {
            found.insert(name, (metadata.modified().map_err(io)?, metadata.len()));
        }
    }
    Ok(found)
}

/// Writes a file whole or not at all.
async fn replace(path: &Path, bytes: &[u8]) -> Result<(), HandoverError> {
    let temporary = path.with_extension("tmp");
    let write = async {
        fs::write(&temporary, bytes).await?;
        fs::rename(&temporary, path).await
    };
    write.await.map_err(|source| HandoverError::Io { path: path.to_owned(), source })
}
