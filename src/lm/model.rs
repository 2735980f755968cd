//! The decoder: embedding, layers, norm, output layer.

use super::Error;
use super::attention::Context;
use super::block::Block;
use super::config::Config;
use super::kv_cache::KvCache;
use super::norm::RmsNorm;
use super::ops;
use super::packed::Packed;
use super::rope::RopeTable;
use super::row_adapters::RowAdapters;
use crate::lora::{Adapter, Module};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

/// A Llama decoder. Cloning shares the weights.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    embedding: Tensor,
    blocks: Vec<Block>,
    norm: RmsNorm,
    head: Tensor,
    rope: RopeTable,
}

impl Model {
    /// Takes the weights from `vb`, by their Hugging Face names.
    ///
    /// # Errors
    /// A missing tensor, or one of another shape than `config` says, is named.
    pub fn load(config: &Config, vb: &VarBuilder<'_>) -> Result<Self, Error> {
        let shape = (config.vocab_size, config.hidden_size);
        let root = vb.pp("model");
        let embedding = root.pp("embed_tokens").get(shape, "weight")?;
        let blocks = (0..config.layers)
            .map(|layer| Block::load(config, layer, &root.pp("layers").pp(layer)))
            .collect::<Result<_, _>>()?;
        let norm = RmsNorm::load(config.hidden_size, config.rms_norm_eps, &root.pp("norm"))?;
        let head = if config.tied { embedding.clone() } else { vb.pp("lm_head").get(shape, "weight")? };
        Ok(Self { config: config.clone(), embedding, blocks, norm, head, rope: RopeTable::new(config) })
    }

    /// The resolved configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.embedding.device()
    }

    /// The precision of the weights.
    pub fn dtype(&self) -> DType {
        self.embedding.dtype()
    }

    /// The number of weights; a tied output layer counts once.
    pub fn parameters(&self) -> u64 {
        let shape = self.config.shape();
        let linear = |module: Module| {
            let (input, output) = shape.widths(module);
            input * output
        };
        let layer: usize = Module::ALL.into_iter().map(linear).sum::<usize>() + 2 * self.config.hidden_size;
        let tables = if self.config.tied { 1 } else { 2 } * self.config.vocab_size * self.config.hidden_size;
        (layer * self.config.layers + tables + self.config.hidden_size) as u64
    }

    /// The model with an adapter merged into its weights, `scale` times; the pristine weights stay
    /// as they are, and whatever the adapter does not touch is shared with them.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn merged(&self, adapter: &Adapter, scale: f64) -> Result<Self, Error> {
        let mut merged = self.clone();
        for (index, slot) in adapter.layout().slots().iter().enumerate() {
            let linear = merged.blocks[slot.layer].linear_mut(slot.module);
            linear.merge(adapter.a(index), adapter.b(index), adapter.scale(index) * scale)?;
        }
        Ok(merged)
    }

    /// The weight of one linear layer, `[out, in]`.
    pub fn weight(&mut self, layer: usize, module: Module) -> Tensor {
        self.blocks[layer].linear_mut(module).weight().clone()
    }

    /// The last layer's normed hidden states of packed rows, `[B·T, D]`.
    ///
    /// # Errors
    /// [`Error::TooLong`] where a text passes the context.
    pub fn packed_hidden(&self, packed: &Packed, adapters: &RowAdapters) -> Result<Tensor, Error> {
        let mut taps = self.packed_taps(packed, adapters, &[])?;
        taps.pop().ok_or(Error::Config { field: "num_hidden_layers", problem: "is 0" })
    }

    /// The hidden states `[B·T, D]` after these many layers, in rising order, and at last the normed
    /// ones after all of them.
    ///
    /// # Errors
    /// [`Error::TooLong`] where a text passes the context.
    pub fn packed_taps(&self, packed: &Packed, adapters: &RowAdapters, after: &[usize]) -> Result<Vec<Tensor>, Error> {
        if packed.longest() > self.config.context {
            return Err(Error::TooLong { tokens: packed.longest(), context: self.config.context });
        }
        let map = packed.attention_map(&self.rope);
        let mut x = self.embed(&packed.token_ids(), packed.rows())?; // [B, T, D]
        let mut taps = Vec::new();
        for (layer, block) in self.blocks.iter().enumerate() {
            x = block.forward(&x, Context::Packed(&map), adapters)?;
            if after.contains(&(layer + 1)) {
                taps.push(x.reshape(((), self.config.hidden_size))?);
            }
        }
        taps.push(self.norm.forward(&x)?.reshape(((), self.config.hidden_size))?);
        Ok(taps)
    }

    /// The logits of a batch's scored tokens, `[N, V]`, in their order.
    ///
    /// # Errors
    /// As [`Self::packed_hidden`].
    pub fn packed_logits(&self, packed: &Packed, adapters: &RowAdapters) -> Result<Tensor, Error> {
        let hidden = self.packed_hidden(packed, adapters)?;
        let sources = Tensor::from_vec(packed.sources(), packed.scored().len(), self.device())?;
        self.logits(&hidden.index_select(&sources, 0)?)
    }

    /// The logits of hidden states, `[.., D]` to `[.., V]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        Ok(ops::linear(hidden, &self.head)?)
    }

    /// Runs `tokens` `[B][T]`, each row behind what `cache` holds of it, and gives the normed hidden
    /// state of each row's last token, `[B, D]`. A row may be shorter than the others: only its own
    /// tokens enter its cache.
    ///
    /// # Errors
    /// [`Error::TooLong`] where a row passes the cache's or the model's context.
    pub fn step(&self, tokens: &[Vec<u32>], cache: &mut KvCache, adapters: &RowAdapters) -> Result<Tensor, Error> {
        let step = cache.begin(tokens, &self.rope)?;
        let mut x = self.embed(&step.token_ids(tokens), tokens.len())?; // [B, T, D]
        for (block, layer) in self.blocks.iter().zip(cache.layers_mut()) {
            x = block.forward(&x, Context::Cached(&step, layer), adapters)?;
        }
        cache.commit(tokens);
        let flat = x.reshape(((), self.config.hidden_size))?;
        let last = Tensor::from_vec(step.last_indices(tokens), tokens.len(), self.device())?;
        Ok(self.norm.forward(&flat.index_select(&last, 0)?)?)
    }

    fn embed(&self, tokens: &[u32], rows: usize) -> Result<Tensor, Error> {
        let ids = Tensor::from_slice(tokens, tokens.len(), self.device())?;
        Ok(self.embedding.index_select(&ids, 0)?.reshape((rows, (), self.config.hidden_size))?)
    }
}
