//! What an attempt's end makes of a job. Pure, so that every database decides alike.

use std::time::Duration;

use serde_json::Value;

use super::records::{JobRecord, JobState, Outcome};

/// The error of a job whose worker went away on its last attempt.
pub(crate) const WORKER_LOST: &str = "the worker was lost, and no attempts are left";

/// A job's fields after an attempt.
#[derive(Debug, PartialEq)]
pub(crate) struct Settled<'a> {
    pub(crate) state: JobState,
    pub(crate) result: Option<&'a Value>,
    pub(crate) error: Option<&'a str>,
    /// How long the queue holds it back.
    pub(crate) wait: Option<Duration>,
}

impl Settled<'_> {
    fn plain(state: JobState) -> Self {
        Self { state, result: None, error: None, wait: None }
    }
}

/// The end of a running or cancelling job's attempt with this outcome.
pub(crate) fn settle<'a>(job: &JobRecord, outcome: &'a Outcome) -> Settled<'a> {
    let stopping = job.state == JobState::Cancelling;
    let attempts_left = job.counted_attempts() < job.max_attempts;
    match outcome {
        // Work that was done before the request to stop arrived is kept.
        Outcome::Succeeded(result) => Settled { result: Some(result), ..Settled::plain(JobState::Succeeded) },
        Outcome::Cancelled => Settled::plain(JobState::Cancelled),
        Outcome::Failed { error, .. } if stopping => {
            Settled { error: Some(error), ..Settled::plain(JobState::Cancelled) }
        }
        Outcome::Failed { error, retry_after: Some(wait) } if attempts_left => {
            Settled { error: Some(error), wait: Some(*wait), ..Settled::plain(JobState::Queued) }
        }
        Outcome::Failed { error, .. } => Settled { error: Some(error), ..Settled::plain(JobState::Failed) },
    }
}

/// A job that its worker gives back unfinished.
pub(crate) fn settle_released(job: &JobRecord) -> Settled<'static> {
    match job.state {
        JobState::Cancelling => Settled::plain(JobState::Cancelled),
        _ => Settled::plain(JobState::Queued),
    }
}
