//! Generators: immutable versions, one of them active for each base model.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::words;

words! {
    /// Whether a generator can serve.
    GeneratorState, "generator state" {
        /// Its evaluation passed the gate.
        Ready = "ready",
        /// Its evaluation did not pass.
        Rejected = "rejected",
        /// It belongs to another base model than the loaded one. Never stored: see [`GeneratorRecord::seen_from`].
        Stale = "stale",
    }
}

/// A version of the generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorRecord {
    /// Its id.
    pub id: String,
    /// The base model it belongs to.
    pub base_digest: String,
    /// Whether it can serve.
    pub state: GeneratorState,
    /// Its architecture.
    pub arch: String,
    /// SHA-256 of its file in hexadecimal: the artifact's key.
    pub digest: String,
    /// The size of its file.
    pub bytes: u64,
    /// Its evaluation, as `attune eval` prints it.
    pub evaluation: Option<serde_json::Value>,
    /// The generator that its training began from.
    pub parent: Option<String>,
    /// Whether it is the one that serves its base model.
    pub active: bool,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

impl GeneratorRecord {
    /// The record as a server with this base model shows it: stale where it belongs to another.
    pub fn seen_from(self, base_digest: &str) -> Self {
        let state = if self.base_digest == base_digest { self.state } else { GeneratorState::Stale };
        Self { state, ..self }
    }
}
