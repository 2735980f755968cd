//! How many refinements go on at once, and how many wait: each takes a core for as long as it lasts.

use super::Error;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Refinements that go on at once.
const RUNNING: usize = 1;
/// Refinements that go on or wait.
pub(super) const MAX_REFINING: usize = 16;

/// The queue of refinements. Cloning shares it.
#[derive(Clone)]
pub(super) struct Refining {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// A place in the queue.
pub(super) struct Place {
    place: OwnedSemaphorePermit,
    turns: Arc<Semaphore>,
}

/// The right to refine, until it is dropped.
pub(super) struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Refining {
    pub(super) fn new() -> Self {
        Self { places: Arc::new(Semaphore::new(MAX_REFINING)), turns: Arc::new(Semaphore::new(RUNNING)) }
    }

    /// A place in the queue.
    ///
    /// # Errors
    /// [`Error::RefiningFull`].
    pub(super) fn place(&self) -> Result<Place, Error> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| Error::RefiningFull { limit: MAX_REFINING })?;
        Ok(Place { place, turns: Arc::clone(&self.turns) })
    }
}

impl Place {
    /// Waits for the turn; first come, first served.
    pub(super) async fn turn(self) -> Result<Turn, Error> {
        let turn = self.turns.acquire_owned().await.map_err(Error::internal)?;
        Ok(Turn { _turn: turn, _place: self.place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn one_refines_at_a_time_and_the_queue_has_an_end() {
        let refining = Refining::new();
        let first = refining.place().unwrap().turn().await.unwrap();
        let mut others: Vec<Place> = (1..MAX_REFINING).map(|_| refining.place().unwrap()).collect();
        assert!(matches!(refining.place(), Err(Error::RefiningFull { limit: MAX_REFINING })));
        let mut second = Box::pin(others.pop().unwrap().turn());
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        assert!(refining.place().is_ok());
        assert!(second.now_or_never().is_some());
    }
}
