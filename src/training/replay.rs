//! How a generator that grows from another keeps what that one knew: it is held to the adapters that
//! the older one writes for the tasks it remembers. No example of an old task is needed.
//!
//! Letters: B conditions of a shard, C their width, Z latent width.

use super::Error;
use crate::generator::{Cvae, GeneratorFile};
use crate::noise::Noise;
use candle_core::{DType, Device, Tensor};

/// A generator whose adapters are to stay as they are.
pub(super) struct Replay<'a> {
    pub(super) parent: &'a GeneratorFile,
}

impl Replay<'_> {
    /// The squared difference between what both write for `count` descriptions of remembered tasks, as a share of
    /// the variance between the tasks, averaged over slots.
    pub(super) fn loss(&self, cvae: &Cvae, count: usize, noise: &mut Noise, device: &Device) -> Result<Tensor, Error> {
        let (memory, config) = (self.parent.memory(), self.parent.config());
        let mut conditions = Vec::with_capacity(count * config.condition);
        for _ in 0..count {
            let centre = memory.condition(noise.pick(&memory.tasks));
            // As far from the task's mean as its descriptions were.
            conditions.extend(centre.iter().zip(&memory.within).map(|(c, within)| c + within * noise.normal()));
        }
        let c = Tensor::from_vec(conditions, (count, config.condition), device)?;
        let mut epsilon = noise.normals(count * config.latent);
        epsilon[count / 2 * config.latent..].fill(0.0);
        let epsilon = Tensor::from_vec(epsilon, (count, config.latent), device)?;
        let old = self.parent.cvae();
        let wanted = old.decode(&c, &old.prior(&c)?.sample(&epsilon)?)?;
        let written = cvae.decode(&c, &cvae.prior(&c)?.sample(&epsilon)?)?;
        let mut sum = Tensor::zeros((), DType::F32, device)?;
        for (wanted, written) in wanted.iter().zip(&written) {
            let wanted = wanted.detach();
            let spread = wanted.broadcast_sub(&wanted.mean_keepdim(0)?)?.sqr()?.mean_all()?.to_scalar::<f32>()?;
            let scale = 1.0 / (f64::from(spread).max(1e-10) * config.layout.slots().len() as f64);
            sum = (sum + ((written - wanted)?.sqr()?.mean_all()? * scale)?)?;
        }
        Ok(sum)
    }
}
