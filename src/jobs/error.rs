//! What can go wrong with a job.

use std::error::Error as StdError;

use super::children::ChildJob;
use super::kinds::InvalidKind;
use crate::store::StoreError;

/// Why a job cannot be queued, read or cancelled.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It asks for something impossible.
    #[error(transparent)]
    Invalid(#[from] InvalidKind),
    /// The store's answer: a full queue, an unknown job, a finished one, a failure.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How a handler ends without a result.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It stopped at a checkpoint because [`super::JobContext::cancelled`] said so.
    #[error("stopped")]
    Stopped,
    /// It needs these jobs and gives its place up until they have ended; then it comes again. Those that are there
    /// already, or were, are not made anew.
    #[error("waits for {} jobs", .0.len())]
    Waits(Vec<ChildJob>),
    /// It failed in a way that another attempt may not: a full disk, a database that is away.
    #[error("{0}")]
    Transient(#[source] Box<dyn StdError + Send + Sync>),
    /// It failed in a way that another attempt would too.
    #[error("{0}")]
    Permanent(#[source] Box<dyn StdError + Send + Sync>),
}

impl JobError {
    /// A failure that another attempt may get over.
    pub fn transient(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Transient(error.into())
    }

    /// A failure that every attempt would meet.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Permanent(error.into())
    }
}
