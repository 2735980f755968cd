//! The CVAE's networks, prior, encoder and decoder, for each architecture.

use super::config::Arch;
use super::icm_conv::{ConvDecoder, ConvEncoder};
use super::pooling::Pooling;
use super::slot_decoder::SlotDecoder;
use super::{Conditions, Error, Gaussian, GeneratorConfig};
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
    latent: usize,
    pooling: Option<Pooling>,
    prior: Prior,
    encoder: Option<Encoder>,
    decoder: Decoder,
}

/// p(z | c)
#[derive(Clone, Debug)]
enum Prior {
    Learned(Mlp),
    Standard,
}

/// q(z | B, c)
#[derive(Clone, Debug)]
enum Encoder {
    Projections(Mlp),
    Conv(ConvEncoder),
}

/// (c, z) → B
#[derive(Clone, Debug)]
enum Decoder {
    Slots(SlotDecoder),
    Conv(ConvDecoder),
}

/// Whether the encoder is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum With {
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
        let (condition, latent) = (config.read(), config.latent);
        let pooling = match config.arch {
            Arch::Cvae(sizes) if config.tokens > 0 => {
                Some(Pooling::new(sizes.heads, (config.condition, config.tokens), &vb.pp("pooling"))?)
            }
            _ => None,
        };
        let (prior, encoder, decoder) = match config.arch {
            Arch::Cvae(sizes) => {
                let inputs = config.layout.slots().len() * sizes.encoder_basis() + condition;
                let encoder = || Mlp::new(inputs, sizes.hidden, 2 * latent, &vb.pp("encoder"));
                let prior = Mlp::new(condition, sizes.hidden, 2 * latent, &vb.pp("prior"))?;
                let decoder = SlotDecoder::new(config, sizes, &vb.pp("decoder"))?;
                let encoder = (with == With::Encoder).then(encoder).transpose()?;
                (Prior::Learned(prior), encoder.map(Encoder::Projections), Decoder::Slots(decoder))
            }
            Arch::IcmConv => {
                let encoder = || ConvEncoder::new(config, &vb.pp("encoder"));
                let encoder = (with == With::Encoder).then(encoder).transpose()?;
                let decoder = ConvDecoder::new(config, &vb.pp("decoder"))?;
                (Prior::Standard, encoder.map(Encoder::Conv), Decoder::Conv(decoder))
            }
        };
        Ok(Self { latent, pooling, prior, encoder, decoder })
    }

    /// What the networks read of a batch of conditions: c `[B, C]`, with what is pooled of the tokens behind the
    /// whole texts' numbers.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn read(&self, conditions: &Conditions) -> Result<Tensor, Error> {
        match &self.pooling {
            Some(pooling) => Ok(Tensor::cat(&[&conditions.vectors, &pooling.forward(conditions)?], 1)?),
            None => Ok(conditions.vectors.clone()),
        }
    }

    /// p(z | c) for c `[B, C]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn prior(&self, condition: &Tensor) -> Result<Gaussian, Error> {
        match &self.prior {
            Prior::Learned(mlp) => Ok(Gaussian::from_output(&mlp.forward(condition)?)?),
            Prior::Standard => {
                let zeros = Tensor::zeros((condition.dim(0)?, self.latent), condition.dtype(), condition.device())?;
                Ok(Gaussian { mean: zeros.clone(), log_variance: zeros })
            }
        }
    }

    /// q(z | B, c). The adapter comes as its projections `[B, S·K']`, or normalised and flat `[B, L]` for the
    /// paper's convolutions.
    ///
    /// # Errors
    /// Where the generator was loaded without its encoder.
    pub fn encode(&self, adapter: &Tensor, condition: &Tensor) -> Result<Gaussian, Error> {
        let output = match &self.encoder {
            Some(Encoder::Projections(mlp)) => mlp.forward(&Tensor::cat(&[adapter, condition], 1)?)?,
            Some(Encoder::Conv(conv)) => conv.forward(adapter, condition)?,
            None => return Err(Error::MissingTensor { name: "encoder".into() }),
        };
        Ok(Gaussian::from_output(&output)?)
    }

    /// B of every slot, `[B, out, r]`, for c `[B, C]` and z `[B, Z]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn decode(&self, condition: &Tensor, latent: &Tensor) -> Result<Vec<Tensor>, Error> {
        match &self.decoder {
            Decoder::Slots(slots) => slots.forward(condition, latent),
            Decoder::Conv(conv) => conv.forward(condition, latent),
        }
    }
}
