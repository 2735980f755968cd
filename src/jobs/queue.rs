//! The queue: the job store with typed kinds, and with readers and workers that are woken at once.
//!
//! The store is the truth. The broadcast channel only says "look again". It is fed by what this process does and, where
//! the database tells it, by what other processes do; what they do besides is found by looking every [`QueueConfig::poll`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::stream::try_unfold;
use futures::{Stream, StreamExt};
use time::OffsetDateTime;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use super::children::ChildJob;
use super::error::QueueError;
use super::spec::JobSpec;
use crate::store::{
    Attempt, ClaimRequest, JobChanges, JobEvent, JobFilter, JobOwner, JobRecord, JobStore, JobUpdate, NewChild, NewJob,
    OpenJobs, Outcome, Page, PageRequest, StoreError,
};
use crate::telemetry::trace;

/// How many events are read at once.
const BATCH: u32 = 256;
/// How many wake-ups a slow reader may miss before it just looks.
const WAKE_UPS: usize = 256;

/// The queue's limits.
#[derive(Clone, Copy, Debug)]
pub struct QueueConfig {
    /// How many jobs may wait.
    pub queue_limit: u32,
    /// How many attempts a job may take.
    pub max_attempts: u32,
    /// How often to look for what other processes wrote.
    pub poll: Duration,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self { queue_limit: 100, max_attempts: 5, poll: Duration::from_secs(1) }
    }
}

/// A job to queue.
#[derive(Clone, Debug)]
pub struct JobRequest {
    /// A new id; version 7 UUIDs keep the order of arrival within a millisecond.
    pub id: String,
    /// What it asks for.
    pub spec: JobSpec,
    /// The caller's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Who queues it.
    pub owner: JobOwner,
}

/// The queue. Clones share it.
#[derive(Clone)]
pub struct Queue {
    store: Arc<dyn JobStore>,
    config: QueueConfig,
    wake: Wake,
    /// Runners of this process that share their work with no other.
    alone: Arc<AtomicUsize>,
    /// Listens to other processes as long as a clone of the queue lives; none where the database does not tell.
    _listening: Option<Arc<Listening>>,
}

/// A runner that nobody else is told of.
pub(super) struct Alone(Arc<AtomicUsize>);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Wakes who waits in this process.
#[derive(Clone)]
struct Wake {
    /// The ids of jobs that something happened to.
    changes: broadcast::Sender<Arc<str>>,
    /// Moves on whenever a job came (back) into the queue; workers wait on it.
    arrivals: watch::Sender<u64>,
}

impl Queue {
    /// The queue over this store. It is made on a tokio runtime, where it listens to what the store tells.
    pub fn new(store: Arc<dyn JobStore>, config: QueueConfig) -> Self {
        let wake = Wake { changes: broadcast::channel(WAKE_UPS).0, arrivals: watch::channel(0).0 };
        let listening = store.job_changes().map(|changes| Arc::new(Listening::start(changes, wake.clone())));
        Self { store, config, wake, alone: Arc::default(), _listening: listening }
    }

    /// Queues a job, or finds the one that its key made (`false`). It belongs to the trace in which this is called.
    ///
    /// # Errors
    /// `Invalid`; `Store` with `QueueFull`, `IdempotencyMismatch` or a failure.
    pub async fn enqueue(&self, request: JobRequest, now: OffsetDateTime) -> Result<(JobRecord, bool), QueueError> {
        let JobRequest { id, spec, .. } = &request;
        spec.validate()?;
        let job = NewJob {
            id: id.clone(),
            kind: spec.kind.name().to_owned(),
            payload: serde_json::to_value(&spec.kind).map_err(StoreError::from)?,
            max_attempts: self.config.max_attempts,
            priority: spec.priority,
            timeout_ms: spec.timeout_seconds.map(|seconds| u64::from(seconds) * 1000),
            idempotency_key: request.idempotency_key,
            owner: request.owner,
            traceparent: trace::current().map(|at| at.to_string()),
            queue_limit: self.config.queue_limit,
        };
        let enqueued = self.store.enqueue_job(&job, now).await?;
        self.wake.changed(&enqueued.job.id);
        self.wake.arrived();
        Ok((enqueued.job, enqueued.created))
    }

    /// Cancels the job: at once where it waits, at its next checkpoint where it runs.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyFinished`, or a failure.
    pub async fn cancel(&self, id: &str, now: OffsetDateTime) -> Result<JobRecord, StoreError> {
        let job = self.store.cancel_job(id, now).await?;
        self.wake.changed(id);
        if job.parent.is_some() {
            self.wake.arrived();
        } else {
            self.wake_children(id).await;
        }
        Ok(job)
    }

    /// The job.
    ///
    /// # Errors
    /// `NotFound`, or a failure.
    pub async fn job(&self, id: &str) -> Result<JobRecord, StoreError> {
        self.store.job(id).await
    }

    /// The jobs that this one needs, by their ids.
    ///
    /// # Errors
    /// A failure.
    pub async fn children(&self, parent: &str) -> Result<Vec<JobRecord>, StoreError> {
        self.store.children(parent).await
    }

    /// How many of the workers that share the queue run jobs of this kind, as far as they say.
    ///
    /// # Errors
    /// A failure.
    pub async fn workers_for(&self, kind: &str) -> Result<usize, StoreError> {
        let workers = self.store.workers().await?;
        Ok(workers.iter().filter(|worker| worker.slots.get(kind).is_some_and(|slots| *slots > 0)).count())
    }

    /// How many processes work jobs off, as far as they say; one that shares its work with no other says so here alone.
    ///
    /// # Errors
    /// A failure.
    pub async fn workers(&self) -> Result<usize, StoreError> {
        Ok(self.store.workers().await?.len() + self.alone.load(Ordering::Relaxed))
    }

    /// The jobs that have not ended, counted.
    ///
    /// # Errors
    /// A failure.
    pub async fn open_jobs(&self) -> Result<OpenJobs, StoreError> {
        self.store.open_jobs().await
    }

    /// A tenant's jobs, the newest first.
    ///
    /// # Errors
    /// `InvalidCursor`, or a failure.
    pub async fn list(&self, filter: &JobFilter, page: &PageRequest) -> Result<Page<JobRecord>, StoreError> {
        self.store.list_jobs(filter, page).await
    }

    /// The job's events after this one (0: all), those to come included, until the job has ended. Every event comes
    /// once and in order, so a reader that was cut off goes on from its last id.
    ///
    /// The first item is `NotFound` where there is no such job; after an error the stream ends.
    pub fn subscribe(&self, id: &str, after: u64) -> impl Stream<Item = Result<JobEvent, StoreError>> + Send + use<> {
        let reader = EventReader {
            store: Arc::clone(&self.store),
            changes: self.wake.changes.subscribe(),
            poll: self.config.poll,
            job: id.to_owned(),
            last: after,
            read: VecDeque::new(),
        };
        try_unfold(reader, |mut reader| async move { Ok(reader.next().await?.map(|event| (event, reader))) })
    }

    /// A runner works here that shares its work with no other, until what is given back is dropped.
    pub(super) fn works_alone(&self) -> Alone {
        self.alone.fetch_add(1, Ordering::Relaxed);
        Alone(Arc::clone(&self.alone))
    }

    pub(super) fn store(&self) -> &dyn JobStore {
        &*self.store
    }

    pub(super) fn poll(&self) -> Duration {
        self.config.poll
    }

    /// The ids of jobs that something happens to from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<Arc<str>> {
        self.wake.changes.subscribe()
    }

    /// Moves on whenever a worker should look for work.
    pub(super) fn arrivals(&self) -> watch::Receiver<u64> {
        self.wake.arrivals.subscribe()
    }

    pub(super) async fn claim(
        &self,
        request: ClaimRequest<'_>,
        now: OffsetDateTime,
    ) -> Result<Option<JobRecord>, StoreError> {
        let job = self.store.claim_job(request, now).await?;
        if let Some(job) = &job {
            self.wake.changed(&job.id);
        }
        Ok(job)
    }

    pub(super) async fn update(
        &self,
        attempt: Attempt<'_>,
        update: &JobUpdate,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.store.update_job(attempt, update, now).await?;
        self.wake.changed(attempt.job);
        Ok(())
    }

    pub(super) async fn finish(
        &self,
        attempt: Attempt<'_>,
        outcome: &Outcome,
        now: OffsetDateTime,
    ) -> Result<JobRecord, StoreError> {
        let job = self.store.finish_job(attempt, outcome, now).await?;
        self.wake.changed(attempt.job);
        self.wake.arrived();
        Ok(job)
    }

    /// Queues the job's children and gives it back until they have ended.
    pub(super) async fn fork(
        &self,
        job: &JobRecord,
        children: &[ChildJob],
        now: OffsetDateTime,
    ) -> Result<JobRecord, StoreError> {
        let of = |child: &ChildJob| child.of(job, self.config.max_attempts);
        let children: Vec<NewChild> = children.iter().map(of).collect::<Result<_, _>>()?;
        let job = self.store.fork_job(job.current_attempt(), &children, now).await?;
        self.wake.changed(&job.id);
        self.wake.arrived();
        Ok(job)
    }

    pub(super) async fn release(&self, attempt: Attempt<'_>, now: OffsetDateTime) -> Result<JobRecord, StoreError> {
        let job = self.store.release_job(attempt, now).await?;
        self.wake.changed(attempt.job);
        self.wake.arrived();
        Ok(job)
    }
}

impl Queue {
    /// Tells this process's runner of what became of the job's children. That it is told is a help: their heartbeats look too.
    async fn wake_children(&self, parent: &str) {
        match self.store.children(parent).await {
            Ok(children) => children.iter().for_each(|child| self.wake.changed(&child.id)),
            Err(error) => tracing::debug!(%error, "a job's children are not told at once"),
        }
    }
}

impl Wake {
    fn arrived(&self) {
        self.arrivals.send_modify(|count| *count += 1);
    }

    fn changed(&self, id: &str) {
        // An error only says that nobody listens.
        let _ = self.changes.send(Arc::from(id));
    }
}

/// The task that passes on what the database tells; it ends with this value.
struct Listening(AbortHandle);

impl Listening {
    fn start(mut changes: JobChanges, wake: Wake) -> Self {
        let listen = async move {
            while let Some(change) = changes.next().await {
                wake.changed(&change.job);
                if change.arrived {
                    wake.arrived();
                }
            }
        };
        Self(tokio::spawn(listen).abort_handle())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A reader's place in a job's events.
struct EventReader {
    store: Arc<dyn JobStore>,
    changes: broadcast::Receiver<Arc<str>>,
    poll: Duration,
    job: String,
    last: u64,
    /// Events that were read and not yet given out.
    read: VecDeque<JobEvent>,
}

impl EventReader {
    async fn next(&mut self) -> Result<Option<JobEvent>, StoreError> {
        loop {
            if let Some(event) = self.read.pop_front() {
                self.last = event.id;
                return Ok(Some(event));
            }
            // The state first: whatever a job that has ended ever told is then in the events.
            let finished = self.store.job(&self.job).await?.state.is_finished();
            self.read = self.store.job_events(&self.job, self.last, BATCH).await?.into();
            if self.read.is_empty() {
                if finished {
                    return Ok(None);
                }
                self.changed().await;
            }
        }
    }

    /// Until something happened to the job, or it is time to look at what nobody told.
    async fn changed(&mut self) {
        let told = async {
            loop {
                match self.changes.recv().await {
                    Ok(id) if *id == *self.job => return,
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        // Running into the time limit is the other way to wake up.
        let _ = tokio::time::timeout(self.poll, told).await;
    }
}
