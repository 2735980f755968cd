//! Diagonal normal distributions and the divergence between them.

use candle_core::{D, Result, Tensor};

/// Mean and log-variance, `[B, Z]` each.
#[derive(Clone, Debug)]
pub struct Gaussian {
    /// `[B, Z]`
    pub mean: Tensor,
    /// `[B, Z]`
    pub log_variance: Tensor,
}

impl Gaussian {
    /// Splits a network's output `[B, 2·Z]`; the log-variance is kept within ±6.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn from_output(output: &Tensor) -> Result<Self> {
        let latent = output.dim(D::Minus1)? / 2;
        let raw = output.narrow(D::Minus1, latent, latent)?;
        Ok(Self { mean: output.narrow(D::Minus1, 0, latent)?, log_variance: ((raw / 6.0)?.tanh()? * 6.0)? })
    }

    /// mean + σ · ε for ε `[B, Z]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn sample(&self, epsilon: &Tensor) -> Result<Tensor> {
        &self.mean + ((&self.log_variance * 0.5)?.exp()? * epsilon)?
    }
}

/// KL(q ‖ p) of each latent unit, averaged over the batch, `[Z]` (Kingma and Welling 2014, with a learned prior).
///
/// # Errors
/// Those of the tensor library.
pub fn kl_per_unit(q: &Gaussian, p: &Gaussian) -> Result<Tensor> {
    let spread =
        ((&q.log_variance - &p.log_variance)?.exp()? + ((&q.mean - &p.mean)?.sqr()? / p.log_variance.exp()?)?)?;
    (((spread - 1.0)? + (&p.log_variance - &q.log_variance)?)? * 0.5)?.mean(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_divergence_agrees_with_pytorch() {
        let row = |values: &[f32]| Tensor::from_slice(values, (1, values.len()), &Device::Cpu).expect("shape");
        let q = Gaussian { mean: row(&[0.5, -1.0]), log_variance: row(&[-1.0, 0.5]) };
        let p = Gaussian { mean: row(&[0.0, 1.0]), log_variance: row(&[0.3, -0.2]) };
        // torch.distributions.kl_divergence(Normal(m, exp(lv / 2)), …)
        let found = kl_per_unit(&q, &p).expect("kl").to_vec1::<f32>().expect("f32");
        for (value, expected) in found.iter().zip([0.378_9, 2.599_7]) {
            assert!((value - expected).abs() < 1e-4, "{found:?}");
        }
    }
}
