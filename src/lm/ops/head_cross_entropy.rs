//! The output layer and its cross-entropy in one, for a frozen output layer.
//!
//! The loss is a scalar, so its slope along the hidden states is known when it is: both are computed
//! for a few tokens at a time, and logits over a large vocabulary never stand in memory all together.

use super::cross_entropy::rows_loss;
use super::softcapped;
use crate::lm::weights::Weight;
use candle_core::{CpuStorage, CudaStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};

/// Logits of this many numbers are computed together.
const CHUNK_NUMBERS: usize = 1 << 23;

/// The frozen output layer, the soft cap of its logits, and what should come.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// W `[V, D]`
    pub weight: &'a Weight,
    /// Logits are bent into ± this.
    pub softcap: Option<f32>,
    /// The token that should come after each hidden state.
    pub targets: &'a [u32],
    /// The factor of each token's loss.
    pub weights: &'a [f32],
    /// Another model's states to learn from besides, or none.
    pub teacher: Option<Teacher<'a>>,
}

/// Hidden states whose distributions stand, in part, for the targets (Hinton, Vinyals and Dean 2015).
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'a> {
    /// `[N, D]`, before the same output layer.
    pub hidden: &'a Tensor,
    /// From 0, the targets alone, to 1, the teacher alone.
    pub share: f64,
}

/// Σ wₙ · −log softmax(W·hₙ)[targetₙ] for hidden states `[N, D]`, a scalar. They get a gradient. With a teacher, its
/// share of the loss is Σ wₙ · −Σᵥ teacherₙᵥ · log softmax(W·hₙ)ᵥ.
pub fn head_cross_entropy(hidden: &Tensor, head: Head<'_>) -> Result<Tensor> {
    let (scored, _) = hidden.dims2()?;
    if head.targets.len() != scored || head.weights.len() != scored || scored == 0 {
        bail!("{} targets and {} weights for {scored} hidden states", head.targets.len(), head.weights.len());
    }
    let frozen = hidden.detach();
    let dense = head.weight.to_dense()?; // [V, D]
    let rows = (CHUNK_NUMBERS / dense.dim(0)?).max(1);
    let (mut loss, mut slopes) = (0.0, Vec::new());
    for first in (0..scored).step_by(rows) {
        let count = rows.min(scored - first);
        let logits = head.weight.product(&frozen.narrow(0, first, count)?)?.to_dtype(DType::F32)?;
        let capped = softcapped(logits, head.softcap)?;
        let at = first..first + count;
        let (mut value, mut slope) = rows_loss(&capped, &head.targets[at.clone()], &head.weights[at.clone()])?;
        if let Some(teacher) = head.teacher {
            let logits = head.weight.product(&teacher.hidden.detach().narrow(0, first, count)?)?;
            let wanted = candle_nn::ops::softmax(&softcapped(logits.to_dtype(DType::F32)?, head.softcap)?, 1)?;
            let (also, towards) = towards(&capped, &wanted, &head.weights[at])?;
            value = (1.0 - teacher.share as f32) * value + teacher.share as f32 * also;
            slope = ((slope * (1.0 - teacher.share))? + (towards * teacher.share)?)?;
        }
        if let Some(cap) = head.softcap {
            let bend = (1.0 - (capped / f64::from(cap))?.sqr()?)?;
            slope = (slope * bend)?;
        }
        loss += value;
        if hidden.track_op() {
            slopes.push(slope.to_dtype(dense.dtype())?.matmul(&dense)?); // [count, D]
        }
    }
    if slopes.is_empty() {
        return Tensor::new(loss, hidden.device());
    }
    hidden.apply_op1(Known { loss, slope: Tensor::cat(&slopes, 0)?.to_dtype(hidden.dtype())? })
}

/// The weighted cross-entropies of logits `[N, V]` with distributions `[N, V]`, summed, and the slope along the logits.
fn towards(logits: &Tensor, wanted: &Tensor, weights: &[f32]) -> Result<(f32, Tensor)> {
    let weights = Tensor::from_slice(weights, (weights.len(), 1), logits.device())?;
    let logs = candle_nn::ops::log_softmax(logits, 1)?;
    let value = wanted.mul(&logs)?.broadcast_mul(&weights)?.sum_all()?.neg()?.to_scalar::<f32>()?;
    Ok((value, (logs.exp()? - wanted)?.broadcast_mul(&weights)?))
}

/// A scalar whose value and slope were computed together.
struct Known {
    loss: f32,
    slope: Tensor,
}

impl CustomOp1 for Known {
    fn name(&self) -> &'static str {
        "head_cross_entropy_with_backward"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(vec![self.loss]), Shape::from(())))
    }

    fn cuda_fwd(&self, hidden: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        use candle_core::backend::{BackendDevice, BackendStorage};
        let storage = hidden.device().storage_from_cpu_storage(&CpuStorage::F32(vec![self.loss]))?;
        Ok((storage, Shape::from(())))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let upstream = f64::from(grad.to_scalar::<f32>()?);
        Ok(Some(if upstream == 1.0 { self.slope.clone() } else { (&self.slope * upstream)? }))
    }
}
