//! File systems of a test's own. They need root, so their tests are run by `.ci/faults.sh` alone.

use std::path::{Path, PathBuf};

use super::process::run;

/// A file system, mounted as long as this lives.
pub(crate) struct Mount {
    directory: tempfile::TempDir,
}

impl Mount {
    /// One in memory, of this size.
    pub(crate) fn tmpfs(size: &str) -> Self {
        Self::with(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
    }

    /// What is on this image of a disk. Nothing is written to it but what is synced: the journal is committed by itself
    /// once an hour, and pages of files, which the kernel writes after half a minute, are younger in a test.
    pub(crate) fn image(image: &Image) -> Self {
        Self::with(&["-t", "ext4", "-o", "loop,commit=3600,noauto_da_alloc", image.0.to_str().unwrap()])
    }

    fn with(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        run("mount", &[arguments, &[directory.path().to_str().unwrap()]].concat());
        Self { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a process that a failed test left may still have files there.
        run("umount", &["--lazy", self.directory.path().to_str().unwrap()]);
    }
}

/// A disk's bytes: all that a file system on it has written, and nothing that is in memory alone.
pub(crate) struct Image(PathBuf);

impl Image {
    /// An empty ext4 in this file.
    pub(crate) fn new(file: PathBuf) -> Self {
        std::fs::File::create(&file).unwrap().set_len(64 << 20).unwrap();
        run("mkfs.ext4", &["-q", file.to_str().unwrap()]);
        Self(file)
    }

    /// The disk as it is now, as a power cut would leave it.
    pub(crate) fn cut(&self, file: PathBuf) -> Self {
        run("cp", &["--sparse=always", self.0.to_str().unwrap(), file.to_str().unwrap()]);
        Self(file)
    }
}
