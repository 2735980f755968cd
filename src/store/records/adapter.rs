//! Adapters as a tenant sees them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::words;

words! {
    /// Where an adapter comes from.
    AdapterKind, "adapter kind" {
        /// A generator wrote it.
        Generated = "generated",
        /// It was trained on a task's examples.
        Trained = "trained",
        /// It was trained elsewhere.
        Imported = "imported",
    }
}

/// An adapter. The bytes belong to the server, the name, the wording, the confidence and the time to the
/// tenant: a second tenant with the same request shares the bytes and learns nothing about the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdapterRecord {
    /// The digest of all that determines it, or of its bytes where it was trained or imported.
    pub id: String,
    /// Where it comes from.
    pub kind: AdapterKind,
    /// The tenant's name for it.
    pub name: Option<String>,
    /// The description it was asked for with.
    pub task: Option<String>,
    /// The generator that wrote it.
    pub generator: Option<String>,
    /// The base model it belongs to.
    pub base_digest: String,
    /// R, the inner dimension.
    pub rank: u32,
    /// dW = (alpha / R) · B · A.
    pub alpha: f64,
    /// The changed layers' Hugging Face names.
    pub target_modules: Vec<String>,
    /// How many numbers it has.
    pub parameters: u64,
    /// The size of its file.
    pub bytes: u64,
    /// SHA-256 of its file in hexadecimal: the artifact's key and the `ETag`.
    pub digest: String,
    /// Its `adapter_config.json`, as it was written.
    pub config: String,
    /// The seed of a sampled one.
    pub seed: Option<i64>,
    /// The generator's confidence, as the interface shows it.
    pub confidence: Option<serde_json::Value>,
    /// When the tenant got it.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// What to do when another adapter of the tenant has the wanted name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNameTaken {
    /// Refuse with `NameTaken`.
    Refuse,
    /// Take the name from the other, which stays, unnamed.
    Replace,
}

/// A caller's key for a request that publishes an adapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey {
    /// The key: a second request of the tenant with it is the first one.
    pub key: String,
    /// A digest of all that the request asks for.
    pub request: String,
}

/// What publishing an adapter found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// Nobody had it: the offered record is the stored one.
    Created,
    /// Another tenant had published it: the stored bytes stand, the tenant has its own row to them.
    Shared,
    /// The tenant had it already.
    Existing,
}

/// A published adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The stored record. Its digest differs from the offered one where another was first.
    pub record: AdapterRecord,
    /// Whether it was new. Only `Existing` may be called cached before the tenant.
    pub outcome: PublishOutcome,
}

/// An adapter taken from a tenant's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlisted {
    /// The digest of its bytes.
    pub digest: String,
    /// Whether it was the last tenant's row. The bytes may still serve another adapter: collect them by
    /// [`crate::store::Store::referenced_digests`], after a grace period.
    pub last: bool,
}

/// Which adapters to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterFilter {
    /// A part of the task or the name, in any (ASCII) case.
    pub query: Option<String>,
    /// Leave out those without a name.
    pub named_only: bool,
}
