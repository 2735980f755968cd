//! What the generated adapters are held against: adapters of other tasks, of no task, of no meaning.

use super::{Comparison, TRAINING_TASKS};
use crate::generator::{self, BLENDED, Draw, Nearest, TaskVector};
use crate::lora::Adapter;
use crate::noise::Noise;
use crate::suite::Suite;
use crate::training::Error;
use candle_core::Tensor;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The training tasks as the controls see them: a description of each.
#[derive(Debug, Default)]
pub struct Known {
    first: HashMap<String, String>,
    /// Their conditions, as far as they were asked for: the same few tasks are near many.
    conditions: Mutex<HashMap<String, Condition>>,
    /// Those whose adapters are averaged.
    sample: Vec<String>,
    /// Words of descriptions, to draw sentences from.
    words: Vec<String>,
}

/// A standardised condition, shared between the rows that need it.
pub(super) type Condition = Arc<Vec<f32>>;

impl Known {
    /// The training tasks of the suite.
    pub fn of_suite(suite: &Suite) -> Self {
        let first = |task: &crate::suite::SuiteTask| Some((task.name.clone(), task.descriptions.first()?.clone()));
        let sample: Vec<_> = suite.sample(TRAINING_TASKS);
        Self {
            words: words(sample.iter().flat_map(|task| &task.descriptions)),
            sample: sample.iter().map(|task| task.name.clone()).collect(),
            first: suite.training().filter_map(first).collect(),
            ..Self::default()
        }
    }

    /// Tasks of the user's own, of which a generator may know others besides.
    pub fn of_tasks<'a>(tasks: impl Iterator<Item = (&'a str, &'a [String])> + Clone, sample: Vec<String>) -> Self {
        let first = |(name, descriptions): (&str, &[String])| Some((name.to_owned(), descriptions.first()?.clone()));
        let words = words(tasks.clone().flat_map(|(_, all)| all));
        Self { words, first: tasks.filter_map(first).collect(), sample, ..Self::default() }
    }

    /// A sentence as long as `like`, of words drawn from descriptions.
    pub(super) fn random_sentence(&self, like: &str, noise: &mut Noise) -> String {
        if self.words.is_empty() {
            return "?".to_owned();
        }
        let count = like.split_whitespace().count().max(1);
        (0..count).map(|_| noise.pick::<String>(&self.words).as_str()).collect::<Vec<_>>().join(" ")
    }
}

fn words<'a>(descriptions: impl Iterator<Item = &'a String>) -> Vec<String> {
    descriptions.flat_map(|text| text.split_whitespace()).map(str::to_owned).collect()
}

/// Another task of the group, never the same one where there are two.
pub(super) fn other_task(index: usize, count: usize, seed: u64) -> usize {
    let label = "shuffled descriptions";
    let mut noise = Noise::stream((index as u64) ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), label);
    let step = 1 + noise.below(count.saturating_sub(1).max(1));
    (index + step) % count
}

impl Comparison<'_> {
    /// The nearest training tasks that are other ones; none where it knows no other.
    pub(super) fn neighbours(&self, condition: &[f32], task: &str) -> Vec<Nearest> {
        self.generator.memory().nearest(condition, BLENDED, |known| known.name != task)
    }

    /// Those of `among` that are nearest to a condition, but for one of them: training tasks by name.
    pub fn nearest_among(&self, condition: &[f32], among: &HashSet<&str>, except: &str) -> Vec<Nearest> {
        let wanted = |task: &TaskVector| task.name != except && among.contains(task.name.as_str());
        self.generator.memory().nearest(condition, BLENDED, wanted)
    }

    /// The condition of a training task, by its first description, or by the one that the generator
    /// remembers.
    pub(super) fn condition_of(&self, name: &str, known: &Known) -> Result<Condition, Error> {
        let kept = || known.conditions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(condition) = kept().get(name) {
            return Ok(Arc::clone(condition));
        }
        let remembered = || self.generator.tasks().iter().find(|task| task.name == name);
        let told = || remembered().map(|task| task.description.clone()).filter(|description| !description.is_empty());
        let condition = match known.first.get(name).cloned().or_else(told) {
            Some(description) => self.conditions(&[description])?.swap_remove(0),
            // A generator of an older form remembers no description.
            None => remembered()
                .map(|task| self.generator.memory().condition(task))
                .ok_or(Error::NoData { what: "other tasks" })?,
        };
        let condition = Arc::new(condition);
        kept().insert(name.to_owned(), Arc::clone(&condition));
        Ok(condition)
    }

    /// The weighted generated adapters of training tasks, flat B added up.
    pub(super) fn blend(&self, parts: &[(f64, String)], known: &Known) -> Result<Adapter, Error> {
        let mut sum: Vec<f32> = Vec::new();
        for (weight, name) in parts {
            let adapter = self.generator.generate(&self.condition_of(name, known)?, Draw::Mean)?;
            let flat = adapter.flat_b().map_err(generator::Error::from)?;
            sum.resize(flat.len(), 0.0);
            sum.iter_mut().zip(flat).for_each(|(sum, x)| *sum += (*weight as f32) * x);
        }
        self.adapter_of(&sum)
    }

    /// The adapter of a flat B over the generator's A0.
    ///
    /// # Errors
    /// Where it has another length.
    pub fn adapter_of(&self, flat: &[f32]) -> Result<Adapter, Error> {
        let flat = Tensor::from_slice(flat, flat.len(), self.base.model().device())?;
        Adapter::over(self.generator.shared(), &flat, self.generator.config().alpha)
            .map_err(|e| generator::Error::from(e).into())
    }

    /// The mean of the sample's generated adapters; none where there is no sample.
    pub(super) fn mean_adapter(&self, known: &Known) -> Result<Option<Adapter>, Error> {
        if known.sample.is_empty() {
            return Ok(None);
        }
        let weight = 1.0 / known.sample.len() as f64;
        let parts: Vec<_> = known.sample.iter().map(|name| (weight, name.clone())).collect();
        self.blend(&parts, known).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_never_paired_with_itself_and_seeds_pair_differently() {
        for seed in 0..5 {
            assert!((0..7).all(|index| other_task(index, 7, seed) != index));
        }
        let pairs = |seed| (0..40).map(|index| other_task(index, 40, seed)).collect::<Vec<_>>();
        assert_ne!(pairs(0), pairs(1));
    }
}
