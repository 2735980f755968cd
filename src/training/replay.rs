//! How a generator that grows from another keeps what that one knew: it is held to the adapters that
//! the older one writes for the descriptions it remembers. No example of an old task is needed.
//!
//! Letters: B conditions of a shard, C their width, Z latent width.

use super::Error;
use super::generator_data::Corpus;
use crate::generator::{Conditions, Cvae, GeneratorFile};
use crate::noise::Noise;
use candle_core::{DType, Device, Tensor};

/// A generator whose adapters are to stay as they are.
pub(super) struct Replay<'a> {
    pub(super) parent: &'a GeneratorFile,
}

impl Replay<'_> {
    /// The squared difference between what both write for `count` descriptions of remembered tasks, as a share of
    /// the variance between the tasks, averaged over slots.
    pub(super) fn loss(
        &self,
        (cvae, corpus): (&Cvae, &Corpus),
        count: usize,
        noise: &mut Noise,
        device: &Device,
    ) -> Result<Tensor, Error> {
        let config = self.parent.config();
        let conditions: Vec<Vec<f32>> = (0..count).map(|_| self.condition(corpus, noise)).collect();
        let rows: Vec<&[f32]> = conditions.iter().map(Vec::as_slice).collect();
        let conditions = Conditions::new(&rows, config, device)?;
        let mut epsilon = noise.normals(count * config.latent);
        epsilon[count / 2 * config.latent..].fill(0.0);
        let epsilon = Tensor::from_vec(epsilon, (count, config.latent), device)?;
        let old = self.parent.cvae();
        let c = old.read(&conditions)?;
        let wanted = old.decode(&c, &old.prior(&c)?.sample(&epsilon)?)?;
        let c = cvae.read(&conditions)?;
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

    /// One of the remembered descriptions' conditions; of a parent that kept no descriptions, what its directions
    /// hold of a task's, as far from the mean as its descriptions were.
    fn condition(&self, corpus: &Corpus, noise: &mut Noise) -> Vec<f32> {
        if !corpus.remembered.is_empty() {
            return noise.pick::<Vec<f32>>(&corpus.remembered).clone();
        }
        let memory = self.parent.memory();
        let centre = memory.condition(noise.pick(&memory.tasks));
        centre.iter().zip(&memory.within).map(|(c, within)| c + within * noise.normal()).collect()
    }
}
