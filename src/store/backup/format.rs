//! The entries of a backup and what they say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::rows::{RowBatch, TABLES};
use crate::store::artifacts::{Hasher, is_digest};

/// The format that is written and read.
pub(super) const FORMAT: u32 = 1;
/// The first entry.
pub(super) const HEAD: &str = "attune-backup.json";
/// The last entry.
pub(super) const MANIFEST: &str = "manifest.json";

/// What a backup says of itself at its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The format of the file.
    pub format: u32,
    /// The version of attune that wrote it.
    pub attune: String,
    /// The schema of its rows.
    pub schema: i64,
    /// When it was begun.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// What a backup holds, told at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The rows of each table.
    pub tables: BTreeMap<String, Tally>,
    /// The artifacts; the digest is over theirs, a line each, in their order.
    pub artifacts: Tally,
}

/// How much there is of something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
    /// SHA-256 over them in hexadecimal.
    pub sha256: String,
}

/// A backup's beginning and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Its beginning.
    pub head: Head,
    /// Its end.
    pub manifest: Manifest,
}

impl Manifest {
    /// All rows.
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|tally| tally.count).sum()
    }
}

/// Counts what goes into a backup, or comes out of it.
#[derive(Default)]
pub(super) struct Counting {
    tables: BTreeMap<&'static str, (Tally, Hasher)>,
    artifacts: (Tally, Hasher),
}

impl Counting {
    pub(super) fn rows(&mut self, batch: &RowBatch) {
        let (tally, hasher) = self.tables.entry(batch.table()).or_default();
        tally.count += batch.rows();
        tally.bytes += batch.lines().len() as u64;
        hasher.update(batch.lines());
    }

    pub(super) fn artifact(&mut self, digest: &str, bytes: u64) {
        let (tally, hasher) = &mut self.artifacts;
        tally.count += 1;
        tally.bytes += bytes;
        hasher.update(digest.as_bytes());
        hasher.update(b"\n");
    }

    /// All that was counted. A table without rows is told, too.
    pub(super) fn finish(mut self) -> Manifest {
        let done = |(tally, hasher): (Tally, Hasher)| Tally { sha256: hasher.finish(), ..tally };
        let table = |name: &&'static str| ((*name).to_owned(), done(self.tables.remove(name).unwrap_or_default()));
        Manifest { tables: TABLES.iter().map(table).collect(), artifacts: done(self.artifacts) }
    }
}

/// What an entry's name says that it holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Rows(&'static str),
    Artifact(String),
    Manifest,
}

impl Entry {
    pub(super) fn of(name: &str) -> Option<Self> {
        if name == MANIFEST {
            return Some(Self::Manifest);
        }
        match name.split_once('/')? {
            ("rows", rest) => {
                let (table, _) = rest.split_once('/')?;
                TABLES.into_iter().find(|known| *known == table).map(Self::Rows)
            }
            ("artifacts", digest) if is_digest(digest) => Some(Self::Artifact(digest.to_owned())),
            _ => None,
        }
    }
}
