//! What `attune eval --retrain` makes anew: each task's own adapter, and the paper's architecture.

use super::demo_phases::{self, Recipe};
use super::eval_report::Recorded;
use crate::generator::GeneratorFile;
use crate::lora::Adapter;
use crate::suite::{Half, Suite};
use crate::training::comparison::{Comparison, Group, Method, mean_of, unseen_inputs};
use anyhow::Context;
use candle_core::Tensor;
use std::path::Path;

/// Trains and measures, and writes what was found to `evaluation.json` in the folder.
pub(super) fn retrain(out: &Path, comparison: &Comparison<'_>, suite: &Suite, half: Half) -> anyhow::Result<Recorded> {
    let recipe = Recipe::of_folder(out)?;
    let mut recorded = Recorded {
        base_model: comparison.base.digest().to_owned(),
        icm_conv_minutes: recipe.icm_conv_minutes,
        ..Recorded::default()
    };
    let shared = comparison.generator.shared();
    for group in Group::ALL {
        let tasks = comparison.tasks(group, suite, half);
        let trained = recipe.adapters(&tasks, comparison.base, shared, comparison.workers, comparison.progress)?;
        let mut adapters = Vec::new();
        for (task, trained) in tasks.iter().zip(trained) {
            let last = trained.trajectory.last().context("the training kept no checkpoint")?;
            let b = Tensor::from_slice(last, last.len(), comparison.base.model().device())?;
            let adapter = Adapter::over(shared, &b, comparison.generator.config().alpha)?;
            adapters.push((unseen_inputs(task, comparison.base)?, adapter));
        }
        let scores = comparison.of_adapters(group, adapters)?;
        recorded.trained_lora.insert(group.name().to_owned(), mean_of(&scores));
    }
    demo_phases::icm_conv(&recipe, comparison.base, comparison.workers, comparison.progress)?;
    let bytes = std::fs::read(recipe.icm_conv_path())?;
    let icm_conv = GeneratorFile::from_bytes(&bytes, comparison.base.model().device())?;
    let with_it = Comparison { generator: &icm_conv, ..*comparison };
    let generated = Method::ALL.iter().position(|method| *method == Method::Generated).unwrap_or(0);
    for group in Group::ALL {
        let scores = with_it.scores(group, suite, half)?;
        let scores: Vec<f64> = scores.iter().map(|task| task.scores[generated]).collect();
        recorded.generated_icm_conv.insert(group.name().to_owned(), mean_of(&scores));
    }
    let path = out.join("evaluation.json");
    std::fs::write(&path, serde_json::to_string_pretty(&recorded)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(recorded)
}
