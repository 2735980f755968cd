//! Jobs: what callers and the worker that holds one may do. Taking one is in [`super::claims`], parents and children are in
//! [`super::children`].

use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::children::{ask_to_stop, stop_children};
use super::job_events::{append_report, append_state, read};
use super::rows::{CountedJobs, age_key, json_text, millis, scoped};
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
/// The jobs that count against the queue's limit.
pub(super) const COUNT_WAITING: &str =
    "SELECT count(*) FROM jobs WHERE state = 'queued' AND NOT waits AND parent_id IS NULL";
/// $1 the parent.
pub(super) const CHILDREN: &str = "SELECT * FROM jobs WHERE parent_id = $1 ORDER BY id";
/// $1 and $2 time and id of the row before, $3 kind, $4 limit, $5 tenant.
pub(super) const LIST_JOBS: &str = "SELECT * FROM jobs
     WHERE tenant = $5 AND (created_at, id) < ($1, $2) AND ($3 IS NULL OR kind = $3)
     ORDER BY created_at DESC, id DESC LIMIT $4";
/// As [`LIST_JOBS`], and $6 the state. A job that waits for its children is queued, and `waits`.
pub(super) const LIST_JOBS_IN_STATE: &str = "SELECT * FROM jobs
     WHERE tenant = $5 AND (created_at, id) < ($1, $2) AND ($3 IS NULL OR kind = $3)
       AND state = CASE WHEN $6 = 'waiting' THEN 'queued' ELSE $6 END AND waits = ($6 = 'waiting')
     ORDER BY created_at DESC, id DESC LIMIT $4";

/// The jobs that have not ended, counted.
pub(super) const OPEN_JOBS: &str = "SELECT state, waits, kind, count(*) AS jobs, min(created_at) AS oldest FROM jobs
     WHERE state IN ('queued', 'running', 'cancelling') GROUP BY state, waits, kind";

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
                "INSERT INTO jobs (id, kind, payload, state, max_attempts, priority, timeout_ms, idempotency_key, tenant,
                                   key_id, created_at, traceparent)
                 VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10, $11) RETURNING *",
            );
            let insert = insert.bind(&job.id).bind(&job.kind).bind(json_text(&job.payload)?);
            let insert = insert.bind(i64::from(job.max_attempts.max(1))).bind(i64::from(job.priority));
            let key = job.idempotency_key.as_deref().map(|key| scoped(&job.owner, key));
            let insert = insert.bind(timeout(job.timeout_ms)).bind(key).bind(&job.owner.tenant);
            let insert = insert.bind(&job.owner.key).bind(millis(now)).bind(&job.traceparent);
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
            let job = write_settled(&mut tx, &job, &settle(&job, outcome), now).await?;
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
            let job = write_settled(&mut tx, &job, &settle_released(&job), now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn fork_job<'a>(
        &'a self,
        attempt: Attempt<'a>,
        children: &'a [NewChild],
        now: OffsetDateTime,
    ) -> StoreFuture<'a, JobRecord> {
        Self::call(self.fork(attempt, children, now))
    }

    fn cancel_job<'a>(&'a self, id: &'a str, now: OffsetDateTime) -> StoreFuture<'a, JobRecord> {
        Self::call(async move {
            let mut tx = self.write(&[]).await?;
            let job: Option<JobRecord> =
                sqlx::query_as(dialect::JOB_TO_CHANGE).bind(id).fetch_optional(&mut *tx).await?;
            let job = job.ok_or_else(|| StoreError::not_found("job", id))?;
            if job.state.is_finished() {
                return Err(StoreError::AlreadyFinished { job: job.id, state: job.state });
            }
            let job = ask_to_stop(&mut tx, job, now).await?;
            stop_children(&mut tx, &job, now).await?;
            tx.commit().await?;
            Ok(job)
        })
    }

    fn job<'a>(&'a self, id: &'a str) -> StoreFuture<'a, JobRecord> {
        Self::call(async move { find(&mut *self.pool.acquire().await?, id).await })
    }

    fn children<'a>(&'a self, parent: &'a str) -> StoreFuture<'a, Vec<JobRecord>> {
        Self::call(async move {
            let rows = sqlx::query_as(CHILDREN).bind(parent);
            Ok(rows.fetch_all(&self.pool).await?)
        })
    }

    fn list_jobs<'a>(&'a self, filter: &'a JobFilter, page: &'a PageRequest) -> StoreFuture<'a, Page<JobRecord>> {
        Self::call(async move {
            let before = page.after(List::Jobs)?.unwrap_or_else(SortKey::newest);
            let list = if filter.state.is_some() { LIST_JOBS_IN_STATE } else { LIST_JOBS };
            let rows = sqlx::query_as(list).bind(before.at_ms).bind(before.id);
            let rows = rows.bind(filter.kind.as_deref()).bind(page.fetch()).bind(&filter.tenant);
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

    fn open_jobs(&self) -> StoreFuture<'_, OpenJobs> {
        Self::call(async move {
            let counted: Vec<CountedJobs> = sqlx::query_as(OPEN_JOBS).fetch_all(&self.pool).await?;
            let queued = counted.iter().filter(|counted| counted.state == JobState::Queued);
            let oldest_queued = queued.map(|counted| counted.oldest).min();
            let counts = counted.into_iter().map(|CountedJobs { state, kind, count, .. }| (state, kind, count));
            Ok(OpenJobs { counts: counts.collect(), oldest_queued })
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
    let earlier = sqlx::query_as(JOB_OF_KEY).bind(scoped(&job.owner, key));
    let earlier: Option<JobRecord> = earlier.fetch_optional(&mut **tx).await?;
    match earlier {
        Some(earlier) if !is_same(&earlier, job) => {
            Err(StoreError::IdempotencyMismatch { key: key.clone(), what: "job", id: earlier.id })
        }
        earlier => Ok(earlier),
    }
}

/// Whether the job is what another request with its key asks for.
fn is_same(job: &JobRecord, asked: &NewJob) -> bool {
    (&job.kind, &job.payload, job.priority, job.timeout_ms)
        == (&asked.kind, &asked.payload, asked.priority, asked.timeout_ms)
}

/// The job, held until the transaction ends, if this attempt is the one that runs. Here every stale write ends.
pub(super) async fn held(tx: &mut Tx<'_>, attempt: Attempt<'_>) -> Result<JobRecord, StoreError> {
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

/// Ends the running attempt, and with the job its children.
pub(super) async fn write_settled(
    tx: &mut Tx<'_>,
    job: &JobRecord,
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
        .bind(&job.id);
    let job = update.fetch_one(&mut **tx).await?;
    append_state(tx, &job, now).await?;
    if job.state.is_finished() {
        stop_children(tx, &job, now).await?;
    }
    Ok(job)
}

/// A time limit as the database holds it.
pub(super) fn timeout(timeout_ms: Option<u64>) -> Option<i64> {
    timeout_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX))
}

pub(super) fn duration_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
