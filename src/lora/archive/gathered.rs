//! The two files, gathered from an archive's entries.

use super::{ArchiveError, MAX_ENTRIES};
use crate::lora::peft::{CONFIG_FILE, PICKLE_FILE, WEIGHTS_FILE};
use crate::lora::{Error, PeftFiles};
use std::io::Read;

/// The longest configuration that is read, in bytes: peft writes about a thousand.
const MAX_CONFIG: u64 = 1 << 20;

/// One of the files that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    Config,
    Weights,
}

/// What was found so far.
pub(super) struct Gathered {
    /// The most bytes that may still be unpacked.
    left: u64,
    limit: u64,
    entries: usize,
    /// The folder that the files are in; empty for the root.
    folder: Option<String>,
    config: Option<Vec<u8>>,
    weights: Option<Vec<u8>>,
    pickle: bool,
}

impl Gathered {
    pub(super) fn new(limit: u64) -> Self {
        Self { left: limit, limit, entries: 0, folder: None, config: None, weights: None, pickle: false }
    }

    /// Counts an entry and checks its path; gives the file that it is, if it is one of the two.
    pub(super) fn place(&mut self, name: &str, is_dir: bool) -> Result<Option<File>, ArchiveError> {
        self.entries += 1;
        if self.entries > MAX_ENTRIES {
            return Err(ArchiveError::ManyEntries { limit: MAX_ENTRIES });
        }
        let has_drive = name.as_bytes().get(1) == Some(&b':');
        if name.starts_with('/') || has_drive || name.contains(['\\', '\0']) || name.split('/').any(|part| part == "..")
        {
            return Err(ArchiveError::Path { name: name.to_owned() });
        }
        let parts: Vec<&str> = name.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let (folder, file) = match parts.as_slice() {
            [file] if !is_dir => ("", *file),
            [folder, file] if !is_dir => (*folder, *file),
            _ => return Ok(None),
        };
        let wanted = match file {
            CONFIG_FILE => File::Config,
            WEIGHTS_FILE => File::Weights,
            PICKLE_FILE => {
                self.pickle = true;
                return Ok(None);
            }
            _ => return Ok(None),
        };
        let elsewhere = self.folder.as_deref().is_some_and(|known| known != folder);
        let taken = match wanted {
            File::Config => self.config.is_some(),
            File::Weights => self.weights.is_some(),
        };
        if elsewhere || taken {
            return Err(ArchiveError::Repeated { name: file.to_owned() });
        }
        self.folder = Some(folder.to_owned());
        Ok(Some(wanted))
    }

    /// Reads a file to its end; `declared` is a length that it must have.
    pub(super) fn read(&mut self, file: File, from: &mut impl Read, declared: Option<u64>) -> Result<(), ArchiveError> {
        let most = if file == File::Config { self.left.min(MAX_CONFIG) } else { self.left };
        let mut bytes = Vec::new();
        from.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(ArchiveError::damaged)?;
        let read = bytes.len() as u64;
        if read > most {
            return Err(ArchiveError::TooLarge { limit: if most < self.left { MAX_CONFIG } else { self.limit } });
        }
        if declared.is_some_and(|declared| declared != read) {
            return Err(ArchiveError::Damaged { reason: "it ends in the middle of a file".to_owned() });
        }
        self.left -= read;
        match file {
            File::Config => self.config = Some(bytes),
            File::Weights => self.weights = Some(bytes),
        }
        Ok(())
    }

    /// Both files.
    pub(super) fn files(self) -> Result<PeftFiles, Error> {
        let missing = |name| Error::Archive(ArchiveError::Missing { name });
        let config = self.config.ok_or_else(|| missing(CONFIG_FILE))?;
        match self.weights {
            Some(weights) => Ok(PeftFiles { config, weights }),
            None if self.pickle => Err(Error::Pickle),
            None => Err(missing(WEIGHTS_FILE)),
        }
    }
}
