//! Who works jobs off. A worker says every so often that it is there; one that has not for long is forgotten.

use std::time::Duration;

use super::jobs::duration_millis;
use super::rows::json_text;
use super::{SqlStore, dialect};
use crate::store::records::WorkerRecord;
use crate::store::repository::{StoreFuture, WorkerStore};

/// How long a worker that is gone without a word is remembered, in milliseconds.
const REMEMBERED_MS: i64 = 3_600_000;

impl WorkerStore for SqlStore {
    fn announce_worker<'a>(&'a self, worker: &'a WorkerRecord, lease: Duration) -> StoreFuture<'a, ()> {
        Self::call(async move {
            let mut connection = self.pool.acquire().await?;
            let clock = dialect::clock_millis(&mut connection).await?;
            let gone = sqlx::query("DELETE FROM workers WHERE seen_until < $1").bind(clock - REMEMBERED_MS);
            gone.execute(&mut *connection).await?;
            let announce = sqlx::query(
                "INSERT INTO workers (name, slots, seen_until) VALUES ($1, $2, $3)
                 ON CONFLICT (name) DO UPDATE SET slots = excluded.slots, seen_until = excluded.seen_until",
            );
            let announce = announce.bind(&worker.name).bind(json_text(&worker.slots)?);
            announce.bind(clock + duration_millis(lease)).execute(&mut *connection).await?;
            Ok(())
        })
    }

    fn retire_worker<'a>(&'a self, name: &'a str) -> StoreFuture<'a, ()> {
        Self::call(async move {
            sqlx::query("DELETE FROM workers WHERE name = $1").bind(name).execute(&self.pool).await?;
            Ok(())
        })
    }

    fn workers(&self) -> StoreFuture<'_, Vec<WorkerRecord>> {
        Self::call(async move {
            let mut connection = self.pool.acquire().await?;
            let clock = dialect::clock_millis(&mut connection).await?;
            let rows = sqlx::query_as("SELECT * FROM workers WHERE seen_until > $1 ORDER BY name").bind(clock);
            Ok(rows.fetch_all(&mut *connection).await?)
        })
    }
}
