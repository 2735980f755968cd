//! What jobs tell: events that are numbered 1, 2, 3, … within each job, in the order in which they are committed.
//!
//! Every writer holds the job's row, or the whole database, until it commits. So numbers have no gaps, and a reader
//! that saw one event never finds an earlier one afterwards.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::rows::{json_text, millis};
use super::{Connection, Tx, dialect};
use crate::store::error::StoreError;
use crate::store::records::*;

/// $1 job, $2 the event before, $3 limit.
pub(super) const EVENTS_AFTER: &str = "SELECT * FROM job_events WHERE job_id = $1 AND id > $2 ORDER BY id LIMIT $3";

/// The events after this one.
pub(super) async fn read(
    connection: &mut Connection,
    job: &str,
    after: u64,
    limit: u32,
) -> Result<Vec<JobEvent>, StoreError> {
    let rows = sqlx::query_as(EVENTS_AFTER);
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    Ok(rows.bind(job).bind(after).bind(i64::from(limit)).fetch_all(connection).await?)
}

/// The event of a job's new state.
pub(super) async fn append_state(tx: &mut Tx<'_>, job: &JobRecord, now: OffsetDateTime) -> Result<(), StoreError> {
    let mut data = json!({ "state": job.state, "attempt": job.attempt });
    if let Some(error) = &job.error {
        data["error"] = error.as_str().into();
    }
    append(tx, &job.id, (JobEventKind::State, &data), now).await?;
    // A child's end may be what its parent waits for.
    let arrived =
        matches!(job.state, JobState::Queued | JobState::Waiting) || (job.state.is_finished() && job.parent.is_some());
    dialect::notify(tx, &job.id, arrived).await
}

/// The event of a worker's report.
pub(super) async fn append_report(
    tx: &mut Tx<'_>,
    job: &str,
    report: (JobEventKind, &Value),
    now: OffsetDateTime,
) -> Result<JobEvent, StoreError> {
    let event = append(tx, job, report, now).await?;
    dialect::notify(tx, job, false).await?;
    Ok(event)
}

async fn append(
    tx: &mut Tx<'_>,
    job: &str,
    (kind, data): (JobEventKind, &Value),
    now: OffsetDateTime,
) -> Result<JobEvent, StoreError> {
    let insert = sqlx::query_as(
        "INSERT INTO job_events (job_id, id, kind, data, at)
         VALUES ($1, (SELECT coalesce(max(id), 0) + 1 FROM job_events WHERE job_id = $1), $2, $3, $4) RETURNING *",
    );
    let insert = insert.bind(job).bind(kind.as_str()).bind(json_text(data)?).bind(millis(now));
    Ok(insert.fetch_one(&mut **tx).await?)
}
