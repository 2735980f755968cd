//! The store in a PostgreSQL database, which any number of processes share.
//!
//! - Transactions are READ COMMITTED, whatever the server's default is: a statement sees what was committed before it
//!   began. What is more than a row (a queue's length, a tenant's names) is held by an advisory lock, see [`WriteLock`];
//!   a job is held by its row. So there is nothing to be tried again: what the server gives up all the same is `Busy`.
//! - A database that is away or does not answer in time is `Busy` too; connections come back by themselves.
//! - Every change to a job is told by NOTIFY, see [`changes`].

mod changes;
mod connect;
mod dialect;
#[path = "../sql/mod.rs"]
#[expect(clippy::duplicate_mod, reason = "the repositories are compiled once for each database")]
mod sql;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool, Postgres, Transaction};

use super::database_url::DatabaseUrl;
use super::error::StoreError;
use super::migrate::{Migrated, check, migrate};
use super::repository::{JobChanges, StoreFuture};
use super::write_lock::WriteLock;

use PostgresStore as SqlStore;
use sqlx::PgConnection as Connection;
use sqlx::Postgres as Database;
use sqlx::postgres::PgRow as Row;

/// The steps, in order. A new file needs a change here too, or cargo does not see it.
static MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");
/// Of each process, beside the one that listens. A server takes 100 where nobody says otherwise.
const CONNECTIONS: u32 = 10;
/// How long a call waits for a connection, a new one included.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long a call may take at all. The server gives its statements up earlier; this is for a server that is gone
/// without a word.
const CALL: Duration = Duration::from_secs(40);

/// The store in a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
    options: PgConnectOptions,
}

impl PostgresStore {
    /// Connects, and brings the database to the current schema. Of several processes that start at once one does, and the
    /// others wait for it.
    ///
    /// # Errors
    /// `InvalidUrl`; `Connect`; `NewerSchema` where a later version wrote the database; `Migrate`.
    pub async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        Self::migrate(url).await?;
        Self::connected(url)
    }

    /// Connects to a database as it is, also while other processes use it.
    ///
    /// # Errors
    /// `InvalidUrl`; `Connect`; `NewerSchema`, `OlderSchema` where another version wrote the database.
    pub async fn attach(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let options = connect::options(url)?;
        let mut connection = connect::first(&options).await?;
        let checked = check(&mut connection, &MIGRATIONS, connect::shown(&options)).await;
        // That it cannot be closed in order is no news.
        let _ = connection.close().await;
        checked.and_then(|()| Self::connected(url))
    }

    fn connected(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let options = connect::with_limits(connect::options(url)?);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ACQUIRE);
        Ok(Self { pool: pool.connect_lazy_with(options.clone()), options })
    }

    /// Brings the database to the current schema, as [`PostgresStore::open`] does, and tells what that took.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn migrate(url: &DatabaseUrl) -> Result<Migrated, StoreError> {
        let options = connect::options(url)?;
        let mut connection = connect::first(&options).await?;
        let migrated = migrate(&mut connection, &MIGRATIONS, connect::shown(&options)).await;
        // With the connection the server drops the lock, also after an error. That it cannot be closed in order is no news.
        let _ = connection.close().await;
        migrated
    }

    /// Closes all connections once all calls have ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A method's work, within bounds.
    fn call<'a, T: 'a>(work: impl Future<Output = Result<T, StoreError>> + Send + 'a) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let done = tokio::time::timeout(CALL, work).await;
            done.unwrap_or_else(|_| {
                tracing::warn!("the database did not answer within {CALL:?}");
                Err(StoreError::Busy)
            })
        })
    }

    /// A transaction that holds these locks.
    async fn write(&self, locks: &[WriteLock<'_>]) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
        for lock in locks {
            dialect::take(&mut tx, *lock).await?;
        }
        Ok(tx)
    }

    /// A transaction that reads, and sees one moment throughout.
    async fn snapshot(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }

    fn changes(&self) -> Option<JobChanges> {
        Some(changes::listen(self.options.clone()))
    }
}
