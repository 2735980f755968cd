//! The CVAE's variables: prior, encoder and decoder.

use super::{Decoder, Error, Gaussian, GeneratorConfig};
use candle_core::Tensor;
use candle_nn::{Linear, Module, VarBuilder};

/// Two linear layers with SiLU between them.
#[derive(Clone, Debug)]
pub(super) struct Mlp {
    first: Linear,
    second: Linear,
}

impl Mlp {
    pub(super) fn new(input: usize, hidden: usize, output: usize, vb: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let first = candle_nn::linear(input, hidden, vb.pp("first"))?;
        Ok(Self { first, second: candle_nn::linear(hidden, output, vb.pp("second"))? })
    }

    pub(super) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        self.second.forward(&self.first.forward(x)?.silu()?)
    }
}

/// Prior, encoder and decoder. Inference needs no encoder.
#[derive(Clone, Debug)]
pub struct Cvae {
    prior: Mlp,
    encoder: Option<Mlp>,
    decoder: Decoder,
}

/// Whether the encoder is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum With {
    Encoder,
    NoEncoder,
}

impl Cvae {
    /// All three networks, for training.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn for_training(config: &GeneratorConfig, vb: &VarBuilder<'_>) -> Result<Self, Error> {
        Self::new(config, vb, With::Encoder)
    }

    /// Prior and decoder.
    ///
    /// # Errors
    /// A missing tensor, or one of another shape, is named.
    pub fn for_inference(config: &GeneratorConfig, vb: &VarBuilder<'_>) -> Result<Self, Error> {
        Self::new(config, vb, With::NoEncoder)
    }

    fn new(config: &GeneratorConfig, vb: &VarBuilder<'_>, with: With) -> Result<Self, Error> {
        let GeneratorConfig { condition, latent, hidden, .. } = *config;
        let projections = config.layout.slots().len() * config.encoder_basis();
        let encoder = match with {
            With::Encoder => Some(Mlp::new(projections + condition, hidden, 2 * latent, &vb.pp("encoder"))?),
            With::NoEncoder => None,
        };
        Ok(Self {
            prior: Mlp::new(condition, hidden, 2 * latent, &vb.pp("prior"))?,
            encoder,
            decoder: Decoder::new(config, &vb.pp("decoder"))?,
        })
    }

    /// p(z | c) for c `[B, C]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn prior(&self, condition: &Tensor) -> Result<Gaussian, Error> {
        Ok(Gaussian::from_output(&self.prior.forward(condition)?)?)
    }

    /// q(z | B, c), where the adapter comes as its projections `[B, S·K']`.
    ///
    /// # Errors
    /// Where the generator was loaded without its encoder.
    pub fn encode(&self, projections: &Tensor, condition: &Tensor) -> Result<Gaussian, Error> {
        let Some(encoder) = &self.encoder else {
            return Err(Error::MissingTensor { name: "encoder".into() });
        };
        Ok(Gaussian::from_output(&encoder.forward(&Tensor::cat(&[projections, condition], 1)?)?)?)
    }

    /// The decoder.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }
}
