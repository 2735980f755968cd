//! Which adapters are in memory: a budget of bytes, least recently used out first, each loaded once however many ask.
//!
//! A [`Lease`] keeps its resident in memory; without leases it stays until its memory is needed. The policy is in
//! [`ledger`], pure; here is the shell that lets requests wait for one another. Its lock is never held over an await, nor
//! while a resident is dropped.

mod flight;
mod ledger;

pub use ledger::ResidencyStatus;

use flight::{Flight, Flights, Landing};
use ledger::{Ledger, ResidentId};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Residents by key, within a budget of bytes. A clone is the same residency.
///
/// ```
/// # use attune::engine::{Residency, ResidencyError};
/// # use std::convert::Infallible;
/// # async fn example() -> Result<(), ResidencyError<Infallible>> {
/// let residency = Residency::<Vec<u8>>::new(1024);
/// let lease = residency.lease("poem", async { Ok::<_, Infallible>((vec![7; 100], 100)) }).await?;
/// assert_eq!(lease[0], 7);
/// assert_eq!(residency.status().bytes, 100);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Residency<T> {
    shared: Arc<Shared<T>>,
}

/// A resident in use: it stays in memory until this is dropped. A clone is one more lease.
pub struct Lease<T> {
    id: ResidentId,
    value: Arc<T>,
    shared: Arc<Shared<T>>,
}

/// Why there is no lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResidencyError<E> {
    /// What was asked for cannot be loaded.
    #[error(transparent)]
    Load(E),
    /// What is in use leaves too little memory now.
    #[error(
        "{needed} bytes do not fit beside what is in use of a budget of {budget}: try again later, or raise the budget"
    )]
    Full {
        /// Bytes that residents may take together.
        budget: u64,
        /// Bytes that were asked for.
        needed: u64,
    },
    /// It is larger than the whole budget.
    #[error("{needed} bytes are more than the whole budget of {budget}: raise the budget")]
    TooLarge {
        /// Bytes that residents may take together.
        budget: u64,
        /// Bytes that were asked for.
        needed: u64,
    },
}

/// What all clones and leases share.
struct Shared<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    ledger: Ledger<Arc<T>>,
    flights: Flights<T>,
}

/// What a request for a key does next.
enum Turn<T> {
    /// It is here.
    Take(Lease<T>),
    /// Another request is loading it.
    Wait(Landing<T>),
    /// It is this request's to load.
    Load(Flight<T>),
}

impl<T: Send + Sync + 'static> Residency<T> {
    /// An empty residency. What is being loaded is not counted before it is there.
    pub fn new(budget_bytes: u64) -> Self {
        let state = State { ledger: Ledger::new(budget_bytes), flights: Flights::new() };
        Self { shared: Arc::new(Shared { state: Mutex::new(state) }) }
    }

    /// The resident of this key, or else what `load` gives: the value, and the bytes that it takes. Requests for the same
    /// key meanwhile wait for this load and share its end, good or bad; after a bad one the next request loads anew.
    /// Where the loading request is dropped, one of those that wait loads with its own `load`.
    ///
    /// # Errors
    /// `Load` where the load fails, `TooLarge` where the value alone is over the budget, and `Full` where it is so beside
    /// what has leases.
    pub async fn lease<E, F>(&self, key: &str, load: F) -> Result<Lease<T>, ResidencyError<E>>
    where
        F: Future<Output = Result<(T, u64), E>>,
        E: Clone + Send + Sync + 'static,
    {
        loop {
            match self.turn(key) {
                Turn::Take(lease) => return Ok(lease),
                Turn::Load(flight) => return flight.run(load).await,
                Turn::Wait(landing) => {
                    if let Some(outcome) = flight::landed(landing).await {
                        return outcome;
                    }
                }
            }
        }
    }

    /// New requests for this key load it anew, also where it is being loaded now. Its memory counts until its last lease
    /// is back.
    pub fn forget(&self, key: &str) {
        let mut state = self.shared.lock();
        let gone = (state.ledger.forget(key), state.flights.forget(key));
        drop(state);
        drop(gone);
    }

    /// What is in memory, and what has happened.
    pub fn status(&self) -> ResidencyStatus {
        self.shared.lock().ledger.status()
    }

    fn turn(&self, key: &str) -> Turn<T> {
        let mut state = self.shared.lock();
        if let Some((id, value)) = state.ledger.find(key) {
            return Turn::Take(Lease { id, value: value.clone(), shared: self.shared.clone() });
        }
        match state.flights.find(key) {
            Some(landing) => Turn::Wait(landing),
            None => Turn::Load(Flight::start(&self.shared, &mut state.flights, key)),
        }
    }
}

impl<T> Clone for Residency<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing panics while it holds the lock, and no state is ever half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lock().ledger.status().fmt(f)
    }
}

impl<T> Lease<T> {
    /// A lease for a request that waited for the load of another.
    fn join(&self) -> Self {
        self.shared.lock().ledger.count_hit();
        self.clone()
    }
}

impl<T> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Clone for Lease<T> {
    fn clone(&self) -> Self {
        self.shared.lock().ledger.lease_again(self.id);
        Self { id: self.id, value: self.value.clone(), shared: self.shared.clone() }
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        // The lock is free again at the end of the statement, before what goes is dropped.
        let _gone = self.shared.lock().ledger.give_back(self.id);
    }
}

impl<T: fmt::Debug> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

#[cfg(test)]
#[path = "residency_tests.rs"]
mod tests;
