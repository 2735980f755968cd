//! When to try again.

use std::time::Duration;

/// Attempts in a row without a byte of progress.
const ATTEMPTS: u32 = 5;

/// Wait before the second attempt; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// The longest wait that a hub may ask for.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Failure<E> {
    /// Trying again may help: a lost connection, an overloaded hub.
    Transient {
        /// For the one who waits.
        reason: String,
        /// How long the hub asks to wait.
        wait: Option<Duration>,
    },
    /// Trying again is of no use.
    Final(E),
}

impl<E> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Self::Final(error)
    }
}

impl<E> Failure<E> {
    pub(super) fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), wait: None }
    }
}

/// Whether an attempt brought anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Some bytes.
    Made,
    /// None.
    None,
}

/// Counts the attempts.
#[derive(Debug, Default)]
pub(super) struct Retry {
    failed: u32,
}

impl Retry {
    /// How long to wait before the next attempt, or none where it was the last. Progress starts the count anew.
    pub(super) fn after(&mut self, progress: Progress, wait: Option<Duration>) -> Option<Duration> {
        self.failed = match progress {
            Progress::Made => 1,
            Progress::None => self.failed + 1,
        };
        let delay = FIRST_DELAY * 2u32.pow(self.failed.min(ATTEMPTS) - 1);
        (self.failed < ATTEMPTS).then(|| wait.unwrap_or(delay).min(MAX_DELAY))
    }

    /// Attempts in a row that brought nothing.
    pub(super) fn failed(&self) -> u32 {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_until_the_last_attempt() {
        let mut retry = Retry::default();
        let waits: Vec<_> = std::iter::from_fn(|| retry.after(Progress::None, None)).map(|w| w.as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000]);
        assert_eq!(retry.failed(), 5);
    }

    #[test]
    fn progress_starts_the_count_anew() {
        let mut retry = Retry::default();
        assert!((0..1000).all(|_| retry.after(Progress::Made, None) == Some(FIRST_DELAY)));
    }

    #[test]
    fn the_hubs_own_wait_is_kept_within_a_minute() {
        let mut retry = Retry::default();
        assert_eq!(retry.after(Progress::None, Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert_eq!(retry.after(Progress::None, Some(Duration::from_secs(9999))), Some(MAX_DELAY));
    }
}
