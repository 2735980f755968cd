//! The lock on the data directory: two processes that share one would collect each other's artifacts.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use fs4::fs_std::FileExt;

/// Why the data directory cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "the data directory {} is in use by another attune ({holder}): stop that process, or choose another directory with --data-dir (ATTUNE_DATA_DIR)",
        directory.display()
    )]
    InUse {
        /// The data directory.
        directory: PathBuf,
        /// `process 123`, as far as it is known.
        holder: String,
    },
    /// The lock file cannot be made, read or locked.
    #[error("cannot lock the data directory {}: {source}", directory.display())]
    Io {
        /// The data directory.
        directory: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The data directory is this process's as long as this value lives. The system frees the lock of a
/// process that dies, so a crash leaves nothing to clean up.
#[derive(Debug)]
pub struct DataDirLock {
    /// Closing the file frees the lock.
    _file: File,
}

impl DataDirLock {
    /// Locks the directory, which is made where it is missing.
    ///
    /// # Errors
    /// `InUse` where another process has it, `Io` where the lock file cannot be used.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io { directory: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(io)?;
        let path = directory.join("attune.lock");
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        if !file.try_lock_exclusive().map_err(io)? {
            return Err(LockError::InUse { directory: directory.to_owned(), holder: holder(&mut file) });
        }
        note_holder(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// Who has the lock, from what it wrote into the file: a help for the reader, not the lock itself.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "process unknown".to_owned(),
    }
}

fn note_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_is_refused_with_the_directory_and_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DataDirLock::acquire(dir.path()).unwrap();
        let refused = DataDirLock::acquire(dir.path()).unwrap_err().to_string();
        assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(refused.contains("--data-dir"), "{refused}");
    }

    #[test]
    fn the_lock_is_free_once_its_holder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDirLock::acquire(&dir.path().join("new")).unwrap());
        DataDirLock::acquire(&dir.path().join("new")).unwrap();
    }
}
