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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{GeneratorConfig, SlotSizes};
    use crate::lora::Layout;
    use crate::noise::Noise;
    use candle_core::{DType, Device, Var};
    use candle_nn::VarMap;

    #[test]
    fn a_text_is_pooled_the_same_alone_and_beside_longer_ones() {
        let (vector, token, heads) = (3, 4, 2);
        let sizes = SlotSizes { heads, ..SlotSizes::default() };
        let config = GeneratorConfig::cvae(Layout::new(Vec::new()), 1.0, (vector, token), sizes);
        let (vars, mut noise) = (VarMap::new(), Noise::seeded(5));
        let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let pooling = Pooling::new(heads, (vector, token), &vb).expect("layers");
        for var in vars.all_vars() {
            let var: &Var = &var;
            let values = Tensor::from_vec(noise.normals(var.elem_count()), var.shape(), &Device::Cpu).expect("tensor");
            var.set(&values).expect("set");
        }
        let rows: Vec<Vec<f32>> = [2, 5, 1].iter().map(|tokens| noise.normals(vector + tokens * token)).collect();
        let pooled = |rows: &[&[f32]]| -> Vec<Vec<f32>> {
            let conditions = Conditions::new(rows, &config, &Device::Cpu).expect("conditions");
            pooling.forward(&conditions).expect("pooled").to_vec2().expect("rows")
        };
        let together = pooled(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (row, batched) in rows.iter().zip(&together) {
            let alone = pooled(&[row]).remove(0);
            let most = alone.iter().zip(batched).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(most < 1e-5, "{most}");
        }
        assert_ne!(together[0], together[1]);
    }
}
