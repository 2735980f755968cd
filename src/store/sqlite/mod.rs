//! The store in one SQLite file, `attune.db`, in the data directory.
//!
//! - Write-ahead log: readers and the one writer do not wait for each other.
//! - `synchronous = FULL`: in a write-ahead log NORMAL may lose the last commits when the power fails, and a job that
//!   was answered with 202 must not be lost. Writes are few, so one fsync for each is cheap.
//! - Every write begins with `BEGIN IMMEDIATE`: a transaction that reads first and writes later could otherwise
//!   fail at once, whatever the busy timeout, because another has written in between.

mod adapters;
mod claims;
mod generators;
mod jobs;
mod migrate;
mod rows;
mod tasks;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::error::StoreError;
use super::repository::{Store, StoreFuture};

pub use migrate::{AppliedMigration, Migrated};

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
        let (pool, path) = connect(directory).await?;
        migrate::run(&pool, &path).await?;
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

    /// A transaction that holds the write lock from its beginning.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

impl Store for SqliteStore {
    fn referenced_digests(&self) -> StoreFuture<'_, BTreeSet<String>> {
        Box::pin(async {
            let digests = sqlx::query_scalar("SELECT digest FROM adapters UNION SELECT digest FROM generators");
            let digests: Vec<String> = digests.fetch_all(&self.pool).await?;
            Ok(digests.into_iter().collect())
        })
    }
}

/// The file in this directory, made where it is missing, whatever its schema; and its path.
async fn connect(directory: &Path) -> Result<(SqlitePool, PathBuf), StoreError> {
    std::fs::create_dir_all(directory)
        .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
    let path = directory.join("attune.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT);
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
    Ok((pool, path))
}
