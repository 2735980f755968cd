//! Our decoder: (c, z) to the B of every slot.

use super::nets::Mlp;
use super::{Error, GeneratorConfig, SlotSizes};
use candle_core::{D, DType, Tensor};
use candle_nn::{Init, Linear, Module as _, VarBuilder};

/// Writes one token for each slot and mixes the slot's basis by it.
#[derive(Clone, Debug)]
pub(super) struct SlotDecoder {
    trunk: Mlp,
    to_tokens: Linear,
    slots: Tensor,
    blocks: Vec<TokenBlock>,
    /// For each slot: which of `mixers` it uses, its basis `[K, out·r]` with the normaliser's rms in
    /// it, its mean `[out·r]`, out and r.
    outputs: Vec<Output>,
    mixers: Vec<Linear>,
}

#[derive(Clone, Debug)]
struct Output {
    mixer: usize,
    basis: Tensor,
    mean: Tensor,
    out: usize,
    rank: usize,
}

/// h + second(silu(first(norm(h)) + from_trunk(u)))
#[derive(Clone, Debug)]
struct TokenBlock {
    first: Linear,
    from_trunk: Linear,
    second: Linear,
}

impl SlotDecoder {
    pub(super) fn new(config: &GeneratorConfig, sizes: SlotSizes, vb: &VarBuilder<'_>) -> Result<Self, Error> {
        let (condition, latent) = (config.read(), config.latent);
        let SlotSizes { hidden, width, basis, blocks, .. } = sizes;
        let slots = config.layout.slots();
        let modules = config.layout.modules();
        let normal = |deviation| Init::Randn { mean: 0.0, stdev: deviation };
        let outputs = slots.iter().enumerate().map(|(index, slot)| -> candle_core::Result<Output> {
            let (vb, length) = (vb.pp("slot").pp(index), slot.b_len());
            Ok(Output {
                mixer: modules.iter().position(|m| *m == slot.module).unwrap_or(0),
                basis: vb.get_with_hints((basis, length), "basis", Init::Const(0.0))?,
                mean: vb.get_with_hints(length, "mean", Init::Const(0.0))?,
                out: slot.output,
                rank: slot.rank,
            })
        });
        let mixer = |i: usize| candle_nn::linear(width, basis, vb.pp("mixer").pp(i));
        Ok(Self {
            trunk: Mlp::new(condition + latent, hidden, hidden, &vb.pp("trunk"))?,
            to_tokens: candle_nn::linear(hidden, width, vb.pp("to_tokens"))?,
            slots: vb.get_with_hints((slots.len(), width), "slots", normal(0.5))?,
            blocks: (0..blocks).map(|i| TokenBlock::new(sizes, &vb.pp("block").pp(i))).collect::<Result<_, _>>()?,
            outputs: outputs.collect::<candle_core::Result<_>>()?,
            mixers: (0..modules.len()).map(mixer).collect::<candle_core::Result<_>>()?,
        })
    }

    /// The basis coefficients of each slot, `[B, K]`, for c `[B, C]` and z `[B, Z]`.
    fn coefficients(&self, condition: &Tensor, latent: &Tensor) -> Result<Vec<Tensor>, Error> {
        let trunk = self.trunk.forward(&Tensor::cat(&[condition, latent], 1)?)?.silu()?; // [B, hidden]
        let rows = trunk.dim(0)?;
        let mut tokens = self.to_tokens.forward(&trunk)?.unsqueeze(1)?.broadcast_add(&self.slots)?; // [B, S, W]
        for block in &self.blocks {
            tokens = block.forward(&tokens, &trunk)?;
        }
        let slot = |(index, output): (usize, &Output)| -> candle_core::Result<Tensor> {
            let token = tokens.narrow(1, index, 1)?.reshape((rows, ()))?; // [B, W]
            self.mixers[output.mixer].forward(&token)
        };
        Ok(self.outputs.iter().enumerate().map(slot).collect::<candle_core::Result<_>>()?)
    }

    /// B of every slot, `[B, out, r]`, for c `[B, C]` and z `[B, Z]`.
    pub(super) fn forward(&self, condition: &Tensor, latent: &Tensor) -> Result<Vec<Tensor>, Error> {
        let coefficients = self.coefficients(condition, latent)?;
        let rows = condition.dim(0)?;
        let slot = |(c, output): (&Tensor, &Output)| -> candle_core::Result<Tensor> {
            c.matmul(&output.basis)?.broadcast_add(&output.mean)?.reshape((rows, output.out, output.rank))
        };
        Ok(coefficients.iter().zip(&self.outputs).map(slot).collect::<candle_core::Result<_>>()?)
    }
}

impl TokenBlock {
    fn new(sizes: SlotSizes, vb: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let (w, wide) = (sizes.width, 2 * sizes.width);
        Ok(Self {
            first: candle_nn::linear(w, wide, vb.pp("first"))?,
            from_trunk: candle_nn::linear(sizes.hidden, wide, vb.pp("from_trunk"))?,
            second: candle_nn::linear(wide, w, vb.pp("second"))?,
        })
    }

    fn forward(&self, tokens: &Tensor, trunk: &Tensor) -> candle_core::Result<Tensor> {
        let scale = (tokens.to_dtype(DType::F32)?.sqr()?.mean_keepdim(D::Minus1)? + 1e-5)?.sqrt()?;
        let inner = self.first.forward(&tokens.broadcast_div(&scale)?)?;
        let inner = inner.broadcast_add(&self.from_trunk.forward(trunk)?.unsqueeze(1)?)?.silu()?;
        tokens + self.second.forward(&inner)?
    }
}
