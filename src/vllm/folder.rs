//! The folder that attune writes and vLLM reads: `DIR/<id>/adapter_config.json` and `adapter_model.safetensors`.
//!
//! It is also what vLLM's file-system resolver looks through. Whoever reads it never sees an adapter in the making: one
//! is written beside the others under a name that no id has, and renamed.

use super::Error;
use crate::lora::PeftFiles;
use std::path::{Path, PathBuf};

/// What the names of adapters in the making begin with.
const MAKING: &str = ".attune-";

/// The folder. Its calls block.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Opens the folder, makes it where it is not there, and clears away what a process that died was writing.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::folder(path, &error);
        std::fs::create_dir_all(path).map_err(failed)?;
        // vLLM may have been started elsewhere.
        let path = path.canonicalize().map_err(failed)?;
        for entry in std::fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(MAKING) {
                remove(&entry.path())?;
            }
        }
        Ok(Self(path))
    }

    /// Where an adapter is, or would be.
    pub(super) fn of(&self, id: &str) -> PathBuf {
        self.0.join(id)
    }

    /// The adapter that a path in this folder is of.
    pub(super) fn holds(&self, path: &str) -> bool {
        Path::new(path).parent() == Some(&self.0)
    }

    /// Puts an adapter there, where it is not there already.
    pub(super) fn publish(&self, id: &str, files: &PeftFiles) -> Result<PathBuf, Error> {
        let path = self.of(id);
        if let Ok(there) = PeftFiles::from_directory(&path)
            && there.config == files.config
            && there.weights == files.weights
        {
            return Ok(path);
        }
        let making = self.0.join(format!("{MAKING}{id}"));
        remove(&making)?;
        std::fs::create_dir(&making).map_err(|error| Error::folder(&making, &error))?;
        files.to_directory(&making).map_err(|error| Error::folder(&making, &error))?;
        // What is damaged or of another base goes first: a rename does not replace a folder with files.
        remove(&path)?;
        std::fs::rename(&making, &path).map_err(|error| Error::folder(&path, &error))?;
        Ok(path)
    }

    /// Takes an adapter away.
    pub(super) fn remove(&self, id: &str) -> Result<(), Error> {
        remove(&self.of(id))
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::folder(path, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(weights: &str) -> PeftFiles {
        PeftFiles { config: b"{}".to_vec(), weights: weights.into() }
    }

    #[test]
    fn an_adapter_is_there_whole_is_replaced_by_other_bytes_and_goes() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("loras")).unwrap();
        let path = folder.publish("a", &files("1")).unwrap();
        assert!(folder.holds(path.to_str().unwrap()) && !folder.holds("/elsewhere/a"));
        let modified = || path.join("adapter_config.json").metadata().unwrap().modified().unwrap();
        let first = modified();
        folder.publish("a", &files("1")).unwrap();
        assert_eq!(modified(), first, "it was written though it was there");
        folder.publish("a", &files("2")).unwrap();
        assert_eq!(PeftFiles::from_directory(&path).unwrap().weights, b"2");
        folder.remove("a").unwrap();
        folder.remove("a").unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_a_dead_process_was_writing_is_cleared_away_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        Folder::open(dir.path()).unwrap().publish("a", &files("1")).unwrap();
        std::fs::create_dir(dir.path().join(".attune-b")).unwrap();
        Folder::open(dir.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["a"]);
    }
}
