//! Who is resident, who has leases, and who goes: pure policy. Values are only kept and handed back.

use super::ResidencyError;
use crate::engine::idle::{Idle, Place};
use std::collections::HashMap;
use std::sync::Arc;

/// What is in memory, and what has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResidencyStatus {
    /// Residents, with those that were forgotten and still have leases.
    pub resident: usize,
    /// Bytes of all residents.
    pub bytes: u64,
    /// Residents that have a lease.
    pub leased: usize,
    /// Bytes of the residents that have a lease.
    pub leased_bytes: u64,
    /// Bytes that residents may take together.
    pub budget: u64,
    /// Values that were loaded and taken in.
    pub loads: u64,
    /// Requests that were served without a load of their own.
    pub hits: u64,
    /// Residents that had to make room for others.
    pub evictions: u64,
}

/// Names a resident. One that is loaded again has another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ResidentId(u64);

/// A new resident, and the values that went for it.
#[derive(Debug)]
pub(super) struct Admitted<V> {
    pub(super) id: ResidentId,
    pub(super) gone: Vec<V>,
}

/// The residents and their leases. At all times `leased_bytes ≤ bytes ≤ budget`, and a resident that nobody can find has
/// a lease.
#[derive(Debug)]
pub(super) struct Ledger<V> {
    status: ResidencyStatus,
    next: u64,
    residents: HashMap<ResidentId, Resident<V>>,
    by_key: HashMap<Arc<str>, ResidentId>,
    /// Residents without a lease, least recently used first.
    idle: Idle<ResidentId>,
}

#[derive(Debug)]
struct Resident<V> {
    value: V,
    bytes: u64,
    /// None where it is not found any more.
    key: Option<Arc<str>>,
    hold: Hold,
}

/// Why a resident stays.
#[derive(Debug)]
enum Hold {
    /// It has this many leases, at least one.
    Leases(u64),
    /// Nobody needs its memory yet.
    Idle(Place),
}

impl<V> Ledger<V> {
    pub(super) fn new(budget: u64) -> Self {
        let status = ResidencyStatus { budget, ..ResidencyStatus::default() };
        Self { status, next: 0, residents: HashMap::new(), by_key: HashMap::new(), idle: Idle::new() }
    }

    pub(super) fn status(&self) -> ResidencyStatus {
        ResidencyStatus { resident: self.residents.len(), ..self.status }
    }

    /// The resident of this key, with one more lease.
    pub(super) fn find(&mut self, key: &str) -> Option<(ResidentId, &V)> {
        let id = *self.by_key.get(key)?;
        self.lease_again(id);
        self.count_hit();
        self.residents.get(&id).map(|resident| (id, &resident.value))
    }

    /// A request was served by the load of another.
    pub(super) fn count_hit(&mut self) {
        self.status.hits += 1;
    }

    /// Takes in a new resident, with one lease, to be found by `key`. Those without a lease make room as far as needed, least
    /// recently used first; where that would not be enough, none goes.
    pub(super) fn admit<E>(
        &mut self,
        key: Option<Arc<str>>,
        value: V,
        needed: u64,
    ) -> Result<Admitted<V>, ResidencyError<E>> {
        let budget = self.status.budget;
        if needed > budget {
            return Err(ResidencyError::TooLarge { budget, needed });
        }
        if needed > budget - self.status.leased_bytes {
            return Err(ResidencyError::Full { budget, needed });
        }
        let mut gone: Vec<V> = key.as_deref().and_then(|key| self.forget(key)).into_iter().collect();
        while needed > budget - self.status.bytes {
            let Some(oldest) = self.idle.pop_oldest() else { break };
            gone.extend(self.remove(oldest));
            self.status.evictions += 1;
        }
        let id = ResidentId(self.next);
        self.next += 1;
        self.by_key.extend(key.clone().map(|key| (key, id)));
        self.residents.insert(id, Resident { value, bytes: needed, key, hold: Hold::Leases(1) });
        self.status.bytes += needed;
        self.status.loads += 1;
        self.count_leased(needed);
        Ok(Admitted { id, gone })
    }

    /// One more lease of this resident.
    pub(super) fn lease_again(&mut self, id: ResidentId) {
        let Some(resident) = self.residents.get_mut(&id) else { return };
        let leases = match &resident.hold {
            Hold::Leases(leases) => leases + 1,
            Hold::Idle(_) => 1,
        };
        let bytes = resident.bytes;
        if let Hold::Idle(place) = std::mem::replace(&mut resident.hold, Hold::Leases(leases)) {
            self.idle.take(place);
            self.count_leased(bytes);
        }
    }

    /// Takes a lease back. Gives the value where it was the last one and nobody can find it any more.
    pub(super) fn give_back(&mut self, id: ResidentId) -> Option<V> {
        let resident = self.residents.get_mut(&id)?;
        match &mut resident.hold {
            Hold::Leases(leases) if *leases > 1 => {
                *leases -= 1;
                return None;
            }
            Hold::Leases(_) => {}
            Hold::Idle(_) => return None,
        }
        self.status.leased -= 1;
        self.status.leased_bytes -= resident.bytes;
        if resident.key.is_none() {
            return self.remove(id);
        }
        resident.hold = Hold::Idle(self.idle.push(id));
        None
    }

    /// The key is not found any more. Gives the value where it has no lease.
    pub(super) fn forget(&mut self, key: &str) -> Option<V> {
        let id = self.by_key.remove(key)?;
        let resident = self.residents.get_mut(&id)?;
        resident.key = None;
        if let Hold::Leases(_) = resident.hold {
            return None;
        }
        self.remove(id)
    }

    fn count_leased(&mut self, bytes: u64) {
        self.status.leased += 1;
        self.status.leased_bytes += bytes;
    }

    /// Takes a resident without a lease out of memory.
    fn remove(&mut self, id: ResidentId) -> Option<V> {
        let Resident { value, bytes, key, hold } = self.residents.remove(&id)?;
        self.status.bytes -= bytes;
        if let Hold::Idle(place) = hold {
            self.idle.take(place);
        }
        if let Some(key) = key {
            self.by_key.remove(&key);
        }
        Some(value)
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
