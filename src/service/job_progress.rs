//! A training job's reports: progress, losses, and how long a step takes.

use crate::jobs::JobContext;
use crate::training::progress::{Progress, Report};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Every how many steps a loss is recorded.
const METRIC_EVERY: usize = 10;
/// Steps that are timed before the time of the others is told; the first one is not among them.
const TIMED_STEPS: usize = 3;
/// A phase that is over sooner needs no word about its time.
const WORTH_TELLING: Duration = Duration::from_secs(30);

/// Turns a trainer's reports into a job's events.
pub(super) struct JobProgress<'a> {
    context: &'a JobContext,
    timed: Mutex<Option<Timed>>,
}

/// The phase that is timed.
struct Timed {
    phase: String,
    step: usize,
    since: Instant,
    told: bool,
}

impl<'a> JobProgress<'a> {
    pub(super) fn new(context: &'a JobContext) -> Self {
        Self { context, timed: Mutex::new(None) }
    }

    /// Says once a phase how long its steps take.
    fn time(&self, report: &Report<'_>) {
        let mut timed = self.timed.lock().unwrap_or_else(PoisonError::into_inner);
        match timed.as_mut().filter(|timed| timed.phase == report.phase) {
            None => {
                let (phase, step) = (report.phase.to_owned(), report.step);
                *timed = Some(Timed { phase, step, since: Instant::now(), told: false });
            }
            Some(timed) if !timed.told && report.step >= timed.step + TIMED_STEPS => {
                timed.told = true;
                let step = timed.since.elapsed() / (report.step - timed.step) as u32;
                let left = step * report.total.saturating_sub(report.step) as u32;
                if left >= WORTH_TELLING {
                    self.context.log(format!(
                        "{}: a step takes {:.2} s; the {} that are left about {} minutes",
                        report.phase,
                        step.as_secs_f64(),
                        report.total - report.step,
                        left.as_secs().div_ceil(60)
                    ));
                }
            }
            Some(_) => {}
        }
    }
}

impl Progress for JobProgress<'_> {
    fn report(&self, report: &Report<'_>) {
        self.time(report);
        self.context.progress(report.phase, report.step as u64, report.total as u64);
        if report.step.is_multiple_of(METRIC_EVERY) || report.step == report.total {
            self.context.metrics(report.metrics);
        }
    }

    fn cancelled(&self) -> bool {
        self.context.cancelled()
    }
}
