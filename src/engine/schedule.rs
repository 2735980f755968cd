//! Who runs beside whom: pure policy, no tensors, no clock.

use std::collections::VecDeque;

/// What rows of one batch must agree on.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lane {
    /// Adapters beside the weights, any of them.
    Mixed,
    /// One adapter in the weights, at one scale.
    Merged {
        /// The adapter's id.
        adapter: String,
        /// The factor of its update.
        scale: f64,
    },
}

/// First come, first served, within the lane that is running; another lane's turn comes when the
/// first waiting request is of it and the running rows have left, so nobody is passed for ever.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    queue: VecDeque<(Lane, T)>,
    max_rows: usize,
}

impl<T> Waiting<T> {
    pub(super) fn new(max_rows: usize) -> Self {
        Self { queue: VecDeque::new(), max_rows }
    }

    pub(super) fn push(&mut self, lane: Lane, item: T) {
        self.queue.push_back((lane, item));
    }

    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Takes what may join a batch of `running` rows in `lane` (any lane where nothing runs).
    pub(super) fn admit(&mut self, lane: Option<&Lane>, running: usize) -> Vec<(Lane, T)> {
        let Some((first, _)) = self.queue.front() else { return Vec::new() };
        let lane = match lane {
            Some(lane) if running > 0 => lane.clone(),
            _ => first.clone(),
        };
        let mut admitted = Vec::new();
        // Only from the front: a request of another lane there ends the admission, or it would starve.
        while running + admitted.len() < self.max_rows && self.queue.front().is_some_and(|(next, _)| *next == lane) {
            admitted.extend(self.queue.pop_front());
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(adapter: &str) -> Lane {
        Lane::Merged { adapter: adapter.into(), scale: 1.0 }
    }

    fn names(admitted: Vec<(Lane, u32)>) -> Vec<u32> {
        admitted.into_iter().map(|(_, item)| item).collect()
    }

    #[test]
    fn rows_of_the_running_lane_join_up_to_the_limit() {
        let mut waiting = Waiting::new(3);
        (0..4).for_each(|i| waiting.push(Lane::Mixed, i));
        assert_eq!(names(waiting.admit(Some(&Lane::Mixed), 1)), [0, 1]);
        assert!(names(waiting.admit(Some(&Lane::Mixed), 3)).is_empty());
        assert_eq!(waiting.len(), 2);
    }

    #[test]
    fn another_lane_waits_for_the_running_one_and_is_not_passed() {
        let mut waiting = Waiting::new(8);
        waiting.push(merged("a"), 0);
        waiting.push(Lane::Mixed, 1);
        assert!(names(waiting.admit(Some(&Lane::Mixed), 1)).is_empty());
        assert_eq!(names(waiting.admit(Some(&Lane::Mixed), 0)), [0]);
        assert!(names(waiting.admit(Some(&merged("a")), 1)).is_empty());
    }
}
