//! Weighted cross-entropy of scored tokens: Σ wₙ · −log softmax(logitsₙ)[targetₙ].

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
                let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                row.iter_mut().for_each(|x| *x = (*x - top).exp());
                let factor = weight * upstream / row.iter().sum::<f32>();
                row.iter_mut().for_each(|x| *x *= factor);
                row[*target as usize] -= weight * upstream;
            }
            Ok(dx)
        })?;
        Ok(Some(Tensor::from_vec(dx, logits.shape(), logits.device())?))
    }
}
