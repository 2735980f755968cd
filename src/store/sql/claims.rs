//! How a worker comes by a job: in one transaction, first settle what lost workers left, then take the oldest that it wants.

use time::OffsetDateTime;

use super::job_events::append_state;
use super::jobs::{duration_millis, write_settled};
use super::rows::{json_text, millis};
use super::{SqlStore, Tx, dialect};
use crate::store::error::StoreError;
use crate::store::job_policy::{WORKER_LOST, settle};
use crate::store::records::*;

impl SqlStore {
    pub(super) async fn claim(
        &self,
        request: ClaimRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<JobRecord>, StoreError> {
        let mut tx = self.write(&[]).await?;
        let clock = dialect::clock_millis(&mut tx).await?;
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
async fn settle_lost(tx: &mut Tx<'_>, clock: i64, now: OffsetDateTime) -> Result<(), StoreError> {
    let lost: Vec<JobRecord> = sqlx::query_as(dialect::LOST_JOBS).bind(clock).fetch_all(&mut **tx).await?;
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
    tx: &mut Tx<'_>,
    request: &ClaimRequest<'_>,
    clock: i64,
    now: OffsetDateTime,
) -> Result<Option<JobRecord>, StoreError> {
    let take = sqlx::query_as(dialect::TAKE_OLDEST_JOB)
        .bind(request.worker)
        .bind(clock + duration_millis(request.lease))
        .bind(millis(now))
        .bind(json_text(request.kinds)?)
        .bind(clock)
        .bind(request.only);
    Ok(take.fetch_optional(&mut **tx).await?)
}
