//! Jobs: what callers and the worker that holds one may do. Taking one is in [`super::claims`].

use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::job_events::{append_report, append_state, read};
use super::rows::{age_key, json_text, millis};
use super::{Connection, SqlStore, Tx, dialect};
use crate::store::error::StoreError;
use crate::store::job_policy::{Settled, settle, settle_released};
use crate::store::page::{List, Page, PageRequest, SortKey};
use crate::store::records::*;
use crate::store::repository::{JobChanges, JobStore, StoreFuture, object};
use crate::store::write_lock::WriteLock;

/// $1 id.
pub(super) const JOB: &str = "SELECT * FROM jobs WHERE id = $1";
/// $1 key.
pub(super) const JOB_OF_KEY: &str = "SELECT * FROM jobs WHERE idempotency_key = $1";
pub(super) const COUNT_WAITING: &str = "SELECT count(*) FROM jobs WHERE state = 'queued'";
/// $1 and $2 time and id of the row before, $3 kind, $4 limit.
pub(super) const LIST_JOBS: &str = "SELECT * FROM jobs
     WHERE (created_at, id) < ($1, $2) AND ($3 IS NULL OR kind = $3)
     ORDER BY created_at DESC, id DESC LIMIT $4";
/// As [`LIST_JOBS`], and $5 the state.
pub(super) const LIST_JOBS_IN_STATE: &str = "SELECT * FROM jobs
     WHERE (created_at, id) < ($1, $2) AND ($3 IS NULL OR kind = $3) AND state = $5
     ORDER BY created_at DESC, id DESC LIMIT $4";

impl JobStore for SqlStore {
    fn enqueue_job<'a>(&'a self, job: &'a NewJob, now: OffsetDateTime) -> StoreFuture<'a, Enqueued> {
        Self::call(async move {
            let mut tx = self.write(&[WriteLock::Queue]).await?;
            if let Some(earlier) = find_by_key(&mut tx, job).await? {
                return Ok(Enqueued { job: earlier, created: false });
            }
            let waiting: i64 = sqlx::query_scalar(COUNT_WAITING).fetch_one(&mut *tx).await?;
            if waiting >= i64::from(job.queue_limit) {
                return Err(StoreError::QueueFull { limit: job.queue_limit });
            }
            let insert = sqlx::query_as(
                "INSERT INTO jobs (id, kind, payload, state, max_attempts, idempotency_key, created_at)
                 VALUES ($1, $2, $3, 'queued', $4, $5, $6) RETURNING *",
            );
            let insert = insert.bind(&job.id).bind(&job.kind).bind(json_text(&job.payload)?);
            let insert = insert.bind(i64::from(job.max_attempts.max(1))).bind(&job.idempotency_key).bind(millis(now));
            let job: JobRecord = insert.fetch_one(&mut *tx).await?;
            append_state(&mut tx, &job, now).await?;
            tx.commit().await?;
            Ok(Enqueued { job, created: true })
        })
    }

    fn claim_job<'a>(&'a self, request: ClaimRequest<'a>, now: OffsetDateTime) -> StoreFuture<'a, Option<JobRecord>> {
        Self::call(self.claim(request, now))
    }

    fn renew_job<'a>(&'a self, attempt: Attempt<'a>, lease: Duration) -> StoreFuture<'a, JobState> {
        Self::call(async move {
            let mut tx = self.write(&[]).await?;
            let job = held(&mut tx, attempt).await?;
            let until = dialect::clock_millis(&mut tx).await? + duration_millis(lease);
            let update = sqlx::query("UPDATE jobs SET lease_until = $1 WHERE id = $2");
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
        Self::call(async move {
            let mut tx = self.write(&[]).await?;
            let job = held(&mut tx, attempt).await?;
            let (kind, data) = match update {
                JobUpdate::Progress(progress) => {
                    let data = serde_json::to_value(progress)?;
                    let write = sqlx::query("UPDATE jobs SET progress = $1 WHERE id = $2");
                    write.bind(json_text(&data)?).bind(attempt.job).execute(&mut *tx).await?;
                    (JobEventKind::Progress, data)
                }
                JobUpdate::Metric(values) => {
                    let write = sqlx::query("UPDATE jobs SET metrics = $1 WHERE id = $2");
                    let metrics = json_text(&with_latest(job.metrics, values))?;
                    write.bind(metrics).bind(attempt.job).execute(&mut *tx).await?;
                    (JobEventKind::Metric, Value::Object(values.clone()))
                }
                JobUpdate::Log(line) => (JobEventKind::Log, object("message", line.as_str())),
            };
            let event = append_report(&mut tx, attempt.job, (kind, &data), now).await?;
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
        Self::call(async move {
            let mut tx = self.write(&[]).await?;
            let job = held(&mut tx, attempt).await?;
            let job = write_settled(&mut tx, &job.id, &settle(&job, outcome), now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn release_job<'a>(&'a self, attempt: Attempt<'a>, now: OffsetDateTime) -> StoreFuture<'a, JobRecord> {
        Self::call(async move {
            let mut tx = self.write(&[]).await?;
            let job = held(&mut tx, attempt).await?;
            let count = sqlx::query("UPDATE jobs SET given_back = given_back + 1 WHERE id = $1");
            count.bind(&job.id).execute(&mut *tx).await?;
            let job = write_settled(&mut tx, &job.id, &settle_released(&job), now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn cancel_job<'a>(&'a self, id: &'a str, now: OffsetDateTime) -> StoreFuture<'a, JobRecord> {
        Self::call(async move {
            let mut tx = self.write(&[]).await?;
            let job: Option<JobRecord> =
                sqlx::query_as(dialect::JOB_TO_CHANGE).bind(id).fetch_optional(&mut *tx).await?;
            let job = job.ok_or_else(|| StoreError::not_found("job", id))?;
            let (state, finished_at) = match job.state {
                JobState::Queued => (JobState::Cancelled, Some(millis(now))),
                JobState::Running => (JobState::Cancelling, None),
                JobState::Cancelling => return Ok(job),
                state => return Err(StoreError::AlreadyFinished { job: job.id, state }),
            };
            let update = sqlx::query_as(
                "UPDATE jobs SET state = $1, finished_at = $2, run_after = NULL WHERE id = $3 RETURNING *",
            );
            let update = update.bind(state.as_str()).bind(finished_at).bind(id);
            let job = update.fetch_one(&mut *tx).await?;
            append_state(&mut tx, &job, now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn job<'a>(&'a self, id: &'a str) -> StoreFuture<'a, JobRecord> {
        Self::call(async move { find(&mut *self.pool.acquire().await?, id).await })
    }

    fn list_jobs<'a>(&'a self, filter: &'a JobFilter, page: &'a PageRequest) -> StoreFuture<'a, Page<JobRecord>> {
        Self::call(async move {
            let before = page.after(List::Jobs)?.unwrap_or_else(SortKey::newest);
            let list = if filter.state.is_some() { LIST_JOBS_IN_STATE } else { LIST_JOBS };
            let rows = sqlx::query_as(list).bind(before.at_ms).bind(before.id);
            let rows = rows.bind(filter.kind.as_deref()).bind(page.fetch());
            let rows = match filter.state {
                Some(state) => rows.bind(state.as_str()),
                None => rows,
            };
            let rows: Vec<JobRecord> = rows.fetch_all(&self.pool).await?;
            Ok(Page::cut(rows, page, List::Jobs, |row| age_key(row.created_at, &row.id)))
        })
    }

    fn job_events<'a>(&'a self, id: &'a str, after: u64, limit: u32) -> StoreFuture<'a, Vec<JobEvent>> {
        Self::call(async move {
            let mut connection = self.pool.acquire().await?;
            let events = read(&mut connection, id, after, limit).await?;
            if events.is_empty() {
                find(&mut connection, id).await?;
            }
            Ok(events)
        })
    }

    fn job_changes(&self) -> Option<JobChanges> {
        self.changes()
    }
}

async fn find(connection: &mut Connection, id: &str) -> Result<JobRecord, StoreError> {
    let row = sqlx::query_as(JOB).bind(id).fetch_optional(connection).await?;
    row.ok_or_else(|| StoreError::not_found("job", id))
}

/// The job that the new one's key made, if it made one.
async fn find_by_key(tx: &mut Tx<'_>, job: &NewJob) -> Result<Option<JobRecord>, StoreError> {
    let Some(key) = &job.idempotency_key else { return Ok(None) };
    let earlier = sqlx::query_as(JOB_OF_KEY).bind(key);
    let earlier: Option<JobRecord> = earlier.fetch_optional(&mut **tx).await?;
    match earlier {
        Some(earlier) if (&earlier.kind, &earlier.payload) != (&job.kind, &job.payload) => {
            Err(StoreError::IdempotencyMismatch { key: key.clone(), what: "job", id: earlier.id })
        }
        earlier => Ok(earlier),
    }
}

/// The job, held until the transaction ends, if this attempt is the one that runs. Here every stale write ends.
async fn held(tx: &mut Tx<'_>, attempt: Attempt<'_>) -> Result<JobRecord, StoreError> {
    let row = sqlx::query_as(dialect::JOB_OF_ATTEMPT).bind(attempt.job).bind(i64::from(attempt.number));
    let row: Option<JobRecord> = row.fetch_optional(&mut **tx).await?;
    row.ok_or_else(|| StoreError::StaleAttempt { job: attempt.job.to_owned(), attempt: attempt.number })
}

/// The metrics with these values in place of their earlier ones; one that is null now is gone.
fn with_latest(metrics: Value, values: &Map<String, Value>) -> Value {
    let mut all = match metrics {
        Value::Object(all) => all,
        _ => Map::new(),
    };
    all.extend(values.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.retain(|_, value| !value.is_null());
    Value::Object(all)
}

/// Ends the running attempt.
pub(super) async fn write_settled(
    tx: &mut Tx<'_>,
    id: &str,
    settled: &Settled<'_>,
    now: OffsetDateTime,
) -> Result<JobRecord, StoreError> {
    let run_after = match settled.wait {
        Some(wait) => Some(dialect::clock_millis(tx).await? + duration_millis(wait)),
        None => None,
    };
    let update = sqlx::query_as(
        "UPDATE jobs SET state = $1, result = $2, error = $3, run_after = $4, finished_at = $5,
                         lease_until = NULL, worker = NULL
         WHERE id = $6 RETURNING *",
    );
    let update = update
        .bind(settled.state.as_str())
        .bind(settled.result.map(json_text).transpose()?)
        .bind(settled.error)
        .bind(run_after)
        .bind(settled.state.is_finished().then(|| millis(now)))
        .bind(id);
    let job = update.fetch_one(&mut **tx).await?;
    append_state(tx, &job, now).await?;
    Ok(job)
}

pub(super) fn duration_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
