//! The gated activation (Shazeer 2020): y = silu(gate) · up.

use super::slices::{f32_slice, with_f32};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

const CHUNK: usize = 4096;

/// silu(gate) · up, elementwise, for tensors of one shape.
pub fn swiglu(gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    if gate.device().is_cpu() && gate.dtype() == candle_core::DType::F32 {
        return gate.contiguous()?.apply_op2(&up.contiguous()?, SwiGlu);
    }
    gate.silu()? * up
}

struct SwiGlu;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + fast_exp(-x))
}

/// ln 2 in two parts: the first has few enough bits that its multiples are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// e^x to 1e-6 relative by a polynomial that the compiler can vectorise; libm's call cannot be.
pub(super) fn fast_exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let whole = (x * std::f32::consts::LOG2_E).round_ties_even();
    let part = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let poly = 1.0
        + part * (1.0 + part * (0.5 + part * (1.0 / 6.0 + part * (1.0 / 24.0 + part * (1.0 / 120.0 + part / 720.0)))));
    f32::from_bits(((whole as i32 + 127) << 23) as u32) * poly
}

impl CustomOp2 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu_with_backward"
    }

    fn cpu_fwd(&self, g: &CpuStorage, gl: &Layout, u: &CpuStorage, ul: &Layout) -> Result<(CpuStorage, Shape)> {
        let (g, u) = (f32_slice(g, gl)?, f32_slice(u, ul)?);
        let mut out = vec![0.0; g.len()];
        out.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK)).zip(u.par_chunks(CHUNK)).for_each(|((out, g), u)| {
            for ((out, g), u) in out.iter_mut().zip(g).zip(u) {
                *out = g * sigmoid(*g) * u;
            }
        });
        Ok((CpuStorage::F32(out), gl.shape().clone()))
    }

    fn bwd(&self, g: &Tensor, u: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (dg, du) = with_f32(g, |gs| with_f32(u, |us| with_f32(&grad, |dy| Ok(gradients(gs, us, dy)))))?;
        let like = |values: Vec<f32>| Tensor::from_vec(values, g.shape(), g.device());
        Ok((Some(like(dg)?), Some(like(du)?)))
    }
}

fn gradients(g: &[f32], u: &[f32], dy: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut dg, mut du) = (vec![0.0; g.len()], vec![0.0; g.len()]);
    dg.par_chunks_mut(CHUNK)
        .zip(du.par_chunks_mut(CHUNK))
        .zip(g.par_chunks(CHUNK).zip(u.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK)))
        .for_each(|((dg, du), ((g, u), dy))| {
            for i in 0..g.len() {
                let s = sigmoid(g[i]);
                du[i] = dy[i] * g[i] * s;
                dg[i] = dy[i] * u[i] * s * (1.0 + g[i] * (1.0 - s));
            }
        });
    (dg, du)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_fast_exponential_agrees_with_the_libm_one() {
        for i in -800..800 {
            let x = i as f32 / 10.0;
            let relative = (super::fast_exp(x) / x.exp() - 1.0).abs();
            assert!(relative < 2e-6, "e^{x}: {relative}");
        }
    }
}
