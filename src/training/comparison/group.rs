//! Groups of tasks that are measured together, and by which descriptions.

use crate::suite::{self, Half, Split, Suite, SuiteTask};

/// Tasks that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// A sample of the training tasks, by descriptions that training saw.
    Train,
    /// The same tasks, by descriptions that it did not see.
    Paraphrases,
    /// Compositions of known steps that training never saw together.
    HeldOutCompositions,
    /// Families of which training saw no task.
    HeldOutFamilies,
    /// Tasks in the words of somebody who has not seen the templates that the other descriptions are made by.
    FreeDescriptions,
    /// The tasks of [`Self::FreeDescriptions`], by descriptions of those templates.
    FreeTemplates,
}

/// Training tasks of a group. Each has a trained adapter of its own beside the demo model's build.
pub const TRAINING_TASKS: usize = 40;
/// Descriptions of a task.
const DESCRIPTIONS: usize = 4;

impl Group {
    /// All that a report has a column for, in their order.
    pub const ALL: [Self; 5] =
        [Self::Train, Self::Paraphrases, Self::HeldOutCompositions, Self::HeldOutFamilies, Self::FreeDescriptions];

    /// Its key in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Paraphrases => "paraphrases",
            Self::HeldOutCompositions => "heldout_compositions",
            Self::HeldOutFamilies => "heldout_families",
            Self::FreeDescriptions => "free_descriptions",
            Self::FreeTemplates => "free_templates",
        }
    }

    /// Whether training never saw its tasks.
    pub fn is_held_out(self) -> bool {
        matches!(self, Self::HeldOutCompositions | Self::HeldOutFamilies)
    }

    /// Its tasks.
    pub fn tasks(self, suite: &Suite, half: Half) -> Vec<&SuiteTask> {
        match self {
            Self::Train | Self::Paraphrases => suite.sample(TRAINING_TASKS),
            Self::HeldOutCompositions => suite.of(Split::HeldOutComposition(half)).collect(),
            Self::HeldOutFamilies => suite.of(Split::HeldOutFamily(half)).collect(),
            Self::FreeDescriptions | Self::FreeTemplates => {
                let mut tasks: Vec<&SuiteTask> = Vec::new();
                for (name, _) in suite::free_descriptions(half) {
                    let known = tasks.iter().any(|task| task.name == name);
                    tasks.extend(suite.find(&name).filter(|_| !known));
                }
                tasks
            }
        }
    }

    /// The descriptions by which a task of it is asked for.
    pub fn descriptions(self, task: &SuiteTask, half: Half) -> Vec<String> {
        match self {
            Self::Train | Self::FreeTemplates => task.descriptions.iter().take(DESCRIPTIONS).cloned().collect(),
            Self::Paraphrases => task.unseen_descriptions.clone(),
            Self::HeldOutCompositions | Self::HeldOutFamilies => {
                task.unseen_descriptions.iter().chain(&task.descriptions).take(DESCRIPTIONS).cloned().collect()
            }
            Self::FreeDescriptions => {
                let all = suite::free_descriptions(half).into_iter();
                all.filter(|(name, _)| *name == task.name).map(|(_, description)| description).collect()
            }
        }
    }
}
