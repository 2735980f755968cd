//! Linear layers over quantised weights: the product in the stored blocks, and a backward for what
//! flows through them to an adapter (Dettmers et al. 2023, QLoRA).

use super::linear::product_nt;
use crate::lm::kernels::PackedQ8;
use candle_core::quantized::QTensor;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, DType, Device, Layout, Result, Shape, Storage, Tensor, bail};
use std::sync::Arc;

/// A text that brings at least this many tokens at once is multiplied with the weights as plain numbers: writing them
/// out costs less than a product in blocks for each token, and the activations are not rounded. The choice depends on the
/// text alone, never on what else is in the batch. (The library's own kernels for some blocks, q6k among them, differ by the
/// number of rows: over such weights an answer can depend on its company where two tokens are nearly as likely.)
const MANY_TOKENS: usize = 8;

/// Quantised weights.
#[derive(Clone, Debug)]
pub enum Blocks {
    /// In our own order: multiplied in blocks by the cached path alone.
    Packed(Arc<PackedQ8>),
    /// As the tensor library keeps and multiplies them.
    Ggml(Arc<QTensor>),
}

impl Blocks {
    /// A copy as plain numbers, `[out, in]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn to_dense(&self) -> Result<Tensor> {
        match self {
            Self::Packed(weight) => {
                let mut numbers = vec![0.0; weight.out() * weight.width()];
                weight.dequantise_rows(0..weight.out(), &mut numbers);
                Tensor::from_vec(numbers, (weight.out(), weight.width()), &Device::Cpu)
            }
            Self::Ggml(weight) => weight.dequantize(&weight.device()),
        }
    }
}

/// y = x · Wᵀ for x `[B, T, in]` or `[N, in]`, f32, and quantised W `[out, in]`. x gets a gradient, W none.
pub fn quantised_linear(x: &Tensor, weight: &Blocks) -> Result<Tensor> {
    let dtype = x.dtype();
    let many = x.rank() > 2 && x.dim(1)? >= MANY_TOKENS;
    let x = x.to_dtype(DType::F32)?.contiguous()?;
    let y = match weight {
        Blocks::Ggml(weight) if !many => x.apply_op1(QuantisedLinear { weight: Arc::clone(weight) })?,
        weight => x.apply_op1(PlainLinear { weight: weight.clone() })?,
    };
    y.to_dtype(dtype)
}

struct QuantisedLinear {
    weight: Arc<QTensor>,
}

/// The product with the weights written out, which are forgotten at once.
struct PlainLinear {
    weight: Blocks,
}

impl CustomOp1 for PlainLinear {
    fn name(&self) -> &'static str {
        "dequantised_linear_with_backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let weight = self.weight.to_dense()?;
        let (storage, w_layout) = weight.storage_and_layout();
        match &*storage {
            Storage::Cpu(w) => product_nt(x, layout, w, w_layout),
            _ => bail!("quantised weights are on another device than their input"),
        }
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let weight = self.weight.to_dense()?;
        let (storage, w_layout) = weight.storage_and_layout();
        match &*storage {
            Storage::Cuda(w) => product_nt(x, layout, w, w_layout),
            _ => bail!("quantised weights are on another device than their input"),
        }
    }

    fn bwd(&self, x: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        input_gradient(&self.weight, x, grad).map(Some)
    }
}

/// dx = dy · W
fn input_gradient(weight: &Blocks, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let weight = weight.to_dense()?; // [out, in]
    let (out, _) = weight.dims2()?;
    grad.contiguous()?.reshape(((), out))?.matmul(&weight)?.reshape(x.shape())
}

impl CustomOp1 for QuantisedLinear {
    fn name(&self) -> &'static str {
        "quantised_linear_with_backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.weight.cpu_fwd(x, layout)
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.weight.cuda_fwd(x, layout)
    }

    fn bwd(&self, x: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        input_gradient(&Blocks::Ggml(Arc::clone(&self.weight)), x, grad).map(Some)
    }
}
