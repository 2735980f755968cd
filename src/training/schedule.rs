//! Learning rates over the steps of a run.

use serde::{Deserialize, Serialize};

/// Warm-up, then a plateau, then a linear fall to a tenth: a run can be lengthened from a
/// checkpoint of its plateau (Hägele et al. 2024).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The plateau's rate.
    pub peak: f64,
    /// Steps of the rise from 0.
    pub warmup: usize,
    /// Steps of the fall, at the end.
    pub decay: usize,
    /// All steps.
    pub steps: usize,
}

impl Schedule {
    /// The rate of a step, from 0.
    ///
    /// ```
    /// use attune::training::schedule::Schedule;
    /// let schedule = Schedule { peak: 1.0, warmup: 10, decay: 50, steps: 100 };
    /// assert_eq!((schedule.rate(4), schedule.rate(30)), (0.5, 1.0));
    /// assert!((schedule.rate(99) - 0.1).abs() < 0.02);
    /// ```
    pub fn rate(&self, step: usize) -> f64 {
        let rise = (step + 1) as f64 / self.warmup.max(1) as f64;
        let left = self.steps.saturating_sub(step) as f64 / self.decay.max(1) as f64;
        self.peak * rise.min(1.0) * (0.1 + 0.9 * left.min(1.0))
    }
}
