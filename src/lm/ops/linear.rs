//! Linear layers whose frozen weights cost no gradient.

use candle_core::backend::BackendStorage;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, Result, Shape, Tensor};

/// y = x · Wᵀ for x `[.., in]` and W `[out, in]`; W gets a gradient only where it is a variable.
pub fn linear(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(weight, Linear)
}

/// y = x · Wᵀ + (x · Aᵀ) · Bᵦᵀ for x `[B, T, in]`, frozen W `[out, in]`, frozen A `[R, in]` (one for all rows)
/// and B `[B, out, R]` (one a row, the scale included). x and B get gradients.
pub fn lora_linear(x: &Tensor, weight: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op2(b, LoraLinear { weight: weight.detach(), a: a.detach() })
}

struct Linear;

/// `x · wᵀ` over the flattened leading dimensions of x.
pub(super) fn product_nt<S: BackendStorage>(x: &S, xl: &Layout, w: &S, wl: &Layout) -> Result<(S, Shape)> {
    let (out, width) = wl.shape().dims2()?;
    let rows = xl.shape().elem_count() / width;
    let flat = Layout::contiguous_with_offset((rows, width), xl.start_offset());
    let product = x.matmul(w, (1, rows, out, width), &flat, &wl.transpose(0, 1)?)?;
    let mut dims = xl.dims().to_vec();
    dims.pop();
    dims.push(out);
    Ok((product, Shape::from(dims)))
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear_with_backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout, w: &CpuStorage, wl: &Layout) -> Result<(CpuStorage, Shape)> {
        product_nt(x, xl, w, wl)
    }

    fn cuda_fwd(&self, x: &CudaStorage, xl: &Layout, w: &CudaStorage, wl: &Layout) -> Result<(CudaStorage, Shape)> {
        product_nt(x, xl, w, wl)
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (out, width) = w.dims2()?;
        let dy = grad.contiguous()?.reshape(((), out))?;
        let dx = dy.matmul(&w.detach())?.reshape(x.shape())?;
        let dw = match w.is_variable() {
            true => Some(dy.t()?.matmul(&x.detach().reshape(((), width))?)?), // [out, in]
            false => None,
        };
        Ok((Some(dx), dw))
    }
}

struct LoraLinear {
    weight: Tensor,
    a: Tensor,
}

impl LoraLinear {
    /// x · Aᵀ, `[B, T, R]`.
    fn down(&self, x: &Tensor) -> Result<Tensor> {
        linear(x, &self.a)
    }
}

impl CustomOp2 for LoraLinear {
    fn name(&self) -> &'static str {
        "lora_linear_with_backward"
    }

    fn cpu_fwd(&self, x: &CpuStorage, xl: &Layout, b: &CpuStorage, bl: &Layout) -> Result<(CpuStorage, Shape)> {
        let (weight, a) = (self.weight.storage_and_layout(), self.a.storage_and_layout());
        match (&*weight.0, &*a.0) {
            (candle_core::Storage::Cpu(w), candle_core::Storage::Cpu(a_storage)) => {
                lora_forward((x, xl), (w, weight.1), (a_storage, a.1), (b, bl))
            }
            _ => candle_core::bail!("the weights of a LoRA linear layer are on another device than its input"),
        }
    }

    fn cuda_fwd(&self, x: &CudaStorage, xl: &Layout, b: &CudaStorage, bl: &Layout) -> Result<(CudaStorage, Shape)> {
        let (weight, a) = (self.weight.storage_and_layout(), self.a.storage_and_layout());
        match (&*weight.0, &*a.0) {
            (candle_core::Storage::Cuda(w), candle_core::Storage::Cuda(a_storage)) => {
                lora_forward((x, xl), (w, weight.1), (a_storage, a.1), (b, bl))
            }
            _ => candle_core::bail!("the weights of a LoRA linear layer are on another device than its input"),
        }
    }

    fn bwd(&self, x: &Tensor, b: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (rows, out, rank) = b.dims3()?;
        let (x, b) = (x.detach(), b.detach());
        let dy = grad.contiguous()?.reshape((rows, (), out))?; // [B, T, out]
        let dy_b = dy.matmul(&b)?; // [B, T, R]
        let flat = dy.reshape(((), out))?.matmul(&self.weight)?; // [B·T, in]
        let dx = (flat + dy_b.reshape(((), rank))?.matmul(&self.a)?)?.reshape(x.shape())?;
        let down = self.down(&x)?.reshape((rows, (), rank))?; // [B, T, R]
        let db = dy.transpose(1, 2)?.matmul(&down)?; // [B, out, R]
        Ok((Some(dx), Some(db)))
    }
}

type Stored<'a, S> = (&'a S, &'a Layout);

fn lora_forward<S: BackendStorage>(
    (x, xl): Stored<'_, S>,
    (w, wl): Stored<'_, S>,
    (a, al): Stored<'_, S>,
    (b, bl): Stored<'_, S>,
) -> Result<(S, Shape)> {
    let (base, shape) = product_nt(x, xl, w, wl)?;
    let (down, _) = product_nt(x, xl, a, al)?;
    let (rows, out, rank) = bl.shape().dims3()?;
    let tokens = shape.elem_count() / (rows * out);
    let update =
        down.matmul(b, (rows, tokens, out, rank), &Layout::contiguous((rows, tokens, rank)), &bl.transpose(1, 2)?)?;
    let flat = Layout::contiguous(shape.clone());
    Ok((base.binary_impl::<candle_core::op::Add>(&update, &flat, &flat)?, shape))
}
