//! What can go wrong with the database.

use std::path::PathBuf;

use super::fault::Fault;
use super::records::{GeneratorState, JobState};

/// An error of a repository. The first ones are answers to the caller; from [`StoreError::Busy`] on they
/// are the machine's fault.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such record, or none that this tenant may see.
    #[error("no {what} {id:?}")]
    NotFound {
        /// `adapter`, `task`, `generator` or `job`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Another adapter of the tenant has the name.
    #[error("the name {name:?} belongs to adapter {holder}")]
    NameTaken {
        /// The name.
        name: String,
        /// The adapter that has it.
        holder: String,
    },
    /// The cursor is not one that this list gave out.
    #[error("the cursor is not one of this list")]
    InvalidCursor,
    /// A task with more examples than the store takes.
    #[error("{count} examples are more than the limit of {limit}")]
    TooManyExamples {
        /// How many came.
        count: usize,
        /// How many may.
        limit: usize,
    },
    /// Only a ready generator can be activated.
    #[error("generator {id} is {state} and cannot be activated")]
    NotReady {
        /// Which generator.
        id: String,
        /// Its state.
        state: GeneratorState,
    },
    /// The key was used before, for another job.
    #[error("the idempotency key {key:?} was used for job {job}, which asks for something else")]
    IdempotencyMismatch {
        /// The key.
        key: String,
        /// The job it made.
        job: String,
    },
    /// As many jobs wait as may.
    #[error("{limit} jobs are queued already")]
    QueueFull {
        /// How many may wait.
        limit: u32,
    },
    /// The writer's attempt is over: its lease ran out and another took the job, or the job ended.
    #[error("attempt {attempt} of job {job} is over")]
    StaleAttempt {
        /// Which job.
        job: String,
        /// The writer's attempt.
        attempt: u32,
    },
    /// The job has ended and cannot be cancelled.
    #[error("job {job} has {state} already")]
    AlreadyFinished {
        /// Which job.
        job: String,
        /// How it ended.
        state: JobState,
    },
    /// Others held the database, or all connections to it, for too long; or a server's database is away.
    #[error("the database is busy or away")]
    Busy,
    /// No space left for the database.
    #[error("the disk that holds the database is full")]
    DiskFull,
    /// A text that the database cannot hold: Postgres has no NUL in a text.
    #[error("a text has a NUL character, which the database cannot hold")]
    NulCharacter,
    /// The URL of the database is none. The reason does not repeat it, because of the password.
    #[error("the database URL {reason}")]
    InvalidUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The server's database cannot be reached at the start.
    #[error("cannot connect to {database}: {source}")]
    Connect {
        /// The database and the server, without user and password.
        database: String,
        /// Why.
        source: sqlx::Error,
    },
    /// The database was written by a later version.
    #[error(
        "{database} has schema {found}, this attune knows schemas up to {supported}: start the newer version, or restore a backup made before the upgrade"
    )]
    NewerSchema {
        /// The database: a file, or a server's.
        database: String,
        /// Its last migration.
        found: i64,
        /// The last migration that this binary has.
        supported: i64,
    },
    /// A migration does not run.
    #[error("cannot bring {database} to the current schema: {source}")]
    Migrate {
        /// The database: a file, or a server's.
        database: String,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// The data directory cannot be made.
    #[error("cannot make the data directory {}: {source}", path.display())]
    Directory {
        /// Which directory.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A value cannot be written as JSON.
    #[error("cannot write a value as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Any other error of the database, a row that does not decode included.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// The error for a record that is not there.
    pub(crate) fn not_found(what: &'static str, id: &str) -> Self {
        Self::NotFound { what, id: id.to_owned() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(fault) = Fault::of(&error) else { return Self::Database(error) };
        match fault {
            Fault::Busy => {
                tracing::warn!(%error, "the database does not answer as it should");
                Self::Busy
            }
            Fault::DiskFull => Self::DiskFull,
            Fault::NulCharacter => Self::NulCharacter,
        }
    }
}
