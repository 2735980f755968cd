//! A learned pooling over a text's tokens: heads of attention, each of which asks by the whole text's numbers and reads
//! the tokens' states. A mean forgets which of two steps a word belongs to, and single letters; this need not.
//!
//! Letters: B rows, C width of the whole text's numbers, T tokens, W width of a token's, H heads, K width of a head.

use super::{Conditions, Error};
use candle_core::{D, Tensor};
use candle_nn::{Init, Linear, Module as _, VarBuilder};

/// K
const HEAD: usize = 32;

/// Attention of `heads` questions over the tokens.
#[derive(Clone, Debug)]
pub(super) struct Pooling {
    heads: usize,
    ask: Linear,
    /// `[H, K, W]`
    keys: Tensor,
    /// `[H, W, K]`
    values: Tensor,
}

impl Pooling {
    /// Numbers that it gives, H·K.
    pub(super) fn width(heads: usize) -> usize {
        heads * HEAD
    }

    pub(super) fn new(heads: usize, (vector, token): (usize, usize), vb: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let zeros = Init::Const(0.0);
        Ok(Self {
            heads,
            ask: candle_nn::linear(vector, heads * HEAD, vb.pp("ask"))?,
            keys: vb.get_with_hints((heads, HEAD, token), "keys.weight", zeros)?,
            values: vb.get_with_hints((heads, token, HEAD), "values.weight", zeros)?,
        })
    }

    /// `[B, H·K]`
    pub(super) fn forward(&self, conditions: &Conditions) -> Result<Tensor, Error> {
        let rows = conditions.vectors.dim(0)?;
        let Some((tokens, sight)) = &conditions.tokens else {
            let zeros = (rows, self.heads * HEAD);
            return Ok(Tensor::zeros(zeros, conditions.vectors.dtype(), conditions.vectors.device())?);
        };
        let asked = self.ask.forward(&conditions.vectors)?.reshape((rows, self.heads, HEAD))?.transpose(0, 1)?;
        let asked = asked.contiguous()?.matmul(&self.keys)?.transpose(0, 1)?.contiguous()?; // [B, H, W]
        let scores = (asked.matmul(&tokens.transpose(1, 2)?.contiguous()?)? / (HEAD as f64).sqrt())?; // [B, H, T]
        // The fused softmax has no backward.
        let shares = candle_nn::ops::softmax(&scores.broadcast_add(sight)?, D::Minus1)?;
        let read = shares.matmul(tokens)?.transpose(0, 1)?.contiguous()?.matmul(&self.values)?; // [H, B, K]
        Ok(read.transpose(0, 1)?.reshape((rows, self.heads * HEAD))?)
    }
}
