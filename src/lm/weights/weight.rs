//! A weight matrix as it is kept: plain numbers, or quantised blocks.

use super::Quantization;
use crate::lm::ops;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Result, Tensor};
use std::sync::Arc;

/// W `[out, in]`: a linear layer, or a table of V rows. Cloning shares it.
#[derive(Clone, Debug)]
pub enum Weight {
    /// f32, f16 or bf16.
    Dense(Tensor),
    /// Blocks as ggml defines them.
    Quantised(Arc<QTensor>),
}

impl Weight {
    /// Quantises a matrix. Rows that the blocks do not fit get the next coarser-grained kind that
    /// does: q4k and q6k need rows of 256 weights, q8_0 of 32; others stay as they are.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn quantised(matrix: &Tensor, quantization: Quantization) -> Result<Self> {
        let (_, width) = matrix.dims2()?;
        let kinds = [quantization.kind(), GgmlDType::Q8_0];
        match kinds.into_iter().find(|kind| width.is_multiple_of(kind.block_size())) {
            Some(kind) => {
                let device = matrix.device().clone();
                let onto = matrix.to_device(&candle_core::Device::Cpu)?;
                Ok(Self::Quantised(Arc::new(QTensor::quantize_onto(&onto, kind, &device)?)))
            }
            None => Ok(Self::Dense(matrix.to_dtype(DType::F32)?)),
        }
    }

    /// x `[.., in]` · Wᵀ, `[.., out]`. x gets a gradient; W where it is a variable.
    pub(in crate::lm) fn product(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => ops::linear(x, weight),
            Self::Quantised(weight) => ops::quantised_linear(x, weight),
        }
    }

    /// The rows of these ids, `[N, in]`.
    pub(in crate::lm) fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(table) => table.index_select(ids, 0),
            Self::Quantised(table) => table.embedding(ids),
        }
    }

    /// The plain numbers, where they are kept as such.
    pub(in crate::lm) fn as_dense(&self) -> Option<&Tensor> {
        match self {
            Self::Dense(weight) => Some(weight),
            Self::Quantised(_) => None,
        }
    }

    /// A copy as plain numbers.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn to_dense(&self) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => Ok(weight.clone()),
            Self::Quantised(weight) => weight.dequantize(&weight.device()),
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Dense(weight) => (weight.elem_count() * weight.dtype().size_in_bytes()) as u64,
            Self::Quantised(weight) => weight.storage_size_in_bytes() as u64,
        }
    }
}
