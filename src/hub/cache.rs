//! The hub's standard cache layout, as huggingface_hub writes it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::plan::{CONFIG, Content, INDEX, TOKENIZER, WEIGHTS, shard_names};
use super::{Downloaded, Error, HubModel};

/// How often a blob's lock is tried while another process has it.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// The largest index that is read, in bytes.
pub(super) const MAX_INDEX_BYTES: u64 = 64 << 20;

/// One model's folder of the cache.
pub(super) struct ModelCache {
    /// The whole cache.
    root: PathBuf,
    /// `models--org--name`.
    folder: String,
}

impl ModelCache {
    pub(super) fn new(root: PathBuf, id: &str) -> Self {
        let folder = hf_hub::Repo::model(id.to_owned()).folder_name();
        Self { root, folder }
    }

    fn path(&self) -> PathBuf {
        self.root.join(&self.folder)
    }

    /// Where a blob of this etag is.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.path().join("blobs").join(etag)
    }

    /// Where what there is of it is.
    pub(super) fn partial(&self, etag: &str) -> PathBuf {
        self.path().join("blobs").join(format!("{etag}.incomplete"))
    }

    /// The folder of a commit's files.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.path().join("snapshots").join(commit)
    }

    /// Whether a commit's file is there, and as long as it should be.
    pub(super) fn has(&self, commit: &str, name: &str, content: &Content) -> bool {
        let found = std::fs::metadata(self.snapshot(commit).join(name));
        found.is_ok_and(|found| found.is_file() && found.len() == content.bytes)
    }

    /// Makes the folders, and keeps other processes from this blob until the lock is dropped. huggingface_hub takes
    /// the same lock.
    pub(super) async fn lock(&self, etag: &str) -> Result<File, Error> {
        create_folder(&self.path().join("blobs"))?;
        let folder = self.root.join(".locks").join(&self.folder);
        create_folder(&folder)?;
        let path = folder.join(format!("{etag}.lock"));
        let file = File::options().create(true).append(true).open(&path).map_err(|e| Error::io(&path, e))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!(lock = %path.display(), "another process downloads this file: waiting for it");
                    }
                    tokio::time::sleep(LOCK_POLL).await;
                }
                Err(TryLockError::Error(error)) => return Err(Error::io(&path, error)),
            }
        }
    }

    /// Puts a blob into a commit's snapshot: a relative link, or, where the file system has none, the file itself.
    pub(super) fn link(&self, commit: &str, name: &str, etag: &str) -> Result<(), Error> {
        let pointer = self.snapshot(commit).join(name);
        if let Some(folder) = pointer.parent() {
            create_folder(folder)?;
        }
        let target = PathBuf::from("../".repeat(2 + name.matches('/').count())).join("blobs").join(etag);
        remove(&pointer)?;
        match symlink(&target, &pointer) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(_) => std::fs::rename(self.blob(etag), &pointer).map_err(|e| Error::io(&pointer, e)),
        }
    }

    /// Notes the commit that a revision is at, for the next time without the hub. A commit needs no note.
    pub(super) fn write_ref(&self, revision: &str, commit: &str) -> Result<(), Error> {
        if revision == commit {
            return Ok(());
        }
        let path = self.path().join("refs").join(revision);
        if let Some(folder) = path.parent() {
            create_folder(folder)?;
        }
        std::fs::write(&path, commit).map_err(|e| Error::io(&path, e))
    }

    /// A model that is wholly there, or the first file that is missing.
    pub(super) fn find(&self, model: &HubModel) -> Result<Downloaded, Error> {
        let missing = |missing: &str| Error::Offline {
            id: model.id.clone(),
            revision: model.revision.clone(),
            cache: self.root.clone(),
            missing: missing.to_owned(),
        };
        let commit = self.commit(&model.revision).ok_or_else(|| missing("the revision"))?;
        let snapshot = self.snapshot(&commit);
        let need = |name: &str| match snapshot.join(name).is_file() {
            true => Ok(snapshot.join(name)),
            false => Err(missing(name)),
        };
        if let Some(file) = &model.file {
            return need(file).map(Downloaded::Gguf);
        }
        need(CONFIG)?;
        need(TOKENIZER)?;
        if need(WEIGHTS).is_err() {
            let index = need(INDEX).map_err(|_| missing(WEIGHTS))?;
            for shard in shard_names(&model.id, &read_index(&index)?)? {
                need(&shard)?;
            }
        }
        Ok(Downloaded::Directory(snapshot))
    }

    /// The commit of a revision: the revision itself where it is one, else as it was last noted.
    fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) && self.snapshot(revision).is_dir() {
            return Some(revision.to_owned());
        }
        let noted = std::fs::read_to_string(self.path().join("refs").join(revision)).ok()?;
        Some(noted.trim().to_owned()).filter(|commit| is_commit(commit))
    }
}

/// Reads an index from the cache.
pub(super) fn read_index(path: &Path) -> Result<Vec<u8>, Error> {
    let length = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    if length > MAX_INDEX_BYTES {
        return Err(Error::io(path, io::ErrorKind::FileTooLarge.into()));
    }
    std::fs::read(path).map_err(|e| Error::io(path, e))
}

/// Whether a text is a commit's full hash.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Removes a file or a link, if there is one.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))
}

#[cfg(unix)]
fn symlink(target: &Path, pointer: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, pointer)
}

#[cfg(not(unix))]
fn symlink(_target: &Path, _pointer: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
