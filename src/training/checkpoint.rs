//! Checkpoints of a run: tensors by name and a small JSON header, in one safetensors file that is
//! replaced whole, so that a crash leaves the old one or the new one.

use super::Error;
use candle_core::{Device, Tensor};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::path::Path;

const HEADER: &str = "attune";

/// Writes `tensors` and `header` to `path`, by way of a temporary file beside it.
///
/// # Errors
/// [`Error::Checkpoint`] where the disk refuses.
pub fn save(path: &Path, tensors: &HashMap<String, Tensor>, header: &impl Serialize) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::Checkpoint { path: path.to_owned(), source };
    let header = serde_json::to_string(header).map_err(|e| failed(e.into()))?;
    let metadata = HashMap::from([(HEADER.to_owned(), header)]);
    let mut named: Vec<(&String, &Tensor)> = tensors.iter().collect();
    named.sort_by_key(|(name, _)| *name);
    let bytes =
        safetensors::serialize(named, Some(metadata)).map_err(|e| failed(std::io::Error::other(e.to_string())))?;
    let temporary = path.with_extension("tmp");
    let write = || -> std::io::Result<()> {
        use std::io::Write;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(failed)
}

/// Tensors by name, and the header.
pub type Saved<H> = (HashMap<String, Tensor>, H);

/// Reads what [`save`] wrote; `None` where there is no file.
///
/// # Errors
/// [`Error::Checkpoint`] where the file is damaged.
pub fn load<H: DeserializeOwned>(path: &Path, device: &Device) -> Result<Option<Saved<H>>, Error> {
    let failed = |source: std::io::Error| Error::Checkpoint { path: path.to_owned(), source };
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(e)),
    };
    let invalid = |e: &dyn std::fmt::Display| failed(std::io::Error::other(e.to_string()));
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).map_err(|e| invalid(&e))?;
    let header = metadata.metadata().as_ref().and_then(|m| m.get(HEADER)).ok_or_else(|| invalid(&"no header"))?;
    let header = serde_json::from_str(header).map_err(|e| invalid(&e))?;
    let tensors = candle_core::safetensors::load_buffer(&bytes, device)?;
    Ok(Some((tensors, header)))
}
