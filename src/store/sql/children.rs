//! Jobs that need others: a parent gives its slot up until its children have ended, and they end with it at the latest.

use time::OffsetDateTime;

use super::job_events::append_state;
use super::jobs::{held, timeout, write_settled};
use super::rows::{json_text, millis};
use super::{SqlStore, Tx, dialect};
use crate::store::error::StoreError;
use crate::store::job_policy::settle_released;
use crate::store::records::*;

impl SqlStore {
    pub(super) async fn fork(
        &self,
        attempt: Attempt<'_>,
        children: &[NewChild],
        now: OffsetDateTime,
    ) -> Result<JobRecord, StoreError> {
        let mut tx = self.write(&[]).await?;
        let parent = held(&mut tx, attempt).await?;
        let parent = match parent.state {
            JobState::Cancelling => write_settled(&mut tx, &parent, &settle_released(&parent), now).await?,
            _ => {
                for child in children {
                    insert(&mut tx, &parent, child, now).await?;
                }
                wait(&mut tx, &parent, now).await?
            }
        };
        tx.commit().await?;
        Ok(parent)
    }
}

/// Queues the child, where it is not there yet.
async fn insert(tx: &mut Tx<'_>, parent: &JobRecord, child: &NewChild, now: OffsetDateTime) -> Result<(), StoreError> {
    let insert = sqlx::query_as(
        "INSERT INTO jobs (id, kind, payload, state, max_attempts, priority, timeout_ms, parent_id, tenant,
                           key_id, created_at, traceparent)
         VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (id) DO NOTHING RETURNING *",
    );
    let insert = insert.bind(&child.id).bind(&child.kind).bind(json_text(&child.payload)?);
    let insert = insert.bind(i64::from(child.max_attempts.max(1))).bind(i64::from(parent.priority));
    let insert = insert.bind(timeout(parent.timeout_ms)).bind(&parent.id).bind(&parent.owner.tenant);
    let insert = insert.bind(&parent.owner.key).bind(millis(now)).bind(&parent.traceparent);
    let inserted: Option<JobRecord> = insert.fetch_optional(&mut **tx).await?;
    match inserted {
        Some(child) => append_state(tx, &child, now).await,
        None => Ok(()),
    }
}

async fn wait(tx: &mut Tx<'_>, parent: &JobRecord, now: OffsetDateTime) -> Result<JobRecord, StoreError> {
    let update = sqlx::query_as(
        "UPDATE jobs SET state = 'queued', waits = TRUE, given_back = given_back + 1, result = NULL, error = NULL,
                         run_after = NULL, lease_until = NULL, worker = NULL
         WHERE id = $1 RETURNING *",
    );
    let parent = update.bind(&parent.id).fetch_one(&mut **tx).await?;
    append_state(tx, &parent, now).await?;
    Ok(parent)
}

/// Cancels the job where it waits, and asks its worker to stop where it runs. The caller holds it.
pub(super) async fn ask_to_stop(tx: &mut Tx<'_>, job: JobRecord, now: OffsetDateTime) -> Result<JobRecord, StoreError> {
    let (state, finished_at) = match job.state {
        JobState::Queued | JobState::Waiting => (JobState::Cancelled, Some(millis(now))),
        JobState::Running => (JobState::Cancelling, None),
        _ => return Ok(job),
    };
    let update = sqlx::query_as(
        "UPDATE jobs SET state = $1, finished_at = $2, run_after = NULL, waits = FALSE WHERE id = $3 RETURNING *",
    );
    let job = update.bind(state.as_str()).bind(finished_at).bind(&job.id).fetch_one(&mut **tx).await?;
    append_state(tx, &job, now).await?;
    Ok(job)
}

/// Asks the job's children to stop. They have none of their own.
pub(super) async fn stop_children(tx: &mut Tx<'_>, job: &JobRecord, now: OffsetDateTime) -> Result<(), StoreError> {
    if job.parent.is_some() {
        return Ok(());
    }
    let children: Vec<JobRecord> = sqlx::query_as(dialect::CHILDREN_TO_STOP).bind(&job.id).fetch_all(&mut **tx).await?;
    for child in children {
        ask_to_stop(tx, child, now).await?;
    }
    Ok(())
}
