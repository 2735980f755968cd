//! What the generator learns from: for each task the conditions of its descriptions, its examples,
//! and the trajectory of its trained adapter where it has one.

use super::dataset::TaskData;
use super::progress::{Progress, Report};
use super::{Error, Workers};
use crate::generator::{Described, GeneratorFile, Memory, Standardiser};
use crate::noise::Noise;
use crate::task::{Demonstrations, Encoder, Example, Part};
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
    /// The tokens that each of the conditions was read from.
    pub prefixes: Vec<Vec<u32>>,
    /// The last checkpoints of its own adapter, flat B; empty for a task without one.
    pub trajectory: Vec<Vec<f32>>,
}

impl CorpusTask {
    fn described(&self, vector: usize) -> Described<'_> {
        Described {
            name: &self.data.name,
            description: self.data.descriptions.first().map_or("", String::as_str),
            conditions: self.conditions[..self.alone].iter().map(|c| &c[..vector.min(c.len())]).collect(),
        }
    }
}

/// How conditions are made of descriptions.
#[derive(Clone, Debug, Default)]
pub struct Conditioning<'a> {
    /// Draws demonstrations.
    pub seed: u64,
    /// A parent's statistics, to grow it by; fitted anew where there is none.
    pub standardiser: Option<Standardiser>,
    /// What the generator is not to see, to learn what that is worth.
    pub hidden: &'a [Part],
    /// Keeps only the numbers of the whole text, for an architecture that reads nothing else: tokens take many times
    /// their place.
    pub without_tokens: bool,
}

/// The tasks and the statistics of their conditions.
#[derive(Clone, Debug)]
pub struct Corpus {
    /// The tasks.
    pub tasks: Vec<CorpusTask>,
    /// Fitted on all conditions, or the parent's.
    pub standardiser: Standardiser,
    /// C and W of its conditions; no W where tokens are not kept.
    pub widths: (usize, usize),
    /// Conditions of what a parent remembers, by which it is held to it; none without a parent.
    pub remembered: Vec<Vec<f32>>,
    /// Where training computes.
    pub device: Device,
}

/// The last checkpoints of an adapter, flat B each.
pub type Trajectory = Vec<Vec<f32>>;

/// Conditions with demonstrations that are made of each task, and of each of very many.
const DEMONSTRATED: (usize, usize) = (2, 1);
/// Very many tasks.
const MANY: usize = 2_000;
/// Texts of a whole corpus, roughly: what is read in some minutes. Many tasks with few descriptions each teach more
/// than few tasks with many.
const TEXTS: usize = 100_000;
/// Bytes that a corpus's conditions may take: a large base has many numbers a token. Fewer descriptions of each task are
/// read before this is passed.
const BYTES: usize = 8 << 30;
/// Descriptions of a parent's tasks that are read again.
const REMEMBERED: usize = 1_500;
/// Descriptions of a task that are read, where there are so many tasks.
const DESCRIPTIONS: usize = 4;
/// Texts of one pass of the encoder.
const BATCH: usize = 8;

impl Corpus {
    /// Encodes every description of every task, and some of them with demonstrations.
    ///
    /// # Errors
    /// [`Error::NoData`] without tasks, [`Error::Cancelled`], those of the model.
    pub fn new(
        tasks: Vec<(TaskData, Trajectory)>,
        encoder: &Encoder,
        (workers, progress): (&Workers, &dyn Progress),
        conditioning: Conditioning<'_>,
    ) -> Result<Self, Error> {
        if tasks.is_empty() {
            return Err(Error::NoData { what: "tasks" });
        }
        let done = AtomicUsize::new(0);
        let widths = (encoder.width(), if conditioning.without_tokens { 0 } else { encoder.token_width() });
        let demonstrated = if tasks.len() < MANY { DEMONSTRATED.0 } else { DEMONSTRATED.1 };
        let most = (TEXTS / tasks.len()).saturating_sub(demonstrated).max(DESCRIPTIONS);
        let most = most.min((BYTES / bytes_of_one_each(&tasks, encoder, widths)?).saturating_sub(demonstrated)).max(1);
        let encoded = workers.map(tasks.iter().map(|(data, _)| data).collect(), |data| {
            if progress.cancelled() {
                return Err(Error::Cancelled);
            }
            let step = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress.report(&Report { phase: "descriptions", step, total: tasks.len(), metrics: &[] });
            let mut read = encode(data, (most, demonstrated), encoder, conditioning.seed)?;
            if conditioning.without_tokens {
                read.forget_tokens(widths.0);
            }
            Ok(read)
        });
        let encoded: Vec<Read> = encoded.into_iter().collect::<Result<_, _>>()?;
        let fit = || Standardiser::fit(encoded.iter().flat_map(|read| &read.conditions), widths);
        let mut standardiser = conditioning.standardiser.unwrap_or_else(fit);
        let (vector, token) = encoder.coordinates(conditioning.hidden);
        standardiser.blind((&vector, &token));
        let task = |((data, trajectory), read): ((TaskData, Trajectory), Read)| CorpusTask {
            alone: data.descriptions.len().min(most),
            // One after another, so that the raw ones are not all kept beside them.
            conditions: read.conditions.into_iter().map(|condition| standardiser.apply(&condition)).collect(),
            prefixes: read.prefixes,
            data,
            trajectory,
        };
        let tasks = tasks.into_iter().zip(encoded).map(task).collect();
        Ok(Self { tasks, standardiser, widths, remembered: Vec::new(), device: encoder.device().clone() })
    }

    /// The corpus with the conditions of what a parent remembers, as many of its tasks as are read in a minute.
    ///
    /// # Errors
    /// Those of the model.
    pub fn remembering(mut self, parent: &GeneratorFile, encoder: &Encoder, workers: &Workers) -> Result<Self, Error> {
        let alone = Demonstrations::default();
        let tasks = &parent.memory().tasks;
        let known: Vec<(&str, &Demonstrations)> = tasks
            .iter()
            .step_by(tasks.len().div_ceil(REMEMBERED).max(1))
            .filter(|task| !task.description.is_empty())
            .map(|task| (task.description.as_str(), &alone))
            .collect();
        let read = workers.map(known.chunks(BATCH).collect(), |texts| encoder.encode(texts));
        for raw in read.into_iter().collect::<Result<Vec<_>, _>>()?.concat() {
            self.remembered.push(self.standardiser.apply(&raw));
        }
        Ok(self)
    }

    /// What a generator remembers of the tasks.
    pub fn memory(&self) -> Memory {
        Memory::of_tasks(&self.described())
    }

    /// Each task with the conditions of its descriptions alone.
    pub fn described(&self) -> Vec<Described<'_>> {
        self.tasks.iter().map(|task| task.described(self.widths.0)).collect()
    }
}

/// Bytes of one condition of each task, by its first description.
fn bytes_of_one_each(
    tasks: &[(TaskData, Trajectory)],
    encoder: &Encoder,
    (vector, token): (usize, usize),
) -> Result<usize, Error> {
    let nothing = Demonstrations::default();
    let mut bytes = 0;
    for description in tasks.iter().filter_map(|(data, _)| data.descriptions.first()) {
        let tokens = encoder.prefix(description, &nothing)?.len();
        bytes += size_of::<f32>() * (vector + tokens * token);
    }
    Ok(bytes.max(1))
}

/// What was read of a task: conditions that are not standardised yet, and the tokens of each.
struct Read {
    conditions: Vec<Vec<f32>>,
    prefixes: Vec<Vec<u32>>,
}

impl Read {
    fn forget_tokens(&mut self, vector: usize) {
        for condition in &mut self.conditions {
            condition.truncate(vector);
            condition.shrink_to_fit();
        }
    }
}

fn encode(data: &TaskData, (most, shown): (usize, usize), encoder: &Encoder, seed: u64) -> Result<Read, Error> {
    let mut noise = Noise::stream(seed, &data.name);
    let alone = Demonstrations::default();
    let mut demonstrated = Vec::new();
    for _ in 0..shown {
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
    let prefixes = texts.iter().map(|(description, shown)| encoder.prefix(description, shown));
    Ok(Read { conditions, prefixes: prefixes.collect::<Result<_, _>>()? })
}
