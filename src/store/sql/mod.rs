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
mod children;
mod claims;
mod generators;
mod job_events;
mod jobs;
mod rows;
mod tasks;
mod workers;

use std::collections::BTreeSet;

use sqlx::Transaction;

use super::{Connection, Database, Row, SqlStore, dialect};
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
}
