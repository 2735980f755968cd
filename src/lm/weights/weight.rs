//! A weight matrix as it is kept: plain numbers, or quantised blocks.

use super::Quantization;
use crate::lm::Error;
use crate::lm::kernels::{self, DenseWeight, Keep, PackedQ8};
use crate::lm::ops::{self, Blocks};
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{CpuStorage, DType, Device, Result, Storage, Tensor, bail};
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
    /// 8-bit blocks in the order in which our own product reads them, on a CPU.
    Packed(Arc<PackedQ8>),
    /// Blocks as ggml defines them, and as the tensor library multiplies them.
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
        let parts = (0..out).step_by(at_once).map(|first| first..out.min(first + at_once));
        if kind == GgmlDType::Q8_0 && device.is_cpu() {
            let mut packed = PackedQ8::builder(out, width).ok_or_else(|| unpacked(out, width))?;
            for part in parts {
                let blocks = QTensor::quantize(&rows(part)?, kind)?;
                packed.append(&blocks.data()?).ok_or_else(|| unpacked(out, width))?;
            }
            return Ok(Self::Packed(Arc::new(packed.finish().ok_or_else(|| unpacked(out, width))?)));
        }
        let mut blocks = Vec::with_capacity(out * width / kind.block_size() * kind.type_size());
        for part in parts {
            blocks.extend_from_slice(&QTensor::quantize(&rows(part)?, kind)?.data()?);
        }
        let storage = QStorage::from_data(Cow::Owned(blocks), device, kind)?;
        Ok(Self::Quantised(Arc::new(QTensor::new(storage, (out, width))?)))
    }

    /// Blocks as ggml stores them.
    pub(in crate::lm) fn of_blocks(
        bytes: Vec<u8>,
        kind: GgmlDType,
        (out, width): (usize, usize),
        device: &Device,
    ) -> Result<Self> {
        if kind == GgmlDType::Q8_0 && device.is_cpu() {
            let packed = PackedQ8::from_q8_0(&bytes, out, width).ok_or_else(|| unpacked(out, width))?;
            return Ok(Self::Packed(Arc::new(packed)));
        }
        let storage = QStorage::from_data(Cow::Owned(bytes), device, kind)?;
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
            Self::Packed(weight) => ops::quantised_linear(x, &Blocks::Packed(Arc::clone(weight))),
            Self::Quantised(weight) => ops::quantised_linear(x, &Blocks::Ggml(Arc::clone(weight))),
        }
    }

    /// y = x · Wᵀ for x `[N, in]` on the CPU, into y `[N, out]`; a row's numbers do not depend on the others. Where the
    /// weights are in a library's blocks, the first `written_out` rows are multiplied with plain numbers.
    pub(in crate::lm) fn product_into(&self, x: &[f32], written_out: usize, y: &mut [f32]) -> Result<()> {
        let (out, width) = (self.out()?, self.width()?);
        match self {
            Self::Dense(weight) => with_dense(weight, |weight| kernels::dense_rows(x, weight, width, y, Keep::Set)),
            Self::Packed(weight) => {
                weight.product(x, y);
                Ok(())
            }
            Self::Quantised(weight) => {
                let (plain, blocks) = x.split_at(written_out * width);
                let (y_plain, y_blocks) = y.split_at_mut(written_out * out);
                if !plain.is_empty() {
                    let weight = weight.dequantize(&Device::Cpu)?;
                    with_dense(&weight, |weight| kernels::dense_rows(plain, weight, width, y_plain, Keep::Set))?;
                }
                if !blocks.is_empty() {
                    let x = Tensor::from_slice(blocks, (blocks.len() / width, width), &Device::Cpu)?;
                    ops::with_f32(&ops::quantised_linear(&x, &Blocks::Ggml(Arc::clone(weight)))?, |y| {
                        y_blocks.copy_from_slice(y);
                        Ok(())
                    })?;
                }
                Ok(())
            }
        }
    }

    /// The numbers of a row of y.
    pub(in crate::lm) fn out(&self) -> Result<usize> {
        Ok(self.dims()?.0)
    }

    fn width(&self) -> Result<usize> {
        Ok(self.dims()?.1)
    }

    fn dims(&self) -> Result<(usize, usize)> {
        match self {
            Self::Dense(weight) => weight.dims2(),
            Self::Packed(weight) => Ok((weight.out(), weight.width())),
            Self::Quantised(weight) => weight.shape().dims2(),
        }
    }

    /// The rows of these ids, `[N, in]`.
    pub(in crate::lm) fn rows(&self, ids: &Tensor) -> Result<Tensor> {
        match self {
            Self::Dense(table) => table.index_select(ids, 0),
            Self::Packed(table) => {
                let ids: Vec<u32> = ids.to_vec1()?;
                if ids.iter().any(|id| *id as usize >= table.out()) {
                    bail!("a token beyond the embedding's {} rows", table.out());
                }
                let mut rows = vec![0.0; ids.len() * table.width()];
                table.rows_into(&ids, &mut rows);
                Tensor::from_vec(rows, (ids.len(), table.width()), &Device::Cpu)
            }
            Self::Quantised(table) => table.embedding(ids),
        }
    }

    /// The plain numbers, where they are kept as such.
    pub(in crate::lm) fn as_dense(&self) -> Option<&Tensor> {
        match self {
            Self::Dense(weight) => Some(weight),
            Self::Packed(_) | Self::Quantised(_) => None,
        }
    }

    /// Whether a row's product is the same to the last bit however it comes: not in a library's blocks.
    pub(in crate::lm) fn is_exact(&self) -> bool {
        !matches!(self, Self::Quantised(_))
    }

    /// A copy as plain numbers.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn to_dense(&self) -> Result<Tensor> {
        match self {
            Self::Dense(weight) => Ok(weight.clone()),
            Self::Packed(weight) => Blocks::Packed(Arc::clone(weight)).to_dense(),
            Self::Quantised(weight) => weight.dequantize(&weight.device()),
        }
    }

    /// How its numbers are kept, such as `f32` or `q8_0`.
    pub fn kind(&self) -> String {
        match self {
            Self::Dense(weight) => weight.dtype().as_str().to_owned(),
            Self::Packed(_) => "q8_0".to_owned(),
            Self::Quantised(weight) => format!("{:?}", weight.dtype()).to_lowercase(),
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Dense(weight) => (weight.elem_count() * weight.dtype().size_in_bytes()) as u64,
            Self::Packed(weight) => weight.bytes() as u64,
            Self::Quantised(weight) => weight.storage_size_in_bytes() as u64,
        }
    }
}

fn unpacked(out: usize, width: usize) -> candle_core::Error {
    candle_core::Error::Msg(format!("a matrix of {out} rows of {width} weights does not fit blocks of 8 bits"))
}

/// Calls `body` with the numbers of a contiguous CPU tensor.
fn with_dense(tensor: &Tensor, body: impl FnOnce(DenseWeight<'_>)) -> Result<()> {
    let (storage, layout) = tensor.storage_and_layout();
    let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets()) else {
        bail!("a weight is neither contiguous nor on the CPU")
    };
    match storage {
        CpuStorage::F32(numbers) => body(DenseWeight::F32(&numbers[start..end])),
        CpuStorage::F16(numbers) => body(DenseWeight::F16(&numbers[start..end])),
        CpuStorage::BF16(numbers) => body(DenseWeight::BF16(&numbers[start..end])),
        _ => bail!("weights are f32, f16 or bf16"),
    }
    Ok(())
}
