//! Things that nobody uses, in the order in which they came to rest.

use std::collections::BTreeMap;

/// A queue from which a thing can also be taken out of the middle; each operation is O(log n).
#[derive(Debug)]
pub(super) struct Idle<K> {
    next: u64,
    order: BTreeMap<u64, K>,
}

/// Where a thing stands in the queue. Not to be copied: it is used up when the thing is taken out.
#[derive(Debug)]
pub(super) struct Place(u64);

impl<K> Idle<K> {
    pub(super) fn new() -> Self {
        Self { next: 0, order: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Adds a thing behind all others.
    pub(super) fn push(&mut self, thing: K) -> Place {
        let place = self.next;
        self.next += 1;
        self.order.insert(place, thing);
        Place(place)
    }

    /// Takes a thing out wherever it stands: somebody uses it again.
    pub(super) fn take(&mut self, place: Place) -> Option<K> {
        self.order.remove(&place.0)
    }

    /// Takes out the thing that has rested longest.
    pub(super) fn pop_oldest(&mut self) -> Option<K> {
        self.order.pop_first().map(|(_, thing)| thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_at_rest_comes_first_and_the_middle_can_be_taken() {
        let mut idle = Idle::new();
        idle.push('a');
        let b = idle.push('b');
        idle.push('c');
        assert_eq!(idle.take(b), Some('b'));
        assert_eq!(
            (idle.len(), idle.pop_oldest(), idle.pop_oldest(), idle.pop_oldest()),
            (2, Some('a'), Some('c'), None)
        );
    }
}
