//! The store in one SQLite file, `attune.db`, in the data directory.
//!
//! - Write-ahead log: readers and the one writer do not wait for each other.
//! - `synchronous = FULL`: in a write-ahead log NORMAL may lose the last commits when the power fails, and a job that
//!   was answered with 202 must not be lost. Writes are few, so one fsync for each is cheap.
//! - Every write begins with `BEGIN IMMEDIATE`: a transaction that reads first and writes later could otherwise
//!   fail at once, whatever the busy timeout, because another has written in between.

mod dialect;
#[path = "../sql/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "the repositories are compiled once for each database")]
mod sql;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, Sqlite, SqlitePool, Transaction};

use super::error::StoreError;
use super::migrate::{Migrated, check, migrate};
use super::repository::{JobChanges, StoreFuture};
use super::write_lock::WriteLock;

use SqliteStore as SqlStore;
use sqlx::Sqlite as Database;
use sqlx::SqliteConnection as Connection;
use sqlx::sqlite::SqliteRow as Row;

/// The steps, in order. A new file needs a change here too, or cargo does not see it.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
/// The file in the data directory.
const FILE: &str = "attune.db";
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTIONS: u32 = 4;

/// The store in a SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the store in this directory, which is made where it is missing, and brings it to the current schema.
    ///
    /// # Errors
    /// `Directory`; `NewerSchema` where a later version wrote the file; `Migrate`; `Database`.
    pub async fn open(directory: &Path) -> Result<Self, StoreError> {
        Ok(Self::open_migrated(directory).await?.0)
    }

    /// Brings the file in this directory to the current schema, as [`SqliteStore::open`] does, and tells what that
    /// took. Both are made where they are missing.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn migrate(directory: &Path) -> Result<Migrated, StoreError> {
        let (store, migrated) = Self::open_migrated(directory).await?;
        store.close().await;
        Ok(migrated)
    }

    /// Opens the store of this directory as it is, also while another process has it.
    ///
    /// # Errors
    /// `NoDatabase`; `NewerSchema`, `OlderSchema` where another version wrote the file; `Database`.
    pub async fn attach(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        if !path.is_file() {
            return Err(StoreError::NoDatabase { path });
        }
        let pool = connect(&path, Missing::Refuse).await?;
        check(&mut *pool.acquire().await?, &MIGRATIONS, path.display().to_string()).await?;
        Ok(Self { pool })
    }

    /// Closes the file once all calls have ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Writes a consistent copy of the database to a new file, while others go on reading and writing.
    ///
    /// # Errors
    /// `Database` where the file exists already, `DiskFull`.
    pub async fn backup_into(&self, file: &Path) -> Result<(), StoreError> {
        sqlx::query("VACUUM INTO ?").bind(file.to_string_lossy().into_owned()).execute(&self.pool).await?;
        Ok(())
    }

    async fn open_migrated(directory: &Path) -> Result<(Self, Migrated), StoreError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
        let path = directory.join(FILE);
        let pool = connect(&path, Missing::Make).await?;
        let migrated = migrate(&mut *pool.acquire().await?, &MIGRATIONS, path.display().to_string()).await?;
        Ok((Self { pool }, migrated))
    }

    /// A method's work, as the repositories give it.
    fn call<'a, T>(work: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> StoreFuture<'a, T> {
        Box::pin(work)
    }

    /// A transaction that holds the write lock from its beginning, and with it whatever else it may want.
    async fn write(&self, _locks: &[WriteLock<'_>]) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A transaction that reads, and sees one moment throughout.
    async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin().await?)
    }

    /// A file tells nobody.
    fn changes(&self) -> Option<JobChanges> {
        None
    }
}

/// What is done where there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    Make,
    Refuse,
}

/// The file, whatever its schema.
async fn connect(path: &Path, missing: Missing) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(missing == Missing::Make)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .after_release(|connection, _| Box::pin(is_outside_transactions(connection)))
        .connect_with(options)
        .await?;
    Ok(pool)
}

/// Whether a connection may go back to the pool. After a full disk or a failed write SQLite has rolled back by itself, the
/// driver's own rollback finds nothing, and the driver believes to be in a transaction for ever: no other begins on it.
async fn is_outside_transactions(connection: &mut Connection) -> Result<bool, sqlx::Error> {
    // Whatever is queued, a rollback too, comes before the answer.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}
