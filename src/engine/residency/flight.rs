//! The one load of a key, and the requests that wait for it.

use super::ledger::Admitted;
use super::{Lease, ResidencyError, Shared};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Where those that wait learn how a load ended. It closes without an outcome where the loading request was dropped.
pub(super) type Landing<T> = watch::Receiver<Option<Outcome<T>>>;

/// How a load ended. The lease in it lives as long as somebody still has to read it, so that what others wait for does
/// not go before they come.
pub(super) type Outcome<T> = Result<Lease<T>, Failure>;

/// A `ResidencyError<E>`; requests may differ in their E.
type Failure = Arc<dyn Any + Send + Sync>;

/// Loads under way, by key.
pub(super) struct Flights<T> {
    next: u64,
    by_key: HashMap<Arc<str>, (u64, Landing<T>)>,
}

/// A load under way, in the hand of the request that loads. Where that is dropped, those that wait go on.
pub(super) struct Flight<T> {
    key: Arc<str>,
    /// Tells it from a later load of the same key.
    number: u64,
    shared: Arc<Shared<T>>,
    outcome: watch::Sender<Option<Outcome<T>>>,
}

impl<T> Flights<T> {
    pub(super) fn new() -> Self {
        Self { next: 0, by_key: HashMap::new() }
    }

    pub(super) fn find(&self, key: &str) -> Option<Landing<T>> {
        self.by_key.get(key).map(|(_, landing)| landing.clone())
    }

    /// New requests do not wait for this load any more. What is given back must be dropped without the lock: a lease may
    /// hang on it.
    pub(super) fn forget(&mut self, key: &str) -> Option<Landing<T>> {
        self.by_key.remove(key).map(|(_, landing)| landing)
    }

    /// As [`Self::forget`], where the key's load is still the one of this number.
    fn end(&mut self, key: &str, number: u64) -> Option<Landing<T>> {
        let is_current = self.by_key.get(key).is_some_and(|(current, _)| *current == number);
        if is_current { self.forget(key) } else { None }
    }
}

impl<T> Flight<T> {
    /// Notes that the key is being loaded; the flights are those of `shared`, whose lock the caller holds.
    pub(super) fn start(shared: &Arc<Shared<T>>, flights: &mut Flights<T>, key: &str) -> Self {
        let (outcome, landing) = watch::channel(None);
        let (key, number): (Arc<str>, u64) = (key.into(), flights.next);
        flights.next += 1;
        flights.by_key.insert(key.clone(), (number, landing));
        Self { key, number, shared: shared.clone(), outcome }
    }

    /// Loads, and tells those that wait how it ended.
    pub(super) async fn run<E>(
        self,
        load: impl Future<Output = Result<(T, u64), E>>,
    ) -> Result<Lease<T>, ResidencyError<E>>
    where
        E: Clone + Send + Sync + 'static,
    {
        let outcome = self.land(load.await);
        let shared = match &outcome {
            Ok(lease) => Ok(lease.clone()),
            Err(error) => Err(Arc::new(error.clone()) as Failure),
        };
        // It comes back, and goes, where nobody waits.
        let _ = self.outcome.send(Some(shared));
        outcome
    }

    fn land<E>(&self, loaded: Result<(T, u64), E>) -> Result<Lease<T>, ResidencyError<E>> {
        match loaded {
            Ok((value, bytes)) => self.admit(Arc::new(value), bytes),
            Err(error) => {
                self.end();
                Err(ResidencyError::Load(error))
            }
        }
    }

    /// Ends the load and takes its value in, in one step: no request finds the key neither here nor being loaded.
    fn admit<E>(&self, value: Arc<T>, bytes: u64) -> Result<Lease<T>, ResidencyError<E>> {
        let mut state = self.shared.lock();
        let landing = state.flights.end(&self.key, self.number);
        // One that was forgotten meanwhile is only for those that waited.
        let key = landing.as_ref().map(|_| self.key.clone());
        let admitted = state.ledger.admit(key, value.clone(), bytes);
        // Before what goes is dropped.
        drop(state);
        let Admitted { id, gone } = admitted?;
        drop(gone);
        Ok(Lease { id, value, shared: self.shared.clone() })
    }

    fn end(&self) {
        let _landing = self.shared.lock().flights.end(&self.key, self.number);
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        // Before the sender goes and wakes those that wait, so that they do not find this load again.
        self.end();
    }
}

/// Waits for a load to end. None where it did not, or in an error of another type: the request goes on by itself.
pub(super) async fn landed<T, E>(mut landing: Landing<T>) -> Option<Result<Lease<T>, ResidencyError<E>>>
where
    E: Clone + Send + Sync + 'static,
{
    let outcome = landing.wait_for(Option::is_some).await.ok()?;
    match outcome.as_ref()? {
        Ok(lease) => Some(Ok(lease.join())),
        Err(failure) => failure.downcast_ref::<ResidencyError<E>>().cloned().map(Err),
    }
}
