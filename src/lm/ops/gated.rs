//! The gated activation (Shazeer 2020): y = act(gate) · up.

use super::slices::{f32_slice, with_f32};
use crate::lm::config::Activation;
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

const CHUNK: usize = 4096;

/// act(gate) · up, elementwise, for tensors of one shape.
pub fn gated(gate: &Tensor, up: &Tensor, activation: Activation) -> Result<Tensor> {
    if gate.device().is_cpu() && gate.dtype() == candle_core::DType::F32 {
        return gate.contiguous()?.apply_op2(&up.contiguous()?, Gated { activation });
    }
    match activation {
        Activation::Silu => gate.silu()? * up,
        Activation::GeluTanh => gate.gelu()? * up,
    }
}

struct Gated {
    activation: Activation,
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + fast_exp(-x))
}

/// √(8/π) and the cubic's factor: GELU by tanh is x · σ(√(8/π) · (x + 0.044715 x³)).
const GELU_SCALE: f32 = 1.595_769;
const GELU_CUBE: f32 = 0.044_715;

/// An activation x · σ(u(x)): σ(u) and u'.
trait Gate {
    fn gate(x: f32) -> (f32, f32);
}

struct Silu;
struct GeluTanh;

impl Gate for Silu {
    fn gate(x: f32) -> (f32, f32) {
        (sigmoid(x), 1.0)
    }
}

impl Gate for GeluTanh {
    fn gate(x: f32) -> (f32, f32) {
        let square = x * x;
        let u = GELU_SCALE * x * (1.0 + GELU_CUBE * square);
        (sigmoid(u), GELU_SCALE * (1.0 + 3.0 * GELU_CUBE * square))
    }
}

/// ln 2 in two parts: the first has few enough bits that its multiples are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// e^x to 1e-6 relative by a polynomial that the compiler can vectorise; libm's call cannot be.
pub(in crate::lm) fn fast_exp(x: f32) -> f32 {
    let x = x.clamp(-87.0, 88.0);
    let whole = (x * std::f32::consts::LOG2_E).round_ties_even();
    let part = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let poly = 1.0
        + part * (1.0 + part * (0.5 + part * (1.0 / 6.0 + part * (1.0 / 24.0 + part * (1.0 / 120.0 + part / 720.0)))));
    f32::from_bits(((whole as i32 + 127) << 23) as u32) * poly
}

impl CustomOp2 for Gated {
    fn name(&self) -> &'static str {
        "gated_with_backward"
    }

    fn cpu_fwd(&self, g: &CpuStorage, gl: &Layout, u: &CpuStorage, ul: &Layout) -> Result<(CpuStorage, Shape)> {
        let (g, u) = (f32_slice(g, gl)?, f32_slice(u, ul)?);
        let out = match self.activation {
            Activation::Silu => values::<Silu>(g, u),
            Activation::GeluTanh => values::<GeluTanh>(g, u),
        };
        Ok((CpuStorage::F32(out), gl.shape().clone()))
    }

    fn bwd(&self, g: &Tensor, u: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let slopes = match self.activation {
            Activation::Silu => gradients::<Silu>,
            Activation::GeluTanh => gradients::<GeluTanh>,
        };
        let (dg, du) = with_f32(g, |gs| with_f32(u, |us| with_f32(&grad, |dy| Ok(slopes(gs, us, dy)))))?;
        let like = |values: Vec<f32>| Tensor::from_vec(values, g.shape(), g.device());
        Ok((Some(like(dg)?), Some(like(du)?)))
    }
}

fn values<A: Gate>(g: &[f32], u: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; g.len()];
    out.par_chunks_mut(CHUNK).zip(g.par_chunks(CHUNK)).zip(u.par_chunks(CHUNK)).for_each(|((out, g), u)| {
        for ((out, g), u) in out.iter_mut().zip(g).zip(u) {
            *out = g * A::gate(*g).0 * u;
        }
    });
    out
}

/// With y = x·σ(u)·up: dx = dy · up · σ · (1 + x·u'·(1 − σ)) and dup = dy · x·σ.
fn gradients<A: Gate>(g: &[f32], u: &[f32], dy: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (mut dg, mut du) = (vec![0.0; g.len()], vec![0.0; g.len()]);
    dg.par_chunks_mut(CHUNK)
        .zip(du.par_chunks_mut(CHUNK))
        .zip(g.par_chunks(CHUNK).zip(u.par_chunks(CHUNK)).zip(dy.par_chunks(CHUNK)))
        .for_each(|((dg, du), ((g, u), dy))| {
            for i in 0..g.len() {
                let (s, inner) = A::gate(g[i]);
                du[i] = dy[i] * g[i] * s;
                dg[i] = dy[i] * u[i] * s * (1.0 + g[i] * inner * (1.0 - s));
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
