//! What can be wrong with `attune.toml`.

use super::Kind;
use std::path::PathBuf;

/// An error of the file. Its text names the file and the key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the options in {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("{}: {source}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: Box<<figment::providers::Toml as figment::providers::Format>::Error>,
    },
    /// It has a key that means nothing.
    #[error("{}: there is no option `{key}`; the options are {}", path.display(), known.join(", "))]
    UnknownKey {
        /// Which file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The keys that mean something.
        known: Vec<String>,
    },
    /// A key has a value of another type than it takes.
    #[error("{}: {key} takes {expected}, not {found}", path.display())]
    WrongType {
        /// Which file.
        path: PathBuf,
        /// The key.
        key: String,
        /// What it takes.
        expected: Kind,
        /// What the file has, as it is shown.
        found: String,
    },
}
