//! Training tasks and their examples.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::words;
use crate::store::artifacts::Hasher;

/// The most examples of a task.
pub const MAX_EXAMPLES: usize = 10_000;

/// A training task. Its examples are read apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Its name.
    pub name: String,
    /// One or more wordings.
    pub descriptions: Vec<String>,
    /// [`examples_digest`] of its examples.
    pub examples_digest: String,
    /// How many examples it has.
    pub example_count: u64,
    /// How many of them are for training: all that are not marked `test`.
    pub train_count: u64,
    /// How many of them are marked `test`.
    pub test_count: u64,
    /// 1, and one more with every change of descriptions or examples.
    pub version: u64,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

/// An input and what it should give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The input.
    pub input: String,
    /// The output.
    pub output: Output,
    /// Which half it belongs to; training where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Split>,
}

/// The accepted outputs. A hit on any counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Output {
    /// One.
    One(String),
    /// Several; training takes the first.
    Several(Vec<String>),
}

impl Output {
    /// All accepted outputs.
    pub fn accepted(&self) -> &[String] {
        match self {
            Self::One(output) => std::slice::from_ref(output),
            Self::Several(outputs) => outputs,
        }
    }
}

words! {
    /// What an example is for.
    Split, "split" {
        /// Training.
        Train = "train",
        /// Evaluation.
        Test = "test",
    }
}

impl Example {
    /// What it is for.
    pub fn purpose(&self) -> Split {
        self.split.unwrap_or(Split::Train)
    }
}

/// SHA-256 over the examples as JSON lines, in hexadecimal.
///
/// # Errors
/// When an example cannot be written as JSON, which none of the type can cause.
pub fn examples_digest(examples: &[Example]) -> Result<String, serde_json::Error> {
    let mut hasher = Hasher::default();
    for example in examples {
        hasher.update(&serde_json::to_vec(example)?);
        hasher.update(b"\n");
    }
    Ok(hasher.finish())
}
