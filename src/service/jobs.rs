//! Jobs, as their tenant sees them. One of another tenant is not there.

use futures::Stream;

use super::adapters::missing;
use super::{Caller, Error, Service};
use crate::jobs::{JobRequest, JobSpec};
use crate::store::{JobEvent, JobFilter, JobRecord, Page, PageRequest, StoreError};

impl Service {
    /// Queues a training job, or finds the one that the idempotency key made.
    ///
    /// # Errors
    /// [`Error::NotFound`] names a task that is not registered; [`Error::Invalid`] a value that cannot
    /// be; [`Error::QuotaUsed`] where the key has trained enough today; [`Error::Job`] a full queue or an idempotency key that
    /// was used for another job.
    pub async fn train(
        &self,
        caller: &Caller,
        spec: JobSpec,
        idempotency_key: Option<String>,
    ) -> Result<(JobRecord, bool), Error> {
        spec.validate().map_err(|e| Error::Invalid { field: e.field, problem: e.problem.to_owned() })?;
        self.check_tasks(&spec.kind).await?;
        self.check_training_quota(caller).await?;
        let request = JobRequest { id: self.new_id(), spec, idempotency_key, owner: caller.owner() };
        Ok(self.queue.enqueue(request, self.now()).await?)
    }

    /// The tenant's job.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn job(&self, tenant: &str, id: &str) -> Result<JobRecord, Error> {
        let job = self.queue.job(id).await.map_err(|error| missing(error, "job", id))?;
        match job.owner.tenant == tenant {
            true => Ok(job),
            false => Err(Error::NotFound { what: "job", id: id.to_owned() }),
        }
    }

    /// The tenant's jobs, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`] with an invalid cursor.
    pub async fn list_jobs(&self, filter: &JobFilter, page: &PageRequest) -> Result<Page<JobRecord>, Error> {
        Ok(self.queue.list(filter, page).await?)
    }

    /// Cancels the tenant's job: at once where it waits, at its next checkpoint where it runs.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Store`] where it has ended.
    pub async fn cancel_job(&self, tenant: &str, id: &str) -> Result<JobRecord, Error> {
        // Whose a job is never changes, so it may be read before.
        self.job(tenant, id).await?;
        Ok(self.queue.cancel(id, self.now()).await?)
    }

    /// The events of a job after this one, to its end, as [`Queue::subscribe`](crate::jobs::Queue::subscribe) gives them.
    /// Whose it is, [`Self::job`] has found out.
    pub fn job_events(
        &self,
        job: &JobRecord,
        after: u64,
    ) -> impl Stream<Item = Result<JobEvent, StoreError>> + Send + use<> {
        self.queue.subscribe(&job.id, after)
    }
}
