//! The norm's weight.

use super::ops;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

/// A root-mean-square norm over D.
#[derive(Clone, Debug)]
pub(super) struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    pub(super) fn load(width: usize, eps: f64, vb: &VarBuilder<'_>) -> Result<Self> {
        Ok(Self { weight: vb.get(width, "weight")?, eps })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::rms_norm(x, &self.weight, self.eps)
    }
}
