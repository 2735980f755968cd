//! Linear layers over quantised weights: the product in the stored blocks, and a backward for what
//! flows through them to an adapter (Dettmers et al. 2023, QLoRA).

use candle_core::quantized::QTensor;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, DType, Layout, Result, Shape, Tensor};
use std::sync::Arc;

/// y = x · Wᵀ for x `[.., in]`, f32, and quantised W `[out, in]`. x gets a gradient, W none.
pub fn quantised_linear(x: &Tensor, weight: &Arc<QTensor>) -> Result<Tensor> {
    let dtype = x.dtype();
    let y = x.to_dtype(DType::F32)?.contiguous()?.apply_op1(QuantisedLinear { weight: Arc::clone(weight) })?;
    y.to_dtype(dtype)
}

struct QuantisedLinear {
    weight: Arc<QTensor>,
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
        let weight = self.weight.dequantize(x.device())?; // [out, in]
        let (out, _) = weight.dims2()?;
        let dx = grad.contiguous()?.reshape(((), out))?.matmul(&weight)?;
        Ok(Some(dx.reshape(x.shape())?))
    }
}
