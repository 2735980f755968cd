//! A LoRA-aware linear layer: y = x · Wᵀ + b + (x · Aᵀ) · Bᵀ, with its own A and B (or none) for each row.

use super::row_adapters::SlotRows;
use super::step::{Slot, step_linear};
use super::weights::{Weight, WeightSource};
use super::{Error, ops};
use crate::lora::merged_weight;
use candle_core::{Result, Tensor};

/// W `[out, in]` and an optional bias `[out]`.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    weight: Weight,
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
    /// Takes `{path}.weight`, and `{path}.bias` where there is one.
    pub(super) fn load(
        (input, output): (usize, usize),
        bias: Bias,
        path: &str,
        source: &dyn WeightSource,
    ) -> std::result::Result<Self, Error> {
        let weight = source.matrix(&format!("{path}.weight"), (output, input))?;
        let bias = match bias {
            Bias::Present => Some(source.tensor(&format!("{path}.bias"), &[output])?),
            Bias::Absent => None,
        };
        Ok(Self { weight, bias })
    }

    /// x `[B, T, in]` to `[B, T, out]`.
    pub(super) fn forward(&self, x: &Tensor, adapters: Slot<'_>) -> Result<Tensor> {
        let rows = match adapters {
            Slot::Rows(rows) => rows,
            Slot::Step { runs, written_out, slot } => {
                return step_linear(x, (&self.weight, self.bias.as_ref()), (runs, slot), written_out);
            }
        };
        let y = match (rows, self.weight.as_dense()) {
            (Some(SlotRows { a, b }), Some(weight)) if a.rank() == 2 && !weight.is_variable() => {
                ops::lora_linear(x, weight, a, b)?
            }
            (Some(slot), _) => (self.weight.product(x)? + slot.update(x)?)?,
            (None, _) => self.weight.product(x)?,
        };
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }

    /// Replaces the weight by one with the update in it; others that share the old one keep it.
    pub(super) fn merge(&mut self, a: &Tensor, b: &Tensor, factor: f64) -> std::result::Result<(), Error> {
        let weight = self.weight.as_dense().ok_or(Error::QuantisedMerge)?;
        self.weight = Weight::Dense(merged_weight(weight, a, b, factor)?);
        Ok(())
    }

    pub(super) fn weight(&self) -> &Weight {
        &self.weight
    }
}
