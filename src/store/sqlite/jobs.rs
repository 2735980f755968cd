//! Jobs: what callers and the worker that holds one may do. Taking one is in [`super::claims`].

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::types::Json;
use sqlx::{Sqlite, SqliteConnection, Transaction};
use time::OffsetDateTime;

use super::SqliteStore;
use super::rows::{age_key, millis};
use crate::store::error::StoreError;
use crate::store::job_policy::{Settled, settle, settle_released};
use crate::store::page::{Page, PageRequest};
use crate::store::records::*;
use crate::store::repository::{JobStore, StoreFuture, object};

impl JobStore for SqliteStore {
    fn enqueue_job<'a>(&'a self, job: &'a NewJob, now: OffsetDateTime) -> StoreFuture<'a, Enqueued> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            if let Some(earlier) = find_by_key(&mut tx, job).await? {
                return Ok(Enqueued { job: earlier, created: false });
            }
            let waiting: u32 =
                sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = 'queued'").fetch_one(&mut *tx).await?;
            if waiting >= job.queue_limit {
                return Err(StoreError::QueueFull { limit: job.queue_limit });
            }
            let insert = sqlx::query(
                "INSERT INTO jobs (id, kind, payload, state, max_attempts, idempotency_key, created_at)
                 VALUES (?, ?, ?, 'queued', ?, ?, ?)",
            );
            let insert = insert.bind(&job.id).bind(&job.kind).bind(Json(&job.payload)).bind(job.max_attempts.max(1));
            insert.bind(&job.idempotency_key).bind(millis(now)).execute(&mut *tx).await?;
            let job = find(&mut tx, &job.id).await?;
            append_state(&mut tx, &job, now).await?;
            tx.commit().await?;
            Ok(Enqueued { job, created: true })
        })
    }

    fn claim_job<'a>(&'a self, request: ClaimRequest<'a>, now: OffsetDateTime) -> StoreFuture<'a, Option<JobRecord>> {
        Box::pin(self.claim(request, now))
    }

    fn renew_job<'a>(&'a self, attempt: Attempt<'a>, lease: Duration) -> StoreFuture<'a, JobState> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let job = held(&mut tx, attempt).await?;
            let until = database_millis(&mut tx).await? + duration_millis(lease);
            let update = sqlx::query("UPDATE jobs SET lease_until = ? WHERE id = ?");
            update.bind(until).bind(attempt.job).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(job.state)
        })
    }

    fn update_job<'a>(
        &'a self,
        attempt: Attempt<'a>,
        update: &'a JobUpdate,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, JobEvent> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            held(&mut tx, attempt).await?;
            let (kind, data) = match update {
                JobUpdate::Progress(progress) => (JobEventKind::Progress, serde_json::to_value(progress)?),
                JobUpdate::Metric(values) => (JobEventKind::Metric, Value::Object(values.clone())),
                JobUpdate::Log(line) => (JobEventKind::Log, object("message", line.as_str())),
            };
            let write = match kind {
                JobEventKind::Progress => Some(sqlx::query("UPDATE jobs SET progress = ? WHERE id = ?")),
                // json_patch replaces the values that are named and keeps the others.
                JobEventKind::Metric => {
                    Some(sqlx::query("UPDATE jobs SET metrics = json_patch(metrics, ?) WHERE id = ?"))
                }
                JobEventKind::State | JobEventKind::Log => None,
            };
            if let Some(write) = write {
                write.bind(Json(&data)).bind(attempt.job).execute(&mut *tx).await?;
            }
            let event = append_event(&mut tx, attempt.job, kind, &data, now).await?;
            tx.commit().await?;
            Ok(event)
        })
    }

    fn finish_job<'a>(
        &'a self,
        attempt: Attempt<'a>,
        outcome: &'a Outcome,
        now: OffsetDateTime,
    ) -> StoreFuture<'a, JobRecord> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let job = held(&mut tx, attempt).await?;
            let job = write_settled(&mut tx, &job.id, &settle(&job, outcome), now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn release_job<'a>(&'a self, attempt: Attempt<'a>, now: OffsetDateTime) -> StoreFuture<'a, JobRecord> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let job = held(&mut tx, attempt).await?;
            let count = sqlx::query("UPDATE jobs SET given_back = given_back + 1 WHERE id = ?");
            count.bind(&job.id).execute(&mut *tx).await?;
            let job = write_settled(&mut tx, &job.id, &settle_released(&job), now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn cancel_job<'a>(&'a self, id: &'a str, now: OffsetDateTime) -> StoreFuture<'a, JobRecord> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let job = find(&mut tx, id).await?;
            let update = match job.state {
                JobState::Queued => sqlx::query_as(
                    "UPDATE jobs SET state = 'cancelled', finished_at = ?, run_after = NULL WHERE id = ? RETURNING *",
                )
                .bind(millis(now)),
                JobState::Running => sqlx::query_as("UPDATE jobs SET state = 'cancelling' WHERE id = ? RETURNING *"),
                JobState::Cancelling => return Ok(job),
                state => return Err(StoreError::AlreadyFinished { job: job.id, state }),
            };
            let job = update.bind(id).fetch_one(&mut *tx).await?;
            append_state(&mut tx, &job, now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn job<'a>(&'a self, id: &'a str) -> StoreFuture<'a, JobRecord> {
        Box::pin(async move { find(&mut *self.pool.acquire().await?, id).await })
    }

    fn list_jobs<'a>(&'a self, filter: &'a JobFilter, page: &'a PageRequest) -> StoreFuture<'a, Page<JobRecord>> {
        Box::pin(async move {
            let after = page.after()?;
            let rows = sqlx::query_as(
                "SELECT * FROM jobs
                 WHERE (?1 IS NULL OR (created_at, id) < (?1, ?2))
                   AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR kind = ?4)
                 ORDER BY created_at DESC, id DESC LIMIT ?5",
            );
            let rows = rows
                .bind(after.as_ref().map(|key| key.at_ms))
                .bind(after.as_ref().map(|key| key.id.as_str()))
                .bind(filter.state.map(JobState::as_str))
                .bind(filter.kind.as_deref())
                .bind(page.fetch());
            let rows: Vec<JobRecord> = rows.fetch_all(&self.pool).await?;
            Ok(Page::cut(rows, page, |row| age_key(row.created_at, &row.id)))
        })
    }

    fn job_events<'a>(&'a self, id: &'a str, after: u64, limit: u32) -> StoreFuture<'a, Vec<JobEvent>> {
        Box::pin(async move {
            let rows = sqlx::query_as("SELECT * FROM job_events WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?");
            let after = i64::try_from(after).unwrap_or(i64::MAX);
            let events: Vec<JobEvent> = rows.bind(id).bind(after).bind(limit).fetch_all(&self.pool).await?;
            if events.is_empty() {
                self.job(id).await?;
            }
            Ok(events)
        })
    }
}

async fn find(connection: &mut SqliteConnection, id: &str) -> Result<JobRecord, StoreError> {
    let row = sqlx::query_as("SELECT * FROM jobs WHERE id = ?").bind(id).fetch_optional(connection).await?;
    row.ok_or_else(|| StoreError::not_found("job", id))
}

/// The job that the new one's key made, if it made one.
async fn find_by_key(tx: &mut Transaction<'_, Sqlite>, job: &NewJob) -> Result<Option<JobRecord>, StoreError> {
    let Some(key) = &job.idempotency_key else { return Ok(None) };
    let earlier = sqlx::query_as("SELECT * FROM jobs WHERE idempotency_key = ?").bind(key);
    let earlier: Option<JobRecord> = earlier.fetch_optional(&mut **tx).await?;
    match earlier {
        Some(earlier) if (&earlier.kind, &earlier.payload) != (&job.kind, &job.payload) => {
            Err(StoreError::IdempotencyMismatch { key: key.clone(), job: earlier.id })
        }
        earlier => Ok(earlier),
    }
}

/// The job, if this attempt is the one that runs. Here every stale write ends.
async fn held(tx: &mut Transaction<'_, Sqlite>, attempt: Attempt<'_>) -> Result<JobRecord, StoreError> {
    let row = sqlx::query_as("SELECT * FROM jobs WHERE id = ? AND attempt = ? AND state IN ('running', 'cancelling')");
    let row = row.bind(attempt.job).bind(attempt.number).fetch_optional(&mut **tx).await?;
    row.ok_or_else(|| StoreError::StaleAttempt { job: attempt.job.to_owned(), attempt: attempt.number })
}

/// Ends the running attempt.
pub(super) async fn write_settled(
    tx: &mut Transaction<'_, Sqlite>,
    id: &str,
    settled: &Settled<'_>,
    now: OffsetDateTime,
) -> Result<JobRecord, StoreError> {
    let run_after = match settled.wait {
        Some(wait) => Some(database_millis(tx).await? + duration_millis(wait)),
        None => None,
    };
    let update = sqlx::query_as(
        "UPDATE jobs SET state = ?, result = ?, error = ?, run_after = ?, finished_at = ?,
                         lease_until = NULL, worker = NULL
         WHERE id = ? RETURNING *",
    );
    let update = update
        .bind(settled.state.as_str())
        .bind(settled.result.map(Json))
        .bind(settled.error)
        .bind(run_after)
        .bind(settled.state.is_finished().then(|| millis(now)))
        .bind(id);
    let job = update.fetch_one(&mut **tx).await?;
    append_state(tx, &job, now).await?;
    Ok(job)
}

/// The event of a job's new state.
pub(super) async fn append_state(
    tx: &mut Transaction<'_, Sqlite>,
    job: &JobRecord,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut data = json!({ "state": job.state, "attempt": job.attempt });
    if let Some(error) = &job.error {
        data["error"] = error.as_str().into();
    }
    append_event(tx, &job.id, JobEventKind::State, &data, now).await?;
    Ok(())
}

async fn append_event(
    tx: &mut Transaction<'_, Sqlite>,
    job: &str,
    kind: JobEventKind,
    data: &Value,
    now: OffsetDateTime,
) -> Result<JobEvent, StoreError> {
    let insert = sqlx::query_as(
        "INSERT INTO job_events (job_id, id, kind, data, at)
         VALUES (?1, (SELECT ifnull(max(id), 0) + 1 FROM job_events WHERE job_id = ?1), ?2, ?3, ?4) RETURNING *",
    );
    Ok(insert.bind(job).bind(kind.as_str()).bind(Json(data)).bind(millis(now)).fetch_one(&mut **tx).await?)
}

/// The database's own clock.
pub(super) async fn database_millis(tx: &mut Transaction<'_, Sqlite>) -> Result<i64, StoreError> {
    let now = sqlx::query_scalar("SELECT CAST(round(unixepoch('subsec') * 1000) AS INTEGER)");
    Ok(now.fetch_one(&mut **tx).await?)
}

pub(super) fn duration_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
