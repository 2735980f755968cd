//! What a run tells while it goes on, and how it is stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// One report of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Report<'a> {
    /// What is being done.
    pub phase: &'a str,
    /// Steps done.
    pub step: usize,
    /// Steps of the phase; 0 where that is not known.
    pub total: usize,
    /// Named numbers, `loss` among them.
    pub metrics: &'a [(&'a str, f64)],
}

/// Where reports go, and where the wish to stop comes from.
pub trait Progress: Sync {
    /// Takes a report.
    fn report(&self, report: &Report<'_>);

    /// Whether the run should stop at the next step.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _report: &Report<'_>) {}
}

/// A wish to stop, shared between threads. It takes reports and tells nobody.
#[derive(Clone, Debug, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks for a stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Progress for CancelFlag {
    fn report(&self, _report: &Report<'_>) {}

    fn cancelled(&self) -> bool {
        self.is_cancelled()
    }
}
