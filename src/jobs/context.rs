//! What a handler has beside its job: a place to work, a way to report, and word of when to stop.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tracing::Span;
use tracing::field::Empty;

use super::queue::Queue;
use crate::store::{Attempt, JobRecord, JobUpdate, Progress, StoreError};

/// How often progress within a phase is recorded.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// The flag of a lost lease.
const LEASE_LOST: u8 = 4;

/// Why a handler should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The job is not wanted any more.
    Cancelled,
    /// The process shuts down; the job goes on elsewhere, or here later, from its checkpoint.
    Draining,
    /// The attempt takes longer than it may.
    TimedOut,
    /// The job is another worker's by now, and nothing that this one does will count.
    LeaseLost,
}

/// A handler's view of its run. It is made for a blocking thread: reports wait for the database.
pub struct JobContext {
    pub(super) queue: Queue,
    pub(super) runtime: Handle,
    pub(super) clock: fn() -> OffsetDateTime,
    pub(super) job: String,
    pub(super) attempt: u32,
    pub(super) work_dir: PathBuf,
    pub(super) may_fork: bool,
    pub(super) stop: Arc<StopFlag>,
    pub(super) gate: Mutex<ProgressGate>,
    pub(super) phase: PhaseSpan,
}

impl JobContext {
    /// Records how far the job is. Within a phase only a few reports a second are kept.
    pub fn progress(&self, phase: &str, step: u64, total: u64) {
        self.phase.is(phase, step);
        self.report(JobUpdate::Progress(Progress { phase: phase.to_owned(), step, total }));
    }

    /// Records measured values, a point of each one's curve.
    pub fn metrics(&self, values: &[(&str, f64)]) {
        let values: Map<String, Value> =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        self.report(JobUpdate::Metric(values));
    }

    /// Records a line for a reader.
    pub fn log(&self, line: impl Into<String>) {
        self.report(JobUpdate::Log(line.into()));
    }

    /// Records an update. A report that cannot be written is dropped, because training must not fail for it; one
    /// that is refused because the job is another's tells the handler to stop.
    pub fn report(&self, update: JobUpdate) {
        if !self.gate.lock().unwrap_or_else(PoisonError::into_inner).lets_through(&update, Instant::now()) {
            return;
        }
        let attempt = Attempt { job: &self.job, number: self.attempt };
        match self.runtime.block_on(self.queue.update(attempt, &update, (self.clock)())) {
            Ok(()) => {}
            Err(StoreError::StaleAttempt { .. }) => self.stop.set(StopReason::LeaseLost),
            Err(error) => tracing::warn!(job = self.job, %error, "a job's report was lost"),
        }
    }

    /// Whether the handler should save a checkpoint and return [`super::JobError::Stopped`].
    pub fn cancelled(&self) -> bool {
        self.stop_reason().is_some()
    }

    /// Why it should, if it should.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.stop.get()
    }

    /// Whether it pays to end with [`super::JobError::Waits`] for jobs of this kind: at least two workers that share the
    /// queue and the artifacts run them. One alone is quicker without.
    ///
    /// # Errors
    /// Those of the store.
    pub fn should_fork(&self, kind: &str) -> Result<bool, StoreError> {
        Ok(self.may_fork && self.runtime.block_on(self.queue.workers_for(kind))? >= 2)
    }

    /// The jobs that earlier attempts asked for.
    ///
    /// # Errors
    /// Those of the store.
    pub fn children(&self) -> Result<Vec<JobRecord>, StoreError> {
        self.runtime.block_on(self.queue.children(&self.job))
    }

    /// The job's own directory, which is there. It is kept from attempt to attempt, and removed when the job has
    /// succeeded or was cancelled.
    pub fn work_dir(&self) -> &Path {
        &self.work_dir
    }
}

/// Set once, read often.
#[derive(Debug, Default)]
pub(super) struct StopFlag(AtomicU8);

impl StopFlag {
    /// Asks to stop. The first reason stands, except that a lost lease overrides the others.
    pub(super) fn set(&self, reason: StopReason) {
        match reason {
            StopReason::LeaseLost => self.0.store(LEASE_LOST, Ordering::Release),
            StopReason::Cancelled => self.set_first(1),
            StopReason::Draining => self.set_first(2),
            StopReason::TimedOut => self.set_first(3),
        }
    }

    fn set_first(&self, reason: u8) {
        // An error says that there is a reason already.
        let _ = self.0.compare_exchange(0, reason, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(super) fn get(&self) -> Option<StopReason> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            1 => Some(StopReason::Cancelled),
            2 => Some(StopReason::Draining),
            3 => Some(StopReason::TimedOut),
            _ => Some(StopReason::LeaseLost),
        }
    }
}

/// A span for each phase of a run, as its progress tells them from whatever thread.
#[derive(Debug)]
pub(super) struct PhaseSpan {
    job: Span,
    open: Mutex<Option<Phase>>,
}

/// A phase; its span says at its end how far it came.
#[derive(Debug)]
struct Phase {
    name: String,
    span: Span,
    steps: u64,
}

impl PhaseSpan {
    /// Phases within the job's span.
    pub(super) fn of(job: Span) -> Self {
        Self { job, open: Mutex::new(None) }
    }

    /// The phase now. Another one ends the one before.
    fn is(&self, name: &str, step: u64) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.as_mut().filter(|phase| phase.name == name) {
            Some(phase) => phase.steps = step,
            None => {
                // The one before ends first.
                *open = None;
                let span = tracing::info_span!(
                    parent: &self.job, "phase", phase = name, steps = Empty, otel.name = format!("phase {name}")
                );
                *open = Some(Phase { name: name.to_owned(), span, steps: step });
            }
        }
    }
}

impl Drop for Phase {
    fn drop(&mut self) {
        // Traces know whole numbers with a sign alone.
        self.span.record("steps", self.steps as i64);
    }
}

/// Thins progress out. A new phase and a phase's last step always pass.
#[derive(Debug, Default)]
pub(super) struct ProgressGate {
    last: Option<(Instant, String)>,
}

impl ProgressGate {
    fn lets_through(&mut self, update: &JobUpdate, now: Instant) -> bool {
        let JobUpdate::Progress(progress) = update else { return true };
        let too_soon = self.last.as_ref().is_some_and(|(at, phase)| {
            *phase == progress.phase && progress.step != progress.total && now.duration_since(*at) < PROGRESS_EVERY
        });
        if !too_soon {
            self.last = Some((now, progress.phase.clone()));
        }
        !too_soon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(phase: &str, step: u64) -> JobUpdate {
        JobUpdate::Progress(Progress { phase: phase.to_owned(), step, total: 10 })
    }

    #[test]
    fn progress_is_thinned_out_but_neither_a_new_phase_nor_the_last_step_is_lost() {
        let (mut gate, start) = (ProgressGate::default(), Instant::now());
        let mut at = |ms, update: &JobUpdate| gate.lets_through(update, start + Duration::from_millis(ms));
        assert!(at(0, &progress("train", 1)));
        assert!(!at(100, &progress("train", 2)));
        assert!(at(300, &progress("train", 3)));
        assert!(at(301, &progress("train", 10)));
        assert!(at(302, &progress("evaluate", 1)));
        assert!(at(303, &JobUpdate::Log("a line".to_owned())));
    }

    #[test]
    fn the_first_reason_to_stop_stands_unless_the_lease_is_lost() {
        let stop = StopFlag::default();
        assert_eq!(stop.get(), None);
        stop.set(StopReason::Draining);
        stop.set(StopReason::Cancelled);
        stop.set(StopReason::TimedOut);
        assert_eq!(stop.get(), Some(StopReason::Draining));
        stop.set(StopReason::LeaseLost);
        assert_eq!(stop.get(), Some(StopReason::LeaseLost));
    }
}
