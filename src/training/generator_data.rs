//! What the generator learns from: for each task the conditions of its descriptions, its examples,
//! and the trajectory of its trained adapter where it has one.

use super::dataset::TaskData;
use super::{Error, Workers};
use crate::generator::{Standardiser, TaskVector};
use crate::noise::Noise;
use crate::task::{Demonstrations, Encoder, Example};

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
    /// Fitted on all conditions.
    pub standardiser: Standardiser,
}

/// The last checkpoints of an adapter, flat B each.
pub type Trajectory = Vec<Vec<f32>>;

/// Conditions with demonstrations that are made of each task.
const DEMONSTRATED: usize = 4;
/// Texts of one pass of the encoder.
const BATCH: usize = 8;

impl Corpus {
    /// Encodes every description of every task, and some of them with demonstrations.
    ///
    /// # Errors
    /// [`Error::NoData`] without tasks; those of the model.
    pub fn new(
        tasks: Vec<(TaskData, Trajectory)>,
        encoder: &Encoder,
        workers: &Workers,
        seed: u64,
    ) -> Result<Self, Error> {
        if tasks.is_empty() {
            return Err(Error::NoData { what: "tasks" });
        }
        let encoded = workers.map(tasks.iter().map(|(data, _)| data).collect(), |data| encode(data, encoder, seed));
        let encoded: Vec<Vec<Vec<f32>>> = encoded.into_iter().collect::<Result<_, _>>()?;
        let standardiser = Standardiser::fit(encoded.iter().flatten());
        let task = |((data, trajectory), raw): ((TaskData, Trajectory), Vec<Vec<f32>>)| CorpusTask {
            alone: data.descriptions.len(),
            conditions: raw.iter().map(|condition| standardiser.apply(condition)).collect(),
            data,
            trajectory,
        };
        let tasks = tasks.into_iter().zip(encoded).map(task).collect();
        Ok(Self { tasks, standardiser })
    }

    /// C
    pub fn condition_width(&self) -> usize {
        self.standardiser.mean.len()
    }

    /// Each task's mean condition, for the nearest tasks of an answer.
    pub fn task_vectors(&self) -> Vec<TaskVector> {
        let vector = |task: &CorpusTask| {
            let mut mean = vec![0.0; self.condition_width()];
            for condition in &task.conditions[..task.alone] {
                mean.iter_mut().zip(condition).for_each(|(m, x)| *m += x / task.alone as f32);
            }
            TaskVector { name: task.data.name.clone(), vector: mean }
        };
        self.tasks.iter().map(vector).collect()
    }
}

fn encode(data: &TaskData, encoder: &Encoder, seed: u64) -> Result<Vec<Vec<f32>>, Error> {
    let mut noise = Noise::stream(seed, &data.name);
    let alone = Demonstrations::default();
    let mut demonstrated = Vec::new();
    for _ in 0..DEMONSTRATED {
        let count = 1 + noise.below(4);
        let shown: Vec<Example> = (0..count).map(|_| noise.pick::<Example>(&data.shown).clone()).collect();
        let demonstrations = Demonstrations::new(shown).map_err(|_| Error::NoData { what: "demonstrations" })?;
        demonstrated.push((noise.pick::<String>(&data.descriptions).as_str(), demonstrations));
    }
    let mut texts: Vec<(&str, &Demonstrations)> = data.descriptions.iter().map(|d| (d.as_str(), &alone)).collect();
    texts.extend(demonstrated.iter().map(|(d, shown)| (*d, shown)));
    let mut conditions = Vec::with_capacity(texts.len());
    for batch in texts.chunks(BATCH) {
        conditions.extend(encoder.encode(batch)?);
    }
    Ok(conditions)
}
