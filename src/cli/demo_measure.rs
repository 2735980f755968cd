//! What a build's generator is worth on the tasks that one may tune with: a quick look after each training, and what
//! its confidence is fitted to.

use crate::generator::{Draw, Evidence, GeneratorFile};
use crate::suite::{Half, Suite};
use crate::task::{Base, Demonstrations, Encoder};
use crate::training::Workers;
use crate::training::comparison::{Comparison, Group, mean_of, unseen_inputs};
use crate::training::progress::{Progress, Report};

/// Descriptions of a task.
const DESCRIPTIONS: usize = 3;
/// Groups that are looked at.
const GROUPS: [Group; 3] = [Group::Train, Group::HeldOutCompositions, Group::HeldOutFamilies];

/// What speaks for a description's adapter, and its exact match, for the held-out tasks of the development half. The means of the groups are told.
pub(super) fn development(
    generator: &GeneratorFile,
    base: &Base,
    workers: &Workers,
    progress: &dyn Progress,
) -> anyhow::Result<Vec<(Evidence, f64)>> {
    let comparison = Comparison { base, generator, workers, progress, limit: usize::MAX };
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let (suite, nothing) = (Suite::builtin(), Demonstrations::default());
    let (mut seen, mut means) = (Vec::new(), Vec::new());
    for group in GROUPS {
        let (mut similar, mut adapters) = (Vec::new(), Vec::new());
        for task in comparison.tasks(group, &suite, Half::Dev) {
            for description in task.unseen_descriptions.iter().chain(&task.descriptions).take(DESCRIPTIONS) {
                let raw = encoder.encode(&[(description.as_str(), &nothing)])?;
                let condition = generator.standardised(&raw[0])?;
                similar.push(generator.evidence(&condition)?);
                adapters.push((unseen_inputs(task, base)?, generator.generate(&condition, Draw::Mean)?));
            }
        }
        let scores = comparison.of_adapters(group, adapters)?;
        means.push((group.name(), mean_of(&scores)));
        if group != Group::Train {
            seen.extend(similar.into_iter().zip(scores));
        }
    }
    progress.report(&Report { phase: "development half", step: 1, total: 1, metrics: &means });
    Ok(seen)
}
