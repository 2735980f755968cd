//! What can go wrong with artifacts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error of the artifact store. It can be cloned, because several requests may wait for one artifact.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ArtifactError {
    /// No artifact has the digest.
    #[error("no artifact {digest}")]
    NotFound {
        /// The digest.
        digest: String,
    },
    /// The key is not 64 lower-case hexadecimal digits.
    #[error("{key:?} is no SHA-256 digest")]
    InvalidDigest {
        /// The key.
        key: String,
    },
    /// The bytes are not those that were put.
    #[error("artifact {place} is damaged: its bytes have the digest {found}")]
    Damaged {
        /// The file or the object.
        place: String,
        /// The digest of what it holds.
        found: String,
    },
    /// No space left: on the device, of a quota, or under a limit on the size of files.
    #[error("the disk that holds {} is full", path.display())]
    DiskFull {
        /// The file that was written.
        path: PathBuf,
    },
    /// The artifacts take what they may.
    #[error(
        "the stored adapters and generators fill their quota of {} MiB: delete some, or raise --artifact-quota-mib",
        quota_bytes >> 20
    )]
    QuotaFull {
        /// What they may take.
        quota_bytes: u64,
    },
    /// Any other error of the file system.
    #[error("artifact {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: Arc<io::Error>,
    },
    /// The object store does not answer, or lets nobody in; what was asked of it may succeed later.
    #[error("the artifact store at {place} cannot be used: {reason}")]
    Away {
        /// The bucket and the prefix.
        place: String,
        /// Why, without anything secret.
        reason: String,
    },
}

/// An error of the file system at this path.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> ArtifactError {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ArtifactError::DiskFull { path: path.to_owned() }
        }
        _ => ArtifactError::Io { path: path.to_owned(), source: Arc::new(source) },
    }
}
