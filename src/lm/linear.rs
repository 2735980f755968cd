//! A LoRA-aware linear layer: y = x · Wᵀ + b + (x · Aᵀ) · Bᵀ, with its own A and B (or none) for each row.

use super::ops;
use super::row_adapters::SlotRows;
use crate::lora::merged_weight;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// W `[out, in]` and an optional bias `[out]`.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

/// Whether a layer has a bias.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bias {
    Absent,
    Present,
}

impl Bias {
    pub(super) fn from_config(present: bool) -> Self {
        if present { Self::Present } else { Self::Absent }
    }
}

impl Linear {
    pub(super) fn load(input: usize, output: usize, bias: Bias, vb: &VarBuilder<'_>) -> Result<Self> {
        let weight = vb.get((output, input), "weight")?;
        let bias = match bias {
            Bias::Present => Some(vb.get(output, "bias")?),
            Bias::Absent => None,
        };
        Ok(Self { weight, bias })
    }

    /// x `[B, T, in]` to `[B, T, out]`.
    pub(super) fn forward(&self, x: &Tensor, adapters: Option<&SlotRows>) -> Result<Tensor> {
        let y = match adapters {
            Some(SlotRows { a, b }) if a.rank() == 2 && !self.weight.is_variable() => {
                ops::lora_linear(x, &self.weight, a, b)?
            }
            Some(slot) => (ops::linear(x, &self.weight)? + slot.update(x)?)?,
            None => ops::linear(x, &self.weight)?,
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }

    /// Replaces the weight by one with the update in it; others that share the old one keep it.
    pub(super) fn merge(&mut self, a: &Tensor, b: &Tensor, factor: f64) -> Result<()> {
        self.weight = merged_weight(&self.weight, a, b, factor)?;
        Ok(())
    }

    pub(super) fn weight(&self) -> &Tensor {
        &self.weight
    }
}
