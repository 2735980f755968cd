//! Where a model's weights come from.

use super::checkpoint::Checkpoint;
use super::weight::Weight;
use crate::lm::Error;
use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use serde::Serialize;

/// Gives weights by their Hugging Face names.
pub trait WeightSource {
    /// A norm, a bias or another plain tensor, on the model's device.
    ///
    /// # Errors
    /// [`Error::MissingTensor`] and [`Error::TensorShape`] name it.
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error>;

    /// A matrix `[out, in]`, as the model keeps it.
    ///
    /// # Errors
    /// As [`Self::tensor`].
    fn matrix(&self, name: &str, shape: (usize, usize)) -> Result<Weight, Error> {
        Ok(Weight::Dense(self.tensor(name, &[shape.0, shape.1])?))
    }
}

/// A quantisation of weight matrices at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// 8 bits a weight, blocks of 32; 8.5 bits with their scales.
    Q8_0,
    /// 4 bits a weight, super-blocks of 256; 4.5 bits with their scales.
    Q4k,
    /// 6 bits a weight, super-blocks of 256; 6.6 bits with their scales.
    Q6k,
}

impl Quantization {
    pub(super) fn kind(self) -> GgmlDType {
        match self {
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q4k => GgmlDType::Q4K,
            Self::Q6k => GgmlDType::Q6K,
        }
    }

    /// Its name among the options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q8_0 => "q8_0",
            Self::Q4k => "q4k",
            Self::Q6k => "q6k",
        }
    }

    /// Whether the tensor library may keep its blocks once more in another order.
    pub(in crate::lm) fn may_be_rearranged(self) -> bool {
        // 4-bit blocks are, wherever the processor has AVX2; 8-bit ones are packed by us, once.
        match self {
            Self::Q4k => true,
            Self::Q6k | Self::Q8_0 => false,
        }
    }

    /// Bytes of a matrix whose rows have `width` weights.
    pub fn bytes(self, rows: u64, width: u64) -> u64 {
        let fits = |kind: &GgmlDType| width.is_multiple_of(kind.block_size() as u64);
        match [self.kind(), GgmlDType::Q8_0].iter().find(|kind| fits(kind)) {
            Some(kind) => rows * width / kind.block_size() as u64 * kind.type_size() as u64,
            None => rows * width * 4,
        }
    }
}

/// How weights are kept.
#[derive(Clone, Debug)]
pub struct Loading {
    /// The precision of what is not quantised, and of the arithmetic.
    pub dtype: DType,
    /// Where they go.
    pub device: Device,
    /// Whether matrices are quantised.
    pub quantization: Option<Quantization>,
}

impl Loading {
    /// Unquantised f32 on the CPU: what fixtures and trainers take.
    pub fn f32() -> Self {
        Self { dtype: DType::F32, device: Device::Cpu, quantization: None }
    }
}

/// A checkpoint of safetensors, and how its weights are kept.
#[derive(Debug)]
pub struct CheckpointSource<'a> {
    /// The files.
    pub checkpoint: &'a Checkpoint,
    /// How they are kept.
    pub loading: &'a Loading,
}

impl WeightSource for CheckpointSource<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        Ok(self.checkpoint.tensor(name, shape, self.loading.dtype)?.to_device(&self.loading.device)?)
    }

    fn matrix(&self, name: &str, (out, width): (usize, usize)) -> Result<Weight, Error> {
        match self.loading.quantization {
            None => Ok(Weight::Dense(self.tensor(name, &[out, width])?)),
            Some(quantization) => {
                let rows = |rows| self.checkpoint.part(name, &[out, width], rows, DType::F32);
                Weight::quantised_by_rows((out, width), quantization, &self.loading.device, rows)
            }
        }
    }
}

/// Variables in training.
impl WeightSource for VarBuilder<'_> {
    fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, Error> {
        Ok(self.get(shape, name)?)
    }
}
