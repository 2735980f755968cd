//! One text that is read through the cached path alone, for scripts and tests.

use super::{Products, StepAdapter, StepRow};
use crate::lm::{Error, KvMemory, Model};

/// A text and its own memory of keys and values.
#[derive(Debug)]
pub struct CachedText<'a> {
    model: &'a Model,
    adapter: Option<(&'a StepAdapter, f32)>,
    memory: KvMemory,
    blocks: Vec<u32>,
    horizon: usize,
    read: usize,
}

impl<'a> CachedText<'a> {
    /// An empty text that may come to have `horizon` tokens.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn new(model: &'a Model, horizon: usize, adapter: Option<(&'a StepAdapter, f32)>) -> Result<Self, Error> {
        let (memory, blocks) = KvMemory::for_text(model.config(), horizon, model.dtype(), model.device())?;
        Ok(Self { model, adapter, memory, blocks, horizon, read: 0 })
    }

    /// Lets scalings of RoPE choose their frequencies by the text's length as it grows, as transformers does.
    #[must_use]
    pub fn without_horizon(self) -> Self {
        Self { horizon: 0, ..self }
    }

    /// Reads more tokens; gives the logits of what comes after them, `[V]`.
    ///
    /// # Errors
    /// Those of [`Model::step`].
    pub fn read(&mut self, tokens: &[u32], products: Products) -> Result<Vec<f32>, Error> {
        let row = StepRow {
            tokens,
            start: self.read,
            horizon: self.horizon,
            blocks: &self.blocks,
            adapter: self.adapter,
            products,
            wanted: true,
        };
        let hidden = self.model.step(&[row], &mut self.memory)?;
        self.read += tokens.len();
        self.model.step_logits(&hidden)
    }
}
