//! Bytes by their digest, on the local disk.
//!
//! ```text
//! artifacts/ab/abcdef…   a whole artifact, named by the SHA-256 of its bytes
//! artifacts/tmp/…        one that is being written
//! ```
//!
//! An artifact appears by a rename after its bytes have reached the disk, so a crash leaves the whole of it or
//! nothing, and it never changes. The calls block: on an async thread use `spawn_blocking`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// An error of the artifact store.
#[derive(Debug, thiserror::Error)]
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
    #[error("artifact {} is damaged: its bytes have the digest {found}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest of what it holds.
        found: String,
    },
    /// No space left.
    #[error("the disk that holds {} is full", path.display())]
    DiskFull {
        /// The file that was written.
        path: PathBuf,
    },
    /// Any other error of the file system.
    #[error("artifact {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// A stored artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactEntry {
    /// SHA-256 of its bytes in hexadecimal.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// When it was put, for the grace period of a collection.
    pub modified: SystemTime,
}

/// The artifact store.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let artifacts = attune::store::Artifacts::open(dir.path().join("artifacts"))?;
/// let digest = artifacts.put(b"weights")?;
/// assert_eq!(artifacts.get(&digest)?, b"weights");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Artifacts {
    root: PathBuf,
    /// Makes the names of temporary files unique in this process.
    writes: AtomicU64,
}

impl Artifacts {
    /// The store in this directory, which is made where it is missing. What an earlier process left half
    /// written is removed, so the caller must hold the data directory's lock.
    ///
    /// # Errors
    /// `DiskFull` or `Io` where the directories cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, ArtifactError> {
        let root = root.into();
        let temporary = root.join("tmp");
        if temporary.exists() {
            fs::remove_dir_all(&temporary).map_err(at(&temporary))?;
        }
        fs::create_dir_all(&temporary).map_err(at(&temporary))?;
        Ok(Self { root, writes: AtomicU64::new(0) })
    }

    /// Stores the bytes and gives their digest. An artifact that is there already stays, unless it is
    /// damaged: then these bytes replace it.
    ///
    /// # Errors
    /// `DiskFull` or `Io`; nothing is stored then.
    pub fn put(&self, bytes: &[u8]) -> Result<String, ArtifactError> {
        let digest = sha256_hex(bytes);
        let path = self.path(&digest)?;
        if fs::read(&path).is_ok_and(|stored| stored == bytes) {
            return Ok(digest);
        }
        let temporary = self.temporary();
        let stored = write_then_rename(bytes, &temporary, &path);
        if stored.is_err() {
            // The rest of a failed write only takes space; the error to report is the write's.
            let _ = fs::remove_file(&temporary);
        }
        stored.map_err(at(&path))?;
        Ok(digest)
    }

    /// The bytes with this digest, which is checked.
    ///
    /// # Errors
    /// `NotFound`, `InvalidDigest`, `Damaged` or `Io`.
    pub fn get(&self, digest: &str) -> Result<Vec<u8>, ArtifactError> {
        let path = self.path(digest)?;
        let bytes = fs::read(&path).map_err(missing_or_io(digest, &path))?;
        let found = sha256_hex(&bytes);
        if found == digest { Ok(bytes) } else { Err(ArtifactError::Damaged { path, found }) }
    }

    /// Where the artifact lies, or would lie. Whoever reads the file itself does without the check of [`Artifacts::get`].
    ///
    /// # Errors
    /// `InvalidDigest`.
    pub fn path(&self, digest: &str) -> Result<PathBuf, ArtifactError> {
        let valid = digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !valid {
            return Err(ArtifactError::InvalidDigest { key: digest.to_owned() });
        }
        Ok(self.root.join(&digest[..2]).join(digest))
    }

    /// Removes the artifact, and says whether there was one.
    ///
    /// # Errors
    /// `InvalidDigest` or `Io`.
    pub fn delete(&self, digest: &str) -> Result<bool, ArtifactError> {
        let path = self.path(digest)?;
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(&path)(error)),
        }
    }

    /// All artifacts, in the order of their digests. One that is deleted meanwhile may be left out.
    ///
    /// # Errors
    /// `Io` where a directory cannot be read.
    pub fn list(&self) -> Result<Vec<ArtifactEntry>, ArtifactError> {
        let mut entries = Vec::new();
        for folder in fs::read_dir(&self.root).map_err(at(&self.root))? {
            let folder = folder.map_err(at(&self.root))?.path();
            if folder.is_dir() {
                self.list_folder(&folder, &mut entries)?;
            }
        }
        entries.sort_by(|a, b| a.digest.cmp(&b.digest));
        Ok(entries)
    }

    fn list_folder(&self, folder: &Path, entries: &mut Vec<ArtifactEntry>) -> Result<(), ArtifactError> {
        for file in fs::read_dir(folder).map_err(at(folder))? {
            let file = file.map_err(at(folder))?;
            let name = file.file_name();
            let Some(digest) = name.to_str().filter(|name| self.path(name).is_ok_and(|path| path == file.path()))
            else {
                continue;
            };
            match file.metadata().and_then(|metadata| Ok((metadata.len(), metadata.modified()?))) {
                Ok((bytes, modified)) => entries.push(ArtifactEntry { digest: digest.to_owned(), bytes, modified }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(at(&file.path())(error)),
            }
        }
        Ok(())
    }

    fn temporary(&self) -> PathBuf {
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        self.root.join("tmp").join(format!("{}-{number}", std::process::id()))
    }
}

/// SHA-256 of the bytes, in hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of bytes that come in parts.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn write_then_rename(bytes: &[u8], temporary: &Path, path: &Path) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let Some(folder) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let new_folder = !folder.exists();
    fs::create_dir_all(folder)?;
    fs::rename(temporary, path)?;
    // The rename itself is on the disk only when its directory is.
    sync_directory(folder)?;
    match folder.parent() {
        Some(root) if new_folder => sync_directory(root),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

fn at(path: &Path) -> impl Fn(io::Error) -> ArtifactError {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ArtifactError::DiskFull { path: path.to_owned() },
        _ => ArtifactError::Io { path: path.to_owned(), source },
    }
}

fn missing_or_io(digest: &str, path: &Path) -> impl Fn(io::Error) -> ArtifactError {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => ArtifactError::NotFound { digest: digest.to_owned() },
        _ => at(path)(source),
    }
}

#[cfg(test)]
#[path = "artifacts_tests.rs"]
mod tests;
