//! Stage (i): what it compares with, the trained adapters in normalised coordinates, and its loss.
//!
//! Letters: B tasks of a shard, S slots, K' coordinates of a slot's projections, L coordinates of all B.

use super::Error;
use super::generator_data::Corpus;
use super::initial_weights::lock;
use crate::generator::{
    Arch, Conditions, Cvae, GeneratorConfig, Normaliser, SlotSizes, kl_per_unit, principal_components,
};
use crate::noise::Noise;
use candle_core::{Device, Tensor};
use candle_nn::VarMap;

/// The mean over L coordinates would drown in the divergence: a hundredth of it balances them.
const DIVERGENCE: f64 = 0.01;

/// The trained adapters of a corpus.
pub(super) struct Reconstruction {
    /// Indices of the tasks with a trajectory.
    tasks: Vec<usize>,
    normaliser: Normaliser,
    /// What the encoder reads, for each of them and each kept checkpoint: `[S·K']`, or `[L]` for convolutions.
    inputs: Vec<Vec<Vec<f32>>>,
}

/// A loss, and the divergence of each latent unit.
pub(super) struct Reconstructed {
    pub(super) loss: Tensor,
    pub(super) kl: Tensor,
}

impl Reconstruction {
    /// Fits normaliser (and basis) to the trained adapters and writes them into the decoder's variables; `None`
    /// where no task has an adapter.
    pub(super) fn new(config: &GeneratorConfig, corpus: &Corpus, vars: &VarMap) -> Result<Option<Self>, Error> {
        let tasks: Vec<usize> = (0..corpus.tasks.len()).filter(|i| !corpus.tasks[*i].trajectory.is_empty()).collect();
        if tasks.is_empty() {
            return Ok(None);
        }
        let finals: Vec<Vec<f32>> = tasks.iter().filter_map(|i| corpus.tasks[*i].trajectory.last().cloned()).collect();
        let normaliser = Normaliser::fit(&config.layout, &finals);
        let inputs = tasks.iter().map(|i| vec![Vec::new(); corpus.tasks[*i].trajectory.len()]).collect();
        let mut this = Self { tasks, normaliser, inputs };
        match config.arch {
            Arch::Cvae(sizes) => this.fit_basis(config, sizes, corpus, &finals, vars)?,
            Arch::IcmConv => this.fit_statistics(config, corpus, vars)?,
        }
        Ok(Some(this))
    }

    fn fit_basis(
        &mut self,
        config: &GeneratorConfig,
        sizes: SlotSizes,
        corpus: &Corpus,
        finals: &[Vec<f32>],
        vars: &VarMap,
    ) -> Result<(), Error> {
        let layout = &config.layout;
        for (index, slot) in layout.slots().iter().enumerate() {
            let rows: Vec<Vec<f32>> = finals.iter().map(|f| self.normaliser.normalised(layout, index, f)).collect();
            let mut basis = principal_components(&rows, sizes.basis);
            for (which, task) in self.tasks.iter().enumerate() {
                for (moment, flat) in corpus.tasks[*task].trajectory.iter().enumerate() {
                    let row = self.normaliser.normalised(layout, index, flat);
                    let parts = basis.chunks(slot.b_len()).take(sizes.encoder_basis());
                    self.inputs[which][moment].extend(parts.map(|part| coefficient(&row, part)));
                }
            }
            basis.iter_mut().for_each(|x| *x *= self.normaliser.rms[index]);
            set(vars, &format!("decoder.slot.{index}.basis"), basis)?;
            let mean = self.normaliser.slot_mean(layout, index, &Device::Cpu)?.to_vec1()?;
            set(vars, &format!("decoder.slot.{index}.mean"), mean)?;
        }
        Ok(())
    }

    fn fit_statistics(&mut self, config: &GeneratorConfig, corpus: &Corpus, vars: &VarMap) -> Result<(), Error> {
        let layout = &config.layout;
        for (which, task) in self.tasks.iter().enumerate() {
            for (moment, flat) in corpus.tasks[*task].trajectory.iter().enumerate() {
                let slots = 0..layout.slots().len();
                self.inputs[which][moment] =
                    slots.flat_map(|slot| self.normaliser.normalised(layout, slot, flat)).collect();
            }
        }
        set(vars, "decoder.mean", self.normaliser.mean.clone())?;
        set(vars, "decoder.rms", self.normaliser.rms.clone())
    }

    /// The squared error in normalised coordinates of `count` adapters, and `warmup` of the divergence above the
    /// free bits.
    pub(super) fn loss(
        &self,
        (cvae, config): (&Cvae, &GeneratorConfig),
        corpus: &Corpus,
        count: usize,
        (warmup, free_bits): (f64, f64),
        noise: &mut Noise,
    ) -> Result<Reconstructed, Error> {
        let (mut conditions, mut inputs, mut targets) = (Vec::<&[f32]>::new(), Vec::<f32>::new(), Vec::new());
        for _ in 0..count {
            let which = noise.below(self.tasks.len());
            let task = &corpus.tasks[self.tasks[which]];
            let moment = noise.below(task.trajectory.len());
            conditions.push(noise.pick::<Vec<f32>>(&task.conditions));
            inputs.extend(&self.inputs[which][moment]);
            targets.push(&task.trajectory[moment]);
        }
        let device = &corpus.device;
        let c = cvae.read(&Conditions::new(&conditions, config, device)?)?;
        let x = Tensor::from_vec(inputs, (count, ()), device)?;
        let (q, prior) = (cvae.encode(&x, &c)?, cvae.prior(&c)?);
        let epsilon = Tensor::from_vec(noise.normals(count * config.latent), (count, config.latent), device)?;
        let slots = cvae.decode(&c, &q.sample(&epsilon)?)?;
        let mut error = Tensor::zeros((), candle_core::DType::F32, device)?;
        for (index, (slot, range)) in slots.iter().zip(config.layout.b_offsets().windows(2)).enumerate() {
            let wanted: Vec<f32> = targets.iter().flat_map(|t| t[range[0]..range[1]].iter().copied()).collect();
            let wanted = Tensor::from_vec(wanted, slot.shape(), device)?;
            let scale = f64::from(self.normaliser.rms[index]).powi(-2) / slots.len() as f64;
            error = (error + ((slot - wanted)?.sqr()?.mean_all()? * scale)?)?;
        }
        let kl = kl_per_unit(&q, &prior)?;
        let costly = kl.maximum(free_bits)?.sum_all()?;
        Ok(Reconstructed { loss: (error + (costly * (DIVERGENCE * warmup))?)?, kl: kl.detach() })
    }
}

fn set(vars: &VarMap, name: &str, values: Vec<f32>) -> Result<(), Error> {
    let vars = lock(vars);
    let var = vars.get(name).ok_or(Error::NoData { what: "decoder variables" })?;
    Ok(var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?)
}

/// The coefficient of a row along a component that is scaled by its standard deviation.
fn coefficient(row: &[f32], component: &[f32]) -> f32 {
    let length: f32 = component.iter().map(|x| x * x).sum();
    if length == 0.0 { 0.0 } else { row.iter().zip(component).map(|(a, b)| a * b).sum::<f32>() / length }
}
