//! Linear layers over quantised weights: the product in the stored blocks, and a backward for what
//! flows through them to an adapter (Dettmers et al. 2023, QLoRA).

use super::linear::product_nt;
use candle_core::quantized::QTensor;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, DType, Device, Layout, Result, Shape, Storage, Tensor, bail};
use std::sync::Arc;

/// A text that brings at least this many tokens at once is multiplied with the weights as plain numbers: writing them
/// out costs less than a product in blocks for each token, and the activations are not rounded. The choice depends on the
/// text alone, never on what else is in the batch. (The library's own kernels for some blocks, q6k among them, differ by the
/// number of rows: over such weights an answer can depend on its company where two tokens are nearly as likely.)
const MANY_TOKENS: usize = 8;

/// y = x · Wᵀ for x `[B, T, in]` or `[N, in]`, f32, and quantised W `[out, in]`. x gets a gradient, W none.
pub fn quantised_linear(x: &Tensor, weight: &Arc<QTensor>) -> Result<Tensor> {
    let dtype = x.dtype();
    let many = x.rank() > 2 && x.dim(1)? >= MANY_TOKENS;
    let x = x.to_dtype(DType::F32)?.contiguous()?;
    let weight = Arc::clone(weight);
    let y = if many { x.apply_op1(PlainLinear { weight })? } else { x.apply_op1(QuantisedLinear { weight })? };
    y.to_dtype(dtype)
}

struct QuantisedLinear {
    weight: Arc<QTensor>,
}

/// The product with the weights written out, which are forgotten at once.
struct PlainLinear {
    weight: Arc<QTensor>,
}

impl CustomOp1 for PlainLinear {
    fn name(&self) -> &'static str {
        "dequantised_linear_with_backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let weight = self.weight.dequantize(&Device::Cpu)?;
        let (storage, w_layout) = weight.storage_and_layout();
        match &*storage {
            Storage::Cpu(w) => product_nt(x, layout, w, w_layout),
            _ => bail!("quantised weights are on another device than their input"),
        }
    }

    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let weight = self.weight.dequantize(&self.weight.device())?;
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
fn input_gradient(weight: &QTensor, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let weight = weight.dequantize(x.device())?; // [out, in]
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
        input_gradient(&self.weight, x, grad).map(Some)
    }
}
