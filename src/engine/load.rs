//! Which adapters the engine's requests run with and wait for, told by the requests themselves: each says so as long as it
//! lives.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The adapters of requests now, by what their requests call them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadStatus {
    /// Those that texts run with.
    pub running: Vec<String>,
    /// Those that requests wait for, and no text runs with.
    pub waiting: Vec<String>,
    /// When one of the two last changed.
    pub changed: SystemTime,
}

/// The adapters and how many requests each has.
pub(super) struct Load(Mutex<State>);

struct State {
    by_name: BTreeMap<Arc<str>, Requests>,
    changed: SystemTime,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Requests {
    waiting: usize,
    running: usize,
}

/// One request with an adapter; it is counted until this is dropped.
pub(super) struct Counted {
    load: Arc<Load>,
    name: Arc<str>,
    runs: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self(Mutex::new(State { by_name: BTreeMap::new(), changed: SystemTime::now() }))
    }
}

impl Load {
    /// A request with this adapter waits.
    pub(super) fn arrives(self: &Arc<Self>, name: &Arc<str>) -> Counted {
        self.change(name, |requests| requests.waiting += 1);
        Counted { load: Arc::clone(self), name: Arc::clone(name), runs: false }
    }

    pub(super) fn status(&self) -> LoadStatus {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |wanted: fn(&Requests) -> bool| {
            let found = state.by_name.iter().filter(|(_, requests)| wanted(requests));
            found.map(|(name, _)| name.to_string()).collect()
        };
        LoadStatus {
            running: of(|requests| requests.running > 0),
            waiting: of(|requests| requests.running == 0),
            changed: state.changed,
        }
    }

    fn change(&self, name: &Arc<str>, change: impl FnOnce(&mut Requests)) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = state.by_name.entry(Arc::clone(name)).or_default();
        let shown = |requests: Requests| (requests.running > 0, requests.waiting > 0);
        let before = shown(*requests);
        change(requests);
        let after = *requests;
        if after == Requests::default() {
            state.by_name.remove(name);
        }
        if shown(after) != before {
            state.changed = SystemTime::now();
        }
    }
}

impl Counted {
    /// It runs from now on.
    pub(super) fn starts(&mut self) {
        if !std::mem::replace(&mut self.runs, true) {
            self.load.change(&self.name, |requests| {
                requests.waiting -= 1;
                requests.running += 1;
            });
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let runs = self.runs;
        self.load.change(&self.name, |requests| {
            let count = if runs { &mut requests.running } else { &mut requests.waiting };
            *count -= 1;
        });
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("name", &self.name).field("runs", &self.runs).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(load: &Load) -> (Vec<String>, Vec<String>) {
        let LoadStatus { running, waiting, .. } = load.status();
        (running, waiting)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn an_adapter_is_told_as_long_as_a_request_has_it() {
        let load = Arc::new(Load::default());
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut first = load.arrives(&a);
        let second = load.arrives(&b);
        assert_eq!(names(&load), (words(&[]), words(&["a", "b"])));
        first.starts();
        first.starts();
        let third = load.arrives(&a);
        assert_eq!(names(&load), (words(&["a"]), words(&["b"])));
        drop(first);
        assert_eq!(names(&load), (words(&[]), words(&["a", "b"])));
        drop((second, third));
        assert_eq!(names(&load), (words(&[]), words(&[])));
        assert!(load.0.lock().unwrap().by_name.is_empty());
    }

    #[test]
    fn another_request_with_the_same_adapter_is_no_change() {
        let load = Arc::new(Load::default());
        let name: Arc<str> = "a".into();
        let _first = load.arrives(&name);
        let changed = load.status().changed;
        std::thread::sleep(std::time::Duration::from_millis(2));
        drop(load.arrives(&name));
        assert_eq!(load.status().changed, changed);
    }
}
