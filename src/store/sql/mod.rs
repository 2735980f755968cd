//! The repositories in SQL, written once for both databases.
//!
//! These files are compiled twice: [`crate::store::sqlite`] and [`crate::store::postgres`] each take them in as a module
//! of their own, so that every statement is checked against the driver's own types. Beside them each database puts
//!
//! - `Database`, `Connection` and `Row`, the driver's types, and `SqlStore`, its store;
//! - `SqlStore::{call, write, snapshot}`, how a method runs and how its transactions begin;
//! - `dialect`, the few statements that differ.
//!
//! Parameters are `$1`, `$2`, …, which both know. JSON goes in and out as text, whole numbers as `i64`: what both keep alike.

mod adapters;
mod backup;
mod children;
mod claims;
mod generators;
mod job_events;
mod jobs;
mod keys;
#[cfg(test)]
pub(super) mod plans;
mod rows;
mod tasks;
mod workers;

use std::collections::BTreeSet;

use futures::stream::BoxStream;
use sqlx::Transaction;
use tokio::sync::mpsc;

use super::{Connection, Database, Row, SqlStore, dialect};
use crate::store::backup::RowBatch;
use crate::store::error::StoreError;
use crate::store::repository::{Store, StoreFuture};

/// A transaction of this database.
type Tx<'a> = Transaction<'a, Database>;

impl Store for SqlStore {
    fn referenced_digests(&self) -> StoreFuture<'_, BTreeSet<String>> {
        Self::call(async {
            let digests = sqlx::query_scalar("SELECT digest FROM adapters UNION SELECT digest FROM generators");
            let digests: Vec<String> = digests.fetch_all(&self.pool).await?;
            Ok(digests.into_iter().collect())
        })
    }

    fn schema(&self) -> StoreFuture<'_, i64> {
        Self::call(async {
            let last = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations");
            Ok(last.fetch_one(&self.pool).await?)
        })
    }

    // A long table takes longer than a call may.
    fn dump_rows(&self, to: mpsc::Sender<RowBatch>) -> StoreFuture<'_, ()> {
        Box::pin(self.dump(to))
    }

    fn fill_rows<'a>(&'a self, rows: BoxStream<'a, Result<RowBatch, StoreError>>) -> StoreFuture<'a, ()> {
        Box::pin(self.fill(rows))
    }
}
