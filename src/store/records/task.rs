//! Training tasks and their examples.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

use super::words;
use crate::store::artifacts::{Hasher, sha256_hex};

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

impl TaskRecord {
    /// Tells this state of the task from every other, also from a later task of the same name: the beginning of a digest
    /// over the record. The examples' digest is a part of it.
    ///
    /// # Errors
    /// When the record cannot be written as JSON, which none of the type can cause.
    pub fn tag(&self) -> Result<String, serde_json::Error> {
        let mut tag = sha256_hex(&serde_json::to_vec(self)?);
        tag.truncate(32);
        Ok(tag)
    }
}

/// An input and what it should give, or plain text. The examples of one task are all of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Example {
    /// An input and what it should give.
    Answered {
        /// The input.
        input: String,
        /// The output.
        output: Output,
        /// Which half it belongs to; training where it is not said.
        #[serde(skip_serializing_if = "Option::is_none")]
        split: Option<Split>,
    },
    /// Plain text.
    Text {
        /// The text.
        text: String,
        /// Which half it belongs to; training where it is not said.
        #[serde(skip_serializing_if = "Option::is_none")]
        split: Option<Split>,
    },
}

/// All fields that an example may have: choosing after they are read names the one that is missing.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"input\": \"cat\", \"output\": \"tac\"} or {\"text\": \"…\"}"
)]
struct Fields {
    input: Option<String>,
    output: Option<Output>,
    text: Option<String>,
    split: Option<Split>,
}

impl<'de> Deserialize<'de> for Example {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fields { input, output, text, split } = Fields::deserialize(deserializer)?;
        match (input, output, text) {
            (None, None, Some(text)) => Ok(Self::Text { text, split }),
            (_, _, Some(_)) => Err(D::Error::custom("has text beside input or output: send one or the other")),
            (Some(input), Some(output), None) => Ok(Self::Answered { input, output, split }),
            (None, _, None) => Err(D::Error::missing_field("input")),
            (_, None, None) => Err(D::Error::missing_field("output")),
        }
    }
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
    /// Which half it was put in, where that was said.
    pub fn split(&self) -> Option<Split> {
        match self {
            Self::Answered { split, .. } | Self::Text { split, .. } => *split,
        }
    }

    /// What it is for.
    pub fn purpose(&self) -> Split {
        self.split().unwrap_or(Split::Train)
    }

    /// Whether it is plain text.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. })
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
