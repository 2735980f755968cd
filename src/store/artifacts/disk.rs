//! Blobs as files below a directory.
//!
//! ```text
//! ab/abcdef…   a whole blob
//! tmp/…        one that is being written
//! ```
//!
//! A blob appears by a rename after its bytes have reached the disk, so a crash leaves the whole of it or nothing. Several
//! processes may share the directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use super::backend::{Backend, BackendFuture, Stored};
use super::checkpoints::JOBS;
use super::error::{ArtifactError, at};

/// The folder of what is being written; no blob's key begins so.
const UNFINISHED: &str = "tmp";

/// A directory of blobs. Its work runs on blocking threads.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    /// Makes the names of temporary files unique in this process.
    writes: AtomicU64,
}

impl Disk {
    /// The blobs in this directory, which is made where it is missing.
    pub(super) fn open(root: PathBuf) -> Result<Self, ArtifactError> {
        let unfinished = root.join(UNFINISHED);
        let new = !root.exists();
        fs::create_dir_all(&unfinished).map_err(at(&unfinished))?;
        if let Some(above) = root.parent().filter(|above| new && !above.as_os_str().is_empty()) {
            // Else a power cut could take the whole directory, with artifacts that were promised since.
            sync_directory(above).map_err(at(above))?;
        }
        Ok(Self(Arc::new(Folder { root, writes: AtomicU64::new(0) })))
    }

    fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> Result<T, ArtifactError> + Send + 'static,
    ) -> BackendFuture<'static, T> {
        let folder = Arc::clone(&self.0);
        Box::pin(async move {
            let root = folder.root.clone();
            let done = tokio::task::spawn_blocking(move || work(&folder)).await;
            done.map_err(|error| at(&root)(io::Error::other(error)))?
        })
    }
}

impl Backend for Disk {
    fn read<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<Bytes>> {
        let path = self.0.path(key);
        self.blocking(move |folder| Ok(folder.if_there(fs::read(&path), &path)?.map(Bytes::from)))
    }

    fn size<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<u64>> {
        let path = self.0.path(key);
        self.blocking(move |folder| Ok(folder.if_there(fs::metadata(&path), &path)?.map(|metadata| metadata.len())))
    }

    fn write<'a>(&'a self, key: &'a str, bytes: Bytes) -> BackendFuture<'a, ()> {
        let path = self.0.path(key);
        self.blocking(move |folder| {
            if fs::read(&path).is_ok_and(|stored| stored == bytes) && made_young(&path).is_ok() {
                return Ok(());
            }
            folder.write_then_rename(&bytes, &path).map_err(at(&path))
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> BackendFuture<'a, bool> {
        let (from, to) = (self.0.path(from), self.0.path(to));
        self.blocking(move |_| {
            // Its age is set before it moves, so that it is nowhere older than it should be.
            let moved = made_young(&from).and_then(|()| publish(&from, &to));
            Ok(if_there(moved, &from)?.is_some())
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BackendFuture<'a, ()> {
        let path = self.0.path(key);
        self.blocking(move |folder| {
            if_there(fs::remove_file(&path), &path)?;
            folder.drop_empty_above(&path);
            Ok(())
        })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BackendFuture<'a, Vec<Stored>> {
        let path = self.0.path(folder);
        self.blocking(move |folder| {
            let mut found = Vec::new();
            folder.list_below(&path, &mut found)?;
            Ok(found)
        })
    }

    fn tidy(&self, before: SystemTime) -> BackendFuture<'_, ()> {
        self.blocking(move |folder| {
            let unfinished = folder.root.join(UNFINISHED);
            for file in fs::read_dir(&unfinished).map_err(at(&unfinished))? {
                let path = file.map_err(at(&unfinished))?.path();
                let modified = if_there(fs::metadata(&path).and_then(|metadata| metadata.modified()), &path)?;
                if modified.is_some_and(|modified| modified < before) {
                    if_there(fs::remove_file(&path), &path)?;
                }
            }
            Ok(())
        })
    }

    fn place(&self, key: &str) -> String {
        self.0.path(key).display().to_string()
    }
}

impl Folder {
    /// Removes the folders of a job's copies that a deletion left empty. Whoever writes makes them anew, and tries again
    /// where one goes under his hands.
    fn drop_empty_above(&self, path: &Path) {
        let jobs = self.root.join(JOBS);
        for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&jobs) && **folder != jobs) {
            // Refused where something is in it.
            if fs::remove_dir(folder).is_err() {
                return;
            }
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// What was done; `None` where there is no such blob. A directory that is gone, as a share that is not mounted, is no
    /// answer about a blob.
    fn if_there<T>(&self, done: io::Result<T>, path: &Path) -> Result<Option<T>, ArtifactError> {
        let done = if_there(done, path)?;
        if done.is_none() {
            let unfinished = self.root.join(UNFINISHED);
            fs::metadata(&unfinished).map_err(at(&unfinished))?;
        }
        Ok(done)
    }

    /// The blobs in this folder and those below; none where there is no such folder.
    fn list_below(&self, folder: &Path, found: &mut Vec<Stored>) -> Result<(), ArtifactError> {
        let Some(files) = if_there(fs::read_dir(folder), folder)? else { return Ok(()) };
        for file in files {
            let path = file.map_err(at(folder))?.path();
            let Some(metadata) = if_there(fs::metadata(&path), &path)? else { continue };
            let Some(key) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) else { continue };
            if metadata.is_dir() {
                if key != UNFINISHED {
                    self.list_below(&path, found)?;
                }
            } else {
                let modified = metadata.modified().map_err(at(&path))?;
                found.push(Stored { key: key.to_owned(), bytes: metadata.len(), modified });
            }
        }
        Ok(())
    }

    fn write_then_rename(&self, bytes: &[u8], path: &Path) -> io::Result<()> {
        let (mut file, temporary) = self.temporary()?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| publish(&temporary, path));
        if written.is_err() {
            // The rest of a failed write only takes space; the error to report is the write's.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// A new file to write to. Another machine that shares the directory may have a process of the same number, so a name
    /// that is taken is passed over.
    fn temporary(&self) -> io::Result<(File, PathBuf)> {
        loop {
            let number = self.writes.fetch_add(1, Ordering::Relaxed);
            let path = self.root.join(UNFINISHED).join(format!("{}-{number}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((file, path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Moves a file whose bytes are on the disk to where it belongs. The rename itself is on the disk only when its directory is.
fn publish(from: &Path, to: &Path) -> io::Result<()> {
    let Some(folder) = to.parent() else { return Err(ErrorKind::InvalidInput.into()) };
    let new_folder = !folder.exists();
    fs::create_dir_all(folder)?;
    fs::rename(from, to)?;
    sync_directory(folder)?;
    match folder.parent() {
        Some(above) if new_folder => sync_directory(above),
        _ => Ok(()),
    }
}

/// Gives the file the time that a new one would have.
fn made_young(path: &Path) -> io::Result<()> {
    File::options().append(true).open(path)?.set_modified(SystemTime::now())
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// What was done; `None` where there is no such file.
fn if_there<T>(done: io::Result<T>, path: &Path) -> Result<Option<T>, ArtifactError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}
