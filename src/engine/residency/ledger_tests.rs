use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::convert::Infallible;

/// Takes in a resident whose value is its key.
fn admit(ledger: &mut Ledger<String>, key: &str, bytes: u64) -> Result<Admitted<String>, ResidencyError<Infallible>> {
    ledger.admit(Some(key.into()), key.to_owned(), bytes)
}

/// Takes in a resident that nobody uses.
fn rest(ledger: &mut Ledger<String>, key: &str, bytes: u64) {
    let id = admit(ledger, key, bytes).unwrap().id;
    assert_eq!(ledger.give_back(id), None);
}

/// Uses it once.
fn touch(ledger: &mut Ledger<String>, key: &str) {
    let (id, _) = ledger.find(key).unwrap();
    ledger.give_back(id);
}

#[test]
fn what_was_admitted_is_found_by_its_key() {
    let mut ledger = Ledger::new(100);
    rest(&mut ledger, "a", 40);
    assert_eq!(ledger.find("a").map(|(_, value)| value.as_str()), Some("a"));
    assert!(ledger.find("b").is_none());
    let status = ledger.status();
    assert_eq!((status.resident, status.bytes, status.leased, status.leased_bytes), (1, 40, 1, 40));
    assert_eq!((status.loads, status.hits, status.evictions), (1, 1, 0));
}

#[test]
fn the_least_recently_used_goes_first_and_no_more_than_needed() {
    let mut ledger = Ledger::new(100);
    ["a", "b", "c"].into_iter().for_each(|key| rest(&mut ledger, key, 30));
    touch(&mut ledger, "a");
    assert!(admit(&mut ledger, "d", 10).unwrap().gone.is_empty(), "there was room");
    assert_eq!(admit(&mut ledger, "e", 31).unwrap().gone, ["b", "c"]);
    assert_eq!((ledger.status().bytes, ledger.status().evictions), (71, 2));
    assert!(ledger.find("a").is_some());
}

#[test]
fn one_in_use_never_goes_however_long_ago_it_was_found() {
    let mut ledger = Ledger::new(100);
    let used = admit(&mut ledger, "used", 50).unwrap().id;
    rest(&mut ledger, "idle", 50);
    assert_eq!(admit(&mut ledger, "new", 50).unwrap().gone, ["idle"]);
    ledger.give_back(used);
    assert_eq!(admit(&mut ledger, "newer", 50).unwrap().gone, ["used"]);
}

#[test]
fn where_leases_fill_the_budget_nothing_goes_in_vain() {
    let mut ledger = Ledger::new(100);
    let _used = admit(&mut ledger, "used", 60).unwrap();
    rest(&mut ledger, "idle", 40);
    let full = admit(&mut ledger, "new", 41).unwrap_err();
    assert_eq!(full, ResidencyError::Full { budget: 100, needed: 41 });
    assert!(ledger.find("idle").is_some() && ledger.find("new").is_none());
}

#[test]
fn one_larger_than_the_budget_is_refused_whatever_is_there() {
    let mut ledger = Ledger::new(100);
    rest(&mut ledger, "idle", 100);
    for needed in [101, u64::MAX] {
        let refused = admit(&mut ledger, "large", needed).unwrap_err();
        assert_eq!(refused, ResidencyError::TooLarge { budget: 100, needed });
    }
    assert!(ledger.find("idle").is_some());
}

#[test]
fn a_resident_is_idle_only_when_its_last_lease_is_back() {
    let mut ledger = Ledger::new(100);
    let id = admit(&mut ledger, "a", 100).unwrap().id;
    ledger.lease_again(id);
    ledger.give_back(id);
    assert_eq!((ledger.status().leased, ledger.status().leased_bytes), (1, 100));
    assert!(admit(&mut ledger, "b", 1).is_err());
    ledger.give_back(id);
    assert_eq!((ledger.status().leased, ledger.status().leased_bytes), (0, 0));
    assert_eq!(admit(&mut ledger, "b", 1).unwrap().gone, ["a"]);
}

#[test]
fn a_forgotten_one_goes_at_once_where_nobody_uses_it() {
    let mut ledger = Ledger::new(100);
    rest(&mut ledger, "a", 100);
    assert_eq!(ledger.forget("a"), Some("a".to_owned()));
    assert_eq!(ledger.forget("a"), None);
    assert_eq!((ledger.status().resident, ledger.status().bytes, ledger.status().evictions), (0, 0, 0));
}

#[test]
fn a_forgotten_ones_memory_counts_until_its_last_lease_is_back() {
    let mut ledger = Ledger::new(100);
    let old = admit(&mut ledger, "a", 60).unwrap().id;
    assert_eq!(ledger.forget("a"), None);
    assert!(ledger.find("a").is_none());
    assert!(matches!(admit(&mut ledger, "a", 60), Err(ResidencyError::Full { .. })));
    let new = admit(&mut ledger, "a", 40).unwrap().id;
    assert_ne!(old, new);
    assert_eq!((ledger.status().resident, ledger.status().bytes), (2, 100));
    assert_eq!(ledger.give_back(old), Some("a".to_owned()));
    assert_eq!((ledger.status().resident, ledger.status().bytes), (1, 40));
    assert_eq!(ledger.find("a").map(|(id, _)| id), Some(new));
}

#[test]
fn one_without_a_key_goes_with_its_lease() {
    let mut ledger = Ledger::new(100);
    let admitted: Result<_, ResidencyError<Infallible>> = ledger.admit(None, "nameless", 10);
    let id = admitted.unwrap().id;
    assert_eq!(ledger.give_back(id), Some("nameless"));
    assert_eq!(ledger.status().bytes, 0);
}

#[test]
fn ten_thousand_residents_make_room_one_by_one_in_their_order() {
    let mut ledger = Ledger::new(10_000);
    (0..10_000).for_each(|i| rest(&mut ledger, &format!("old {i}"), 1));
    for i in 0..10_000 {
        let Admitted { id, gone } = admit(&mut ledger, &format!("new {i}"), 1).unwrap();
        assert_eq!(gone, [format!("old {i}")]);
        ledger.give_back(id);
    }
    assert_eq!(ledger.status().resident, 10_000);
}

#[derive(Clone, Debug)]
enum Happening {
    Asks { key: u8, bytes: u64 },
    LeasesAgain { lease: usize },
    GivesBack { lease: usize },
    Forgets { key: u8 },
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        5 => (0..8u8, 0..60u64).prop_map(|(key, bytes)| Happening::Asks { key, bytes }),
        1 => (0..12usize).prop_map(|lease| Happening::LeasesAgain { lease }),
        4 => (0..12usize).prop_map(|lease| Happening::GivesBack { lease }),
        1 => (0..8u8).prop_map(|key| Happening::Forgets { key }),
    ]
}

/// The ledger, whose values are numbers of loads, and the leases that are out.
struct World {
    ledger: Ledger<u64>,
    /// The leased resident, and its value.
    leases: Vec<(ResidentId, u64)>,
    /// Bytes of each value, in the order of loads.
    bytes: Vec<u64>,
    /// The newest value of each key that was not forgotten.
    newest: HashMap<String, u64>,
}

impl World {
    fn happens(&mut self, happening: Happening) {
        let gone = match happening {
            Happening::Asks { key, bytes } => self.asks(format!("key {key}"), bytes),
            Happening::LeasesAgain { lease } if lease < self.leases.len() => {
                let lease = self.leases[lease];
                self.ledger.lease_again(lease.0);
                self.leases.push(lease);
                Vec::new()
            }
            Happening::GivesBack { lease } if lease < self.leases.len() => {
                let (id, _) = self.leases.remove(lease);
                self.ledger.give_back(id).into_iter().collect()
            }
            Happening::Forgets { key } => {
                self.newest.remove(&format!("key {key}"));
                self.ledger.forget(&format!("key {key}")).into_iter().collect()
            }
            Happening::LeasesAgain { .. } | Happening::GivesBack { .. } => Vec::new(),
        };
        for value in gone {
            assert!(self.leases.iter().all(|(_, leased)| *leased != value), "{value} went in use");
        }
        self.check();
    }

    fn asks(&mut self, key: String, bytes: u64) -> Vec<u64> {
        if let Some((id, value)) = self.ledger.find(&key) {
            assert_eq!(self.newest.get(&key), Some(value));
            self.leases.push((id, *value));
            return Vec::new();
        }
        let before = self.ledger.status();
        let value = self.bytes.len() as u64;
        let admitted: Result<_, ResidencyError<Infallible>> =
            self.ledger.admit(Some(key.as_str().into()), value, bytes);
        let Ok(Admitted { id, gone }) = admitted else {
            assert_eq!(self.ledger.status(), before, "nothing has changed");
            assert!(bytes > before.budget - before.leased_bytes, "it would have fitted");
            return Vec::new();
        };
        self.leases.push((id, value));
        self.bytes.push(bytes);
        self.newest.insert(key, value);
        gone
    }

    fn check(&self) {
        let status = self.ledger.status();
        assert!(status.leased_bytes <= status.bytes && status.bytes <= status.budget);
        let leased: HashMap<ResidentId, u64> = self.leases.iter().copied().collect();
        assert_eq!(status.leased, leased.len());
        assert_eq!(status.leased_bytes, leased.values().map(|value| self.bytes[*value as usize]).sum::<u64>());
        let residents = self.ledger.residents.values();
        assert_eq!(status.bytes, residents.map(|resident| self.bytes[resident.value as usize]).sum::<u64>());
        assert_eq!(status.resident, status.leased + self.ledger.idle.len());
        assert!(leased.keys().all(|id| self.ledger.residents.contains_key(id)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn the_budget_holds_and_nothing_in_use_goes_whatever_happens(
        happenings in proptest::collection::vec(happening(), 1..80)
    ) {
        let (leases, bytes, newest) = (Vec::new(), Vec::new(), HashMap::new());
        let mut world = World { ledger: Ledger::new(100), leases, bytes, newest };
        happenings.into_iter().for_each(|happening| world.happens(happening));
        while !world.leases.is_empty() {
            world.happens(Happening::GivesBack { lease: 0 });
        }
        let status = world.ledger.status();
        prop_assert_eq!((status.leased, status.leased_bytes), (0, 0));
        prop_assert_eq!(status.resident, world.ledger.by_key.len(), "what nobody can find is gone");
        (0..8).for_each(|key| world.happens(Happening::Forgets { key }));
        prop_assert_eq!((world.ledger.status().resident, world.ledger.status().bytes), (0, 0));
    }
}
