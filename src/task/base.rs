//! A base model with all that is read with it: tokenizer, templates, digest.

use super::prompt::Marks;
use super::{BaseBytes, BaseFiles, Prompter};
use crate::lm::chat::ChatTemplate;
use crate::lm::{Error, Loading, Model};
use std::path::Path;

/// A loaded base model. Cloning shares its weights.
#[derive(Clone, Debug)]
pub struct Base {
    name: String,
    model: Model,
    prompter: Prompter,
    chat: Option<ChatTemplate>,
    digest: String,
    ends: Vec<u32>,
    bos: Vec<u32>,
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
        // Two cores read faster than one: the digest takes as long as the weights.
        let (model, digest) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| files.digest());
            let model = files.model(loading);
            (model, digest.join())
        });
        let (bos, ends) = (files.bos.clone(), files.ends.clone());
        let prompter =
            Prompter::new(files.tokenizer.clone(), files.template.clone(), &Marks { bos: &bos, ends: &ends })?;
        let digest = digest.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok(Self { name: files.name.clone(), model: model?, prompter, chat: files.chat.clone(), digest, ends, bos })
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

    /// The chat template, where there is one.
    pub fn chat(&self) -> Option<&ChatTemplate> {
        self.chat.as_ref()
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

    /// What the tokenizer puts before a raw text: the token that begins one, where there is one.
    pub fn bos(&self) -> &[u32] {
        &self.bos
    }

    /// What stands before a bare input.
    pub fn begin(&self) -> &[u32] {
        self.prompter.begin()
    }
}
