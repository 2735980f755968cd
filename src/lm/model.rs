//! The decoder: embedding, layers, norm, output layer.

use super::Error;
use super::attention::Context;
use super::block::Block;
use super::config::Config;
use super::kv_memory::{KvMemory, kept_dtype};
use super::norm::RmsNorm;
use super::ops::{self, Head, Teacher, softcapped};
use super::packed::Packed;
use super::recompute::recomputed;
use super::rope::Rope;
use super::row_adapters::RowAdapters;
use super::step::{Adapters, Step, StepAdapter, StepAttention, StepRow};
use super::weights::{Weight, WeightSource};
use crate::lora::Module;
use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A decoder of any of the families. Cloning shares the weights.
#[derive(Clone, Debug)]
pub struct Model {
    config: Config,
    embedding: Weight,
    blocks: Vec<Block>,
    norm: RmsNorm,
    head: Weight,
    ropes: Vec<Rope>,
    dtype: DType,
    device: Device,
    recompute: Recompute,
    kept: Kept,
}

/// How the weights are kept, found once when they are loaded.
#[derive(Clone, Debug)]
struct Kept {
    kind: String,
    quantised: bool,
    exact: bool,
    bytes: u64,
}

/// What a backward pass finds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Recompute {
    /// All that the layers computed.
    Never,
    /// Each layer's input; the rest is computed once more (gradient checkpointing).
    Layers,
}

impl Model {
    /// Takes the weights from `source`, by their Hugging Face names.
    ///
    /// # Errors
    /// A missing tensor, or one of another shape than `config` says, is named.
    pub fn load(config: &Config, source: &dyn WeightSource) -> Result<Self, Error> {
        let shape = (config.vocab_size, config.hidden_size);
        let embedding = source.matrix("model.embed_tokens.weight", shape)?;
        let mut blocks =
            (0..config.layers()).map(|layer| Block::load(config, layer, source)).collect::<Result<Vec<_>, Error>>()?;
        let last = source.tensor("model.norm.weight", &[config.hidden_size])?;
        let norm = RmsNorm::load(config.hidden_size, config, "model.norm", source)?;
        let head = if config.tied { embedding.clone() } else { source.matrix("lm_head.weight", shape)? };
        let ropes = config.ropes.iter().cloned().map(Rope::new).collect();
        let (dtype, device) = (last.dtype(), last.device().clone());
        let tables = embedding.bytes() + if config.tied { 0 } else { head.bytes() };
        let kept = Kept::of(config, &mut blocks, tables);
        Ok(Self {
            config: config.clone(),
            embedding,
            blocks,
            norm,
            head,
            ropes,
            dtype,
            device,
            recompute: Recompute::Never,
            kept,
        })
    }

    /// The resolved configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same weights with another use of memory in training.
    #[must_use]
    pub fn with_recompute(&self, recompute: Recompute) -> Self {
        Self { recompute, ..self.clone() }
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The precision of the arithmetic, and of the weights that are not quantised.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// The number of weights; a tied output layer counts once.
    pub fn parameters(&self) -> u64 {
        self.config.parameters()
    }

    /// How the layers' matrices are kept, by bytes most of them: `f32`, `bf16`, `q8_0`, `q4k` …
    pub fn weight_kind(&self) -> &str {
        &self.kept.kind
    }

    /// Whether a token gets the same numbers to the last bit as part of a prompt and as part of an answer: not over weights
    /// in a library's blocks.
    pub fn reads_as_it_writes(&self) -> bool {
        self.kept.exact
    }

    /// Whether the layers' matrices are quantised.
    pub fn is_quantised(&self) -> bool {
        self.kept.quantised
    }

    /// Bytes that quantised weights take while a pass has them written out as plain numbers: the output layer and the
    /// largest matrix.
    pub fn written_out_bytes(&self) -> u64 {
        if self.head.as_dense().is_some() {
            return 0;
        }
        let (vocabulary, hidden) = (self.config.vocab_size as u64, self.config.hidden_size as u64);
        4 * hidden * (vocabulary + 2 * self.config.intermediate_size as u64)
    }

    /// Bytes of the keys and values of one token of a text.
    pub fn cache_bytes_per_token(&self) -> u64 {
        super::MemoryNeed::cache_per_token(&self.config, self.dtype)
    }

    /// Bytes that the matrices take; a tied output layer counts once.
    pub fn weight_bytes(&self) -> u64 {
        self.kept.bytes
    }

    /// The model with an adapter merged into its weights, `scale` times; the pristine weights stay
    /// as they are, and whatever the adapter does not touch is shared with them.
    ///
    /// # Errors
    /// [`Error::QuantisedMerge`] where the weights are quantised; those of the tensor library.
    pub fn merged(&self, adapter: &StepAdapter, scale: f64) -> Result<Self, Error> {
        let mut merged = self.clone();
        for (layer, module, update) in adapter.updates() {
            let b = update.b_t.t()?.to_dtype(DType::F32)?;
            let linear = merged.linear_mut(layer, module)?;
            linear.merge(&update.a.to_dtype(DType::F32)?, &b, f64::from(update.factor) * scale)?;
        }
        Ok(merged)
    }

    /// Bytes of the weights that merging an adapter makes anew.
    pub fn merged_bytes(&self, adapter: &StepAdapter) -> u64 {
        let width = self.dtype.size_in_bytes() as u64;
        adapter.updates().map(|(_, _, update)| update.weights() * width).sum()
    }

    /// Names how a text that may come to have `horizon` tokens is turned: keys of texts with other names are not
    /// interchangeable. Most embeddings turn all texts alike.
    pub fn turning(&self, horizon: usize) -> String {
        self.ropes.iter().map(|rope| rope.name(horizon)).collect()
    }

    /// A copy of the weight of one linear layer, `[out, in]`.
    ///
    /// # Errors
    /// [`Error::NoModule`] where this family has no such layer.
    pub fn weight(&mut self, layer: usize, module: Module) -> Result<Tensor, Error> {
        Ok(self.linear_mut(layer, module)?.weight().to_dense()?)
    }

    fn linear_mut(&mut self, layer: usize, module: Module) -> Result<&mut super::linear::Linear, Error> {
        let block = self.blocks.get_mut(layer);
        block.and_then(|block| block.linear_mut(module)).ok_or(Error::NoModule { layer, module })
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
        let maps: Vec<_> = self.ropes.iter().map(|rope| packed.attention_map(rope)).collect();
        let mut x = self.embed(&packed.token_ids(), packed.rows())?; // [B, T, D]
        let mut taps = Vec::new();
        for (layer, block) in self.blocks.iter().enumerate() {
            x = match self.recompute {
                Recompute::Never => block.forward(&x, Context::Packed(&maps[block.rope]), Adapters::Rows(adapters))?,
                Recompute::Layers => recomputed(block, (layer, &x), &maps[block.rope], adapters)?,
            };
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
        self.logits(&self.packed_scored(packed, adapters)?)
    }

    /// The normed hidden states that a batch's scored tokens are predicted from, `[N, D]`, in their order.
    ///
    /// # Errors
    /// As [`Self::packed_hidden`].
    pub fn packed_scored(&self, packed: &Packed, adapters: &RowAdapters) -> Result<Tensor, Error> {
        let hidden = self.packed_hidden(packed, adapters)?;
        let sources = Tensor::from_vec(packed.sources(), packed.scored().len(), self.device())?;
        Ok(hidden.index_select(&sources, 0)?)
    }

    /// The weighted sum of the cross-entropies of a batch's scored tokens, a scalar; `weights` has one factor for
    /// each. A frozen output layer costs no memory for its logits.
    ///
    /// # Errors
    /// As [`Self::packed_hidden`].
    pub fn packed_loss(&self, packed: &Packed, adapters: &RowAdapters, weights: &[f32]) -> Result<Tensor, Error> {
        self.taught_loss(packed, adapters, weights, None)
    }

    /// As [`Self::packed_loss`], with a teacher that was given the same scored tokens; a frozen output layer only.
    ///
    /// # Errors
    /// As [`Self::packed_hidden`].
    pub fn taught_loss(
        &self,
        packed: &Packed,
        adapters: &RowAdapters,
        weights: &[f32],
        teacher: Option<Teacher<'_>>,
    ) -> Result<Tensor, Error> {
        let hidden = self.packed_scored(packed, adapters)?;
        let targets = packed.targets();
        if self.head.as_dense().is_some_and(Tensor::is_variable) {
            return Ok(ops::cross_entropy(&self.logits(&hidden)?, &targets, weights)?);
        }
        let softcap = self.config.final_softcap.map(|cap| cap as f32);
        Ok(ops::head_cross_entropy(&hidden, Head { weight: &self.head, softcap, targets: &targets, weights, teacher })?)
    }

    /// The logits of hidden states, `[.., D]` to `[.., V]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn logits(&self, hidden: &Tensor) -> Result<Tensor, Error> {
        Ok(softcapped(self.head.product(hidden)?, self.config.final_softcap.map(|cap| cap as f32))?)
    }

    /// Runs one step: each row's new tokens behind what `memory` holds of it. Gives the normed hidden states of the
    /// last tokens of the rows that want them, `[W, D]`. A row's result does not depend on the other rows: on a CPU to the
    /// last bit (over weights in a library's blocks as exactly as its products are; see ARCHITECTURE.md).
    ///
    /// # Errors
    /// [`Error::TooLong`] where a row passes the model's context, [`Error::KvMemory`] where it passes its blocks.
    pub fn step(&self, rows: &[StepRow<'_>], memory: &mut KvMemory) -> Result<Tensor, Error> {
        let longest = rows.iter().map(|row| row.start + row.tokens.len()).max().unwrap_or(0);
        if longest > self.config.context {
            return Err(Error::TooLong { tokens: longest, context: self.config.context });
        }
        let step = Step::new(rows, &self.ropes, memory, &self.device)?;
        let tokens: Vec<u32> = rows.iter().flat_map(|row| row.tokens).copied().collect();
        let dtype = kept_dtype(self.dtype, &self.device);
        let mut x = self.embed(&tokens, 1)?.to_dtype(dtype)?; // [1, N, D]
        let adapters = Adapters::Step { runs: &step.runs, written_out: step.written_out };
        for (block, memory) in self.blocks.iter().zip(memory.layers()) {
            let attention = StepAttention { step: &step, memory, rope: block.rope };
            x = block.forward(&x, Context::Cached(attention), adapters)?;
        }
        Ok(self.norm.forward(&step.wanted(&x)?)?)
    }

    /// The logits of a step's hidden states `[W, D]`: `[W, V]`, row by row.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn step_logits(&self, hidden: &Tensor) -> Result<Vec<f32>, Error> {
        let cap = self.config.final_softcap.map(|cap| cap as f32);
        if !hidden.device().is_cpu() {
            let logits = softcapped(self.head.product(hidden)?, cap)?;
            return Ok(logits.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?);
        }
        let mut logits = vec![0.0; hidden.dim(0)? * self.config.vocab_size];
        ops::with_f32(&hidden.contiguous()?, |hidden| self.head.product_into(hidden, 0, &mut logits))?;
        if let Some(cap) = cap {
            logits.iter_mut().for_each(|logit| *logit = cap * (*logit / cap).tanh());
        }
        Ok(logits)
    }

    fn embed(&self, tokens: &[u32], rows: usize) -> Result<Tensor, Error> {
        let ids = Tensor::from_slice(tokens, tokens.len(), self.device())?;
        let x = self.embedding.rows(&ids)?.to_dtype(self.dtype)?.reshape((rows, (), self.config.hidden_size))?;
        match self.config.family.scales_embedding() {
            true => Ok((x * (self.config.hidden_size as f64).sqrt())?),
            false => Ok(x),
        }
    }
}

impl Kept {
    /// What the layers' matrices are, and the bytes of everything; `tables` are those of embedding and output layer.
    fn of(config: &Config, blocks: &mut [Block], tables: u64) -> Self {
        let (mut kinds, mut quantised, mut exact) = (BTreeMap::new(), false, true);
        for block in blocks {
            for module in config.shape().modules() {
                if let Some(linear) = block.linear_mut(*module) {
                    quantised |= linear.weight().as_dense().is_none();
                    exact &= linear.weight().is_exact();
                    *kinds.entry(linear.weight().kind()).or_insert(0) += linear.weight().bytes();
                }
            }
        }
        let bytes = kinds.values().sum::<u64>() + tables + 4 * config.vector_parameters();
        let kind = kinds.into_iter().max_by_key(|(_, bytes)| *bytes).map_or_else(String::new, |(kind, _)| kind);
        Self { kind, quantised, exact, bytes }
    }
}
