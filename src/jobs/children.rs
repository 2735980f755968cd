//! Jobs that another job needs.

use sha2::{Digest, Sha256};

use super::kinds::JobKind;
use crate::store::{JobRecord, NewChild, StoreError};

/// Bytes of the digest in a child's id.
const NAMED_BY: usize = 8;

/// A job that another one needs.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildJob {
    /// What tells it from its siblings; the same for every attempt of the parent.
    pub key: String,
    /// What it asks for.
    pub kind: JobKind,
}

impl ChildJob {
    /// The id of the parent's child with this key.
    pub fn id(parent: &str, key: &str) -> String {
        let digest = Sha256::digest(key);
        let name: String = digest.iter().take(NAMED_BY).map(|byte| format!("{byte:02x}")).collect();
        format!("{parent}-{name}")
    }

    pub(super) fn of(&self, parent: &JobRecord, max_attempts: u32) -> Result<NewChild, StoreError> {
        Ok(NewChild {
            id: Self::id(&parent.id, &self.key),
            kind: self.kind.name().to_owned(),
            payload: serde_json::to_value(&self.kind)?,
            max_attempts,
        })
    }
}
