//! Trains the demo's base model from nothing.

use super::base_data::{BaseData, Probe};
use super::evaluate::{Row, exact_matches, pack, rate};
use super::gradients::{Shard, sum};
use super::optimizer::{Optimizer, Rule};
use super::progress::{Progress, Report};
use super::schedule::Schedule;
use super::{Error, Workers, checkpoint};
use crate::lm::{FileConfig, Model, RowAdapters};
use crate::noise::Noise;
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;

/// What a run is made of; a checkpoint of a run with another `seed` or `rows` is refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BaseRun {
    /// The model.
    pub config: FileConfig,
    /// Rows of a step.
    pub rows: usize,
    /// The learning rate.
    pub schedule: Schedule,
    /// The seed of weights and data.
    pub seed: u64,
    /// Steps between checkpoints, each measured on unseen inputs.
    pub checkpoint_every: usize,
    /// Where the checkpoint is.
    pub path: PathBuf,
    /// Weights to begin from where there is no checkpoint, instead of random ones.
    pub begin_from: Option<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    step: usize,
    seed: u64,
    rows: usize,
}

/// Trains to the end of the schedule, from the checkpoint where there is one, and gives the
/// weights by name.
///
/// # Errors
/// [`Error::Cancelled`], [`Error::Diverged`], [`Error::OtherRun`], and those of disk and model.
pub fn train_base(
    run: &BaseRun,
    data: &BaseData,
    workers: &Workers,
    progress: &dyn Progress,
) -> Result<HashMap<String, Tensor>, Error> {
    let config = run.config.resolve()?;
    let vars = initial_weights(&run.config, run.seed)?;
    let mut optimizer =
        Optimizer::new(vars.iter().map(|(name, var)| (name.clone(), var.clone(), rule(name))).collect())?;
    let mut step = 0;
    if let Some((tensors, header)) = checkpoint::load::<Header>(&run.path, &Device::Cpu)? {
        step = resume(run, &vars, &mut optimizer, &tensors, &header)?;
    } else if let Some(path) = &run.begin_from {
        let begun = candle_core::safetensors::load(path, &Device::Cpu)?;
        for (name, var) in &vars {
            let saved = begun.get(name).filter(|t| t.shape() == var.shape());
            let saved = saved.ok_or_else(|| Error::OtherRun { path: path.clone(), field: "model" })?;
            var.set(&saved.to_dtype(DType::F32)?)?;
        }
    }
    let tensors: HashMap<String, Tensor> = vars.iter().map(|(n, v)| (n.clone(), v.as_tensor().clone())).collect();
    let model = Model::load(&config, &VarBuilder::from_tensors(tensors.clone(), DType::F32, &Device::Cpu))?;
    let probes = [(Probe::Training, "training"), (Probe::HeldOutCompositions, "heldout")];
    let mut smooth = f64::NAN;
    while step < run.schedule.steps {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let loss = one_step(run, step, &model, data, &mut optimizer, workers)?;
        smooth = if smooth.is_nan() { loss } else { 0.98 * smooth + 0.02 * loss };
        step += 1;
        progress.report(&Report { phase: "base", step, total: run.schedule.steps, metrics: &[("loss", smooth)] });
        if step % run.checkpoint_every == 0 || step == run.schedule.steps {
            let mut state = optimizer.state();
            state.extend(tensors.clone());
            checkpoint::save(&run.path, &state, &Header { step, seed: run.seed, rows: run.rows })?;
            for (probe, name) in probes {
                let score = measure(&model, &data.probe(probe, 60, 8)?, workers)?;
                let report = Report { phase: "base", step, total: run.schedule.steps, metrics: &[(name, score)] };
                progress.report(&report);
            }
        }
    }
    Ok(tensors)
}

/// One step: the rows are drawn from the step's own stream, so that a resumed run sees the same.
fn one_step(
    run: &BaseRun,
    step: usize,
    model: &Model,
    data: &BaseData,
    optimizer: &mut Optimizer,
    workers: &Workers,
) -> Result<f64, Error> {
    let mut noise = Noise::stream(run.seed.wrapping_add(step as u64 * 0x9e37_79b9), "base rows");
    let mut rows: Vec<Row> = (0..run.rows).map(|_| data.row(&mut noise)).collect::<Result<_, _>>()?;
    // Rows of like length share a shard, so that little is padded.
    rows.sort_by_key(|row| row.prefix.len() + row.pieces.iter().map(|p| p.tokens.len()).sum::<usize>());
    let scored: usize = pack(&rows).scored().len();
    let shards: Vec<&[Row]> = rows.chunks(SHARD_ROWS).collect();
    let shared = &*optimizer;
    let parts = workers.map(shards, |rows| -> Shard {
        let packed = pack(rows);
        let weights = vec![1.0 / scored as f32; packed.scored().len()];
        let loss = model.packed_loss(&packed, &RowAdapters::none(), &weights)?;
        let grads = loss.backward()?;
        Ok((vec![f64::from(loss.to_scalar::<f32>()?)], shared.collect(&grads)))
    });
    let (losses, grads) = sum(parts)?;
    let loss = losses[0];
    if !loss.is_finite() {
        return Err(Error::Diverged { step });
    }
    optimizer.step(grads, run.schedule.rate(step), 1.0, workers)?;
    Ok(loss)
}

/// Rows of one forward and backward pass: few enough that the activations stay in the caches.
const SHARD_ROWS: usize = 4;

/// The share of answers that the model gets right.
fn measure(model: &Model, rows: &[Row], workers: &Workers) -> Result<f64, Error> {
    let parts = workers.map(rows.chunks(4).collect(), |rows| exact_matches(model, rows, &RowAdapters::none()));
    let hits: Vec<Vec<Vec<bool>>> = parts.into_iter().collect::<Result<_, _>>()?;
    Ok(rate(hits.iter().flatten().flatten()))
}

fn resume(
    run: &BaseRun,
    vars: &[(String, Var)],
    optimizer: &mut Optimizer,
    tensors: &HashMap<String, Tensor>,
    header: &Header,
) -> Result<usize, Error> {
    let other = |field| Error::OtherRun { path: run.path.clone(), field };
    if header.seed != run.seed {
        return Err(other("seed"));
    }
    if header.rows != run.rows {
        return Err(other("rows"));
    }
    for (name, var) in vars {
        let saved = tensors.get(name).filter(|t| t.shape() == var.shape()).ok_or_else(|| other("model"))?;
        var.set(saved)?;
    }
    optimizer.restore(tensors, header.step)?;
    Ok(header.step)
}

/// Muon for the layers' matrices, AdamW for the embedding and the norms.
fn rule(name: &str) -> Rule {
    match name.contains("_proj") {
        true => Rule::Muon { rate_scale: 6.0 },
        false => Rule::AdamW { decay: 0.0, rate_scale: 1.0 },
    }
}

/// Fresh weights by their Hugging Face names, in the order of the layers.
fn initial_weights(file: &FileConfig, seed: u64) -> Result<Vec<(String, Var)>, Error> {
    let config = file.resolve()?;
    let mut noise = Noise::stream(seed, "base weights");
    let mut vars = Vec::new();
    let mut matrix = |name: String, out: usize, width: usize, std: f64| -> Result<(), Error> {
        let values: Vec<f32> = noise.normals(out * width).into_iter().map(|x| x * std as f32).collect();
        vars.push((name, Var::from_vec(values, (out, width), &Device::Cpu)?));
        Ok(())
    };
    let (d, wide) = (config.hidden_size, config.intermediate_size);
    let (q_width, kv_width) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
    let inner = (d as f64).powf(-0.5);
    let outer = inner / (2.0 * config.layers() as f64).sqrt();
    matrix("model.embed_tokens.weight".into(), config.vocab_size, d, 0.05)?;
    for layer in 0..config.layers() {
        let name = |path: &str| format!("model.layers.{layer}.{path}.weight");
        matrix(name("self_attn.q_proj"), q_width, d, inner)?;
        matrix(name("self_attn.k_proj"), kv_width, d, inner)?;
        matrix(name("self_attn.v_proj"), kv_width, d, inner)?;
        matrix(name("self_attn.o_proj"), d, q_width, outer)?;
        matrix(name("mlp.gate_proj"), wide, d, inner)?;
        matrix(name("mlp.up_proj"), wide, d, inner)?;
        matrix(name("mlp.down_proj"), d, wide, outer)?;
    }
    let norms = (0..config.layers()).flat_map(|layer| {
        ["input_layernorm", "post_attention_layernorm"].map(|n| format!("model.layers.{layer}.{n}.weight"))
    });
    for name in norms.chain(["model.norm.weight".to_owned()]) {
        vars.push((name, Var::ones(d, DType::F32, &Device::Cpu)?));
    }
    Ok(vars)
}
