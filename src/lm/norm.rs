//! The norm's weight.

use super::config::Config;
use super::weights::WeightSource;
use super::{Error, ops};
use candle_core::{DType, Result, Tensor};

/// A root-mean-square norm over the last dimension. Its weight stays f32.
#[derive(Clone, Debug)]
pub(super) struct RmsNorm {
    weight: Tensor,
    eps: f64,
}

impl RmsNorm {
    /// Takes `{path}.weight`: the factor itself, or in some families the factor less 1.
    pub(super) fn load(
        width: usize,
        config: &Config,
        path: &str,
        source: &dyn WeightSource,
    ) -> std::result::Result<Self, Error> {
        let weight = source.tensor(&format!("{path}.weight"), &[width])?.to_dtype(DType::F32)?;
        let weight = if config.family.norm_adds_one() { (weight + 1.0)? } else { weight };
        Ok(Self { weight, eps: config.rms_norm_eps })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        ops::rms_norm(x, &self.weight, self.eps)
    }
}
