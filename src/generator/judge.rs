//! The judge: from what the generator reads of a description to the chance that the adapter which it will write does
//! the task. It is trained behind the generator, on what its adapters got right and wrong.
//!
//! Letters: B rows, C width of what is read of a condition.

use super::nets::Mlp;
use super::{Error, GeneratorConfig};
use candle_core::Tensor;
use candle_nn::VarBuilder;

/// Its hidden width: small, since it learns from some thousand descriptions.
const HIDDEN: usize = 48;

/// Two layers.
#[derive(Clone, Debug)]
pub struct Judge(Mlp);

impl Judge {
    /// The judge of a generator of these sizes; its variables are under `judge`.
    ///
    /// # Errors
    /// A missing tensor, or one of another shape, is named.
    pub fn new(config: &GeneratorConfig, vb: &VarBuilder<'_>) -> Result<Self, Error> {
        Ok(Self(Mlp::new(config.read(), HIDDEN, 1, &vb.pp("judge"))?))
    }

    /// The log-odds `[B, 1]` that the adapters of c `[B, C]` do their tasks.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn forward(&self, read: &Tensor) -> Result<Tensor, Error> {
        Ok(self.0.forward(read)?)
    }
}
