//! Trains the B of many tasks at once over one shared A0: a batch holds one row of examples for
//! each task, and each row has its own adapter.
//!
//! Letters: G tasks of a group, one row each.

use super::dataset::{Kind, TaskData};
use super::evaluate::{Row, exact_matches, pack, rate};
use super::optimizer::{Optimizer, Rule};
use super::progress::{Progress, Report};
use super::schedule::Schedule;
use super::score::Score;
use super::{Error, Workers, checkpoint};
use crate::lm::{Config, Model, Recompute, RowAdapters};
use crate::lora::SharedA;
use crate::noise::Noise;
use candle_core::{DType, Device, Tensor, Var};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How adapters are trained.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdapterRun {
    /// `lora_alpha`
    pub alpha: f64,
    /// The learning rate.
    pub schedule: Schedule,
    /// Tokens of a task's row in a pass.
    pub row_tokens: usize,
    /// Passes of a step: their gradients are added up (gradient accumulation).
    pub passes: usize,
    /// What a backward pass finds in memory. It does not change what is learnt.
    #[serde(skip, default = "kept")]
    pub recompute: Recompute,
    /// Tasks of a group: what one worker trains at a time.
    pub group: usize,
    /// The last checkpoints that are kept of each task, `keep_every` steps apart.
    pub keep: usize,
    /// Steps between kept checkpoints.
    pub keep_every: usize,
    /// The seed of the data's order.
    pub seed: u64,
}

/// Bases of at least this width are real ones, for which the demo's numbers are not meant.
const REAL_HIDDEN: usize = 512;

fn kept() -> Recompute {
    Recompute::Never
}

impl AdapterRun {
    /// The numbers for a base: the demo's own, measured, or for a real one what fine-tuning usually takes.
    pub fn for_base(config: &Config) -> Self {
        let own = Self::default();
        if config.hidden_size < REAL_HIDDEN {
            return own;
        }
        Self { row_tokens: 1024, group: 1, schedule: Schedule { peak: 1e-3, ..own.schedule }, ..own }
    }
}

impl Default for AdapterRun {
    fn default() -> Self {
        let schedule = Schedule { peak: 1e-2, warmup: 20, decay: 150, steps: 300 };
        Self {
            alpha: 16.0,
            schedule,
            row_tokens: 224,
            passes: 1,
            recompute: Recompute::Never,
            group: 8,
            keep: 20,
            keep_every: 5,
            seed: 1,
        }
    }
}

/// One trained adapter.
#[derive(Clone, Debug)]
pub struct TrainedAdapter {
    /// The task.
    pub name: String,
    /// The last checkpoints, flat B in the layout's order, f32, the final one last.
    pub trajectory: Vec<Vec<f32>>,
    /// What it is worth on the task's unseen examples.
    pub score: Score,
}

/// Where adapters are trained and how it is told.
pub struct AdapterContext<'a> {
    /// The frozen base.
    pub model: &'a Model,
    /// A0
    pub shared: &'a SharedA,
    /// Tokens before every bare input.
    pub bos: &'a [u32],
    /// Threads.
    pub workers: &'a Workers,
    /// Reports and the wish to stop.
    pub progress: &'a dyn Progress,
    /// A folder for checkpoints of groups that are under way, or none.
    pub checkpoints: Option<PathBuf>,
}

/// Trains an adapter for each task. `done` is told of each group as it is ready.
///
/// # Errors
/// [`Error::Cancelled`] (checkpoints stand), [`Error::Diverged`], those of disk and model.
pub fn train_adapters(
    context: &AdapterContext<'_>,
    tasks: &[TaskData],
    run: &AdapterRun,
    done: impl Fn(&[(&TaskData, TrainedAdapter)]) -> Result<(), Error> + Sync,
) -> Result<(), Error> {
    let groups: Vec<&[TaskData]> = tasks.chunks(run.group.max(1)).collect();
    let total = groups.len() * run.schedule.steps;
    let steps = AtomicUsize::new(0);
    let results = context.workers.map(groups, |group| -> Result<(), Error> {
        let report = |more: usize, loss: f64| {
            let step = steps.fetch_add(more, Ordering::Relaxed) + more;
            context.progress.report(&Report { phase: "adapters", step, total, metrics: &[("loss", loss)] });
        };
        let trained = train_group(context, group, run, &report)?;
        done(&group.iter().zip(trained).collect::<Vec<_>>())
    });
    results.into_iter().collect()
}

#[derive(Serialize, Deserialize)]
struct Header {
    step: usize,
    tasks: Vec<String>,
    /// What else must be the same to go on: A0, the run, the weights' precision.
    run: String,
}

fn train_group(
    context: &AdapterContext<'_>,
    tasks: &[TaskData],
    run: &AdapterRun,
    report: &dyn Fn(usize, f64),
) -> Result<Vec<TrainedAdapter>, Error> {
    let slots = context.shared.layout().slots();
    let device = context.model.device();
    let zeros = |slot: &crate::lora::Slot| Var::zeros((tasks.len(), slot.output, slot.rank), DType::F32, device);
    let vars: Vec<Var> = slots.iter().map(zeros).collect::<candle_core::Result<_>>()?;
    let named = vars
        .iter()
        .enumerate()
        .map(|(i, var)| (i.to_string(), var.clone(), Rule::AdamW { decay: 0.0, rate_scale: 1.0 }));
    let mut optimizer = Optimizer::new(named.collect())?;
    let alone = Workers::new(1).map_err(|_| Error::NoData { what: "threads" })?;
    let names: Vec<String> = tasks.iter().map(|task| task.name.clone()).collect();
    let path = context.checkpoints.as_ref().map(|dir| dir.join(format!("{}.group.safetensors", names[0])));
    let mut first = 0;
    let run_json = serde_json::to_string(run).unwrap_or_default();
    let same = format!("{} {} {run_json}", context.shared.digest(), context.model.weight_kind());
    if let Some((tensors, header)) = path.as_ref().map(|p| checkpoint::load::<Header>(p, device)).transpose()?.flatten()
        && header.tasks == names
        && header.run == same
    {
        for (i, var) in vars.iter().enumerate() {
            var.set(tensors.get(&format!("b.{i}")).ok_or(Error::NoData { what: "checkpoint" })?)?;
        }
        optimizer.restore(&tensors, header.step)?;
        first = header.step;
    }
    // Steps of an earlier attempt count in the first report.
    let mut resumed = first;
    let mut trajectories = vec![Vec::new(); tasks.len()];
    for step in first..run.schedule.steps {
        if context.progress.cancelled() {
            return Err(Error::Cancelled);
        }
        let (mean, grads) = accumulated(context, tasks, (&vars, &optimizer), (run, step))?;
        if !mean.is_finite() {
            return Err(Error::Diverged { step });
        }
        optimizer.step(grads, run.schedule.rate(step), f64::INFINITY, &alone)?;
        report(std::mem::take(&mut resumed) + 1, mean);
        let left = run.schedule.steps - 1 - step;
        if left.is_multiple_of(run.keep_every) && left / run.keep_every < run.keep {
            keep(&vars, &mut trajectories)?;
        }
        if let Some(path) = &path
            && (step + 1).is_multiple_of(CHECKPOINT_EVERY)
            && left / run.keep_every >= run.keep
        {
            let mut state: HashMap<String, Tensor> = optimizer.state();
            state.extend(vars.iter().enumerate().map(|(i, var)| (format!("b.{i}"), var.as_tensor().clone())));
            let header = Header { step: step + 1, tasks: names.clone(), run: same.clone() };
            checkpoint::save(path, &state, &header)?;
        }
    }
    let scores = measure(context, tasks, &vars, run.alpha)?;
    if let Some(path) = &path {
        // It is done; what is left of the checkpoint would only be refused by another run.
        let _ = std::fs::remove_file(path);
    }
    let results = tasks.iter().zip(trajectories).zip(scores);
    Ok(results
        .map(|((task, trajectory), score)| TrainedAdapter { name: task.name.clone(), trajectory, score })
        .collect())
}

/// Steps between checkpoints of a group.
const CHECKPOINT_EVERY: usize = 50;

/// The mean loss of a step's passes, and the mean of their gradients.
fn accumulated(
    context: &AdapterContext<'_>,
    tasks: &[TaskData],
    (vars, optimizer): (&[Var], &Optimizer),
    (run, step): (&AdapterRun, usize),
) -> Result<(f64, Vec<Option<Tensor>>), Error> {
    let passes = run.passes.max(1);
    let model = context.model.with_recompute(run.recompute);
    let mut sum: Vec<Option<Tensor>> = vec![None; vars.len()];
    let mut total = 0.0;
    for pass in 0..passes {
        let rows = rows(tasks, context.bos, run, step * passes + pass);
        let loss = loss((&model, context.shared), vars, &rows, run.alpha)?;
        let grads = loss.backward()?;
        total += f64::from(loss.to_scalar::<f32>()?) / tasks.len() as f64;
        for (sum, grad) in sum.iter_mut().zip(optimizer.collect(&grads)) {
            let Some(grad) = grad else { continue };
            // One pass is the gradient itself, to the last bit.
            let share = if passes == 1 { grad } else { (grad / passes as f64)? };
            *sum = Some(match sum.take() {
                Some(sum) => (sum + share)?,
                None => share,
            });
        }
    }
    Ok((total / passes as f64, sum))
}

/// One row of fresh examples for each task, each drawn from the step's and the task's own stream.
fn rows(tasks: &[TaskData], bos: &[u32], run: &AdapterRun, step: usize) -> Vec<Row> {
    let seed = run.seed.wrapping_add(step as u64 * 0x9e37_79b9);
    let row = |task: &TaskData| task.bare_row(bos, run.row_tokens, &mut Noise::stream(seed, &task.name));
    tasks.iter().map(row).collect()
}

/// The sum over tasks of the mean cross-entropy of a task's answers: a task's gradient does not
/// depend on its company.
fn loss((model, shared): (&Model, &SharedA), vars: &[Var], rows: &[Row], alpha: f64) -> Result<Tensor, Error> {
    let packed = pack(rows);
    let b: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    let adapters = RowAdapters::of_slots(shared, &b, alpha, model.dtype())?;
    Ok(model.packed_loss(&packed, &adapters, &row_mean_weights(&packed, rows.len()))?)
}

/// Weights that make each row's loss the mean over its scored tokens.
pub(super) fn row_mean_weights(packed: &crate::lm::Packed, rows: usize) -> Vec<f32> {
    let mut counts = vec![0usize; rows];
    packed.scored().iter().for_each(|scored| counts[scored.row] += 1);
    packed.scored().iter().map(|scored| 1.0 / counts[scored.row] as f32).collect()
}

/// Adds the present B of each task to its trajectory.
fn keep(vars: &[Var], trajectories: &mut [Vec<Vec<f32>>]) -> Result<(), Error> {
    for (task, trajectory) in trajectories.iter_mut().enumerate() {
        let mut flat = Vec::new();
        for var in vars {
            flat.extend(var.get(task)?.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?);
        }
        trajectory.push(flat);
    }
    Ok(())
}

/// The score of each task: answers of all tasks in one pass, texts one task after another.
fn measure(context: &AdapterContext<'_>, tasks: &[TaskData], vars: &[Var], alpha: f64) -> Result<Vec<Score>, Error> {
    let b: Vec<Tensor> = vars.iter().map(Var::as_detached_tensor).collect();
    let answers = tasks.iter().enumerate().filter(|(_, task)| task.kind == Kind::Answers);
    let (indices, rows): (Vec<u32>, Vec<Row>) =
        answers.map(|(index, task)| (index as u32, task.test_row(context.bos))).unzip();
    let mut rates = Vec::new();
    if !rows.is_empty() {
        let indices = Tensor::new(indices, context.model.device())?;
        let b: Vec<Tensor> = b.iter().map(|b| b.index_select(&indices, 0)).collect::<candle_core::Result<_>>()?;
        let adapters = RowAdapters::of_slots(context.shared, &b, alpha, context.model.dtype())?;
        rates = exact_matches(context.model, &rows, &adapters)?.iter().map(rate).collect();
    }
    let mut rates = rates.into_iter();
    let score = |(index, task): (usize, &TaskData)| {
        if task.kind == Kind::Answers {
            return Ok(Score::Answers { exact_match: rates.next().unwrap_or_default() });
        }
        let own: Vec<Tensor> = b.iter().map(|b| b.narrow(0, index, 1)).collect::<candle_core::Result<_>>()?;
        let adapters = RowAdapters::of_slots(context.shared, &own, alpha, context.model.dtype())?;
        Score::measure(context.model, task, context.bos, &adapters)
    };
    tasks.iter().enumerate().map(score).collect()
}

#[cfg(test)]
#[path = "adapter_trainer_tests.rs"]
mod tests;
