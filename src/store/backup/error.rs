//! What can go wrong with a backup.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::store::artifacts::ArtifactError;
use crate::store::error::StoreError;

/// An error of a backup or a restore.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is there already.
    #[error("{} is there already: name another file, or remove it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be written or read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{} is no backup that attune wrote", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
    },
    /// The file was written in a later format.
    #[error(
        "the backup has format {found}, this attune reads {supported}: restore it with attune {attune} or a later version"
    )]
    Format {
        /// Its format.
        found: u32,
        /// The one that is known.
        supported: u32,
        /// The version that wrote it.
        attune: String,
    },
    /// The rows belong to another schema.
    #[error(
        "the backup has schema {found}, this attune has {supported}: restore it with attune {attune}, the version that wrote it, and start this one over that"
    )]
    Schema {
        /// The schema of its rows.
        found: i64,
        /// The schema of the database.
        supported: i64,
        /// The version that wrote it.
        attune: String,
    },
    /// The file is not as it was written.
    #[error("{} is damaged: {damage}; nothing was restored", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How that shows.
        damage: Damage,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The artifacts.
    #[error(transparent)]
    Artifacts(#[from] ArtifactError),
    /// A value that cannot be written as JSON.
    #[error("cannot write a value as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// How a file shows that it is damaged.
#[derive(Debug)]
pub enum Damage {
    /// It cannot be unpacked.
    Packed(io::Error),
    /// It ends before its manifest.
    Short,
    /// An entry has a name, or stands in a place, that it cannot have.
    Entry {
        /// Its name.
        name: String,
    },
    /// A piece of JSON does not read.
    Json {
        /// The entry.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The rows of a table are not those that were written.
    Rows {
        /// The table.
        table: &'static str,
    },
    /// The bytes of an artifact are not those that were written.
    Artifact {
        /// Its digest.
        digest: String,
    },
    /// An artifact is missing.
    Missing {
        /// Its digest.
        digest: String,
    },
    /// There are more or fewer artifacts than were written.
    Artifacts,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed(error) => write!(f, "it cannot be unpacked ({error})"),
            Self::Short => f.write_str("it ends before its manifest"),
            Self::Entry { name } => write!(f, "its entry {name:?} cannot be there"),
            Self::Json { name, source } => write!(f, "its entry {name} does not read ({source})"),
            Self::Rows { table } => write!(f, "the rows of {table} are not those that were written"),
            Self::Artifact { digest } => write!(f, "the bytes of artifact {digest} are not those that were written"),
            Self::Missing { digest } => write!(f, "artifact {digest} is missing"),
            Self::Artifacts => f.write_str("its artifacts are not those that were written"),
        }
    }
}

impl BackupError {
    pub(super) fn damaged(path: &Path, damage: Damage) -> Self {
        Self::Damaged { path: path.to_owned(), damage }
    }

    /// The error of reading: the system's own, or that what was read is not what was written.
    pub(super) fn reading(path: &Path, error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(_) => Self::File { path: path.to_owned(), source: error },
            None => Self::damaged(path, Damage::Packed(error)),
        }
    }
}
