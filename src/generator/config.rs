//! What a generator is made of.

use super::pooling::Pooling;
use crate::lora::Layout;
use serde::{Deserialize, Serialize};

/// The architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arch {
    /// Ours: tokens per slot into a learned basis, with a learned prior.
    Cvae(SlotSizes),
    /// The paper's: convolutions over the flat adapter, with the standard normal prior.
    IcmConv,
}

impl Arch {
    /// Its word, as a job asks for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cvae(_) => "cvae",
            Self::IcmConv => "icm-conv",
        }
    }

    /// Whether it reads a text's tokens one by one.
    pub fn reads_tokens(&self) -> bool {
        matches!(self, Self::Cvae(_))
    }
}

/// Sizes of our architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotSizes {
    /// Width of the hidden layers.
    pub hidden: usize,
    /// W
    pub width: usize,
    /// Residual layers over the slots' tokens.
    pub blocks: usize,
    /// K
    pub basis: usize,
    /// Heads that read the description's tokens; 0 reads none.
    #[serde(default)]
    pub heads: usize,
}

impl Default for SlotSizes {
    fn default() -> Self {
        Self { hidden: 256, width: 192, blocks: 3, basis: 32, heads: 16 }
    }
}

impl SlotSizes {
    /// How many coordinates of a slot's projections the encoder reads.
    pub fn encoder_basis(&self) -> usize {
        self.basis.min(16)
    }
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
    /// C, the numbers of a whole text.
    pub condition: usize,
    /// W, the numbers of each token of it; 0 where tokens are not read.
    #[serde(default)]
    pub tokens: usize,
    /// Z
    pub latent: usize,
}

impl GeneratorConfig {
    /// Our architecture of these sizes, for conditions of C numbers and W a token.
    pub fn cvae(layout: Layout, alpha: f64, (condition, tokens): (usize, usize), sizes: SlotSizes) -> Self {
        let tokens = if sizes.heads == 0 { 0 } else { tokens };
        Self { arch: Arch::Cvae(sizes), layout, alpha, condition, tokens, latent: 16 }
    }

    /// The paper's sizes.
    pub fn icm_conv(layout: Layout, alpha: f64, condition: usize) -> Self {
        Self { arch: Arch::IcmConv, layout, alpha, condition, tokens: 0, latent: 256 }
    }

    /// Numbers that the networks read of a condition: those of the whole text, and what is pooled of its tokens.
    pub(super) fn read(&self) -> usize {
        match self.arch {
            Arch::Cvae(sizes) if self.tokens > 0 => self.condition + Pooling::width(sizes.heads),
            _ => self.condition,
        }
    }
}
