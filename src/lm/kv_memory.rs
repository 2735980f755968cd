//! The memory of keys and values: blocks of tokens that any row may hold, in any order.

use super::Error;
use super::config::Config;
use candle_core::{DType, Device, Tensor};

/// Keys (turned by RoPE) and values of every layer, in blocks of [`KvMemory::BLOCK_TOKENS`] tokens. Which text holds
/// which block is the business of its owner. On a CPU a page is taken when a token is first written to it.
#[derive(Debug)]
pub struct KvMemory {
    layers: Vec<LayerMemory>,
    blocks: usize,
}

/// One layer's keys and values, `[blocks · Hkv · BLOCK_TOKENS, E]` each: a head's stand together in a block.
#[derive(Clone, Debug)]
pub(super) struct LayerMemory {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl KvMemory {
    /// Tokens of a block.
    pub const BLOCK_TOKENS: usize = 16;

    /// Memory for `blocks` blocks.
    ///
    /// # Errors
    /// Those of the tensor library, such as a device without as much memory.
    pub fn new(config: &Config, blocks: usize, dtype: DType, device: &Device) -> Result<Self, Error> {
        let rows = blocks * config.kv_heads * Self::BLOCK_TOKENS;
        // One piece for all: as large as it is, the allocator takes it fresh from the system, where untouched pages cost
        // nothing. Pieces for each layer came out of what loading the weights had left, and were cleared.
        let shape = (2 * config.layers() * rows, config.head_dim);
        let all = Tensor::zeros(shape, kept_dtype(dtype, device), device)?;
        let layer = |layer: usize| -> Result<LayerMemory, Error> {
            let part = |which: usize| all.narrow(0, (2 * layer + which) * rows, rows);
            Ok(LayerMemory { keys: part(0)?, values: part(1)? })
        };
        Ok(Self { layers: (0..config.layers()).map(layer).collect::<Result<_, _>>()?, blocks })
    }

    /// Memory for one text of `tokens` tokens, and the blocks that it holds.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn for_text(config: &Config, tokens: usize, dtype: DType, device: &Device) -> Result<(Self, Vec<u32>), Error> {
        let blocks = tokens.div_ceil(Self::BLOCK_TOKENS);
        Ok((Self::new(config, blocks, dtype, device)?, (0..blocks as u32).collect()))
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.blocks
    }

    /// Bytes of one block in all layers.
    pub fn block_bytes(config: &Config, dtype: DType, device: &Device) -> u64 {
        let number = kept_dtype(dtype, device).size_in_bytes() as u64;
        config.kv_numbers_per_token() * number * Self::BLOCK_TOKENS as u64
    }

    pub(super) fn layers(&self) -> &[LayerMemory] {
        &self.layers
    }
}

/// A CPU computes a step in f32 whatever the weights are kept in.
pub(super) fn kept_dtype(dtype: DType, device: &Device) -> DType {
    if device.is_cpu() { DType::F32 } else { dtype }
}
