//! The paper's networks (ICM-LoRA, arXiv 2501.17635, section 3.3): strided 1-D convolutions over the
//! flat, normalised adapter with the condition beside it, and their mirror image.
//!
//! Nearest-neighbour upsampling and a convolution stand in place of each transposed convolution.
//! Letters: T length of a layer's signal, H channels, K = 7 the kernel.

use super::{Error, GeneratorConfig};
use candle_core::{Result as TensorResult, Tensor};
use candle_nn::{Linear, Module as _, VarBuilder};

/// Output channels of the encoder's layers.
const CHANNELS: [usize; 12] = [8, 16, 32, 64, 128, 256, 256, 128, 64, 32, 16, 8];
const KERNEL: usize = 7;
const SLOPE: f64 = 0.01;

/// q(z | B, c): what its convolutions give goes through one linear layer.
#[derive(Clone, Debug)]
pub(super) struct ConvEncoder {
    layers: Vec<Conv>,
    last: Linear,
    length: usize,
}

/// (c, z) to the B of every slot.
#[derive(Clone, Debug)]
pub(super) struct ConvDecoder {
    first: Linear,
    layers: Vec<Conv>,
    /// The normaliser's: `[L]` and a factor a slot `[S]`. They are fitted, not trained.
    mean: Tensor,
    rms: Tensor,
    /// For each slot: where it begins in the flat adapter, out and r.
    slots: Vec<(usize, usize, usize)>,
}

/// The signal's length at each end, for `width` numbers: a multiple of 2 to the number of layers.
fn lengths(width: usize) -> (usize, usize) {
    let inner = width.div_ceil(1 << CHANNELS.len());
    (inner << CHANNELS.len(), inner)
}

impl ConvEncoder {
    pub(super) fn new(config: &GeneratorConfig, vb: &VarBuilder<'_>) -> Result<Self, Error> {
        let (length, inner) = lengths(config.layout.b_len() + config.condition);
        let mut input = 1;
        let layer = |(i, output): (usize, &usize)| {
            let conv = Conv::new(input, *output, &vb.pp("conv").pp(i));
            input = *output;
            conv
        };
        let layers = CHANNELS.iter().enumerate().map(layer).collect::<TensorResult<_>>()?;
        let last = candle_nn::linear(input * inner, 2 * config.latent, vb.pp("last"))?;
        Ok(Self { layers, last, length })
    }

    /// `[B, 2·Z]` for the normalised adapters `[B, L]` and c `[B, C]`.
    pub(super) fn forward(&self, flat: &Tensor, condition: &Tensor) -> Result<Tensor, Error> {
        let x = Tensor::cat(&[flat, condition], 1)?; // [B, L + C]
        let mut x = x.pad_with_zeros(1, 0, self.length - x.dim(1)?)?.unsqueeze(1)?; // [B, 1, T]
        for layer in &self.layers {
            x = leaky(&layer.halved(&x)?)?; // [B, H, T / 2]
        }
        Ok(self.last.forward(&x.flatten_from(1)?)?)
    }
}

impl ConvDecoder {
    pub(super) fn new(config: &GeneratorConfig, vb: &VarBuilder<'_>) -> Result<Self, Error> {
        let width = config.layout.b_len();
        let (_, inner) = lengths(width);
        let mut channels: Vec<usize> = CHANNELS.iter().rev().copied().collect();
        channels.push(1);
        let layer = |(i, pair): (usize, &[usize])| Conv::new(pair[0], pair[1], &vb.pp("conv").pp(i));
        let offsets = config.layout.b_offsets();
        let slot = |(slot, start): (&crate::lora::Slot, &usize)| (*start, slot.output, slot.rank);
        Ok(Self {
            first: candle_nn::linear(config.condition + config.latent, channels[0] * inner, vb.pp("first"))?,
            layers: channels.windows(2).enumerate().map(layer).collect::<TensorResult<_>>()?,
            mean: vb.get_with_hints(width, "mean", candle_nn::Init::Const(0.0))?,
            rms: vb.get_with_hints(config.layout.slots().len(), "rms", candle_nn::Init::Const(1.0))?,
            slots: config.layout.slots().iter().zip(&offsets).map(slot).collect(),
        })
    }

    /// B of every slot, `[B, out, r]`, for c `[B, C]` and z `[B, Z]`.
    pub(super) fn forward(&self, condition: &Tensor, latent: &Tensor) -> Result<Vec<Tensor>, Error> {
        let x = self.first.forward(&Tensor::cat(&[latent, condition], 1)?)?;
        let rows = x.dim(0)?;
        let mut x = x.reshape((rows, CHANNELS[CHANNELS.len() - 1], ()))?; // [B, H, T]
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.doubled(&x)?; // [B, H', 2·T]
            if i + 1 < self.layers.len() {
                x = leaky(&x)?;
            }
        }
        let flat = x.squeeze(1)?; // [B, T], T ≥ L
        let (mean, rms) = (self.mean.detach(), self.rms.detach());
        let slot = |(i, &(start, out, rank)): (usize, &(usize, usize, usize))| -> TensorResult<Tensor> {
            let part = flat.narrow(1, start, out * rank)?.broadcast_mul(&rms.narrow(0, i, 1)?)?;
            part.broadcast_add(&mean.narrow(0, start, out * rank)?)?.reshape((rows, out, rank))
        };
        Ok(self.slots.iter().enumerate().map(slot).collect::<TensorResult<_>>()?)
    }
}

/// A convolution of seven taps, as one product over shifted copies: candle's own has a slow backward on a CPU.
#[derive(Clone, Debug)]
struct Conv {
    /// `[H', 7·H]`
    weight: Tensor,
    /// `[H']`
    bias: Tensor,
}

impl Conv {
    fn new(input: usize, output: usize, vb: &VarBuilder<'_>) -> TensorResult<Self> {
        let bound = ((input * KERNEL) as f64).powf(-0.5);
        let uniform = candle_nn::Init::Uniform { lo: -bound, up: bound };
        Ok(Self {
            weight: vb.get_with_hints((output, KERNEL * input), "weight", uniform)?,
            bias: vb.get_with_hints(output, "bias", candle_nn::Init::Const(0.0))?,
        })
    }

    /// A convolution of stride 2: `[B, H, T]` to `[B, H', T / 2]`.
    fn halved(&self, x: &Tensor) -> TensorResult<Tensor> {
        let (rows, channels, length) = x.dims3()?;
        let padded = x.pad_with_zeros(2, KERNEL / 2, KERNEL / 2 + 2)?; // [B, H, T + 8]
        let pairs = padded.reshape((rows, channels, length / 2 + 4, 2))?;
        let tap = |k: usize| pairs.narrow(3, k % 2, 1)?.squeeze(3)?.narrow(2, k / 2, length / 2);
        self.product(&(0..KERNEL).map(tap).collect::<TensorResult<Vec<_>>>()?)
    }

    /// Every number twice, then a convolution: `[B, H, T]` to `[B, H', 2·T]`.
    fn doubled(&self, x: &Tensor) -> TensorResult<Tensor> {
        let (rows, channels, length) = x.dims3()?;
        let twice = x.unsqueeze(3)?.broadcast_as((rows, channels, length, 2))?.reshape((rows, channels, 2 * length))?;
        let padded = twice.pad_with_zeros(2, KERNEL / 2, KERNEL / 2)?;
        let tap = |k: usize| padded.narrow(2, k, 2 * length);
        self.product(&(0..KERNEL).map(tap).collect::<TensorResult<Vec<_>>>()?)
    }

    fn product(&self, taps: &[Tensor]) -> TensorResult<Tensor> {
        let columns = Tensor::cat(taps, 1)?; // [B, 7·H, T']
        self.weight.broadcast_matmul(&columns)?.broadcast_add(&self.bias.unsqueeze(1)?) // [B, H', T']
    }
}

fn leaky(x: &Tensor) -> TensorResult<Tensor> {
    candle_nn::ops::leaky_relu(x, SLOPE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};
    use std::collections::HashMap;

    fn conv(input: usize, output: usize) -> Conv {
        let mut noise = crate::noise::Noise::seeded(1);
        let weights = HashMap::from([
            (
                "weight".to_owned(),
                Tensor::from_vec(noise.normals(output * input * KERNEL), (output, KERNEL * input), &Device::Cpu)
                    .expect("shape"),
            ),
            ("bias".to_owned(), Tensor::from_vec(noise.normals(output), output, &Device::Cpu).expect("shape")),
        ]);
        Conv::new(input, output, &VarBuilder::from_tensors(weights, DType::F32, &Device::Cpu)).expect("conv")
    }

    /// The library's convolution with the same weights, `[H', H, 7]`.
    fn reference(conv: &Conv, x: &Tensor, stride: usize) -> Tensor {
        let (output, columns) = conv.weight.dims2().expect("two");
        let kernel = conv.weight.reshape((output, KERNEL, columns / KERNEL)).expect("shape");
        let kernel = kernel.transpose(1, 2).expect("shape").contiguous().expect("copy");
        let y = x.conv1d(&kernel, KERNEL / 2, stride, 1, 1).expect("conv");
        y.broadcast_add(&conv.bias.unsqueeze(1).expect("shape")).expect("sum")
    }

    fn far(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).and_then(|d| d.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()).expect("same shape")
    }

    #[test]
    fn products_of_shifted_copies_are_the_librarys_convolutions() {
        let conv = conv(3, 5);
        let mut noise = crate::noise::Noise::seeded(2);
        let x = Tensor::from_vec(noise.normals(2 * 3 * 16), (2, 3, 16), &Device::Cpu).expect("shape");
        assert!(far(&conv.halved(&x).expect("conv"), &reference(&conv, &x, 2)) < 1e-5);
        let twice = x.upsample_nearest1d(32).expect("twice");
        assert!(far(&conv.doubled(&x).expect("conv"), &reference(&conv, &twice, 1)) < 1e-5);
    }
}
