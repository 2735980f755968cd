//! A base model's weight files.

#![allow(unsafe_code, reason = "memory-mapped files: the contract that nobody truncates them is the operator's")]

use super::Error;
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The weights of a Hugging Face directory, `model.safetensors` or the shards of
/// `model.safetensors.index.json`, memory-mapped and cast to `dtype` as they are taken.
///
/// # Errors
/// [`Error::File`] names the file that is missing; [`Error::Json`] an index that does not parse.
pub fn load_directory_weights(dir: &Path, dtype: DType, device: &Device) -> Result<VarBuilder<'static>, Error> {
    let files = weight_files(dir)?;
    for path in &files {
        std::fs::File::open(path).map_err(|source| Error::File { path: path.clone(), source })?;
    }
    // SAFETY: the files are read only through this map; the operator must not change a base while it is served.
    let weights = unsafe { VarBuilder::from_mmaped_safetensors(&files, dtype, device)? };
    Ok(weights)
}

/// The weight files of a directory, in order.
fn weight_files(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let index = dir.join("model.safetensors.index.json");
    if !index.exists() {
        return Ok(vec![dir.join("model.safetensors")]);
    }
    let text = std::fs::read(&index).map_err(|source| Error::File { path: index.clone(), source })?;
    let parsed: Index = serde_json::from_slice(&text).map_err(|source| Error::Json { path: index.clone(), source })?;
    let mut names: Vec<_> = parsed.weight_map.into_values().collect();
    names.sort();
    names.dedup();
    Ok(names.into_iter().map(|name| dir.join(name)).collect())
}

#[derive(serde::Deserialize)]
struct Index {
    weight_map: std::collections::HashMap<String, String>,
}

/// The base digest: SHA-256 over the named contents, each with its name and length.
pub fn base_digest<'a>(parts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in parts {
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
