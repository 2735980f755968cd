//! The norm's weight.

use super::weights::WeightSource;
use super::{Error, ops};
use candle_core::{DType, Result, Tensor};

/// A root-mean-square norm over the last dimension. Its weight stays f32.
#[derive(Clone, Debug)]
pub(super) struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

/// What a norm's weight says.
#[derive(Clone, Copy, Debug)]
pub(super) enum NormScale {
    /// The factor itself.
    Weight,
    /// The factor less 1 (Gemma).
    OnePlusWeight,
}

impl RmsNorm {
    /// Takes `{path}.weight`.
    pub(super) fn load(
        width: usize,
        (eps, scale): (f64, NormScale),
        path: &str,
        source: &dyn WeightSource,
    ) -> std::result::Result<Self, Error> {
        let weight = source.tensor(&format!("{path}.weight"), &[width])?.to_dtype(DType::F32)?;
        let weight = match scale {
            NormScale::Weight => weight,
            NormScale::OnePlusWeight => (weight + 1.0)?,
        };
        Ok(Self { weight, eps })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::rms_norm(x, &self.weight, self.eps)
    }
}
