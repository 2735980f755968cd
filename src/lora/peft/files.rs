//! The two files of an adapter, as bytes.

use crate::lora::Error;
use std::path::Path;

pub(in crate::lora) const CONFIG_FILE: &str = "adapter_config.json";
pub(in crate::lora) const WEIGHTS_FILE: &str = "adapter_model.safetensors";
/// What peft wrote before safetensors. It is never read: a pickle runs code when it is loaded.
pub(in crate::lora) const PICKLE_FILE: &str = "adapter_model.bin";

/// The two files of a PEFT adapter.
#[derive(Clone, Debug)]
pub struct PeftFiles {
    /// `adapter_config.json`
    pub config: Vec<u8>,
    /// `adapter_model.safetensors`
    pub weights: Vec<u8>,
}

impl PeftFiles {
    /// The files of a directory that peft wrote.
    ///
    /// # Errors
    /// [`Error::File`] names the one that is missing; [`Error::Pickle`] where the weights are only
    /// there in peft's older form.
    pub fn from_directory(dir: &Path) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read(&path).map_err(|source| Error::File { file: path.display().to_string(), source })
        };
        let config = read(CONFIG_FILE)?;
        if !dir.join(WEIGHTS_FILE).exists() && dir.join(PICKLE_FILE).exists() {
            return Err(Error::Pickle);
        }
        Ok(Self { config, weights: read(WEIGHTS_FILE)? })
    }

    /// Writes them into a directory that is there.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn to_directory(&self, dir: &Path) -> Result<(), Error> {
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).map_err(|source| Error::Write { source });
        write(CONFIG_FILE, &self.config)?;
        write(WEIGHTS_FILE, &self.weights)
    }
}
