//! The runner: takes jobs from the queue as long as it has room for their kinds, and runs each one's handler on a
//! blocking thread.
//!
//! A runner that goes away without a word loses its leases in time and another takes its jobs up; one that is
//! drained asks its handlers to stop at their next checkpoint and gives the jobs back at once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::Instrument;

use super::context::JobContext;
use super::error::JobError;
use super::execution::Execution;
use super::presence::Presence;
use super::queue::Queue;
use super::work_dirs::sweep;
use crate::store::{Artifacts, ClaimRequest, JobRecord, WorkerRecord};
use crate::telemetry::record;

/// Does the work of a kind.
pub trait JobHandler: Send + Sync {
    /// Runs the job to its result. It runs on a thread of its own, may block, and should look at
    /// [`JobContext::cancelled`] between steps. After a crash or a restart the same job comes again, with what the
    /// earlier attempt left in [`JobContext::work_dir`].
    ///
    /// # Errors
    /// `Stopped` where it was asked to; `Transient` is tried again, `Permanent` and a panic are not.
    fn run(&self, job: &JobRecord, context: &JobContext) -> Result<Value, JobError>;
}

/// A runner's settings.
#[derive(Clone, Debug)]
pub struct RunnerConfig {
    /// The worker's name in the jobs that it holds.
    pub worker: String,
    /// Handlers work in `jobs/<id>` below it.
    pub data_dir: PathBuf,
    /// How long a job stays this worker's when nothing is heard from it. It is renewed three times as often.
    pub lease: Duration,
    /// Where checkpoints are kept for other machines, which go on from them; nowhere where the data directory is all there is.
    pub handover: Option<Arc<Artifacts>>,
    /// The one job that it takes; every one where none is said.
    pub only: Option<String>,
    /// How long an attempt of a job may take that has no limit of its own.
    pub timeout: Option<Duration>,
    /// Where the times in the records come from.
    pub clock: fn() -> OffsetDateTime,
}

impl RunnerConfig {
    /// The defaults: a lease of 30 seconds, every job, no other machines, no time limit, the system's clock.
    pub fn new(worker: impl Into<String>, data_dir: impl Into<PathBuf>) -> Self {
        let (worker, data_dir) = (worker.into(), data_dir.into());
        Self {
            worker,
            data_dir,
            lease: Duration::from_secs(30),
            handover: None,
            only: None,
            timeout: None,
            clock: OffsetDateTime::now_utc,
        }
    }

    /// Whether this runner is one of those that share the queue and the places where its jobs leave their work.
    pub(super) fn shares_work(&self) -> bool {
        self.handover.is_some() && self.only.is_none()
    }
}

/// A runner that has not begun.
pub struct Runner {
    queue: Queue,
    config: Arc<RunnerConfig>,
    slots: Vec<Slot>,
}

/// The room for one kind.
struct Slot {
    kind: &'static str,
    limit: u32,
    handler: Arc<dyn JobHandler>,
    room: Arc<Semaphore>,
}

impl Runner {
    /// A runner that knows no kinds yet.
    pub fn new(queue: Queue, config: RunnerConfig) -> Self {
        Self { queue, config: Arc::new(config), slots: Vec::new() }
    }

    /// Adds a kind, of which at most `limit` jobs run at once; with 0 they are left to other workers.
    #[must_use]
    pub fn handle(mut self, kind: &'static str, limit: u32, handler: Arc<dyn JobHandler>) -> Self {
        self.slots.push(Slot { kind, limit, handler, room: Arc::new(Semaphore::new(limit as usize)) });
        self
    }

    /// Starts it on the current tokio runtime.
    pub fn start(self) -> RunningRunner {
        let (drain, draining) = watch::channel(false);
        RunningRunner { task: tokio::spawn(self.run(draining)), drain }
    }

    async fn run(self, mut draining: watch::Receiver<bool>) {
        sweep(&self.config.data_dir, &self.queue).await;
        let presence = self.config.shares_work().then(|| Presence::start(self.queue.clone(), self.record()));
        let works = self.slots.iter().any(|slot| slot.limit > 0);
        let _alone = (works && presence.is_none()).then(|| self.queue.works_alone());
        let mut running = JoinSet::new();
        let mut arrivals = self.queue.arrivals();
        while !*draining.borrow() {
            arrivals.mark_unchanged();
            while let Some(execution) = self.claim(&draining).await {
                running.spawn(execution);
            }
            tokio::select! {
                _ = arrivals.changed() => {}
                _ = draining.changed() => {}
                Some(ended) = running.join_next() => log_panic(ended),
                () = tokio::time::sleep(self.queue.poll()) => {}
            }
        }
        if let Some(presence) = presence {
            presence.end().await;
        }
        while let Some(ended) = running.join_next().await {
            log_panic(ended);
        }
    }

    /// What others are told of it.
    fn record(&self) -> WorkerRecord {
        let slots = self.slots.iter().map(|slot| (slot.kind.to_owned(), slot.limit)).collect();
        WorkerRecord { name: self.config.worker.clone(), slots }
    }

    /// The run of the next job, if there is one that there is room for.
    async fn claim(&self, draining: &watch::Receiver<bool>) -> Option<impl Future<Output = ()> + Send + use<>> {
        let kinds: Vec<&str> =
            self.slots.iter().filter(|slot| slot.room.available_permits() > 0).map(|slot| slot.kind).collect();
        if kinds.is_empty() || *draining.borrow() {
            return None;
        }
        let RunnerConfig { worker, lease, only, .. } = &*self.config;
        let request = ClaimRequest { worker, kinds: &kinds, lease: *lease, only: only.as_deref() };
        let job = match self.queue.claim(request, (self.config.clock)()).await {
            Ok(job) => job?,
            Err(error) => {
                tracing::warn!(%error, "cannot take a job from the queue");
                return None;
            }
        };
        let slot = self.slots.iter().find(|slot| slot.kind == job.kind)?;
        record::job_attempt(slot.kind);
        let room = Arc::clone(&slot.room).try_acquire_owned().ok()?;
        let execution = Execution {
            queue: self.queue.clone(),
            config: Arc::clone(&self.config),
            handler: Arc::clone(&slot.handler),
            job,
        };
        let draining = draining.clone();
        let span = execution.span();
        let run = async move {
            execution.run(draining).await;
            drop(room);
        };
        Some(run.instrument(span))
    }
}

/// A runner at work. Dropping it is a crash: its jobs wait until their leases run out.
#[derive(Debug)]
pub struct RunningRunner {
    task: JoinHandle<()>,
    drain: watch::Sender<bool>,
}

impl RunningRunner {
    /// Takes no more jobs, asks the handlers to stop at their next checkpoint, and ends when all jobs have ended or are
    /// back in the queue, without an attempt counted. Put a time limit around it: giving up waiting is a drop.
    pub async fn drain(mut self) {
        self.drain.send_replace(true);
        if let Err(error) = (&mut self.task).await {
            tracing::error!(%error, "the job runner did not end in order");
        }
    }
}

impl Drop for RunningRunner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a job's run ended out of order; the job is taken up again when its lease runs out");
    }
}
