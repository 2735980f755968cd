//! Weighted cross-entropy of scored tokens: Σ wₙ · −log softmax(logitsₙ)[targetₙ].

use super::gated::fast_exp;
use super::slices::{f32_slice, with_f32};
use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};

/// The weighted sum of the negative log-likelihoods of `targets` under `logits` `[N, V]`, a scalar.
/// Weights that sum to 1 make it a mean.
pub fn cross_entropy(logits: &Tensor, targets: &[u32], weights: &[f32]) -> Result<Tensor> {
    let (scored, vocabulary) = logits.dims2()?;
    if targets.len() != scored || weights.len() != scored || targets.iter().any(|t| *t as usize >= vocabulary) {
        bail!("{} targets and {} weights for logits {:?}", targets.len(), weights.len(), logits.shape());
    }
    if logits.device().is_cpu() && logits.dtype() == candle_core::DType::F32 {
        return logits.contiguous()?.apply_op1(CrossEntropy { targets: targets.to_vec(), weights: weights.to_vec() });
    }
    let targets = Tensor::from_slice(targets, (scored, 1), logits.device())?;
    let weights = Tensor::from_slice(weights, scored, logits.device())?;
    let logits = logits.to_dtype(candle_core::DType::F32)?;
    let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?.detach())?;
    let chosen = shifted.gather(&targets, D::Minus1)?.squeeze(1)?; // [N]
    let log_sum = shifted.exp()?.sum(D::Minus1)?.log()?; // [N]
    ((log_sum - chosen)? * weights)?.sum_all()
}

/// The loss of logits `[N, V]`, f32, and its slope along them.
pub(super) fn rows_loss(logits: &Tensor, targets: &[u32], weights: &[f32]) -> Result<(f32, Tensor)> {
    if !logits.device().is_cpu() {
        let var = candle_core::Var::from_tensor(logits)?;
        let loss = cross_entropy(&var, targets, weights)?;
        let slope = loss.backward()?.remove(&var).unwrap_or(logits.zeros_like()?);
        return Ok((loss.to_scalar()?, slope));
    }
    let width = logits.dim(1)?;
    if targets.iter().any(|target| *target as usize >= width) {
        bail!("a target is outside the vocabulary of {width}");
    }
    let (loss, slope) = with_f32(&logits.contiguous()?, |logits| {
        let mut slope = logits.to_vec();
        let mut loss = 0.0;
        for ((row, target), weight) in slope.chunks_mut(width).zip(targets).zip(weights) {
            let chosen = row[*target as usize];
            let (top, sum) = softmax(row, *weight);
            loss += weight * (sum.ln() + top - chosen);
            row[*target as usize] -= weight;
        }
        Ok((loss, slope))
    })?;
    Ok((loss, Tensor::from_vec(slope, logits.shape(), logits.device())?))
}

/// Makes logits their softmax times a factor; gives their maximum and Σ exp(x − max).
fn softmax(row: &mut [f32], factor: f32) -> (f32, f32) {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in row.iter_mut() {
        *x = fast_exp(*x - top);
        sum += *x;
    }
    let scale = factor / sum;
    row.iter_mut().for_each(|x| *x *= scale);
    (top, sum)
}

struct CrossEntropy {
    targets: Vec<u32>,
    weights: Vec<f32>,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy_with_backward"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = f32_slice(logits, layout)?;
        let width = layout.dims()[1];
        let loss: f32 = (logits.chunks(width).zip(&self.targets).zip(&self.weights))
            .map(|((row, target), weight)| {
                let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let sum: f32 = row.iter().map(|x| (x - top).exp()).sum();
                weight * (sum.ln() + top - row[*target as usize])
            })
            .sum();
        Ok((CpuStorage::F32(vec![loss]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let upstream = grad.to_scalar::<f32>()?;
        let width = logits.dim(1)?;
        let dx = with_f32(logits, |logits| {
            let mut dx = logits.to_vec();
            for ((row, target), weight) in dx.chunks_mut(width).zip(&self.targets).zip(&self.weights) {
                softmax(row, weight * upstream);
                row[*target as usize] -= weight * upstream;
            }
            Ok(dx)
        })?;
        Ok(Some(Tensor::from_vec(dx, logits.shape(), logits.device())?))
    }
}
