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
        /// `adapter`, `task`, `generator`, `job` or `key`.
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
    /// The key was used before, for another request.
    #[error("the idempotency key {key:?} was used for {what} {id}, by a request that asks for something else")]
    IdempotencyMismatch {
        /// The key.
        key: String,
        /// `job` or `adapter`.
        what: &'static str,
        /// What it made.
        id: String,
    },
    /// A record is not in the state that the caller expected it in.
    #[error("{what} {id} {}", since(found.as_deref()))]
    Changed {
        /// `task`.
        what: &'static str,
        /// Which one.
        id: String,
        /// The tag that it has now; none where it is not there.
        found: Option<String>,
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
    /// The database was written by an earlier version, and nobody asked for a migration.
    #[error(
        "{database} has schema {found}, this attune has {supported}: bring it up to date with attune migrate first"
    )]
    OlderSchema {
        /// The database: a file, or a server's.
        database: String,
        /// Its last migration.
        found: i64,
        /// The last migration that this binary has.
        supported: i64,
    },
    /// There is no database.
    #[error("there is no database {}: name the data directory of a server with --data-dir", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// Rows are there already.
    #[error(
        "the database is not empty, {table} has rows: restore into another --data-dir, or with --database-url into a new database or schema"
    )]
    NotEmpty {
        /// The first table that has some.
        table: &'static str,
    },
    /// A row that does not fit its table.
    #[error("a row of {table} does not fit: {reason}")]
    Row {
        /// The table.
        table: &'static str,
        /// Why.
        reason: RowFault,
    },
    /// Rows that are to be written cannot be read.
    #[error("the rows cannot be read: {0}")]
    Rows(#[source] Box<dyn std::error::Error + Send + Sync>),
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

/// Why a row does not fit its table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// It lacks a column.
    #[error("it has no {column}")]
    Missing {
        /// Which.
        column: String,
    },
    /// It has a column more.
    #[error("there is no column {column}")]
    Unknown {
        /// Which.
        column: String,
    },
    /// A value that its column cannot hold.
    #[error("its {column} is of another type")]
    Value {
        /// Which column.
        column: String,
    },
    /// The table has a column of a type that rows are not read from.
    #[error("column {column} has the type {kind}")]
    Kind {
        /// Which column.
        column: String,
        /// Its type.
        kind: String,
    },
}

/// How a record is that the caller expected otherwise.
fn since(found: Option<&str>) -> String {
    match found {
        Some(tag) => format!("has changed since: its ETag is \"{tag}\" now"),
        None => "is not there (any more)".to_owned(),
    }
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
