//! The cached path: one step of a batch of texts, each going on behind what the memory holds of it.
//!
//! The new tokens of all rows stand one behind the other, `[1, N, D]`, whether a row brings a part of its prompt or
//! one token: nothing is padded. What a row gets does not depend on its company: on a CPU to the last bit.

mod adapter;
mod attend;
mod linear;
mod text;

pub use adapter::StepAdapter;
pub(super) use adapter::{Adapters, Run, Slot};
pub(super) use attend::{StepAttention, Turn};
pub(super) use linear::step_linear;
pub use text::CachedText;

use super::Error;
use super::kv_memory::KvMemory;
use super::rope::{Rope, RopeTable};
use candle_core::{Device, Result as TensorResult, Tensor};
use std::ops::Range;

/// What one row brings to a step.
#[derive(Clone, Copy, Debug)]
pub struct StepRow<'a> {
    /// Its next tokens.
    pub tokens: &'a [u32],
    /// How many tokens of it the memory holds: the position of the first new one.
    pub start: usize,
    /// How many tokens it may come to have: scalings of RoPE that choose their frequencies by a text's length
    /// choose by it, so that they stay the same while it grows.
    pub horizon: usize,
    /// The blocks that it holds, enough for its new tokens.
    pub blocks: &'a [u32],
    /// Its adapter, and the factor of the adapter's update. Rows of one adapter that follow each other share a product.
    pub adapter: Option<(&'a StepAdapter, f32)>,
    /// How products with weights in blocks are made.
    pub products: Products,
    /// Whether the hidden state of its last token is wanted.
    pub wanted: bool,
}

/// How a text's tokens meet weights that are kept in a library's blocks (not in our own packed 8 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Products {
    /// In the blocks, token by token.
    Blocks,
    /// With the weights written out as plain numbers: faster for many tokens. Such rows come first in a step.
    WrittenOut,
}

impl Products {
    /// The choice for the tokens of a prompt, by its length alone: never by a row's company.
    pub fn of_prompt(tokens: usize) -> Self {
        if tokens >= 8 { Self::WrittenOut } else { Self::Blocks }
    }
}

/// The geometry of one step.
#[derive(Debug)]
pub(super) struct Step<'a> {
    /// Adapters by the tokens that they change.
    pub(super) runs: Vec<Run<'a>>,
    /// So many of the first tokens are multiplied with weights written out.
    pub(super) written_out: usize,
    /// Each row's part of the N tokens, and where it stands.
    pub(super) rows: Vec<RowPlace>,
    /// For each of the model's rotary embeddings, how each token is turned.
    pub(super) turns: Vec<Turn>,
    /// Where each token's keys and values go.
    pub(super) slots: Vec<u32>,
    wanted: Vec<u32>,
}

/// Where a row's new tokens stand.
#[derive(Clone, Debug)]
pub(super) struct RowPlace {
    /// Among the N tokens.
    pub(super) tokens: Range<usize>,
    /// In their text.
    pub(super) start: usize,
    /// In the memory.
    pub(super) blocks: Vec<u32>,
}

impl<'a> Step<'a> {
    pub(super) fn new(rows: &[StepRow<'a>], ropes: &[Rope], memory: &KvMemory, device: &Device) -> Result<Self, Error> {
        let mut places = Vec::with_capacity(rows.len());
        let (mut slots, mut wanted, mut runs) = (Vec::new(), Vec::new(), Vec::<Run<'a>>::new());
        let (mut at, mut written_out) = (0, 0);
        for row in rows {
            let tokens = at..at + row.tokens.len();
            slots.extend(row.slots(memory)?);
            if let Some((adapter, scale)) = row.adapter {
                match runs.last_mut() {
                    Some(last) if last.joins(adapter, scale, tokens.start) => last.tokens.end = tokens.end,
                    _ => runs.push(Run { tokens: tokens.clone(), adapter, scale }),
                }
            }
            if row.products == Products::WrittenOut {
                written_out = tokens.end;
            }
            if row.wanted && !tokens.is_empty() {
                wanted.push(tokens.end as u32 - 1);
            }
            at = tokens.end;
            places.push(RowPlace { tokens, start: row.start, blocks: row.blocks.to_vec() });
        }
        let turns = ropes.iter().map(|rope| turn(rows, rope, device)).collect::<TensorResult<_>>()?;
        Ok(Self { runs, written_out, rows: places, turns, slots, wanted })
    }

    /// N
    pub(super) fn tokens(&self) -> usize {
        self.slots.len()
    }

    /// The rows of `x` `[1, N, D]` that are wanted, `[W, D]`.
    pub(super) fn wanted(&self, x: &Tensor) -> TensorResult<Tensor> {
        let wanted = Tensor::from_slice(&self.wanted, self.wanted.len(), x.device())?;
        x.squeeze(0)?.index_select(&wanted, 0)
    }
}

impl StepRow<'_> {
    /// Where its new tokens go.
    fn slots(&self, memory: &KvMemory) -> Result<impl Iterator<Item = u32>, Error> {
        let end = self.start + self.tokens.len();
        let size = KvMemory::BLOCK_TOKENS;
        if end > self.blocks.len() * size || self.blocks.iter().any(|block| *block as usize >= memory.blocks()) {
            return Err(Error::KvMemory { tokens: end, held: self.blocks.len() * size });
        }
        Ok((self.start..end).map(move |position| self.blocks[position / size] * size as u32 + (position % size) as u32))
    }
}

/// cos and sin of the positions that the new tokens take.
fn turn(rows: &[StepRow<'_>], rope: &Rope, device: &Device) -> TensorResult<Turn> {
    let (mut cos, mut sin, mut half) = (Vec::new(), Vec::new(), 0);
    for row in rows {
        let end = row.start + row.tokens.len();
        let RopeTable { cos: all_cos, sin: all_sin, half: width } = rope.table(end.max(row.horizon));
        half = width;
        cos.extend_from_slice(&all_cos[row.start * width..end * width]);
        sin.extend_from_slice(&all_sin[row.start * width..end * width]);
    }
    Turn::new(cos, sin, half, device)
}
