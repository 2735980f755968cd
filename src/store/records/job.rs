//! Jobs, their attempts and their events.
//!
//! ```text
//! queued ──claim──▶ running ──finish──▶ succeeded | failed | cancelled
//!   ▲                │  │
//!   └─retry, release─┘  └─cancel──▶ cancelling ──finish, or lease over──▶ cancelled
//! running ──fork──▶ waiting ──claim, once its children have ended──▶ running
//! queued | waiting ──cancel──▶ cancelled
//! ```
//!
//! A job may have children, which it needs and which end with it at the latest; a child has none of its own.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::words;
use crate::store::DEFAULT_TENANT;

words! {
    /// Where a job stands.
    JobState, "job state" {
        /// It waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// A worker has it and was asked to stop.
        Cancelling = "cancelling",
        /// It is done.
        Succeeded = "succeeded",
        /// It cannot be done.
        Failed = "failed",
        /// It was not wanted any more.
        Cancelled = "cancelled",
        /// It waits for its children. No worker has it.
        Waiting = "waiting",
    }
}

impl JobState {
    /// Whether the job has ended. A job that has ended never changes again.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// A background job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its id.
    pub id: String,
    /// Its kind's word.
    pub kind: String,
    /// What it asks for.
    pub payload: Value,
    /// Where it stands.
    pub state: JobState,
    /// How often it was claimed. It only grows, so it tells one worker's writes from the next one's.
    pub attempt: u32,
    /// How many of the attempts were given back by a worker that shut down; those are not counted.
    pub given_back: u32,
    /// How many counted attempts it may take.
    pub max_attempts: u32,
    /// Of the jobs that wait, the one with the highest is taken first.
    pub priority: i32,
    /// How long an attempt may take, in milliseconds, where the job has a limit of its own.
    pub timeout_ms: Option<u64>,
    /// The job that needs it.
    pub parent: Option<String>,
    /// How far it is; nothing before its first report.
    pub progress: Option<Progress>,
    /// The latest value of each metric, an object. The curve is in the events.
    pub metrics: Value,
    /// What it gave.
    pub result: Option<Value>,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// The caller's key for it.
    pub idempotency_key: Option<String>,
    /// Who queued it.
    pub owner: JobOwner,
    /// The W3C `traceparent` of what queued it.
    #[serde(default)]
    pub traceparent: Option<String>,
    /// Who has it.
    pub worker: Option<String>,
    /// Until when it is the worker's, by the database's clock.
    #[serde(with = "time::serde::rfc3339::option")]
    pub lease_until: Option<OffsetDateTime>,
    /// When it was queued.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When its first attempt began.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
}

impl JobRecord {
    /// The attempt that the record shows.
    pub fn current_attempt(&self) -> Attempt<'_> {
        Attempt { job: &self.id, number: self.attempt }
    }

    /// How many attempts are used up.
    pub fn counted_attempts(&self) -> u32 {
        self.attempt.saturating_sub(self.given_back)
    }
}

/// Who queued a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOwner {
    /// Whose it is, and what it makes.
    pub tenant: String,
    /// The id of the API key that asked for it.
    pub key: Option<String>,
}

impl Default for JobOwner {
    /// The only tenant, without a key.
    fn default() -> Self {
        Self { tenant: DEFAULT_TENANT.to_owned(), key: None }
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What it does now.
    pub phase: String,
    /// Steps of the phase done.
    pub step: u64,
    /// Steps of the phase in all; 0 where that is not known.
    pub total: u64,
}

/// One worker's turn at a job; it comes with every write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// Which job.
    pub job: &'a str,
    /// [`JobRecord::attempt`] as it was claimed.
    pub number: u32,
}

/// A job to queue.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// Its id, new.
    pub id: String,
    /// Its kind's word.
    pub kind: String,
    /// What it asks for.
    pub payload: Value,
    /// How many attempts it may take, at least 1.
    pub max_attempts: u32,
    /// From -100 to 100: of the jobs that wait, the one with the highest is taken first, of its equals the oldest.
    pub priority: i32,
    /// How long an attempt may take, in milliseconds, where the job is to have a limit of its own.
    pub timeout_ms: Option<u64>,
    /// The caller's key: a second job of the tenant with it is the first one.
    pub idempotency_key: Option<String>,
    /// Who queues it.
    pub owner: JobOwner,
    /// The W3C `traceparent` of what queues it, where that belongs to a trace.
    pub traceparent: Option<String>,
    /// How many jobs may wait at once, this one included. Children are not counted.
    pub queue_limit: u32,
}

/// What the queue holds now. Jobs that have ended are not counted: there may be any number of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenJobs {
    /// How many, by state and kind.
    pub counts: Vec<(JobState, String, u64)>,
    /// When the oldest was queued that waits for a worker, and not for its children.
    pub oldest_queued: Option<OffsetDateTime>,
}

/// A job that another one needs.
#[derive(Clone, Debug, PartialEq)]
pub struct NewChild {
    /// Its id. It is the same whenever its parent asks for it, so that it is made once.
    pub id: String,
    /// Its kind's word.
    pub kind: String,
    /// What it asks for.
    pub payload: Value,
    /// How many attempts it may take, at least 1.
    pub max_attempts: u32,
}

/// A queued job.
#[derive(Clone, Debug, PartialEq)]
pub struct Enqueued {
    /// The job, which the idempotency key may have found.
    pub job: JobRecord,
    /// Whether it is new.
    pub created: bool,
}

/// A worker that wants a job.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRequest<'a> {
    /// Who asks.
    pub worker: &'a str,
    /// The kinds that it can run now.
    pub kinds: &'a [&'a str],
    /// For how long the job is the worker's without a renewal.
    pub lease: Duration,
    /// The one job that it wants; any where none is said.
    pub only: Option<&'a str>,
}

/// What a worker says of its job while it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum JobUpdate {
    /// How far it is.
    Progress(Progress),
    /// Measured values, numbers by name.
    Metric(Map<String, Value>),
    /// A line for a reader.
    Log(String),
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// With a result.
    Succeeded(Value),
    /// With an error.
    Failed {
        /// Why.
        error: String,
        /// Whether another attempt may help, and after what wait.
        retry_after: Option<Duration>,
    },
    /// The worker stopped as it was asked to.
    Cancelled,
}

words! {
    /// What an event tells.
    JobEventKind, "job event kind" {
        /// The job's new state and attempt.
        State = "state",
        /// How far it is.
        Progress = "progress",
        /// Measured values.
        Metric = "metric",
        /// A line for a reader.
        Log = "log",
    }
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobEvent {
    /// 1, 2, 3, … within the job.
    pub id: u64,
    /// What it tells.
    pub kind: JobEventKind,
    /// The details, an object.
    pub data: Value,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Which jobs to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFilter {
    /// Only this tenant's.
    pub tenant: String,
    /// Only those in this state.
    pub state: Option<JobState>,
    /// Only those of this kind.
    pub kind: Option<String>,
}

impl Default for JobFilter {
    /// All of the only tenant.
    fn default() -> Self {
        Self { tenant: DEFAULT_TENANT.to_owned(), state: None, kind: None }
    }
}
