//! A task that is measured, with what each seed draws of it.

use super::Group;
use crate::noise::Noise;
use crate::suite::{Half, Part, SuiteTask};
use crate::task::{Base, Example};
use crate::training::Error;
use crate::training::dataset::{Sizes, TaskData};
use std::sync::Arc;

/// Unseen inputs of a task.
const TEST_INPUTS: usize = 40;
/// Demonstrations in the base's prompt.
pub(super) const SHOWN: usize = 3;
/// Demonstrations where there are many, and to choose between samples by.
pub(super) const MANY_SHOWN: usize = 10;

/// A task that is measured.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name.
    pub name: String,
    /// Its family: what is like it.
    pub family: String,
    /// What it is asked for by. Not empty.
    pub descriptions: Vec<String>,
    /// By seed.
    pub draws: Vec<Drawn>,
}

/// What one seed draws of a task.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The unseen inputs; its `shown` begins with the three demonstrations.
    pub data: Arc<TaskData>,
    /// Ten demonstrations, or fewer where there are not so many.
    pub many: Vec<Example>,
}

/// The unseen inputs of a suite's task.
///
/// # Errors
/// Those of the tokenizer.
pub fn unseen_inputs(task: &SuiteTask, base: &Base) -> Result<TaskData, Error> {
    inputs_of_seed(task, base, 0)
}

fn inputs_of_seed(task: &SuiteTask, base: &Base, seed: u64) -> Result<TaskData, Error> {
    TaskData::of_suite(task, base.prompter(), Sizes { train: SHOWN, test: TEST_INPUTS }, seed)
}

/// So many demonstrations of a suite's task, or fewer where it has not so many.
pub fn demonstrations(task: &SuiteTask, count: usize, seed: u64) -> Vec<Example> {
    let mut noise = Noise::stream(seed, &format!("demonstrations of {}", task.name));
    let drawn = task.examples(Part::Train, count, &mut noise);
    drawn.into_iter().map(|example| Example::new(example.input, example.output)).collect()
}

impl Subject {
    /// A task of the suite by the descriptions of a group.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn of_suite(task: &SuiteTask, (group, half): (Group, Half), base: &Base, seeds: u64) -> Result<Self, Error> {
        let draw = |seed| {
            Ok(Drawn {
                data: Arc::new(inputs_of_seed(task, base, seed)?),
                many: demonstrations(task, MANY_SHOWN, seed),
            })
        };
        Ok(Self {
            name: task.name.clone(),
            family: task.family.clone(),
            descriptions: group.descriptions(task, half),
            draws: (0..seeds.max(1)).map(draw).collect::<Result<_, Error>>()?,
        })
    }
}

impl Drawn {
    /// Three demonstrations, or fewer where there are not so many.
    pub(super) fn few(&self) -> &[Example] {
        &self.data.shown[..SHOWN.min(self.data.shown.len())]
    }
}
