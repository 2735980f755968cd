//! What an adapter that was written from a description is worth, against what a user could do instead:
//! exact match on unseen inputs of the task suite, for groups of tasks and methods side by side.
//!
//! Tuning looks at the development half of the held-out tasks only; the reported numbers are of the other half.

use super::dataset::{Sizes, TaskData};
use super::evaluate::{Row, exact_matches, rate};
use super::progress::{Progress, Report};
use super::{Error, Workers};
use crate::generator::{self, Draw, GeneratorFile};
use crate::lm::RowAdapters;
use crate::lora::Adapter;
use crate::noise::Noise;
use crate::suite::{Half, Split, Suite, SuiteTask};
use crate::task::{Base, Demonstrations, Encoder};
use candle_core::Tensor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tasks that are measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// A sample of the training tasks, by descriptions that training saw.
    Train,
    /// The same tasks, by descriptions that it did not see.
    Paraphrases,
    /// Compositions of known steps that training never saw together.
    HeldOutCompositions,
    /// Families of which training saw no task.
    HeldOutFamilies,
}

/// Training tasks of a group. Each has a trained adapter of its own beside the demo model's build.
pub const TRAINING_TASKS: usize = 40;
/// Unseen inputs of a task.
const TEST_INPUTS: usize = 40;
/// Descriptions of a task.
const DESCRIPTIONS: usize = 4;
/// Demonstrations in the base's prompt.
const SHOWN: usize = 3;
/// Rows of one pass.
const ROWS: usize = 4;

impl Group {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [Self::Train, Self::Paraphrases, Self::HeldOutCompositions, Self::HeldOutFamilies];

    /// Its key in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Paraphrases => "paraphrases",
            Self::HeldOutCompositions => "heldout_compositions",
            Self::HeldOutFamilies => "heldout_families",
        }
    }

    /// Its tasks.
    pub fn tasks(self, suite: &Suite, half: Half) -> Vec<&SuiteTask> {
        match self {
            Self::Train | Self::Paraphrases => suite.sample(TRAINING_TASKS),
            Self::HeldOutCompositions => suite.of(Split::HeldOutComposition(half)).collect(),
            Self::HeldOutFamilies => suite.of(Split::HeldOutFamily(half)).collect(),
        }
    }

    fn descriptions(self, task: &SuiteTask) -> Vec<String> {
        match self {
            Self::Train => task.descriptions.iter().take(DESCRIPTIONS).cloned().collect(),
            Self::Paraphrases => task.unseen_descriptions.clone(),
            Self::HeldOutCompositions | Self::HeldOutFamilies => {
                task.unseen_descriptions.iter().chain(&task.descriptions).take(DESCRIPTIONS).cloned().collect()
            }
        }
    }
}

/// A way to get a task done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The base and the bare input.
    BaseBare,
    /// The base with the description in its prompt.
    BaseDescription,
    /// The base with three demonstrations in its prompt.
    BaseDemonstrations,
    /// The mean of the training sample's generated adapters.
    MeanAdapter,
    /// The generated adapter of the nearest other training task.
    NearestAdapter,
    /// The adapter generated from another task's description.
    ShuffledDescription,
    /// The adapter generated from the task's description.
    Generated,
}

impl Method {
    /// All, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::BaseBare,
        Self::BaseDescription,
        Self::BaseDemonstrations,
        Self::MeanAdapter,
        Self::NearestAdapter,
        Self::ShuffledDescription,
        Self::Generated,
    ];

    /// Its key in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::BaseBare => "base_bare",
            Self::BaseDescription => "base_description",
            Self::BaseDemonstrations => "base_demonstrations",
            Self::MeanAdapter => "mean_adapter",
            Self::NearestAdapter => "nearest_adapter",
            Self::ShuffledDescription => "shuffled_description",
            Self::Generated => "generated",
        }
    }
}

/// What is compared.
pub struct Comparison<'a> {
    /// The base.
    pub base: &'a Base,
    /// The generator.
    pub generator: &'a GeneratorFile,
    /// Threads.
    pub workers: &'a Workers,
    /// Reports.
    pub progress: &'a dyn Progress,
    /// Tasks of a group at most.
    pub limit: usize,
}

/// One task's exact match by each method, in the order of [`Method::ALL`].
#[derive(Clone, Debug)]
pub struct TaskScores {
    /// The task.
    pub name: String,
    /// By method.
    pub scores: Vec<f64>,
    /// How near each description is to the nearest training task, and its exact match.
    pub similarity: Vec<(f64, f64)>,
}

/// One row to score, and through what.
struct Job {
    task: usize,
    method: Method,
    row: Row,
    through: Through,
}

enum Through {
    Base,
    Adapter(Arc<Adapter>),
    /// The adapter of this standardised condition.
    Condition(Vec<f32>),
}

/// The unseen inputs of a suite's task.
///
/// # Errors
/// Those of the tokenizer.
pub fn unseen_inputs(task: &SuiteTask, base: &Base) -> Result<TaskData, Error> {
    TaskData::of_suite(task, base.prompter(), Sizes { train: SHOWN, test: TEST_INPUTS }, 0)
}

impl Comparison<'_> {
    /// Scores every method on each task of a group.
    ///
    /// # Errors
    /// Those of base and generator.
    pub fn scores(&self, group: Group, suite: &Suite, half: Half) -> Result<Vec<TaskScores>, Error> {
        let tasks = self.tasks(group, suite, half);
        let mut conditions = Vec::new();
        for task in &tasks {
            conditions.push(self.conditions(&group.descriptions(task))?);
        }
        let mean = Arc::new(self.mean_adapter(suite)?);
        let mut jobs = Vec::new();
        for (index, task) in tasks.iter().enumerate() {
            let data = unseen_inputs(task, self.base)?;
            let mut push = |method, prefix: &[u32], through| {
                jobs.push(Job { task: index, method, row: data.test_row(prefix), through });
            };
            let bos = self.base.begin();
            push(Method::BaseBare, bos, Through::Base);
            let shown = self.base.prompter().prefix(None, &data.shown[..SHOWN.min(data.shown.len())])?;
            push(Method::BaseDemonstrations, &shown, Through::Base);
            push(Method::MeanAdapter, bos, Through::Adapter(Arc::clone(&mean)));
            for (which, (description, condition)) in group.descriptions(task).iter().zip(&conditions[index]).enumerate()
            {
                let described = self.base.prompter().prefix(Some(description), &[])?;
                push(Method::BaseDescription, &described, Through::Base);
                push(Method::Generated, bos, Through::Condition(condition.clone()));
                let other = &conditions[other_task(index, tasks.len())];
                push(Method::ShuffledDescription, bos, Through::Condition(other[which % other.len()].clone()));
                let nearest = self.nearest(condition, &task.name, suite)?;
                push(Method::NearestAdapter, bos, Through::Condition(nearest));
            }
        }
        let rates = self.rates(group, &jobs)?;
        let of_task = |(index, task): (usize, &&SuiteTask)| {
            let of = |method: Method| -> Vec<f64> {
                let mine = jobs.iter().zip(&rates).filter(|(job, _)| job.task == index && job.method == method);
                mine.map(|(_, rate)| *rate).collect()
            };
            let similar = conditions[index].iter().map(|condition| self.similarity(condition));
            TaskScores {
                name: task.name.clone(),
                scores: Method::ALL.iter().map(|method| mean_of(&of(*method))).collect(),
                similarity: similar.zip(of(Method::Generated)).collect(),
            }
        };
        Ok(tasks.iter().enumerate().map(of_task).collect())
    }

    /// The tasks of a group that are measured.
    pub fn tasks<'s>(&self, group: Group, suite: &'s Suite, half: Half) -> Vec<&'s SuiteTask> {
        let mut tasks = group.tasks(suite, half);
        tasks.truncate(self.limit);
        tasks
    }

    /// Exact match of given adapters on the unseen inputs of tasks.
    ///
    /// # Errors
    /// Those of the base.
    pub fn of_adapters(&self, group: Group, adapters: Vec<(TaskData, Adapter)>) -> Result<Vec<f64>, Error> {
        let job = |(task, (data, adapter)): (usize, (TaskData, Adapter))| Job {
            task,
            method: Method::Generated,
            row: data.test_row(self.base.begin()),
            through: Through::Adapter(Arc::new(adapter)),
        };
        let jobs: Vec<Job> = adapters.into_iter().enumerate().map(job).collect();
        self.rates(group, &jobs)
    }

    fn rates(&self, group: Group, jobs: &[Job]) -> Result<Vec<f64>, Error> {
        let done = AtomicUsize::new(0);
        let parts = self.workers.map(jobs.chunks(ROWS).collect(), |chunk| -> Result<Vec<f64>, Error> {
            let adapters: Vec<Option<Arc<Adapter>>> = chunk
                .iter()
                .map(|job| match &job.through {
                    Through::Base => Ok(None),
                    Through::Adapter(adapter) => Ok(Some(Arc::clone(adapter))),
                    Through::Condition(c) => self.generator.generate(c, Draw::Mean).map(|a| Some(Arc::new(a))),
                })
                .collect::<Result<_, _>>()?;
            let rows: Vec<Row> = chunk.iter().map(|job| job.row.clone()).collect();
            let refs: Vec<_> = adapters.iter().map(|a| a.as_deref().map(|a| (a, 1.0))).collect();
            let adapters = RowAdapters::of_rows(&refs, self.base.model().dtype())?;
            let hits = exact_matches(self.base.model(), &rows, &adapters)?;
            let step = done.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len();
            self.progress.report(&Report { phase: group.name(), step, total: jobs.len(), metrics: &[] });
            Ok(hits.iter().map(rate).collect())
        });
        Ok(parts.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn conditions(&self, descriptions: &[String]) -> Result<Vec<Vec<f32>>, Error> {
        let encoder = Encoder::new(self.base.model().clone(), self.base.prompter().clone());
        let nothing = Demonstrations::default();
        let texts: Vec<(&str, &Demonstrations)> = descriptions.iter().map(|d| (d.as_str(), &nothing)).collect();
        let raw = encoder.encode(&texts)?;
        Ok(raw.iter().map(|c| self.generator.standardised(c)).collect::<Result<_, _>>()?)
    }

    fn similarity(&self, condition: &[f32]) -> f64 {
        self.generator.confidence(condition).nearest_tasks.first().map_or(-1.0, |nearest| nearest.similarity)
    }

    /// The condition of the nearest training task that is another one, by its first description.
    fn nearest(&self, condition: &[f32], task: &str, suite: &Suite) -> Result<Vec<f32>, Error> {
        let found = self.generator.confidence(condition).nearest_tasks;
        let other = found.iter().find(|near| near.name != task).ok_or(Error::NoData { what: "other tasks" })?;
        match suite.find(&other.name) {
            Some(task) => Ok(self.conditions(&task.descriptions[..1])?.swap_remove(0)),
            // A task of the user's own: its descriptions are not the suite's.
            None => {
                let memory = self.generator.memory();
                let known = memory.tasks.iter().find(|known| known.name == other.name);
                known.map(|known| memory.condition(known)).ok_or(Error::NoData { what: "other tasks" })
            }
        }
    }

    fn mean_adapter(&self, suite: &Suite) -> Result<Adapter, Error> {
        let tasks = suite.sample(TRAINING_TASKS);
        let mut sum: Option<Tensor> = None;
        for task in &tasks {
            let condition = self.conditions(&task.descriptions[..1])?.swap_remove(0);
            let flat = self.generator.generate(&condition, Draw::Mean)?.flat_b().map_err(generator::Error::from)?;
            let flat = Tensor::from_slice(&flat, flat.len(), self.base.model().device())?;
            sum = Some(match sum {
                Some(sum) => (sum + flat)?,
                None => flat,
            });
        }
        let sum = sum.ok_or(Error::NoData { what: "training tasks" })?;
        let mean = (sum / tasks.len() as f64)?;
        Adapter::over(self.generator.shared(), &mean, self.generator.config().alpha)
            .map_err(|e| generator::Error::from(e).into())
    }
}

/// Another task of the group, never the same one.
fn other_task(index: usize, count: usize) -> usize {
    let step = 1 + Noise::stream(index as u64, "shuffled descriptions").below(count.saturating_sub(1).max(1));
    (index + step) % count
}

/// The mean of some numbers; 0 for none.
pub fn mean_of(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
