//! What a build's generator is worth: a quick look after each training, and what its confidence is fitted to.

use crate::generator::{Draw, Evidence, GeneratorFile};
use crate::suite::{Half, Suite};
use crate::task::{Base, Demonstrations, Encoder};
use crate::training::Workers;
use crate::training::agreement::agreement;
use crate::training::comparison::{Comparison, Group, unseen_inputs};
use crate::training::progress::{Progress, Report};
use crate::training::statistics::mean_of;

/// Descriptions of a task.
const DESCRIPTIONS: usize = 3;
/// Groups that are looked at.
const GROUPS: [Group; 4] = [Group::Train, Group::HeldOutCompositions, Group::HeldOutFamilies, Group::FreeDescriptions];

/// What was found.
pub(super) struct Found {
    /// What speaks for a description's adapter, and its exact match: of known tasks, of new ones, and in free words, so that
    /// the curve is about all that people ask for.
    pub(super) seen: Vec<(Evidence, f64)>,
    /// The mean exact match of each group, by its name.
    pub(super) means: Vec<(&'static str, f64)>,
}

/// Exact match of generated adapters on unseen inputs of one half's held-out tasks, and of a sample of the training
/// tasks. The means are told.
pub(super) fn held_out(
    generator: &GeneratorFile,
    base: &Base,
    half: Half,
    (workers, progress): (&Workers, &dyn Progress),
) -> anyhow::Result<Found> {
    let comparison = Comparison { base, generator, workers, progress, limit: usize::MAX };
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let (suite, nothing) = (Suite::builtin(), Demonstrations::default());
    let (mut seen, mut means) = (Vec::new(), Vec::new());
    for group in GROUPS {
        let (mut evidence, mut adapters) = (Vec::new(), Vec::new());
        for task in comparison.tasks(group, &suite, half) {
            let descriptions = match group {
                Group::FreeDescriptions => group.descriptions(task, half),
                _ => task.unseen_descriptions.iter().chain(&task.descriptions).cloned().collect(),
            };
            for description in descriptions.iter().take(DESCRIPTIONS) {
                let raw = encoder.encode(&[(description.as_str(), &nothing)])?;
                let condition = generator.standardised(&raw[0])?;
                let adapter = generator.generate(&condition, Draw::Mean)?;
                let agreed = agreement(base, &adapter, (&encoder.prefix(description, &nothing)?, &[]))?;
                evidence.push(generator.evidence(&condition, agreed)?);
                adapters.push((unseen_inputs(task, base)?, adapter));
            }
        }
        let scores = comparison.of_adapters(group, adapters)?;
        means.push((group.name(), mean_of(&scores)));
        seen.extend(evidence.into_iter().zip(scores));
    }
    let phase = if half == Half::Dev { "development half" } else { "test half" };
    progress.report(&Report { phase, step: 1, total: 1, metrics: &means });
    Ok(Found { seen, means })
}
