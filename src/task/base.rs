//! A base model with all that is read with it: tokenizer, input template, digest.

use super::{InputTemplate, Prompter};
use crate::lm::{Error, FileConfig, Model, Tokenizer, base_digest, load_directory_weights};
use candle_core::{DType, Device};
use candle_nn::VarBuilder;
use std::path::{Path, PathBuf};

/// Files of a base that stand beside its weights.
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const TEMPLATE: &str = "attune.json";
const WEIGHTS: &str = "model.safetensors";

/// A loaded base model. Cloning shares its weights.
#[derive(Clone, Debug)]
pub struct Base {
    name: String,
    model: Model,
    prompter: Prompter,
    digest: String,
    parameters: u64,
    ends: Vec<u32>,
    bos: Vec<u32>,
}

/// The files of a small base that are in memory, such as the embedded demo's.
#[derive(Clone, Copy, Debug)]
pub struct BaseBytes<'a> {
    /// `config.json`
    pub config: &'a [u8],
    /// `tokenizer.json`
    pub tokenizer: &'a [u8],
    /// `attune.json`
    pub template: &'a [u8],
    /// `model.safetensors`
    pub weights: &'a [u8],
}

impl Base {
    /// Loads a Hugging Face directory; `attune.json`, the input template, may be absent.
    ///
    /// # Errors
    /// [`Error`] names the file, key or tensor.
    pub fn from_directory(dir: &Path, dtype: DType, device: &Device) -> Result<Self, Error> {
        let read = |name: &str| read(&dir.join(name));
        let (config, tokenizer) = (read(CONFIG)?, read(TOKENIZER)?);
        let template = if dir.join(TEMPLATE).exists() { read(TEMPLATE)? } else { b"{}".to_vec() };
        let weights = load_directory_weights(dir, dtype, device)?;
        let shards = shard_bytes(dir)?;
        let parts: Vec<(&str, &[u8])> = shards.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        let name = dir.file_name().map_or_else(|| dir.display().to_string(), |n| n.to_string_lossy().into_owned());
        Self::new(name, [&config, &tokenizer, &template], &parts, &weights)
    }

    /// Loads a base whose files are in memory.
    ///
    /// # Errors
    /// [`Error`] names the file, key or tensor.
    pub fn from_bytes(name: &str, files: &BaseBytes<'_>, dtype: DType, device: &Device) -> Result<Self, Error> {
        let weights = VarBuilder::from_slice_safetensors(files.weights, dtype, device)?;
        let texts = [files.config, files.tokenizer, files.template];
        Self::new(name.to_owned(), texts, &[(WEIGHTS, files.weights)], &weights)
    }

    fn new(
        name: String,
        [config, tokenizer, template]: [&[u8]; 3],
        weights: &[(&str, &[u8])],
        loaded: &VarBuilder<'_>,
    ) -> Result<Self, Error> {
        let file: FileConfig = parse(CONFIG, config)?;
        let resolved = file.resolve()?;
        let model = Model::load(&resolved, loaded)?;
        let parameters = model.parameters();
        let input_template = match template {
            b"{}" => InputTemplate::default(),
            text => parse(TEMPLATE, text)?,
        };
        // The canonical configuration: the same values in another order or spacing are the same base.
        let canonical: serde_json::Value = parse(CONFIG, config)?;
        let canonical = sorted(&canonical).to_string();
        let mut parts = vec![(CONFIG, canonical.as_bytes()), (TOKENIZER, tokenizer), (TEMPLATE, template)];
        parts.extend(weights);
        let digest = base_digest(parts);
        let tokenizer = Tokenizer::from_bytes(tokenizer)?;
        let eos =
            resolved.eos.first().copied().ok_or(Error::Config { field: "eos_token_id", problem: "is missing" })?;
        let bos: Vec<u32> = resolved.bos.into_iter().collect();
        let prompter = Prompter::new(tokenizer, input_template, resolved.bos, eos);
        Ok(Self { name, model, prompter, digest, parameters, ends: resolved.eos, bos })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The prompter.
    pub fn prompter(&self) -> &Prompter {
        &self.prompter
    }

    /// The base digest.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The number of weights.
    pub fn parameters(&self) -> u64 {
        self.parameters
    }

    /// The tokens that end an answer.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// What stands before a bare input: the token that begins a text, where there is one.
    pub fn bos(&self) -> &[u32] {
        &self.bos
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|source| Error::Json { path: PathBuf::from(name), source })
}

/// The weight files' names and bytes, for the digest.
fn shard_bytes(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let entries = std::fs::read_dir(dir).map_err(|source| Error::File { path: dir.to_owned(), source })?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with("model") && name.ends_with(".safetensors")).collect();
    names.sort();
    names.into_iter().map(|name| Ok((name.clone(), read(&dir.join(name))?))).collect()
}

/// The value with the keys of every object in order.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            serde_json::Value::Object(entries.into_iter().map(|(k, v)| (k.clone(), sorted(v))).collect())
        }
        serde_json::Value::Array(items) => serde_json::Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
