//! How many jobs of each kind a process runs at once.

use crate::jobs::JobKind;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The most of a kind.
const MOST: u32 = 64;

/// How many jobs of each kind run at once; 1 of a kind that is not named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slots(BTreeMap<&'static str, u32>);

/// The kinds that a worker runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds(Vec<&'static str>);

/// Slots that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotsError {
    /// Not the form of slots.
    #[error("{0:?} is not KIND=NUMBER: write adapter=2,generator=1")]
    Form(String),
    /// A kind that does not exist.
    #[error("there is no kind {name:?} of jobs: choose of {}", JobKind::NAMES.join(", "))]
    Kind {
        /// What was given.
        name: String,
    },
    /// A number that cannot be.
    #[error("{kind}={number}: the number must be between 0 and {}", MOST)]
    Number {
        /// Of which kind.
        kind: &'static str,
        /// What was given.
        number: String,
    },
    /// A kind that was named twice.
    #[error("{0} is named twice")]
    Twice(&'static str),
    /// Slots for a kind that the worker does not run.
    #[error("--slots {kind}={slots}: --kinds leaves {kind} out")]
    LeftOut {
        /// Which kind.
        kind: &'static str,
        /// How many were asked for.
        slots: u32,
    },
    /// No slot at all.
    #[error("the worker has no slot for any kind of jobs, and nothing to do: give it one with --slots")]
    None,
}

impl Slots {
    /// How many jobs of this kind run at once.
    pub fn of(&self, kind: &str) -> u32 {
        self.0.get(kind).copied().unwrap_or(1)
    }

    /// The slots of a worker that runs these kinds alone.
    ///
    /// # Errors
    /// `LeftOut` where slots are named for another kind; `None` where there is nothing to run.
    pub fn within(&self, kinds: &Kinds) -> Result<Self, SlotsError> {
        let mut slots = BTreeMap::new();
        for kind in JobKind::NAMES {
            let is_run = kinds.0.contains(&kind);
            match self.0.get(kind) {
                Some(&slots) if slots > 0 && !is_run => return Err(SlotsError::LeftOut { kind, slots }),
                _ => slots.insert(kind, if is_run { self.of(kind) } else { 0 }),
            };
        }
        if slots.values().all(|&slots| slots == 0) {
            return Err(SlotsError::None);
        }
        Ok(Self(slots))
    }
}

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = JobKind::NAMES.iter().map(|kind| format!("{kind}={}", self.of(kind))).collect();
        f.write_str(&all.join(","))
    }
}

impl FromStr for Slots {
    type Err = SlotsError;

    fn from_str(text: &str) -> Result<Self, SlotsError> {
        let mut slots = BTreeMap::new();
        for part in text.split(',') {
            let (name, number) = part.split_once('=').ok_or_else(|| SlotsError::Form(part.to_owned()))?;
            let (kind, number) = (kind(name)?, number.trim());
            let limit = number.parse().ok().filter(|limit| *limit <= MOST);
            let limit = limit.ok_or_else(|| SlotsError::Number { kind, number: number.to_owned() })?;
            if slots.insert(kind, limit).is_some() {
                return Err(SlotsError::Twice(kind));
            }
        }
        Ok(Self(slots))
    }
}

impl Default for Kinds {
    fn default() -> Self {
        Self(JobKind::NAMES.to_vec())
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(","))
    }
}

impl FromStr for Kinds {
    type Err = SlotsError;

    fn from_str(text: &str) -> Result<Self, SlotsError> {
        let mut kinds = Vec::new();
        for name in text.split(',') {
            let kind = kind(name)?;
            if kinds.contains(&kind) {
                return Err(SlotsError::Twice(kind));
            }
            kinds.push(kind);
        }
        Ok(Self(kinds))
    }
}

fn kind(name: &str) -> Result<&'static str, SlotsError> {
    let name = name.trim();
    JobKind::NAMES.into_iter().find(|kind| *kind == name).ok_or_else(|| SlotsError::Kind { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_is_not_named_has_one_slot() {
        let slots: Slots = "adapter=3".parse().unwrap();
        assert_eq!((slots.of("adapter"), slots.of("generator")), (3, 1));
        assert_eq!(slots.to_string(), "adapter=3,generator=1");
        assert_eq!("generator=0, adapter=0".parse::<Slots>().unwrap().to_string(), "adapter=0,generator=0");
        assert_eq!(Slots::default().to_string(), "adapter=1,generator=1");
    }

    #[test]
    fn what_is_no_slot_is_told_with_what_would_be() {
        for (text, part) in [
            ("", "adapter=2"),
            ("adapter", "adapter=2"),
            ("adaptor=1", "choose of adapter, generator"),
            ("adapter=-1", "between 0 and 64"),
            ("adapter=65", "between 0 and 64"),
            ("adapter=1,adapter=2", "twice"),
        ] {
            let refused = text.parse::<Slots>().unwrap_err().to_string();
            assert!(refused.contains(part), "{text}: {refused}");
        }
        assert!("adapter,adapter".parse::<Kinds>().is_err() && "".parse::<Kinds>().is_err());
    }

    #[test]
    fn a_worker_runs_its_kinds_alone_and_something_at_least() {
        let adapters: Kinds = "adapter".parse().unwrap();
        let within = |slots: &str| slots.parse::<Slots>().unwrap().within(&adapters);
        assert_eq!(Slots::default().within(&adapters).unwrap().to_string(), "adapter=1,generator=0");
        assert_eq!(within("adapter=4,generator=0").unwrap().to_string(), "adapter=4,generator=0");
        assert_eq!(within("generator=2"), Err(SlotsError::LeftOut { kind: "generator", slots: 2 }));
        assert_eq!(within("adapter=0"), Err(SlotsError::None));
    }
}
