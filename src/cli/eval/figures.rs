//! From what was measured and recorded to the figures of a report: means, intervals, differences, ratios.

use super::recorded::{Recorded, TRAINED_LORA, half_name};
use crate::suite::Half;
use crate::training::comparison::{Group, Method, TaskScores};
use crate::training::statistics::{Interval, auroc, mean_over_tasks};

/// What one method gave in one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figure {
    /// Exact match from 0 to 1; `None` where it was not measured or cannot apply.
    pub(super) mean: Option<f64>,
    /// Of the mean.
    pub(super) interval: Option<Interval>,
    /// The generated adapters' lead over this method, paired over tasks.
    pub(super) difference: Option<(f64, Interval)>,
}

/// A group's figures.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) group: Group,
    pub(super) tasks: usize,
    /// By method, in the order of reports: the same in each column.
    pub(super) methods: Vec<(String, Figure)>,
}

/// Measured groups beside recorded figures.
pub(super) struct Figures {
    /// What a report has a column for.
    pub(super) columns: Vec<Column>,
    /// The tasks of the free descriptions by the templates'.
    pub(super) templates: Option<Column>,
    pub(super) confidence: Confidences,
}

/// How well the generator's confidence tells the adapters that reach their task's own trained one from the others.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Confidences {
    pub(super) all: Told,
    pub(super) held_out: Told,
}

/// Of some descriptions whose task has a trained adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Told {
    pub(super) auroc: Option<f64>,
    /// Descriptions.
    pub(super) count: usize,
    /// How many adapters reach it.
    pub(super) reach: usize,
}

/// The share of its task's own trained adapter's exact match that a generated one must have to reach it.
pub(super) const REACHES: f64 = 0.8;

impl Figures {
    pub(super) fn new(groups: &[(Group, Vec<TaskScores>)], recorded: &Recorded, half: Half) -> Self {
        let methods: Vec<Method> = Method::ALL
            .into_iter()
            .filter(|method| groups.iter().any(|(_, tasks)| tasks.iter().any(|task| task.mean(*method).is_some())))
            .collect();
        let column = |(group, tasks): &(Group, Vec<TaskScores>)| Column {
            group: *group,
            tasks: tasks.len(),
            methods: rows(&methods, (*group, tasks), (recorded, half)),
        };
        let (templates, shown): (Vec<_>, Vec<_>) = groups.iter().partition(|(group, _)| *group == Group::FreeTemplates);
        Self {
            columns: shown.into_iter().map(column).collect(),
            templates: templates.into_iter().map(column).next(),
            confidence: Confidences::of(groups, recorded),
        }
    }

    /// The generated adapters' exact match in a group.
    fn generated(&self, group: Group) -> Option<f64> {
        let column = self.columns.iter().chain(&self.templates).find(|column| column.group == group)?;
        column.figure(Method::Generated.name())?.mean
    }

    fn trained(&self, group: Group) -> Option<f64> {
        self.columns.iter().find(|column| column.group == group)?.figure(TRAINED_LORA)?.mean
    }

    /// What the generated adapters keep of something better or easier: `None` where one of both has no figure, or the
    /// better one is 0.
    pub(super) fn ratios(&self) -> [(&'static str, Option<f64>); 4] {
        let share = |part: Option<f64>, whole: Option<f64>| Some(part? / whole.filter(|whole| *whole > 0.0)?);
        let (generated, trained) = (|group| self.generated(group), |group| self.trained(group));
        [
            ("free_vs_template", share(generated(Group::FreeDescriptions), generated(Group::FreeTemplates))),
            ("paraphrases_vs_train", share(generated(Group::Paraphrases), generated(Group::Train))),
            (
                "heldout_compositions_vs_trained_lora",
                share(generated(Group::HeldOutCompositions), trained(Group::HeldOutCompositions)),
            ),
            ("train_vs_trained_lora", share(generated(Group::Train), trained(Group::Train))),
        ]
    }
}

impl Column {
    pub(super) fn figure(&self, method: &str) -> Option<&Figure> {
        self.methods.iter().find(|(name, _)| name == method).map(|(_, figure)| figure)
    }
}

fn rows(
    methods: &[Method],
    (group, tasks): (Group, &[TaskScores]),
    (recorded, half): (&Recorded, Half),
) -> Vec<(String, Figure)> {
    let values = |method: Method| -> Option<Vec<Vec<f64>>> {
        tasks.iter().map(|task| task.methods.get(&method).cloned()).collect()
    };
    let generated = values(Method::Generated);
    let figure =
        |method: Method| Figure::of(values(method), generated.as_deref().filter(|_| method != Method::Generated));
    let mut rows: Vec<_> = methods.iter().map(|method| (method.name().to_owned(), figure(*method))).collect();
    // The recorded figures of held-out tasks are of one half of them.
    let applies = matches!(group, Group::Train | Group::Paraphrases) || recorded.half == half_name(half);
    for name in recorded.names() {
        let of_tasks = || tasks.iter().map(|task| Some(vec![*recorded.trained_lora_tasks.get(&task.name)?])).collect();
        let per_task: Option<Vec<Vec<f64>>> = if name == TRAINED_LORA { of_tasks() } else { None };
        let figure = match per_task {
            Some(values) => Figure::of(Some(values), generated.as_deref()),
            None => Figure { mean: recorded.figure(name, group.name()).filter(|_| applies), ..Figure::default() },
        };
        // The bound comes just before what is held against it.
        let before = methods.iter().position(|method| *method == Method::Generated).filter(|_| name == TRAINED_LORA);
        rows.insert(before.unwrap_or(rows.len()), (name.to_owned(), figure));
    }
    rows
}

impl Figure {
    fn of(values: Option<Vec<Vec<f64>>>, generated: Option<&[Vec<f64>]>) -> Self {
        let Some(values) = values else { return Self::default() };
        let lead = |generated: &[Vec<f64>]| {
            let lead: Vec<Vec<f64>> = generated.iter().zip(&values).map(|(a, b)| paired(a, b)).collect();
            Some((mean_over_tasks(&lead)?, Interval::of_mean(&lead)?))
        };
        Self {
            mean: mean_over_tasks(&values),
            interval: Interval::of_mean(&values),
            difference: generated.and_then(lead),
        }
    }
}

/// By seed; what was recorded once stands for each seed.
fn paired(generated: &[f64], other: &[f64]) -> Vec<f64> {
    let of = |seed: usize| other.get(seed).or(other.first()).copied();
    generated.iter().enumerate().filter_map(|(seed, x)| Some(x - of(seed)?)).collect()
}

impl Confidences {
    fn of(groups: &[(Group, Vec<TaskScores>)], recorded: &Recorded) -> Self {
        let pairs = |wanted: &dyn Fn(Group) -> bool| {
            let mut pairs = Vec::new();
            for (group, tasks) in groups.iter().filter(|(group, _)| wanted(*group)) {
                for task in tasks {
                    // Where the own adapter is worth nothing, nothing would reach it.
                    let own = recorded.trained_lora_tasks.get(&task.name).copied().filter(|own| *own > 0.0);
                    let Some(own) = own.filter(|_| *group != Group::FreeTemplates) else { continue };
                    pairs.extend(task.described.iter().map(|d| (d.confidence, d.generated >= REACHES * own)));
                }
            }
            pairs
        };
        Self { all: Told::of(&pairs(&|_| true)), held_out: Told::of(&pairs(&Group::is_held_out)) }
    }
}

impl Told {
    fn of(pairs: &[(f64, bool)]) -> Self {
        Self { auroc: auroc(pairs), count: pairs.len(), reach: pairs.iter().filter(|(_, reaches)| *reaches).count() }
    }
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
