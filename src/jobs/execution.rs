//! One run of one job: the handler on its thread, the heartbeat beside it, and what its end means.

use std::any::Any;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tracing::Span;
use tracing::field::Empty;

use super::children::ChildJob;
use super::context::{JobContext, PhaseSpan, ProgressGate, StopFlag, StopReason};
use super::error::JobError;
use super::handover::{Handover, forget};
use super::queue::Queue;
use super::runner::{JobHandler, RunnerConfig};
use super::work_dirs::{clean_up, work_dir};
use crate::store::{JobRecord, JobState, Outcome, StoreError};
use crate::telemetry::{record, trace};

/// How often the end of a job is tried to be written, a second apart.
const FINISH_TRIES: u32 = 10;

/// A claimed job and what its run needs.
pub(super) struct Execution {
    pub(super) queue: Queue,
    pub(super) config: Arc<RunnerConfig>,
    pub(super) handler: Arc<dyn JobHandler>,
    pub(super) job: JobRecord,
}

/// How a run ended.
#[derive(Debug, PartialEq)]
enum Ending {
    /// With this outcome.
    Finish(Outcome),
    /// The job goes back to the queue.
    Release,
    /// The job goes back to the queue until these have ended.
    Wait(Vec<ChildJob>),
    /// The job is another's; nothing is left to say.
    Lost,
}

impl Execution {
    /// The span of this attempt, in the trace of the request that queued the job.
    pub(super) fn span(&self) -> Span {
        let JobRecord { id, kind, attempt, .. } = &self.job;
        // The highest level, so that whatever is logged of the job names it.
        let span = tracing::error_span!(
            "job",
            job = id,
            kind,
            attempt = i64::from(*attempt),
            trace_id = Empty,
            otel.name = format!("job {kind}")
        );
        let caller = self.job.traceparent.as_deref().and_then(|text| text.parse().ok());
        trace::adopt(&span, caller.as_ref());
        span
    }

    /// Runs the job and writes its end.
    pub(super) async fn run(self, draining: watch::Receiver<bool>) {
        let stop = Arc::new(StopFlag::default());
        // A handler's thread outlives this future when the runner is dropped; it must learn that it is alone.
        let _alone = StopOnDrop(Arc::clone(&stop));
        let handover = self.handover();
        let ended = match self.prepare(&stop, handover.as_ref()).await {
            Ok(()) => {
                let sending = handover.as_ref().map(Handover::keep_sending);
                let ended = self.run_handler(&stop, draining).await;
                drop(sending);
                ended
            }
            Err(error) => Ok(Err(error)),
        };
        let ending = self.ending(ended, stop.get());
        if let Some(handover) = handover.filter(|_| goes_on(&ending)) {
            self.renewing(&stop, handover.send()).await;
        }
        self.write_end(&ending).await;
    }

    fn handover(&self) -> Option<Handover> {
        let artifacts = Arc::clone(self.config.handover.as_ref()?);
        Some(Handover::new(artifacts, &self.job, self.work_dir()))
    }

    /// Makes the job's directory and brings what another machine left.
    async fn prepare(&self, stop: &StopFlag, handover: Option<&Handover>) -> Result<(), JobError> {
        tokio::fs::create_dir_all(self.work_dir()).await.map_err(JobError::transient)?;
        match handover {
            Some(handover) => self.renewing(stop, handover.fetch()).await.map_err(JobError::transient),
            None => Ok(()),
        }
    }

    /// Waits for the work, and keeps the job meanwhile.
    async fn renewing<T>(&self, stop: &StopFlag, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut heartbeat = self.heartbeat();
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = heartbeat.tick() => self.renew(stop).await,
            }
        }
    }

    fn heartbeat(&self) -> Interval {
        let beat = (self.config.lease / 3).max(Duration::from_millis(10));
        let mut heartbeat = interval_at(tokio::time::Instant::now() + beat, beat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat
    }

    async fn run_handler(
        &self,
        stop: &Arc<StopFlag>,
        mut draining: watch::Receiver<bool>,
    ) -> Result<Result<Value, JobError>, JoinError> {
        let mut changes = self.queue.changes();
        let mut heartbeat = self.heartbeat();
        let (handler, job, context) = (Arc::clone(&self.handler), self.job.clone(), self.context(stop));
        let span = Span::current();
        let mut work = tokio::task::spawn_blocking(move || span.in_scope(|| handler.run(&job, &context)));
        let mut over = std::pin::pin!(self.time_over());
        // What happened before `changes` began to listen.
        self.look(stop).await;
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                _ = heartbeat.tick() => self.renew(stop).await,
                asked = async { draining.wait_for(|drain| *drain).await.is_ok() }, if stop.get().is_none() => {
                    // A sender that is gone is a runner that is gone.
                    stop.set(if asked { StopReason::Draining } else { StopReason::LeaseLost });
                }
                () = &mut over, if stop.get().is_none() => stop.set(StopReason::TimedOut),
                change = changes.recv() => match change {
                    Ok(id) if *id != *self.job.id => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => self.look(stop).await,
                    Err(RecvError::Closed) => {}
                },
            }
        }
    }

    /// How long an attempt may take: as the job says, or as this process does.
    fn timeout(&self) -> Option<Duration> {
        self.job.timeout_ms.map(Duration::from_millis).or(self.config.timeout)
    }

    async fn time_over(&self) {
        match self.timeout() {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    }

    fn context(&self, stop: &Arc<StopFlag>) -> JobContext {
        JobContext {
            queue: self.queue.clone(),
            runtime: Handle::current(),
            clock: self.config.clock,
            job: self.job.id.clone(),
            attempt: self.job.attempt,
            work_dir: self.work_dir(),
            may_fork: self.config.shares_work() && self.job.parent.is_none(),
            stop: Arc::clone(stop),
            gate: Mutex::new(ProgressGate::default()),
            phase: PhaseSpan::of(Span::current()),
        }
    }

    fn work_dir(&self) -> PathBuf {
        work_dir(&self.config.data_dir, &self.job.id)
    }

    /// Renews the lease, and learns what the other processes want.
    async fn renew(&self, stop: &StopFlag) {
        match self.queue.store().renew_job(self.job.current_attempt(), self.config.lease).await {
            Ok(JobState::Cancelling) => stop.set(StopReason::Cancelled),
            Ok(_) => {}
            Err(StoreError::StaleAttempt { .. }) => stop.set(StopReason::LeaseLost),
            Err(error) => tracing::warn!(job = self.job.id, %error, "cannot renew a job's lease"),
        }
    }

    /// Learns at once what this process wants.
    async fn look(&self, stop: &StopFlag) {
        match self.queue.job(&self.job.id).await {
            Ok(job) if job.attempt != self.job.attempt => stop.set(StopReason::LeaseLost),
            Ok(job) if job.state == JobState::Cancelling => stop.set(StopReason::Cancelled),
            // A failure to look is no news; the heartbeat looks again.
            Ok(_) | Err(_) => {}
        }
    }

    /// What a handler's end means.
    fn ending(&self, ended: Result<Result<Value, JobError>, JoinError>, stop: Option<StopReason>) -> Ending {
        let failed = |error: String, retry_after| Ending::Finish(Outcome::Failed { error, retry_after });
        match ended {
            Ok(Ok(result)) => Ending::Finish(Outcome::Succeeded(result)),
            Ok(Err(JobError::Waits(children))) => Ending::Wait(children),
            Ok(Err(JobError::Stopped)) => match stop {
                Some(StopReason::Cancelled) => Ending::Finish(Outcome::Cancelled),
                Some(StopReason::Draining) => Ending::Release,
                Some(StopReason::TimedOut) => failed(too_long(self.timeout().unwrap_or_default()), None),
                Some(StopReason::LeaseLost) => Ending::Lost,
                None => failed("the handler stopped without being asked to".to_owned(), None),
            },
            Ok(Err(JobError::Transient(error))) => {
                failed(chain(&*error), Some(retry_wait(self.job.counted_attempts())))
            }
            Ok(Err(JobError::Permanent(error))) => failed(chain(&*error), None),
            Err(error) if error.is_panic() => {
                failed(format!("the handler panicked: {}", panic_message(&*error.into_panic())), None)
            }
            // The runtime shuts down before the thread began.
            Err(_) => Ending::Release,
        }
    }

    /// Writes the end. Where the database does not take it the lease runs out, and the job is taken up again.
    async fn write_end(&self, ending: &Ending) {
        for _ in 0..FINISH_TRIES {
            let (attempt, now) = (self.job.current_attempt(), (self.config.clock)());
            let written = match ending {
                Ending::Finish(outcome) => self.queue.finish(attempt, outcome, now).await,
                Ending::Release => self.queue.release(attempt, now).await,
                Ending::Wait(children) => self.queue.fork(&self.job, children, now).await,
                Ending::Lost => return,
            };
            match written {
                Ok(job) => {
                    tell_end(&job);
                    clean_up(&self.config.data_dir, &job).await;
                    return forget(self.config.handover.as_deref(), &job).await;
                }
                Err(StoreError::StaleAttempt { .. }) => {
                    tracing::warn!(job = self.job.id, "a job ended here after another worker had taken it");
                    return;
                }
                Err(error) => tracing::error!(job = self.job.id, %error, "cannot write a job's end"),
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Counts a job that has ended.
fn tell_end(job: &JobRecord) {
    let (Some(started), Some(finished)) = (job.started_at, job.finished_at) else {
        return tracing::info!(state = job.state.as_str(), "the job is back in the queue");
    };
    let seconds = (finished - started).as_seconds_f64();
    record::job_ended(&job.kind, job.state.as_str(), seconds);
    tracing::info!(state = job.state.as_str(), seconds, "the job has ended");
}

/// Whether another attempt may want what this one left.
fn goes_on(ending: &Ending) -> bool {
    matches!(ending, Ending::Release | Ending::Wait(_) | Ending::Finish(Outcome::Failed { retry_after: Some(_), .. }))
}

fn too_long(timeout: Duration) -> String {
    format!(
        "the attempt took longer than its limit of {} seconds: allow more with timeout_seconds (--job-timeout for all jobs \
         of a worker), or ask for fewer steps",
        timeout.as_secs_f64()
    )
}

/// 2, 4, 8, … seconds, at most a minute.
fn retry_wait(counted_attempts: u32) -> Duration {
    Duration::from_secs(1 << counted_attempts.min(6)).min(Duration::from_secs(60))
}

/// The error and its causes in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let line = error.to_string();
        // Many errors repeat their cause in their own text.
        if !text.contains(&line) {
            text = format!("{text}: {line}");
        }
        cause = error.source();
    }
    text
}

fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

struct StopOnDrop(Arc<StopFlag>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.set(StopReason::LeaseLost);
    }
}
