//! Trains a generator in two stages: (i) reconstruction and divergence on trajectories, (ii) the
//! frozen base's cross-entropy through the generated adapters, on tasks with and without one of
//! their own. Stage (i)'s loss stays in the mix of stage (ii), so that z keeps its meaning.
//!
//! A generator that grows from a parent begins with the parent's weights, passes stage (i) over, and is
//! held to what the parent wrote for the tasks that it remembers.

use super::generator_data::{Corpus, CorpusTask};
pub use super::generator_run::{GeneratorRun, Stage};
use super::gradients::{Shard, sum};
use super::initial_weights::{begin_from, lock, seed_weights, take_over, trained};
use super::optimizer::Optimizer;
use super::progress::{Progress, Report};
use super::reconstruction::Reconstruction;
use super::replay::Replay;
use super::through_base::{Taught, Through};
use super::{Error, Workers, checkpoint};
use crate::generator::{Arch, Conditions, Cvae, Gaussian, GeneratorConfig, GeneratorFile, Parts};
use crate::lm::Model;
use crate::lora::SharedA;
use crate::noise::Noise;
use candle_core::{DType, Tensor};
use candle_nn::{VarBuilder, VarMap};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;

/// The frozen things that a generator is trained through.
pub struct GeneratorContext<'a> {
    /// The base.
    pub model: &'a Model,
    /// Its digest.
    pub base_digest: &'a str,
    /// The encoder that made the conditions.
    pub encoder_version: &'a str,
    /// A0
    pub shared: &'a SharedA,
    /// `lora_alpha`
    pub alpha: f64,
    /// Weights to begin from instead of random ones, by name; those of another shape are passed over.
    pub begin: Option<&'a HashMap<String, Tensor>>,
    /// The generator to grow from, or none. Its A0 is `shared`.
    pub parent: Option<&'a GeneratorFile>,
    /// Tokens before every bare input.
    pub bos: &'a [u32],
    /// Threads.
    pub workers: &'a Workers,
    /// Reports and the wish to stop.
    pub progress: &'a dyn Progress,
    /// Where the run's checkpoint is, or none.
    pub checkpoint: Option<PathBuf>,
}

impl GeneratorContext<'_> {
    /// The sizes of a generator from random weights.
    fn config(&self, run: &GeneratorRun, corpus: &Corpus) -> GeneratorConfig {
        let layout = self.shared.layout().clone();
        match run.arch {
            Arch::Cvae(sizes) => GeneratorConfig::cvae(layout, self.alpha, corpus.widths, sizes),
            Arch::IcmConv => GeneratorConfig::icm_conv(layout, self.alpha, corpus.widths.0),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    run: GeneratorRun,
    parent: Option<String>,
    stage: usize,
    step: usize,
}

/// Trains both stages, from the checkpoint where there is one.
///
/// # Errors
/// [`Error::Cancelled`] (the checkpoint stands), [`Error::Diverged`], [`Error::OtherRun`], those of disk and model.
pub fn train_generator(
    context: &GeneratorContext<'_>,
    corpus: &Corpus,
    run: &GeneratorRun,
) -> Result<GeneratorFile, Error> {
    let mut training = Training::new(context, corpus, run)?;
    let (mut stage, mut step) = training.resume()?;
    if stage == 0 && context.parent.is_some() {
        stage = 1;
    }
    while stage < 2 {
        let plan = [run.reconstruction, run.cross_entropy][stage];
        while step < plan.schedule.steps {
            if context.progress.cancelled() {
                training.save(stage, step)?;
                return Err(Error::Cancelled);
            }
            training.step(stage, step, plan)?;
            step += 1;
            if step.is_multiple_of(run.checkpoint_every) {
                training.save(stage, step)?;
            }
        }
        (stage, step) = (stage + 1, 0);
        training.save(stage, step)?;
    }
    training.finish()
}

/// A shard's loss, the part of it that is told, and the divergence of each latent unit where there is one.
struct Objective {
    loss: Tensor,
    reported: Tensor,
    kl: Option<Tensor>,
}

/// A latent unit with more than this many nats is in use.
const ACTIVE: f32 = 0.02;
/// Remembered tasks of a shard that a growing generator is held to.
const REPLAYED: usize = 24;

struct Training<'a> {
    context: &'a GeneratorContext<'a>,
    corpus: &'a Corpus,
    run: &'a GeneratorRun,
    config: GeneratorConfig,
    reconstruction: Option<Reconstruction>,
    replay: Option<Replay<'a>>,
    vars: VarMap,
    cvae: Cvae,
    optimizer: Optimizer,
    smooth: f64,
}

impl<'a> Training<'a> {
    fn new(context: &'a GeneratorContext<'a>, corpus: &'a Corpus, run: &'a GeneratorRun) -> Result<Self, Error> {
        let config = match context.parent {
            Some(parent) => parent.config().clone(),
            None => context.config(run, corpus),
        };
        let vars = VarMap::new();
        let cvae = Cvae::for_training(&config, &VarBuilder::from_varmap(&vars, DType::F32, context.model.device()))?;
        seed_weights(&vars, run.seed)?;
        let (mut reconstruction, mut replay) = (None, None);
        match context.parent {
            Some(parent) => {
                take_over(&vars, parent)?;
                replay = Some(Replay { parent });
            }
            None => reconstruction = Reconstruction::new(&config, corpus, &vars)?,
        }
        if let Some(begin) = context.begin {
            begin_from(&vars, begin)?;
        }
        let optimizer = Optimizer::new(trained(&vars))?;
        Ok(Self { context, corpus, run, config, reconstruction, replay, vars, cvae, optimizer, smooth: f64::NAN })
    }

    fn resume(&mut self) -> Result<(usize, usize), Error> {
        let Some(path) = &self.context.checkpoint else { return Ok((0, 0)) };
        let Some((tensors, header)) = checkpoint::load::<Header>(path, self.context.model.device())? else {
            return Ok((0, 0));
        };
        if header.run != *self.run {
            return Err(Error::OtherRun { path: path.clone(), field: "options" });
        }
        if header.parent != self.parent()? {
            return Err(Error::OtherRun { path: path.clone(), field: "parent" });
        }
        for (name, var) in lock(&self.vars).iter() {
            let saved = tensors.get(name).filter(|t| t.shape() == var.shape());
            var.set(saved.ok_or_else(|| Error::OtherRun { path: path.clone(), field: "sizes" })?)?;
        }
        let passed = header.stage > 0 && self.context.parent.is_none();
        let done = header.step + if passed { self.run.reconstruction.schedule.steps } else { 0 };
        self.optimizer.restore(&tensors, done)?;
        Ok((header.stage, header.step))
    }

    fn save(&self, stage: usize, step: usize) -> Result<(), Error> {
        let Some(path) = &self.context.checkpoint else { return Ok(()) };
        let mut state = self.optimizer.state();
        state.extend(self.weights());
        checkpoint::save(path, &state, &Header { run: self.run.clone(), parent: self.parent()?, stage, step })
    }

    fn parent(&self) -> Result<Option<String>, Error> {
        Ok(self.context.parent.map(GeneratorFile::digest).transpose()?)
    }

    fn weights(&self) -> HashMap<String, Tensor> {
        lock(&self.vars).iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect()
    }

    fn step(&mut self, stage: usize, step: usize, plan: Stage) -> Result<(), Error> {
        let seed = self.run.seed.wrapping_add((stage * 1_000_003 + step) as u64 * 0x9e37_79b9);
        let mut noise = Noise::stream(seed, "generator step");
        // As many shards as two always, so that the numbers do not depend on the threads.
        let shards: Vec<Noise> = (0..2).map(|_| Noise::seeded(noise.next_u64())).collect();
        let this = &*self;
        let parts = self.context.workers.map(shards, |mut noise| this.shard(stage, step, plan.batch / 2, &mut noise));
        let (losses, grads) = sum(parts)?;
        let loss = losses[0];
        if !loss.is_finite() {
            return Err(Error::Diverged { step });
        }
        self.optimizer.step(grads, plan.schedule.rate(step), 1.0, self.context.workers)?;
        self.smooth = if self.smooth.is_nan() || step == 0 { loss } else { 0.97 * self.smooth + 0.03 * loss };
        let phase = ["reconstruction", "cross-entropy"][stage];
        let metrics = [("loss", self.smooth), ("kl", losses[1]), ("active_units", losses[2])];
        self.context.progress.report(&Report {
            phase,
            step: step + 1,
            total: plan.schedule.steps,
            metrics: &metrics[..if (step + 1).is_multiple_of(50) { 3 } else { 1 }],
        });
        Ok(())
    }

    /// One of the step's shards, a half of it.
    fn shard(&self, stage: usize, step: usize, tasks: usize, noise: &mut Noise) -> Shard {
        let Objective { loss, reported, kl } = self.objective(stage, step, tasks, noise)?;
        let grads = self.optimizer.collect(&(loss * 0.5)?.backward()?);
        let kl = kl.map_or(Ok(Vec::new()), |kl| kl.to_vec1::<f32>())?;
        let active = kl.iter().filter(|unit| **unit > ACTIVE).count();
        let losses = [reported.to_scalar::<f32>()?, kl.iter().sum(), active as f32];
        Ok((losses.iter().map(|x| f64::from(*x) / 2.0).collect(), grads))
    }

    fn objective(&self, stage: usize, step: usize, tasks: usize, noise: &mut Noise) -> Result<Objective, Error> {
        let reconstruct = |warmup: f64, noise: &mut Noise| match &self.reconstruction {
            Some(known) => known
                .loss((&self.cvae, &self.config), self.corpus, tasks, (warmup, self.run.free_bits), noise)
                .map(Some),
            None => Ok(None),
        };
        if stage == 0 {
            let warmup = (step as f64 / 500.0).min(1.0);
            let found = reconstruct(warmup, noise)?.ok_or(Error::NoData { what: "trained adapters" })?;
            return Ok(Objective { loss: found.loss.clone(), reported: found.loss, kl: Some(found.kl) });
        }
        let reported = self.cross_entropy(tasks, noise)?;
        let (mut loss, mut kl) = (reported.clone(), None);
        if let Some(found) = reconstruct(1.0, noise)? {
            loss = (loss + (found.loss * self.run.keep_reconstruction)?)?;
            kl = Some(found.kl);
        }
        if let Some(replay) = &self.replay {
            let changed = replay.loss((&self.cvae, self.corpus), REPLAYED, noise, self.context.model.device())?;
            loss = (loss + (changed * self.run.keep_parent)?)?;
        }
        Ok(Objective { loss, reported, kl })
    }

    /// Stage (ii): half of the rows through a sample of the prior, half through its mean.
    fn cross_entropy(&self, count: usize, noise: &mut Noise) -> Result<Tensor, Error> {
        let (mut conditions, mut rows): (Vec<&[f32]>, Vec<Taught>) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let task: &CorpusTask = noise.pick(&self.corpus.tasks);
            let which = noise.below(task.conditions.len());
            conditions.push(&task.conditions[which]);
            let row = task.data.bare_row(self.context.bos, self.run.row_tokens, noise);
            rows.push(Taught { row, prefix: task.prefixes[which].clone() });
        }
        let c = self.cvae.read(&Conditions::new(&conditions, &self.config, self.context.model.device())?)?;
        let prior = self.cvae.prior(&c)?;
        let GeneratorContext { model, shared, alpha, .. } = *self.context;
        let through = Through { model, shared, alpha, distil: self.run.distil };
        let mut drawn = self.half_sampled(count, noise);
        if self.run.explore > 1 {
            self.choose(&mut drawn, (&c, &prior), (&through, &rows), noise)?;
        }
        let z = prior.sample(&self.epsilon(drawn, &prior)?)?;
        through.loss(&self.cvae.decode(&c, &z)?, &rows)
    }

    /// Standard normal numbers for the first half of the rows, zeros for the others, `[B·Z]`.
    fn half_sampled(&self, count: usize, noise: &mut Noise) -> Vec<f32> {
        let half = count / 2 * self.config.latent;
        let mut epsilon = noise.normals(count * self.config.latent);
        epsilon[half..].fill(0.0);
        epsilon
    }

    /// Replaces each sampled row's numbers by the best of several draws.
    fn choose(
        &self,
        drawn: &mut [f32],
        (c, prior): (&Tensor, &Gaussian),
        (through, rows): (&Through<'_>, &[Taught]),
        noise: &mut Noise,
    ) -> Result<(), Error> {
        let (half, latent) = (rows.len() / 2, self.config.latent);
        let losses = |drawn: &[f32]| -> Result<Vec<f64>, Error> {
            let z = prior.sample(&self.epsilon(drawn.to_vec(), prior)?)?;
            through.losses(&self.cvae.decode(c, &z)?, &rows[..half])
        };
        let mut best = losses(drawn)?;
        for _ in 1..self.run.explore {
            let other = self.half_sampled(rows.len(), noise);
            for (row, loss) in losses(&other)?.into_iter().enumerate() {
                // A loss that is no number is never the better one.
                if loss >= best[row] || !loss.is_finite() {
                    continue;
                }
                best[row] = loss;
                let own = row * latent..(row + 1) * latent;
                drawn[own.clone()].copy_from_slice(&other[own]);
            }
        }
        Ok(())
    }

    fn epsilon(&self, drawn: Vec<f32>, prior: &Gaussian) -> Result<Tensor, Error> {
        let rows = drawn.len() / self.config.latent;
        Ok(Tensor::from_vec(drawn, (rows, self.config.latent), prior.mean.device())?)
    }

    fn finish(self) -> Result<GeneratorFile, Error> {
        let mut weights = self.weights();
        if let Some(parent) = self.context.parent {
            // What is not trained here stays: its judge.
            for (name, weight) in parent.weights() {
                weights.entry(name.clone()).or_insert_with(|| weight.clone());
            }
        }
        let memory = match self.context.parent {
            Some(parent) => parent.memory().clone().with(&self.corpus.described()),
            None => self.corpus.memory(),
        };
        let file = GeneratorFile::new(Parts {
            weights,
            config: self.config,
            base_digest: self.context.base_digest.to_owned(),
            encoder_version: self.context.encoder_version.to_owned(),
            shared: self.context.shared.clone(),
            standardiser: self.corpus.standardiser.clone(),
            memory,
        })?;
        let file = match self.context.parent {
            Some(parent) => file.calibrated(parent.curves()),
            None => file,
        };
        // What is served is what was stored: read back, in the file's precision.
        Ok(GeneratorFile::from_bytes(&file.to_bytes()?, self.context.model.device())?)
    }
}

#[cfg(test)]
#[path = "generator_trainer_tests.rs"]
mod tests;
