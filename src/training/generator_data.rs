//! What the generator learns from: for each task the conditions of its descriptions, its examples,
//! and the trajectory of its trained adapter where it has one.

use super::dataset::TaskData;
use super::progress::{Progress, Report};
use super::{Error, Workers};
use crate::generator::{Memory, Standardiser};
use crate::noise::Noise;
use crate::task::{Demonstrations, Encoder, Example};
use candle_core::Device;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One task of the corpus.
#[derive(Clone, Debug)]
pub struct CorpusTask {
    /// Descriptions and examples.
    pub data: TaskData,
    /// Standardised conditions: one for each description alone, then some with demonstrations.
    pub conditions: Vec<Vec<f32>>,
    /// How many of them are of the description alone.
    pub alone: usize,
    /// The last checkpoints of its own adapter, flat B; empty for a task without one.
    pub trajectory: Vec<Vec<f32>>,
}

/// The tasks and the statistics of their conditions.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The tasks.
    pub tasks: Vec<CorpusTask>,
    /// Fitted on all conditions, or the parent's.
    pub standardiser: Standardiser,
    /// Where training computes.
    pub device: Device,
}

/// The last checkpoints of an adapter, flat B each.
pub type Trajectory = Vec<Vec<f32>>;

/// Conditions with demonstrations that are made of each task.
const DEMONSTRATED: usize = 2;
/// Texts of a whole corpus, roughly: what is read in some minutes. Many tasks with few descriptions each teach more
/// than few tasks with many.
const TEXTS: usize = 50_000;
/// Descriptions of a task that are read, where there are so many tasks.
const DESCRIPTIONS: usize = 4;
/// Texts of one pass of the encoder.
const BATCH: usize = 8;

impl Corpus {
    /// Encodes every description of every task, and some of them with demonstrations. A corpus to grow a generator
    /// by takes over that one's `standardiser`.
    ///
    /// # Errors
    /// [`Error::NoData`] without tasks, [`Error::Cancelled`], those of the model.
    pub fn new(
        tasks: Vec<(TaskData, Trajectory)>,
        encoder: &Encoder,
        (workers, progress): (&Workers, &dyn Progress),
        (seed, standardiser): (u64, Option<Standardiser>),
    ) -> Result<Self, Error> {
        if tasks.is_empty() {
            return Err(Error::NoData { what: "tasks" });
        }
        let done = AtomicUsize::new(0);
        let most = (TEXTS / tasks.len()).saturating_sub(DEMONSTRATED).max(DESCRIPTIONS);
        let encoded = workers.map(tasks.iter().map(|(data, _)| data).collect(), |data| {
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
            let step = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.report(&Report { phase: "descriptions", step, total: tasks.len(), metrics: &[] });
            encode(data, most, encoder, seed)
        });
        let encoded: Vec<Vec<Vec<f32>>> = encoded.into_iter().collect::<Result<_, _>>()?;
        let standardiser = standardiser.unwrap_or_else(|| Standardiser::fit(encoded.iter().flatten()));
        let task = |((data, trajectory), raw): ((TaskData, Trajectory), Vec<Vec<f32>>)| CorpusTask {
            alone: data.descriptions.len().min(most),
            conditions: raw.iter().map(|condition| standardiser.apply(condition)).collect(),
            data,
            trajectory,
        };
        let tasks = tasks.into_iter().zip(encoded).map(task).collect();
        Ok(Self { tasks, standardiser, device: encoder.device().clone() })
    }

    /// C
    pub fn condition_width(&self) -> usize {
        self.standardiser.mean.len()
    }

    /// What a generator remembers of the tasks.
    pub fn memory(&self) -> Memory {
        Memory::of_tasks(self.described())
    }

    /// Each task's name, and the conditions of its descriptions alone.
    pub fn described(&self) -> impl Iterator<Item = (&str, &[Vec<f32>])> {
        self.tasks.iter().map(|task| (task.data.name.as_str(), &task.conditions[..task.alone]))
    }
}

fn encode(data: &TaskData, most: usize, encoder: &Encoder, seed: u64) -> Result<Vec<Vec<f32>>, Error> {
    let mut noise = Noise::stream(seed, &data.name);
    let alone = Demonstrations::default();
    let mut demonstrated = Vec::new();
    for _ in 0..DEMONSTRATED {
        let count = 1 + noise.below(4);
        let shown: Vec<Example> = (0..count).map(|_| noise.pick::<Example>(&data.shown).clone()).collect();
        let demonstrations = Demonstrations::new(shown).map_err(|_| Error::NoData { what: "demonstrations" })?;
        demonstrated.push((noise.pick::<String>(&data.descriptions).as_str(), demonstrations));
    }
    let mut texts: Vec<(&str, &Demonstrations)> =
        data.descriptions.iter().take(most).map(|d| (d.as_str(), &alone)).collect();
    texts.extend(demonstrated.iter().map(|(d, shown)| (*d, shown)));
    let mut conditions = Vec::with_capacity(texts.len());
    for batch in texts.chunks(BATCH) {
        conditions.extend(encoder.encode(batch)?);
    }
    Ok(conditions)
}
