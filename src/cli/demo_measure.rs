//! What a build's generator is worth: a quick look after each training, and what its confidence is fitted to.

use crate::generator::{Calibration, Curves, Draw, Evidence, GeneratorFile, Trial};
use crate::suite::{Half, Suite};
use crate::task::{Base, Demonstrations, Encoder};
use crate::training::Workers;
use crate::training::agreement::tried;
use crate::training::comparison::{Comparison, Group, demonstrations, unseen_inputs};
use crate::training::progress::{Progress, Report, Silent};
use crate::training::settle::settled;
use crate::training::statistics::{auroc, mean_of};

/// Descriptions of a task.
const DESCRIPTIONS: usize = 3;
/// Demonstrations that people show: a few and some more.
const SHOWN: [usize; 2] = [3, 10];
/// The exact match from which on an adapter is said to do its task.
const DOES: f64 = 0.75;
/// Groups that are looked at.
const GROUPS: [Group; 4] = [Group::Train, Group::HeldOutCompositions, Group::HeldOutFamilies, Group::FreeDescriptions];

/// What was found.
pub(super) struct Found {
    /// What speaks for a description's adapter, and its exact match: of known tasks, of new ones, and in free words, so that
    /// the curve is about all that people ask for.
    seen: Vec<(Evidence, f64)>,
    /// The mean exact match of each group, by its name.
    pub(super) means: Vec<(&'static str, f64)>,
}

/// Which adapters are measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Adapters {
    /// As they are written.
    Written,
    /// As they are served: the doubted are settled.
    Served,
    /// As they are served to those who show so many demonstrations.
    Shown(usize),
}

/// The generator with its confidence fitted to what one half's tasks, and known ones, show: first the curve of adapters
/// as they are written, which says who is doubted, then those of adapters as they are served, to descriptions alone and
/// with demonstrations.
pub(super) fn calibrated(
    generator: GeneratorFile,
    base: &Base,
    half: Half,
    of: (&Workers, &dyn Progress),
) -> anyhow::Result<GeneratorFile> {
    let seen = held_out((&generator, Adapters::Written), base, half, of)?.seen;
    let alone = |(evidence, score): (Evidence, f64)| {
        (Evidence { tried: evidence.tried.map(Trial::of_agreement_alone), ..evidence }, score)
    };
    let written = Calibration::fit(&seen.into_iter().map(alone).collect::<Vec<_>>());
    let generator = generator.calibrated(Curves::of_written(written));
    let seen = held_out((&generator, Adapters::Served), base, half, of)?.seen;
    let served = Some(Calibration::fit(&seen));
    let mut seen = Vec::new();
    for count in SHOWN {
        seen.extend(held_out((&generator, Adapters::Shown(count)), base, half, of)?.seen);
    }
    Ok(generator.calibrated(Curves { written, served, shown: Some(Calibration::fit(&seen)) }))
}

/// How well the confidence tells, on one half, whether an adapter does its task ([`DOES`]): the area under the curve for
/// descriptions alone and with demonstrations. It is told.
pub(super) fn tell_confidence(
    generator: &GeneratorFile,
    base: &Base,
    half: Half,
    (workers, progress): (&Workers, &dyn Progress),
) -> anyhow::Result<()> {
    let curves = generator.curves();
    let ways = [("described", Adapters::Served), ("shown_3", Adapters::Shown(3)), ("shown_10", Adapters::Shown(10))];
    let mut found = Vec::new();
    for (name, which) in ways {
        let seen = held_out((generator, which), base, half, (workers, progress))?.seen;
        let pairs: Vec<(f64, bool)> =
            seen.into_iter().map(|(evidence, score)| (curves.score(evidence, true), score >= DOES)).collect();
        found.push((name, auroc(&pairs).unwrap_or(f64::NAN)));
    }
    progress.report(&Report { phase: "confidence, area under the curve", step: 1, total: 1, metrics: &found });
    Ok(())
}

/// Exact match of generated adapters on unseen inputs of one half's held-out tasks, and of a sample of the training
/// tasks. The means are told.
pub(super) fn held_out(
    (generator, which): (&GeneratorFile, Adapters),
    base: &Base,
    half: Half,
    (workers, progress): (&Workers, &dyn Progress),
) -> anyhow::Result<Found> {
    let comparison = Comparison { base, generator, workers, progress, limit: usize::MAX };
    let encoder = Encoder::new(base.model().clone(), base.prompter().clone());
    let suite = Suite::builtin();
    let (mut seen, mut means) = (Vec::new(), Vec::new());
    for group in GROUPS {
        let (mut evidence, mut adapters) = (Vec::new(), Vec::new());
        for task in comparison.tasks(group, &suite, half) {
            let descriptions = match group {
                Group::FreeDescriptions => group.descriptions(task, half),
                _ => task.unseen_descriptions.iter().chain(&task.descriptions).cloned().collect(),
            };
            let shown = match which {
                Adapters::Written | Adapters::Served => Vec::new(),
                Adapters::Shown(count) => demonstrations(task, count, 0),
            };
            let shown = Demonstrations::new(shown)?;
            for description in descriptions.iter().take(DESCRIPTIONS) {
                let raw = encoder.encode(&[(description.as_str(), &shown)])?;
                let condition = generator.standardised(&raw[0])?;
                let prefix = encoder.prefix(description, &shown)?;
                let asked = (prefix.as_slice(), shown.examples());
                let written = generator.generate(&condition, Draw::Mean)?;
                let told = generator.evidence(&condition, tried(base, &written, asked)?)?;
                let adapter = match which {
                    Adapters::Written => written,
                    Adapters::Served | Adapters::Shown(_) => {
                        settled((base, generator), (written, told), asked, &Silent)?
                    }
                };
                evidence.push(told);
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
