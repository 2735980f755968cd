//! A baseline: conditional latent diffusion over trained adapters, after COND P-DIFF (Jin et al. 2024, arXiv 2408.01415),
//! in small. An autoencoder brings flat adapters to a few numbers, and a diffusion model learns those of a condition. It
//! sees the trained adapters alone, never the base model's loss.
//!
//! The autoencoder is linear, the adapters' principal components: a few hundred adapters allow no more. Letters: B
//! adapters of a batch, K latent numbers, C those of a condition's whole text, L coordinates of all B, T steps of noise.

use super::gradients::sum;
use super::initial_weights::{lock, seed_weights};
use super::optimizer::{Optimizer, Rule};
use super::progress::{Progress, Report};
use super::schedule::Schedule;
use super::{Error, Workers};
use crate::generator::principal_components;
use crate::noise::Noise;
use crate::training::generator_data::Corpus;
use candle_core::{DType, Device, Tensor};
use candle_nn::{Linear, Module as _, VarBuilder, VarMap};
use std::f64::consts::FRAC_PI_2;

/// How the baseline is trained.
#[derive(Clone, Copy, Debug)]
pub struct DiffusionRun {
    /// K
    pub latent: usize,
    /// Width of the denoiser.
    pub hidden: usize,
    /// Adapters of a step.
    pub batch: usize,
    /// The learning rate.
    pub schedule: Schedule,
    /// The seed of everything.
    pub seed: u64,
}

impl Default for DiffusionRun {
    fn default() -> Self {
        let schedule = Schedule { peak: 1e-3, warmup: 50, decay: 4_000, steps: 6_000 };
        Self { latent: 64, hidden: 512, batch: 64, schedule, seed: 1 }
    }
}

/// T
const STEPS: usize = 1_000;
/// Steps of a generation.
const TAKEN: usize = 50;
/// Numbers that tell the denoiser how much noise there is.
const TIME: usize = 32;

/// A trained baseline.
pub struct Diffusion {
    latents: Latents,
    denoiser: Denoiser,
}

/// The linear autoencoder.
struct Latents {
    /// `[L]`
    mean: Vec<f32>,
    /// K rows of `[L]`, each as long as the adapters' deviation along it.
    components: Vec<Vec<f32>>,
}

/// ε(x, t, c)
#[derive(Clone)]
struct Denoiser {
    latent: usize,
    condition: usize,
    first: Linear,
    inner: Vec<(Linear, Linear)>,
    last: Linear,
}

/// Trains on the trajectories of a corpus.
///
/// # Errors
/// [`Error::NoData`] without trajectories, [`Error::Cancelled`], [`Error::Diverged`].
pub fn train_diffusion(
    corpus: &Corpus,
    run: &DiffusionRun,
    workers: &Workers,
    progress: &dyn Progress,
) -> Result<Diffusion, Error> {
    let latents = Latents::fit(corpus, run.latent)?;
    let vars = VarMap::new();
    let vb = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
    let denoiser = Denoiser::new((run.latent, corpus.widths.0), run.hidden, &vb)?;
    seed_weights(&vars, run.seed)?;
    let mut named: Vec<_> = lock(&vars)
        .iter()
        .map(|(name, var)| (name.clone(), var.clone(), Rule::AdamW { decay: 0.01, rate_scale: 1.0 }))
        .collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let mut optimizer = Optimizer::new(named)?;
    let known = Known::of(corpus, &latents);
    let mut smooth = f64::NAN;
    for step in 0..run.schedule.steps {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let mut noise = Noise::stream(run.seed.wrapping_add(step as u64 * 0x9e37_79b9), "diffusion step");
        let shards: Vec<Noise> = (0..2).map(|_| Noise::seeded(noise.next_u64())).collect();
        let (this, optimizer_of) = (&denoiser, &optimizer);
        let parts = workers.map(shards, |mut noise| {
            let loss = (known.loss(this, run.batch / 2, &mut noise)? * 0.5)?;
            let grads = optimizer_of.collect(&loss.backward()?);
            Ok((vec![f64::from(loss.to_scalar::<f32>()?)], grads))
        });
        let (losses, grads) = sum(parts)?;
        if !losses[0].is_finite() {
            return Err(Error::Diverged { step });
        }
        optimizer.step(grads, run.schedule.rate(step), 1.0, workers)?;
        smooth = if smooth.is_nan() { losses[0] } else { 0.98 * smooth + 0.02 * losses[0] };
        let total = run.schedule.steps;
        progress.report(&Report { phase: "diffusion", step: step + 1, total, metrics: &[("loss", smooth)] });
    }
    Ok(Diffusion { latents, denoiser })
}

impl Diffusion {
    /// The flat adapter of a standardised condition, by deterministic steps (DDIM, Song et al. 2021) from a seeded
    /// draw of noise.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn adapter(&self, condition: &[f32], seed: u64) -> Result<Vec<f32>, Error> {
        let denoiser = &self.denoiser;
        let condition = &condition[..denoiser.condition.min(condition.len())];
        let c = Tensor::from_slice(condition, (1, condition.len()), &Device::Cpu)?;
        let mut x = Tensor::from_vec(Noise::seeded(seed).normals(denoiser.latent), (1, denoiser.latent), &Device::Cpu)?;
        for taken in (0..TAKEN).rev() {
            let (t, before) = ((taken + 1) * STEPS / TAKEN - 1, (taken * STEPS / TAKEN).checked_sub(1));
            let (now, then) = (kept(t), before.map_or(1.0, kept));
            let epsilon = denoiser.forward(&x, &[t], &c)?;
            let clean = ((&x - (&epsilon * (1.0 - now).sqrt())?)? / now.sqrt())?.clamp(-5.0, 5.0)?;
            x = ((clean * then.sqrt())? + (epsilon * (1.0 - then).sqrt())?)?;
        }
        Ok(self.latents.decoded(&x.flatten_all()?.to_vec1::<f32>()?))
    }
}

impl Latents {
    fn fit(corpus: &Corpus, count: usize) -> Result<Self, Error> {
        let finals: Vec<&Vec<f32>> = corpus.tasks.iter().filter_map(|task| task.trajectory.last()).collect();
        let width = finals.first().map(|flat| flat.len()).ok_or(Error::NoData { what: "trained adapters" })?;
        let mut mean = vec![0.0f32; width];
        for flat in &finals {
            mean.iter_mut().zip(flat.iter()).for_each(|(m, x)| *m += x / finals.len() as f32);
        }
        let rows: Vec<Vec<f32>> = finals.iter().map(|f| f.iter().zip(&mean).map(|(x, m)| x - m).collect()).collect();
        let components = principal_components(&rows, count);
        Ok(Self { mean, components: components.chunks(width).map(<[f32]>::to_vec).collect() })
    }

    fn encoded(&self, flat: &[f32]) -> Vec<f32> {
        let along = |component: &Vec<f32>| {
            let length: f32 = component.iter().map(|x| x * x).sum();
            let dot: f32 = component.iter().zip(flat).zip(&self.mean).map(|((a, x), m)| a * (x - m)).sum();
            if length == 0.0 { 0.0 } else { dot / length }
        };
        self.components.iter().map(along).collect()
    }

    fn decoded(&self, latent: &[f32]) -> Vec<f32> {
        let mut flat = self.mean.clone();
        for (component, x) in self.components.iter().zip(latent) {
            flat.iter_mut().zip(component).for_each(|(f, c)| *f += x * c);
        }
        flat
    }
}

/// The tasks that have a trained adapter.
struct Known<'a> {
    tasks: Vec<KnownTask<'a>>,
}

/// The latents of a task's kept checkpoints, and its conditions.
struct KnownTask<'a> {
    latents: Vec<Vec<f32>>,
    conditions: Vec<&'a [f32]>,
}

impl<'a> Known<'a> {
    fn of(corpus: &'a Corpus, latents: &Latents) -> Self {
        let tasks = corpus.tasks.iter().filter(|task| !task.trajectory.is_empty());
        let known = tasks.map(|task| {
            let conditions = task.conditions.iter().map(|c| &c[..corpus.widths.0.min(c.len())]).collect();
            KnownTask { latents: task.trajectory.iter().map(|flat| latents.encoded(flat)).collect(), conditions }
        });
        Self { tasks: known.collect() }
    }

    /// The squared error of the noise that is found in `count` latents.
    fn loss(&self, denoiser: &Denoiser, count: usize, noise: &mut Noise) -> Result<Tensor, Error> {
        let (mut noised, mut conditions, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let epsilon = noise.normals(count * denoiser.latent);
        for epsilon in epsilon.chunks(denoiser.latent) {
            let KnownTask { latents, conditions: texts } = noise.pick(&self.tasks);
            let (clean, t) = (noise.pick::<Vec<f32>>(latents), noise.below(STEPS));
            conditions.extend_from_slice(noise.pick::<&[f32]>(texts));
            let (signal, noisy) = (kept(t).sqrt() as f32, (1.0 - kept(t)).sqrt() as f32);
            noised.extend(clean.iter().zip(epsilon).map(|(x, e)| signal * x + noisy * e));
            times.push(t);
        }
        let matrix = |values: Vec<f32>| Tensor::from_vec(values, (count, ()), &Device::Cpu);
        let found = denoiser.forward(&matrix(noised)?, &times, &matrix(conditions)?)?;
        Ok((found - matrix(epsilon)?)?.sqr()?.mean_all()?)
    }
}

/// The share of the signal's variance that is left after step t of the noise: a cosine (Nichol and Dhariwal 2021).
fn kept(t: usize) -> f64 {
    let at = |t: f64| ((t / STEPS as f64 + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
    (at((t + 1) as f64) / at(0.0)).max(1e-4)
}

impl Denoiser {
    fn new((latent, condition): (usize, usize), hidden: usize, vb: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let block = |i: usize| -> candle_core::Result<(Linear, Linear)> {
            let vb = vb.pp("block").pp(i);
            let first = candle_nn::linear(hidden, hidden, vb.pp("first"))?;
            Ok((first, candle_nn::linear(hidden, hidden, vb.pp("second"))?))
        };
        Ok(Self {
            latent,
            condition,
            first: candle_nn::linear(latent + TIME + condition, hidden, vb.pp("first"))?,
            inner: (0..3).map(block).collect::<candle_core::Result<_>>()?,
            last: candle_nn::linear(hidden, latent, vb.pp("last"))?,
        })
    }

    /// `[B, K]` for x `[B, K]`, the steps of noise and c `[B, C]`.
    fn forward(&self, x: &Tensor, times: &[usize], condition: &Tensor) -> candle_core::Result<Tensor> {
        let times: Vec<f32> = times.iter().flat_map(|t| waves(*t)).collect();
        let times = Tensor::from_vec(times, (x.dim(0)?, TIME), x.device())?;
        let mut h = self.first.forward(&Tensor::cat(&[x, &times, condition], 1)?)?;
        for (first, second) in &self.inner {
            h = (&h + second.forward(&first.forward(&h.silu()?)?.silu()?)?)?;
        }
        self.last.forward(&h.silu()?)
    }
}

/// Sines and cosines of a step, `[TIME]`.
fn waves(t: usize) -> impl Iterator<Item = f32> {
    let half = TIME / 2;
    (0..TIME).map(move |i| {
        let angle = t as f64 / 1e4f64.powf((i % half) as f64 / half as f64);
        (if i < half { angle.sin() } else { angle.cos() }) as f32
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::{Scale, Standardiser};
    use crate::training::finite_differences::check_direction;
    use crate::training::generator_data::CorpusTask;
    use crate::training::progress::Silent;
    use crate::training::test_base::{base, constant_task};

    /// Three tasks whose adapters and conditions lie far apart.
    fn corpus() -> Corpus {
        let base = base();
        let mut noise = Noise::seeded(4);
        let task = |name: &str, noise: &mut Noise| {
            let (centre, condition) = (noise.normals(30), noise.normals(6));
            let near = |noise: &mut Noise| centre.iter().map(|x| x + 0.01 * noise.normal()).collect();
            CorpusTask {
                data: constant_task(name, name, base.prompter()),
                conditions: vec![condition],
                alone: 1,
                prefixes: vec![Vec::new()],
                trajectory: (0..2).map(|_| near(noise)).collect(),
            }
        };
        Corpus {
            tasks: ["x", "y", "z"].iter().map(|name| task(name, &mut noise)).collect(),
            standardiser: Standardiser { vector: Scale::default(), token: Scale::default() },
            widths: (6, 0),
            remembered: Vec::new(),
            device: Device::Cpu,
        }
    }

    #[test]
    fn every_variable_of_the_denoiser_gets_the_gradient_that_finite_differences_give() {
        let corpus = corpus();
        let known = Known::of(&corpus, &Latents::fit(&corpus, 2).expect("adapters"));
        let vars = VarMap::new();
        let denoiser =
            Denoiser::new((2, 6), 12, &VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu)).expect("net");
        seed_weights(&vars, 3).expect("seeded");
        let loss = || known.loss(&denoiser, 8, &mut Noise::seeded(5)).expect("loss");
        let grads = loss().backward().expect("backward");
        for (name, var) in lock(&vars).iter() {
            let grad = grads.get(var).unwrap_or_else(|| panic!("{name} has no gradient"));
            check_direction(name, var, grad, || f64::from(loss().to_scalar::<f32>().expect("scalar")));
        }
    }

    #[test]
    fn a_known_condition_gives_an_adapter_like_the_tasks_own() {
        let corpus = corpus();
        let schedule = Schedule { peak: 3e-3, warmup: 10, decay: 300, steps: 600 };
        let run = DiffusionRun { latent: 2, hidden: 32, batch: 16, schedule, seed: 1 };
        let workers = Workers::new(1).expect("a thread");
        let trained = train_diffusion(&corpus, &run, &workers, &Silent).expect("training");
        let far = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
        for task in &corpus.tasks {
            let made = trained.adapter(&task.conditions[0], 7).expect("an adapter");
            let nearest = corpus
                .tasks
                .iter()
                .min_by(|a, b| far(&made, &a.trajectory[0]).total_cmp(&far(&made, &b.trajectory[0])));
            assert_eq!(nearest.expect("three").data.name, task.data.name);
        }
    }
}
