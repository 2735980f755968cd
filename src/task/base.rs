//! A base model with all that is read with it: tokenizer, input template, digest.

use super::{InputTemplate, Prompter};
use crate::lm::{
    BaseDigest, Checkpoint, CheckpointSource, Config, Error, FileConfig, Loading, Model, Tokenizer, WeightSource,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Files of a base that stand beside its weights.
const CONFIG: &str = "config.json";
const GENERATION: &str = "generation_config.json";
const TOKENIZER: &str = "tokenizer.json";
const TEMPLATE: &str = "attune.json";

/// A loaded base model. Cloning shares its weights.
#[derive(Clone, Debug)]
pub struct Base {
    name: String,
    model: Model,
    prompter: Prompter,
    digest: String,
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

/// A base's files, opened and checked, its weights not read yet: enough to tell what it will take.
#[derive(Debug)]
pub struct BaseFiles {
    name: String,
    config: Vec<u8>,
    resolved: Config,
    tokenizer: Vec<u8>,
    template: Option<Vec<u8>>,
    generation: Option<Value>,
    checkpoint: Checkpoint,
}

impl BaseFiles {
    /// Opens a Hugging Face directory. `attune.json`, the input template, may be absent.
    ///
    /// # Errors
    /// [`Error`] names the file or key.
    pub fn from_directory(dir: &Path) -> Result<Self, Error> {
        let optional = |name: &str| if dir.join(name).exists() { read(&dir.join(name)).map(Some) } else { Ok(None) };
        let generation = optional(GENERATION)?.map(|bytes| parse(GENERATION, &bytes)).transpose()?;
        let name = dir.file_name().map_or_else(|| dir.display().to_string(), |n| n.to_string_lossy().into_owned());
        let config = read(&dir.join(CONFIG))?;
        Ok(Self {
            name,
            resolved: parse::<FileConfig>(CONFIG, &config)?.resolve()?,
            config,
            tokenizer: read(&dir.join(TOKENIZER))?,
            template: optional(TEMPLATE)?,
            generation,
            checkpoint: Checkpoint::open(dir)?,
        })
    }

    /// Takes files that are in memory.
    ///
    /// # Errors
    /// [`Error`] names the file or key.
    pub fn from_bytes(name: &str, files: &BaseBytes<'_>) -> Result<Self, Error> {
        Ok(Self {
            name: name.to_owned(),
            config: files.config.to_vec(),
            resolved: parse::<FileConfig>(CONFIG, files.config)?.resolve()?,
            tokenizer: files.tokenizer.to_vec(),
            template: Some(files.template.to_vec()),
            generation: None,
            checkpoint: Checkpoint::from_bytes(files.weights.to_vec())?,
        })
    }

    /// The resolved configuration.
    pub fn config(&self) -> &Config {
        &self.resolved
    }

    /// The weight files.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The base digest. Every byte is read.
    fn digest(&self) -> Result<String, Error> {
        let mut digest = BaseDigest::default();
        // The canonical configuration: the same values in another order or spacing are the same base.
        let canonical = sorted(&parse::<Value>(CONFIG, &self.config)?).to_string();
        digest.add(CONFIG, canonical.as_bytes());
        digest.add(TOKENIZER, &self.tokenizer);
        digest.add(TEMPLATE, self.template.as_deref().unwrap_or(b"{}"));
        self.checkpoint.add_to(&mut digest)?;
        Ok(digest.finish())
    }
}

impl Base {
    /// Loads a Hugging Face directory.
    ///
    /// # Errors
    /// [`Error`] names the file, key or tensor.
    pub fn from_directory(dir: &Path, loading: &Loading) -> Result<Self, Error> {
        Self::load(&BaseFiles::from_directory(dir)?, loading)
    }

    /// Loads a base whose files are in memory.
    ///
    /// # Errors
    /// [`Error`] names the file, key or tensor.
    pub fn from_bytes(name: &str, files: &BaseBytes<'_>, loading: &Loading) -> Result<Self, Error> {
        Self::load(&BaseFiles::from_bytes(name, files)?, loading)
    }

    /// Reads the weights.
    ///
    /// # Errors
    /// [`Error`] names the file, key or tensor.
    pub fn load(files: &BaseFiles, loading: &Loading) -> Result<Self, Error> {
        let source = CheckpointSource { checkpoint: &files.checkpoint, loading };
        let model = Model::load(&files.resolved, &source as &dyn WeightSource)?;
        let input_template = match files.template.as_deref() {
            None | Some(b"{}") => InputTemplate::default(),
            Some(text) => parse(TEMPLATE, text)?,
        };
        let tokenizer = Tokenizer::from_bytes(&files.tokenizer)?;
        let ends = ends(&files.resolved, files.generation.as_ref());
        let eos = ends.first().copied().ok_or(Error::Config { field: "eos_token_id", problem: "is missing" })?;
        let bos: Vec<u32> = files.resolved.bos.into_iter().collect();
        let prompter = Prompter::new(tokenizer, input_template, files.resolved.bos, eos);
        Ok(Self { name: files.name.clone(), model, prompter, digest: files.digest()?, ends, bos })
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
        self.model.parameters()
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

/// The tokens that end an answer: those of the configuration, then those of `generation_config.json`,
/// which chat models use to end a turn.
fn ends(config: &Config, generation: Option<&Value>) -> Vec<u32> {
    let mut ends = config.eos.clone();
    let more = generation.and_then(|file| file.get("eos_token_id"));
    ends.extend(crate::lm::token_ids(more));
    let mut seen = std::collections::HashSet::new();
    ends.retain(|id| seen.insert(*id));
    ends
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
