//! Trains a generator in two stages: (i) reconstruction and divergence on trajectories, (ii) the
//! frozen base's cross-entropy through the generated adapters, on tasks with and without one of
//! their own. Stage (i)'s loss stays in the mix of stage (ii), so that z keeps its meaning.

use super::adapter_trainer::row_mean_weights;
use super::evaluate::{Row, pack};
use super::generator_data::{Corpus, CorpusTask};
use super::optimizer::{Optimizer, Rule};
use super::progress::{Progress, Report};
use super::schedule::Schedule;
use super::{Error, Workers, checkpoint};
use crate::generator::{
    Cvae, Gaussian, GeneratorConfig, GeneratorFile, Normaliser, Parts, kl_per_unit, principal_components,
};
use crate::lm::{Model, RowAdapters, ops};
use crate::lora::SharedA;
use crate::noise::Noise;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;

/// How a generator is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorRun {
    /// Stage (i).
    pub reconstruction: Stage,
    /// Stage (ii).
    pub cross_entropy: Stage,
    /// Tokens of a task's row in stage (ii).
    pub row_tokens: usize,
    /// Weight of stage (i)'s loss in stage (ii).
    pub keep_reconstruction: f64,
    /// Nats of each latent unit that cost nothing.
    pub free_bits: f64,
    /// The seed of everything.
    pub seed: u64,
    /// Steps between checkpoints.
    pub checkpoint_every: usize,
}

/// One stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// The learning rate.
    pub schedule: Schedule,
    /// Tasks of a step.
    pub batch: usize,
}

impl Default for GeneratorRun {
    fn default() -> Self {
        let stage =
            |peak, steps, batch| Stage { schedule: Schedule { peak, warmup: 50, decay: steps / 2, steps }, batch };
        Self {
            reconstruction: stage(1e-3, 1500, 64),
            cross_entropy: stage(7e-4, 4000, 24),
            row_tokens: 160,
            keep_reconstruction: 0.02,
            free_bits: 0.05,
            seed: 1,
            checkpoint_every: 200,
        }
    }
}

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
    /// Tokens before every bare input.
    pub bos: &'a [u32],
    /// Threads.
    pub workers: &'a Workers,
    /// Reports and the wish to stop.
    pub progress: &'a dyn Progress,
    /// Where the run's checkpoint is, or none.
    pub checkpoint: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    run: GeneratorRun,
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

struct Training<'a> {
    context: &'a GeneratorContext<'a>,
    corpus: &'a Corpus,
    run: &'a GeneratorRun,
    config: GeneratorConfig,
    reconstruction: Option<Reconstruction>,
    vars: VarMap,
    cvae: Cvae,
    optimizer: Optimizer,
    smooth: f64,
}

/// What stage (i) compares with: trained adapters in normalised coordinates and their projections.
struct Reconstruction {
    /// Indices of the tasks with a trajectory.
    tasks: Vec<usize>,
    normaliser: Normaliser,
    /// For each of them and each kept checkpoint: `[S·K']`.
    projections: Vec<Vec<Vec<f32>>>,
}

impl<'a> Training<'a> {
    fn new(context: &'a GeneratorContext<'a>, corpus: &'a Corpus, run: &'a GeneratorRun) -> Result<Self, Error> {
        let config = GeneratorConfig::new(context.shared.layout().clone(), context.alpha, corpus.condition_width());
        let device = context.model.device();
        let vars = VarMap::new();
        let cvae = Cvae::for_training(&config, &VarBuilder::from_varmap(&vars, DType::F32, device))?;
        seed_weights(&vars, run.seed)?;
        let reconstruction = Reconstruction::new(&config, corpus, &vars)?;
        let mut named: Vec<(String, Var)> = lock(&vars).iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let rule = Rule::AdamW { decay: 0.01 };
        let optimizer = Optimizer::new(named.into_iter().map(|(name, var)| (name, var, rule)).collect())?;
        Ok(Self { context, corpus, run, config, reconstruction, vars, cvae, optimizer, smooth: f64::NAN })
    }

    fn resume(&mut self) -> Result<(usize, usize), Error> {
        let Some(path) = &self.context.checkpoint else { return Ok((0, 0)) };
        let Some((tensors, header)) = checkpoint::load::<Header>(path, self.context.model.device())? else {
            return Ok((0, 0));
        };
        if header.run != *self.run {
            return Err(Error::OtherRun { path: path.clone(), field: "options" });
        }
        for (name, var) in lock(&self.vars).iter() {
            let saved = tensors.get(name).filter(|t| t.shape() == var.shape());
            var.set(saved.ok_or_else(|| Error::OtherRun { path: path.clone(), field: "sizes" })?)?;
        }
        let done = header.step + if header.stage > 0 { self.run.reconstruction.schedule.steps } else { 0 };
        self.optimizer.restore(&tensors, done)?;
        Ok((header.stage, header.step))
    }

    fn save(&self, stage: usize, step: usize) -> Result<(), Error> {
        let Some(path) = &self.context.checkpoint else { return Ok(()) };
        let mut state = self.optimizer.state();
        state.extend(self.weights());
        checkpoint::save(path, &state, &Header { run: self.run.clone(), stage, step })
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
        let (losses, grads) = parts.into_iter().reduce(add).unwrap_or(Err(Error::NoData { what: "tasks" }))?;
        let loss = losses[0] / 2.0;
        if !loss.is_finite() {
            return Err(Error::Diverged { step });
        }
        self.optimizer.step(grads, plan.schedule.rate(step), 1.0, self.context.workers)?;
        self.smooth = if self.smooth.is_nan() || step == 0 { loss } else { 0.97 * self.smooth + 0.03 * loss };
        let phase = ["reconstruction", "cross-entropy"][stage];
        let metrics = [("loss", self.smooth), ("kl", losses[1] / 2.0), ("active_units", losses[2] / 2.0)];
        self.context.progress.report(&Report {
            phase,
            step: step + 1,
            total: plan.schedule.steps,
            metrics: &metrics[..if (step + 1).is_multiple_of(50) { 3 } else { 1 }],
        });
        Ok(())
    }

    fn shard(&self, stage: usize, step: usize, tasks: usize, noise: &mut Noise) -> Part {
        let (loss, reported, kl) = if stage == 0 {
            let warmup = (step as f64 / 500.0).min(1.0);
            let (loss, kl) = self.reconstruct(tasks, warmup, noise)?;
            (loss.clone(), loss, kl)
        } else {
            let entropy = self.cross_entropy(tasks, noise)?;
            match &self.reconstruction {
                Some(_) => {
                    let (kept, kl) = self.reconstruct(tasks, 1.0, noise)?;
                    ((&entropy + (kept * self.run.keep_reconstruction)?)?, entropy, kl)
                }
                None => (entropy.clone(), entropy, None),
            }
        };
        let grads = self.optimizer.collect(&loss.backward()?);
        let (total, active) = match kl {
            Some(kl) => {
                let kl = kl.to_vec1::<f32>()?;
                let active = kl.iter().filter(|unit| **unit > 0.02).count();
                (f64::from(kl.iter().sum::<f32>()), active as f64)
            }
            None => (0.0, 0.0),
        };
        Ok(([f64::from(reported.to_scalar::<f32>()?), total, active], grads))
    }

    /// Stage (i): squared error in normalised coordinates and the divergence above the free bits.
    fn reconstruct(&self, count: usize, warmup: f64, noise: &mut Noise) -> Result<(Tensor, Option<Tensor>), Error> {
        let Some(known) = &self.reconstruction else { return Err(Error::NoData { what: "trained adapters" }) };
        let (mut conditions, mut projections, mut targets) = (Vec::<f32>::new(), Vec::<f32>::new(), Vec::new());
        for _ in 0..count {
            let which = noise.below(known.tasks.len());
            let task = &self.corpus.tasks[known.tasks[which]];
            let moment = noise.below(task.trajectory.len());
            conditions.extend(noise.pick::<Vec<f32>>(&task.conditions));
            projections.extend(&known.projections[which][moment]);
            targets.push(&task.trajectory[moment]);
        }
        let device = self.context.model.device();
        let c = Tensor::from_vec(conditions, (count, self.config.condition), device)?;
        let p = Tensor::from_vec(projections, (count, ()), device)?;
        let (q, prior) = (self.cvae.encode(&p, &c)?, self.cvae.prior(&c)?);
        let z = q.sample(&self.epsilon(count, noise)?)?;
        let slots = self.cvae.decoder().forward(&c, &z)?;
        let layout = &self.config.layout;
        let mut error: Option<Tensor> = None;
        for (index, (slot, range)) in slots.iter().zip(layout.b_offsets().windows(2)).enumerate() {
            let wanted: Vec<f32> = targets.iter().flat_map(|t| t[range[0]..range[1]].iter().copied()).collect();
            let wanted = Tensor::from_vec(wanted, slot.shape(), device)?;
            let scale = f64::from(known.normaliser.rms[index]).powi(-2) / layout.slots().len() as f64;
            let part = ((slot - wanted)?.sqr()?.mean_all()? * scale)?;
            error = Some(match error {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        let error = error.ok_or(Error::NoData { what: "slots" })?;
        let kl = kl_per_unit(&q, &prior)?;
        let costly = kl.maximum(self.run.free_bits)?.sum_all()?;
        // The mean over L coordinates would drown in the divergence: a hundredth of it balances them.
        Ok(((error + (costly * (0.01 * warmup))?)?, Some(kl.detach())))
    }

    /// Stage (ii): half of the rows through a sample of the prior, half through its mean.
    fn cross_entropy(&self, count: usize, noise: &mut Noise) -> Result<Tensor, Error> {
        let (mut conditions, mut rows): (Vec<f32>, Vec<Row>) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let task: &CorpusTask = noise.pick(&self.corpus.tasks);
            conditions.extend(noise.pick::<Vec<f32>>(&task.conditions));
            rows.push(task.data.bare_row(self.context.bos, self.run.row_tokens, noise));
        }
        let device = self.context.model.device();
        let c = Tensor::from_vec(conditions, (count, self.config.condition), device)?;
        let prior = self.cvae.prior(&c)?;
        let z = self.half_sampled(&prior, count, noise)?;
        let slots = self.cvae.decoder().forward(&c, &z)?;
        let adapters = RowAdapters::of_slots(self.context.shared, &slots, self.context.alpha)?;
        let packed = pack(&rows);
        let logits = self.context.model.packed_logits(&packed, &adapters)?;
        let weights: Vec<f32> = row_mean_weights(&packed, count).iter().map(|w| w / count as f32).collect();
        Ok(ops::cross_entropy(&logits, &packed.targets(), &weights)?)
    }

    fn half_sampled(&self, prior: &Gaussian, count: usize, noise: &mut Noise) -> Result<Tensor, Error> {
        let latent = self.config.latent;
        let half = count / 2 * latent;
        let mut epsilon = noise.normals(count * latent);
        epsilon[half..].fill(0.0);
        Ok(prior.sample(&Tensor::from_vec(epsilon, (count, latent), prior.mean.device())?)?)
    }

    fn epsilon(&self, count: usize, noise: &mut Noise) -> Result<Tensor, Error> {
        let latent = self.config.latent;
        Ok(Tensor::from_vec(noise.normals(count * latent), (count, latent), self.context.model.device())?)
    }

    fn finish(self) -> Result<GeneratorFile, Error> {
        let file = GeneratorFile::new(Parts {
            weights: self.weights(),
            config: self.config,
            base_digest: self.context.base_digest.to_owned(),
            encoder_version: self.context.encoder_version.to_owned(),
            shared: self.context.shared.clone(),
            standardiser: self.corpus.standardiser.clone(),
            tasks: self.corpus.task_vectors(),
        })?;
        // What is served is what was stored: read back, in the file's precision.
        Ok(GeneratorFile::from_bytes(&file.to_bytes()?, self.context.model.device())?)
    }
}

type Part = Result<([f64; 3], Vec<Option<Tensor>>), Error>;

fn add(a: Part, b: Part) -> Part {
    let ((losses_a, grads_a), (losses_b, grads_b)) = (a?, b?);
    let both = |(a, b)| match (a, b) {
        (Some(a), Some(b)) => Tensor::add(&a, &b).and_then(|sum| sum * 0.5).map(Some),
        (a, b) => a.or(b).map(|only: Tensor| only * 0.5).transpose(),
    };
    let losses = [losses_a[0] + losses_b[0], losses_a[1] + losses_b[1], losses_a[2] + losses_b[2]];
    Ok((losses, grads_a.into_iter().zip(grads_b).map(both).collect::<candle_core::Result<_>>()?))
}

impl Reconstruction {
    /// Fits normaliser and basis to the trained adapters and writes them into the decoder's
    /// variables; `None` where no task has an adapter.
    fn new(config: &GeneratorConfig, corpus: &Corpus, vars: &VarMap) -> Result<Option<Self>, Error> {
        let tasks: Vec<usize> = (0..corpus.tasks.len()).filter(|i| !corpus.tasks[*i].trajectory.is_empty()).collect();
        if tasks.is_empty() {
            return Ok(None);
        }
        let finals: Vec<Vec<f32>> = tasks.iter().filter_map(|i| corpus.tasks[*i].trajectory.last().cloned()).collect();
        let normaliser = Normaliser::fit(&config.layout, &finals);
        let layout = &config.layout;
        let mut projections: Vec<Vec<Vec<f32>>> =
            tasks.iter().map(|i| vec![Vec::new(); corpus.tasks[*i].trajectory.len()]).collect();
        let vars = lock(vars);
        let set = |name: String, values: Vec<f32>| -> Result<(), Error> {
            let var = vars.get(&name).ok_or(Error::NoData { what: "decoder variables" })?;
            Ok(var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?)
        };
        for (index, slot) in layout.slots().iter().enumerate() {
            let rows: Vec<Vec<f32>> = finals.iter().map(|f| normaliser.normalised(layout, index, f)).collect();
            let mut basis = principal_components(&rows, config.basis);
            for (which, task) in tasks.iter().enumerate() {
                for (moment, flat) in corpus.tasks[*task].trajectory.iter().enumerate() {
                    let row = normaliser.normalised(layout, index, flat);
                    let parts = basis.chunks(slot.b_len()).take(config.encoder_basis());
                    projections[which][moment].extend(parts.map(|part| coefficient(&row, part)));
                }
            }
            basis.iter_mut().for_each(|x| *x *= normaliser.rms[index]);
            set(format!("decoder.slot.{index}.basis"), basis)?;
            let mean = normaliser.slot_mean(layout, index, &Device::Cpu)?.to_vec1()?;
            set(format!("decoder.slot.{index}.mean"), mean)?;
        }
        Ok(Some(Self { tasks, normaliser, projections }))
    }
}

/// The coefficient of a row along a component that is scaled by its standard deviation.
fn coefficient(row: &[f32], component: &[f32]) -> f32 {
    let length: f32 = component.iter().map(|x| x * x).sum();
    if length == 0.0 { 0.0 } else { row.iter().zip(component).map(|(a, b)| a * b).sum::<f32>() / length }
}

fn lock(vars: &VarMap) -> std::sync::MutexGuard<'_, HashMap<String, Var>> {
    vars.data().lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// candle's own initial weights cannot be seeded: every matrix is drawn anew from the run's seed,
/// uniform within ±1/√in as PyTorch's linear layers are.
fn seed_weights(vars: &VarMap, seed: u64) -> Result<(), Error> {
    for (name, var) in lock(vars).iter() {
        let mut noise = Noise::stream(seed, name);
        let count = var.elem_count();
        let values: Vec<f32> = if name.ends_with(".basis") {
            // Where there is no trained adapter to fit it to: small random directions.
            noise.normals(count).into_iter().map(|x| x * 1e-3).collect()
        } else if name.ends_with("decoder.slots") {
            noise.normals(count).into_iter().map(|x| x * 0.5).collect()
        } else if name.ends_with(".weight") {
            let bound = (var.dim(1)? as f32).powf(-0.5);
            (0..count).map(|_| (2.0 * noise.unit() as f32 - 1.0) * bound).collect()
        } else {
            vec![0.0; count]
        };
        var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "generator_trainer_tests.rs"]
mod tests;
