//! What a generator is made of.

use crate::lora::Layout;
use serde::{Deserialize, Serialize};

/// The architectures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arch {
    /// Ours: tokens per slot into a learned basis.
    #[default]
    Slots,
}

/// Sizes of a generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorConfig {
    /// The architecture.
    pub arch: Arch,
    /// The adapter that it writes.
    pub layout: Layout,
    /// `lora_alpha` of the adapters.
    pub alpha: f64,
    /// C
    pub condition: usize,
    /// Z
    pub latent: usize,
    /// Width of the hidden layers.
    pub hidden: usize,
    /// W
    pub width: usize,
    /// Residual layers over the slots' tokens.
    pub blocks: usize,
    /// K
    pub basis: usize,
}

impl GeneratorConfig {
    /// The sizes that the demo uses.
    pub fn new(layout: Layout, alpha: f64, condition: usize) -> Self {
        Self { arch: Arch::Slots, layout, alpha, condition, latent: 16, hidden: 256, width: 192, blocks: 3, basis: 32 }
    }

    /// How many coordinates of a slot's projections the encoder reads.
    pub fn encoder_basis(&self) -> usize {
        self.basis.min(16)
    }
}
