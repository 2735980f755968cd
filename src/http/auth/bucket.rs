//! A token bucket: so many requests a minute, all of them at once if one likes.

use std::time::{Duration, Instant};

const MINUTE: f64 = 60.0;

/// A bucket of at most `limit` tokens, into which `limit` a minute flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    tokens: f64,
    at: Instant,
}

/// How it stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// Whether the request may go on.
    pub(super) allowed: bool,
    /// Requests a minute.
    pub(super) limit: u32,
    /// How many more may come at once.
    pub(super) left: u32,
    /// Until there is one more, where none is left; until the bucket is full again, else.
    pub(super) wait: Duration,
}

impl Bucket {
    /// A full one.
    pub(super) fn full(limit: u32, now: Instant) -> Self {
        Self { tokens: f64::from(limit), at: now }
    }

    /// When a token was last asked for.
    pub(super) fn last(&self) -> Instant {
        self.at
    }

    /// Takes a token, where there is one. The limit may be another than the last time.
    pub(super) fn take(&mut self, limit: u32, now: Instant) -> Standing {
        let (most, rate) = (f64::from(limit), f64::from(limit) / MINUTE);
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(most);
        self.at = now;
        let allowed = self.tokens >= 1.0;
        if allowed {
            self.tokens -= 1.0;
        }
        let missing = if self.tokens < 1.0 { 1.0 - self.tokens } else { most - self.tokens };
        let wait = Duration::from_secs_f64((missing / rate).clamp(0.0, 2.0 * MINUTE));
        Standing { allowed, limit, left: self.tokens as u32, wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_come_at_once_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut bucket = Bucket::full(60, start);
        for left in (0..60).rev() {
            let standing = bucket.take(60, start);
            assert_eq!((standing.allowed, standing.left), (true, left));
        }
        let refused = bucket.take(60, start);
        assert!(!refused.allowed && refused.wait == Duration::from_secs(1), "{refused:?}");
        assert!(bucket.take(60, start + refused.wait).allowed);
        assert!(!bucket.take(60, start + refused.wait).allowed);
    }

    #[test]
    fn a_full_bucket_is_no_fuller_after_an_hour() {
        let start = Instant::now();
        let mut bucket = Bucket::full(2, start);
        let later = start + Duration::from_secs(3600);
        assert!(bucket.take(2, later).allowed && bucket.take(2, later).allowed);
        assert!(!bucket.take(2, later).allowed);
        // A clock that stands before the last request changes nothing.
        assert!(!bucket.take(2, start).allowed);
    }
}
