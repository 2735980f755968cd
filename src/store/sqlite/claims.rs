//! How a worker comes by a job: in one transaction, first settle what lost workers left, then take the oldest that it wants.

use sqlx::types::Json;
use sqlx::{Sqlite, Transaction};
use time::OffsetDateTime;

use super::SqliteStore;
use super::jobs::{append_state, database_millis, duration_millis, write_settled};
use super::rows::millis;
use crate::store::error::StoreError;
use crate::store::job_policy::{WORKER_LOST, settle};
use crate::store::records::*;

impl SqliteStore {
    pub(super) async fn claim(
        &self,
        request: ClaimRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<JobRecord>, StoreError> {
        let mut tx = self.write().await?;
        let clock = database_millis(&mut tx).await?;
        settle_lost(&mut tx, clock, now).await?;
        let claimed = take_oldest(&mut tx, &request, clock, now).await?;
        if let Some(job) = &claimed {
            append_state(&mut tx, job, now).await?;
        }
        tx.commit().await?;
        Ok(claimed)
    }
}

/// Ends the jobs whose lease ran out and that nobody is to take up again.
async fn settle_lost(tx: &mut Transaction<'_, Sqlite>, clock: i64, now: OffsetDateTime) -> Result<(), StoreError> {
    let lost = sqlx::query_as(
        "SELECT * FROM jobs
         WHERE (state = 'cancelling' OR (state = 'running' AND attempt - given_back >= max_attempts))
           AND lease_until <= ?",
    );
    let lost: Vec<JobRecord> = lost.bind(clock).fetch_all(&mut **tx).await?;
    for job in lost {
        let outcome = match job.state {
            JobState::Cancelling => Outcome::Cancelled,
            _ => Outcome::Failed { error: WORKER_LOST.to_owned(), retry_after: None },
        };
        write_settled(tx, &job.id, &settle(&job, &outcome), now).await?;
    }
    Ok(())
}

async fn take_oldest(
    tx: &mut Transaction<'_, Sqlite>,
    request: &ClaimRequest<'_>,
    clock: i64,
    now: OffsetDateTime,
) -> Result<Option<JobRecord>, StoreError> {
    let take = sqlx::query_as(
        "UPDATE jobs
         SET state = 'running', attempt = attempt + 1, worker = ?1, lease_until = ?2, run_after = NULL,
             started_at = ifnull(started_at, ?3)
         WHERE id = (
             SELECT id FROM jobs
             WHERE kind IN (SELECT value FROM json_each(?4)) AND (?6 IS NULL OR id = ?6)
               AND ((state = 'queued' AND ifnull(run_after, 0) <= ?5) OR (state = 'running' AND lease_until <= ?5))
             ORDER BY created_at, id LIMIT 1)
         RETURNING *",
    );
    let take = take
        .bind(request.worker)
        .bind(clock + duration_millis(request.lease))
        .bind(millis(now))
        .bind(Json(request.kinds))
        .bind(clock)
        .bind(request.only);
    Ok(take.fetch_optional(&mut **tx).await?)
}
