//! A weight matrix as it is kept: plain numbers, or quantised blocks.

use super::Quantization;
use crate::lm::{Error, ops};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// A matrix is quantised so many weights at a time.
pub(in crate::lm) const CHUNK_NUMBERS: usize = 1 << 22;

/// W `[out, in]`: a linear layer, or a table of V rows. Cloning shares it.
#[derive(Clone, Debug)]
pub enum Weight {
    /// f32, f16 or bf16.
    Dense(Tensor),
    /// Blocks as ggml defines them.
    Quantised(Arc<QTensor>),
}

impl Weight {
    /// Quantises a matrix `[out, in]` that `rows` gives some rows at a time, f32 on the CPU, so that it never stands in
    /// memory as a whole. Rows that the blocks do not fit get those that do: q4k and q6k need rows of 256 weights, q8_0
    /// of 32; others stay f32.
    ///
    /// # Errors
    /// Those of `rows` and of the tensor library.
    pub fn quantised_by_rows(
        (out, width): (usize, usize),
        quantization: Quantization,
        device: &Device,
        rows: impl Fn(Range<usize>) -> std::result::Result<Tensor, Error>,
    ) -> std::result::Result<Self, Error> {
        let kinds = [quantization.kind(), GgmlDType::Q8_0];
        let Some(kind) = kinds.into_iter().find(|kind| width.is_multiple_of(kind.block_size())) else {
            return Ok(Self::Dense(rows(0..out)?.to_device(device)?));
        };
        let at_once = (CHUNK_NUMBERS / width.max(1)).max(1);
        let mut blocks = Vec::with_capacity(out * width / kind.block_size() * kind.type_size());
        for first in (0..out).step_by(at_once) {
            let part = rows(first..out.min(first + at_once))?;
            blocks.extend_from_slice(&QTensor::quantize(&part, kind)?.data()?);
        }
        let storage = QStorage::from_data(Cow::Owned(blocks), device, kind)?;
        Ok(Self::Quantised(Arc::new(QTensor::new(storage, (out, width))?)))
    }

    /// Quantises a matrix that is in memory.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn quantised(matrix: &Tensor, quantization: Quantization) -> std::result::Result<Self, Error> {
        let (out, width) = matrix.dims2()?;
        let wide = matrix.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        let rows = |rows: Range<usize>| Ok(wide.narrow(0, rows.start, rows.len())?);
        Self::quantised_by_rows((out, width), quantization, matrix.device(), rows)
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

    /// How its numbers are kept, such as `f32` or `q8_0`.
    pub fn kind(&self) -> String {
        match self {
            Self::Dense(weight) => weight.dtype().as_str().to_owned(),
            Self::Quantised(weight) => format!("{:?}", weight.dtype()).to_lowercase(),
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
