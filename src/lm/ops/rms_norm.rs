//! Root-mean-square norm (Zhang and Sennrich 2019): y = w · x / sqrt(mean(x²) + eps).

use super::slices::{f32_slice, with_f32};
use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Normalises the last dimension of `x` `[.., D]` and scales it by `weight` `[D]`, f32.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Tensor> {
    if x.device().is_cpu() && x.dtype() == candle_core::DType::F32 {
        return x.contiguous()?.apply_op2(weight, RmsNorm { eps: eps as f32 });
    }
    let wide = x.to_dtype(candle_core::DType::F32)?;
    let scale = (wide.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?;
    wide.broadcast_div(&scale)?.broadcast_mul(&weight.to_dtype(candle_core::DType::F32)?)?.to_dtype(x.dtype())
}

struct RmsNorm {
    eps: f32,
}

impl RmsNorm {
    /// 1 / sqrt(mean(x²) + eps)
    fn inverse_scale(&self, row: &[f32]) -> f32 {
        let squares: f32 = row.iter().map(|x| x * x).sum();
        (squares / row.len() as f32 + self.eps).sqrt().recip()
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm_with_backward"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (f32_slice(x, x_layout)?, f32_slice(w, w_layout)?);
        let mut out = vec![0.0; x.len()];
        out.par_chunks_mut(w.len()).zip(x.par_chunks(w.len())).with_min_len(64).for_each(|(out, x)| {
            let inverse = self.inverse_scale(x);
            for ((out, x), w) in out.iter_mut().zip(x).zip(w) {
                *out = x * inverse * w;
            }
        });
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (dx, dw) = with_f32(x, |xs| with_f32(w, |ws| with_f32(&grad, |gs| Ok(self.gradients(xs, ws, gs)))))?;
        let dw = if w.is_variable() { Some(Tensor::from_vec(dw, w.shape(), w.device())?) } else { None };
        Ok((Some(Tensor::from_vec(dx, x.shape(), x.device())?), dw))
    }
}

impl RmsNorm {
    /// dx = s·(w·dy) − x·s³/D·Σ(w·dy·x) and dw = Σ dy·x·s, where s is the inverse scale of a row.
    fn gradients(&self, x: &[f32], w: &[f32], dy: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let width = w.len();
        let mut dx = vec![0.0; x.len()];
        let mut dw = vec![0.0; width];
        for ((dx, x), dy) in dx.chunks_mut(width).zip(x.chunks(width)).zip(dy.chunks(width)) {
            let inverse = self.inverse_scale(x);
            let dot: f32 = x.iter().zip(dy).zip(w).map(|((x, dy), w)| x * dy * w).sum();
            let pull = dot * inverse * inverse * inverse / width as f32;
            for i in 0..width {
                dx[i] = inverse * w[i] * dy[i] - x[i] * pull;
                dw[i] += dy[i] * x[i] * inverse;
            }
        }
        (dx, dw)
    }
}
