//! How a worker comes by a job: first settle what lost workers left, then take the next of those that it wants.

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
        loop {
            let mut tx = self.write(&[]).await?;
            let clock = dialect::clock_millis(&mut tx).await?;
            // A transaction of its own for each, which holds no other job.
            if settle_lost(&mut tx, clock, now).await? {
                tx.commit().await?;
                continue;
            }
            let claimed = take_next(&mut tx, &request, clock, now).await?;
            if let Some(job) = &claimed {
                append_state(&mut tx, job, now).await?;
            }
            tx.commit().await?;
            return Ok(claimed);
        }
    }
}

/// Ends one of the jobs whose lease ran out and that nobody is to take up again, where there is one.
async fn settle_lost(tx: &mut Tx<'_>, clock: i64, now: OffsetDateTime) -> Result<bool, StoreError> {
    let lost: Option<JobRecord> = sqlx::query_as(dialect::LOST_JOB).bind(clock).fetch_optional(&mut **tx).await?;
    let Some(job) = lost else { return Ok(false) };
    let outcome = match job.state {
        JobState::Cancelling => Outcome::Cancelled,
        _ => Outcome::Failed { error: WORKER_LOST.to_owned(), retry_after: None },
    };
    write_settled(tx, &job, &settle(&job, &outcome), now).await?;
    Ok(true)
}

async fn take_next(
    tx: &mut Tx<'_>,
    request: &ClaimRequest<'_>,
    clock: i64,
    now: OffsetDateTime,
) -> Result<Option<JobRecord>, StoreError> {
    let take = sqlx::query_as(dialect::TAKE_NEXT_JOB)
        .bind(request.worker)
        .bind(clock + duration_millis(request.lease))
        .bind(millis(now))
        .bind(json_text(request.kinds)?)
        .bind(clock)
        .bind(request.only);
    Ok(take.fetch_optional(&mut **tx).await?)
}
