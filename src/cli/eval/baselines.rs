//! Baselines that are trained for `attune eval --retrain` alone: one adapter for all tasks, and a diffusion model over
//! trained adapters.

use super::retrain::Retraining;
use crate::cli::demo_phases;
use crate::lora::Adapter;
use crate::training::comparison::Group;
use crate::training::diffusion::{DiffusionRun, train_diffusion};
use crate::training::statistics::mean_over_tasks;
use anyhow::Context;
use std::sync::Arc;
use std::time::Instant;

/// One adapter for all tasks, that sees the bare input.
const MULTI_TASK: &str = "multi_task_lora";
/// One adapter for all tasks, with the task's description in its prompt.
const MULTI_TASK_DESCRIBED: &str = "multi_task_lora_description";
/// Conditional latent diffusion over the trained adapters.
const DIFFUSION: &str = "cond_p_diff";
/// The draw of noise that a diffusion begins with.
const SEED: u64 = 1;

impl Retraining<'_> {
    pub(super) fn multi_task(&mut self) -> anyhow::Result<()> {
        let comparison = self.comparison;
        let trained = self.recipe.multi_task(
            comparison.base,
            comparison.generator.shared(),
            comparison.workers,
            comparison.progress,
        )?;
        let adapters: Vec<Arc<Adapter>> = trained
            .iter()
            .map(|trained| {
                let last = trained.trajectory.last().context("the training kept no checkpoint")?;
                Ok(Arc::new(comparison.adapter_of(last)?))
            })
            .collect::<anyhow::Result<_>>()?;
        let [bare, described] = &adapters[..] else { anyhow::bail!("two adapters were to be trained") };
        for group in Group::ALL {
            let (_, subjects) = self.subjects(group)?;
            let everywhere: Vec<_> = subjects.iter().map(|_| vec![Arc::clone(bare)]).collect();
            let scores = comparison.by_seed(MULTI_TASK, &subjects, &everywhere)?;
            self.recorded.record(MULTI_TASK, group.name(), mean_over_tasks(&scores).context("the group has no task")?);
            let scores = comparison.described_by_seed(MULTI_TASK_DESCRIBED, &subjects, described)?;
            let mean = mean_over_tasks(&scores).context("the group has no task")?;
            self.recorded.record(MULTI_TASK_DESCRIBED, group.name(), mean);
        }
        Ok(())
    }

    pub(super) fn diffusion(&mut self) -> anyhow::Result<()> {
        let comparison = self.comparison;
        let corpus =
            demo_phases::trained_corpus(&self.recipe, comparison.base, comparison.workers, comparison.progress)?;
        let started = Instant::now();
        let run = DiffusionRun { seed: SEED, ..DiffusionRun::default() };
        let trained = train_diffusion(&corpus, &run, comparison.workers, comparison.progress)?;
        self.recorded.minutes.insert(DIFFUSION.to_owned(), started.elapsed().as_secs_f64() / 60.0);
        for group in Group::ALL {
            let (_, subjects) = self.subjects(group)?;
            let mut adapters = Vec::new();
            for subject in &subjects {
                let raw = comparison.raw_conditions(&subject.descriptions)?;
                let made = raw.iter().map(|raw| {
                    let flat = trained.adapter(&corpus.standardiser.apply(raw), SEED)?;
                    Ok(Arc::new(comparison.adapter_of(&flat)?))
                });
                adapters.push(made.collect::<anyhow::Result<Vec<_>>>()?);
            }
            let scores = comparison.by_seed(DIFFUSION, &subjects, &adapters)?;
            self.recorded.record(DIFFUSION, group.name(), mean_over_tasks(&scores).context("the group has no task")?);
        }
        Ok(())
    }
}
