//! The records: plain data, as the database holds it and as JSON shows it.

mod adapter;
mod expected;
mod generator;
mod job;
mod key;
mod task;
mod worker;

pub use adapter::{
    AdapterFilter, AdapterKind, AdapterRecord, OnNameTaken, PublishOutcome, Published, RequestKey, Unlisted,
};
pub use expected::Expected;
pub use generator::{GeneratorRecord, GeneratorState};
pub use job::{
    Attempt, ClaimRequest, Enqueued, JobEvent, JobEventKind, JobFilter, JobOwner, JobRecord, JobState, JobUpdate,
    NewChild, NewJob, OpenJobs, Outcome, Progress,
};
pub use key::{KeyHash, KeyLimits, KeyRecord, Scope};
pub use task::{Example, MAX_EXAMPLES, Output, Split, TaskRecord, examples_digest};
pub use worker::WorkerRecord;

/// A word that is none of an enum's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {what}")]
pub struct UnknownWord {
    /// What was expected.
    pub what: &'static str,
    /// What was found.
    pub found: String,
}

/// An enum of words, the same in the database, in JSON and in messages.
macro_rules! words {
    ($(#[$outer:meta])* $name:ident, $what:literal { $($(#[$inner:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$inner])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::store::records::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::store::records::UnknownWord { what: $what, found: word.to_owned() }),
                }
            }
        }
    };
}
use words;
