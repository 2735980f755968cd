//! Where handlers keep their checkpoints: `jobs/<id>` in the data directory.

use std::io;
use std::path::{Path, PathBuf};

use super::queue::Queue;
use crate::store::{JobRecord, JobState, StoreError};

/// The directory of this job.
pub(super) fn work_dir(data_dir: &Path, job: &str) -> PathBuf {
    data_dir.join("jobs").join(job)
}

/// Removes the work of a job that will not come again. A failed job's is kept for a look at it.
pub(super) async fn clean_up(data_dir: &Path, job: &JobRecord) {
    if matches!(job.state, JobState::Succeeded | JobState::Cancelled) {
        remove(&work_dir(data_dir, &job.id)).await;
    }
}

/// Removes what jobs left that ended, or were cancelled, while no runner watched.
pub(super) async fn sweep(data_dir: &Path, queue: &Queue) {
    let Ok(mut entries) = tokio::fs::read_dir(data_dir.join("jobs")).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let Ok(id) = entry.file_name().into_string() else { continue };
        match queue.job(&id).await {
            Ok(job) => clean_up(data_dir, &job).await,
            Err(StoreError::NotFound { .. }) => remove(&entry.path()).await,
            Err(error) => tracing::warn!(job = id, %error, "cannot tell whether a job's directory is still needed"),
        }
    }
}

async fn remove(directory: &Path) {
    match tokio::fs::remove_dir_all(directory).await {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(directory = %directory.display(), %error, "cannot remove a job's directory"),
    }
}
