//! What `attune eval --retrain` makes anew: each task's own adapter, other tasks' trained adapters as controls, and the
//! paper's architecture.

use super::recorded::{ICM_CONV, Recorded, TRAINED_LORA, half_name};
use crate::cli::demo_phases::{self, Recipe};
use crate::generator::{GeneratorFile, blend_weights};
use crate::lora::Adapter;
use crate::suite::{Half, Suite, SuiteTask};
use crate::training::comparison::{Comparison, Group, Method, Subject, Wanted};
use crate::training::statistics::{mean_of, mean_over_tasks};
use anyhow::Context;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// The mean of the sample's trained adapters.
const MEAN_TRAINED: &str = "mean_trained_lora";
/// The trained adapter of the nearest other task of the sample.
const NEAREST_TRAINED: &str = "nearest_trained_lora";
/// Those of the nearest four, weighted by how near they are.
const BLEND_TRAINED: &str = "blend_trained_lora";

/// A retraining under way.
pub(super) struct Retraining<'a> {
    pub(super) recipe: Recipe,
    pub(super) comparison: &'a Comparison<'a>,
    suite: &'a Suite,
    half: Half,
    seeds: u64,
    pub(super) recorded: Recorded,
}

/// Trains and measures, and writes what was found to `evaluation.json` in the folder. Figures of other methods that
/// the folder's file has of this base and half are kept.
pub(super) fn retrain(
    out: &Path,
    comparison: &Comparison<'_>,
    (suite, half): (&Suite, Half),
    seeds: u64,
) -> anyhow::Result<Recorded> {
    let path = out.join("evaluation.json");
    let digest = comparison.base.digest();
    let kept = kept(&path)?.of_base(digest);
    let kept = if kept.half == half_name(half) { kept } else { Recorded::default() };
    let recorded = Recorded { base_model: digest.to_owned(), half: half_name(half).to_owned(), ..kept };
    let mut run = Retraining { recipe: Recipe::of_folder(out)?, comparison, suite, half, seeds, recorded };
    // Each takes minutes to an hour: what is found is kept at once.
    for measure in [
        Retraining::own_adapters,
        Retraining::others_adapters,
        Retraining::diffusion,
        Retraining::multi_task,
        Retraining::icm_conv,
    ] {
        measure(&mut run)?;
        std::fs::write(&path, serde_json::to_string_pretty(&run.recorded)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(run.recorded)
}

fn kept(path: &Path) -> anyhow::Result<Recorded> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged: remove it to begin anew", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Recorded::default()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

impl Retraining<'_> {
    /// Each task's own adapter. The tasks of the free descriptions have one where another group has it.
    fn own_adapters(&mut self) -> anyhow::Result<()> {
        let groups = Group::ALL.into_iter().filter(|group| *group != Group::FreeDescriptions);
        for group in groups {
            let (tasks, subjects) = self.subjects(group)?;
            let adapters: Vec<_> = self.trained(&tasks)?.into_iter().map(|adapter| vec![adapter]).collect();
            let scores = self.comparison.by_seed("own adapters", &subjects, &adapters)?;
            let mean = mean_over_tasks(&scores).context("the group has no task")?;
            self.recorded.record(TRAINED_LORA, group.name(), mean);
            let by_task = subjects.iter().zip(&scores).map(|(subject, seeds)| (subject.name.clone(), mean_of(seeds)));
            self.recorded.trained_lora_tasks.extend(by_task);
        }
        Ok(())
    }

    /// What the sample's trained adapters are worth without a generator: their mean, and the nearest ones.
    fn others_adapters(&mut self) -> anyhow::Result<()> {
        let sample = self.suite.sample(self.recipe.adapter_tasks);
        let trained = self.trained(&sample)?;
        let names: HashSet<&str> = sample.iter().map(|task| task.name.as_str()).collect();
        let by_name: BTreeMap<&str, &Arc<Adapter>> =
            sample.iter().map(|task| task.name.as_str()).zip(&trained).collect();
        let even = 1.0 / trained.len().max(1) as f64;
        let mean = Arc::new(self.blend(trained.iter().map(|adapter| (even, adapter)))?);
        for group in Group::ALL {
            let (_, subjects) = self.subjects(group)?;
            let mut of_group: [Vec<Vec<Arc<Adapter>>>; 3] = Default::default();
            for subject in &subjects {
                let (mut nearest, mut blend) = (Vec::new(), Vec::new());
                for condition in self.comparison.conditions(&subject.descriptions)? {
                    let near = self.comparison.nearest_among(&condition, &names, &subject.name);
                    anyhow::ensure!(
                        !near.is_empty(),
                        "the generator remembers none of the {} tasks that have an adapter in {}: name the folder that \
                         it was built in with --out",
                        names.len(),
                        self.recipe.out.display()
                    );
                    let weights = blend_weights(&near);
                    nearest.push(Arc::clone(by_name[near[0].name.as_str()]));
                    let parts = weights.into_iter().zip(near.iter().map(|near| by_name[near.name.as_str()]));
                    blend.push(Arc::new(self.blend(parts)?));
                }
                of_group[0].push(vec![Arc::clone(&mean)]);
                of_group[1].push(nearest);
                of_group[2].push(blend);
            }
            for (name, adapters) in [MEAN_TRAINED, NEAREST_TRAINED, BLEND_TRAINED].into_iter().zip(of_group) {
                let scores = self.comparison.by_seed("trained controls", &subjects, &adapters)?;
                let mean = mean_over_tasks(&scores).context("the group has no task")?;
                self.recorded.record(name, group.name(), mean);
            }
        }
        Ok(())
    }

    fn icm_conv(&mut self) -> anyhow::Result<()> {
        let comparison = self.comparison;
        demo_phases::icm_conv(&self.recipe, comparison.base, comparison.workers, comparison.progress)?;
        let path = self.recipe.icm_conv_path();
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let icm_conv = GeneratorFile::from_bytes(&bytes, comparison.base.model().device())?;
        let with_it = Comparison { generator: &icm_conv, ..*comparison };
        let wanted = Wanted { methods: &[Method::Generated], seeds: self.seeds };
        for group in Group::ALL {
            let scores = with_it.measure((group, self.suite, self.half), wanted)?;
            let scores: Vec<f64> = scores.iter().filter_map(|task| task.mean(Method::Generated)).collect();
            self.recorded.record(ICM_CONV, group.name(), mean_of(&scores));
        }
        self.recorded.minutes.insert(ICM_CONV.to_owned(), self.recipe.icm_conv_minutes);
        Ok(())
    }

    pub(super) fn subjects(&self, group: Group) -> anyhow::Result<(Vec<&SuiteTask>, Vec<Subject>)> {
        let tasks = self.comparison.tasks(group, self.suite, self.half);
        let subject = |task: &&SuiteTask| Subject::of_suite(task, (group, self.half), self.comparison.base, self.seeds);
        let subjects = tasks.iter().map(subject).collect::<Result<_, _>>()?;
        Ok((tasks, subjects))
    }

    /// The tasks' own adapters: those that the folder keeps, and others trained now.
    fn trained(&self, tasks: &[&SuiteTask]) -> anyhow::Result<Vec<Arc<Adapter>>> {
        let Comparison { base, generator, workers, progress, .. } = self.comparison;
        let trained = self.recipe.adapters(tasks, base, generator.shared(), workers, *progress)?;
        let adapter = |trained: &crate::training::adapter_trainer::TrainedAdapter| {
            let last = trained.trajectory.last().context("the training kept no checkpoint")?;
            Ok(Arc::new(self.comparison.adapter_of(last)?))
        };
        trained.iter().map(adapter).collect()
    }

    fn blend<'a>(&self, parts: impl Iterator<Item = (f64, &'a Arc<Adapter>)>) -> anyhow::Result<Adapter> {
        let mut sum: Vec<f32> = Vec::new();
        for (weight, adapter) in parts {
            let flat = adapter.flat_b()?;
            sum.resize(flat.len(), 0.0);
            sum.iter_mut().zip(flat).for_each(|(sum, x)| *sum += (weight as f32) * x);
        }
        Ok(self.comparison.adapter_of(&sum)?)
    }
}
