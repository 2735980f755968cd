//! The task suite of the demo model: tasks "input -> output" made by code, each with descriptions in English.
//!
//! An atomic task is one op; a composition is an op and then another on its result. Training sees most ops and many
//! compositions; 60 compositions of ops it knows, and six whole families of ops, are held out, half of them for
//! development. Inputs are split too: no input of [`Part::Test`] is one of [`Part::Train`].

mod compose;
mod describe;
mod facts;
mod free;
mod input;
mod number_words;
mod op;
mod ops;
mod statements;
mod styles;
mod words;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use op::Op;

use crate::noise::Noise;

pub use free::free_descriptions;
pub use statements::statements;
pub use styles::MAX_RESTYLED_BYTES;

/// The longest output, in bytes.
pub const MAX_OUTPUT_BYTES: usize = 28;

/// One input of a task and the answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// At most 24 bytes of ASCII.
    pub input: String,
    /// 1 to [`MAX_OUTPUT_BYTES`] bytes of ASCII.
    pub output: String,
}

/// Which of a task's inputs; the two sets are disjoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// About three quarters of the inputs.
    Train,
    /// The others.
    Test,
}

/// Which half of the held-out tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// For choosing between models.
    Dev,
    /// For the reported numbers alone.
    Test,
}

/// What a task is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// For training.
    Train,
    /// A composition not in training, of two ops that are.
    HeldOutComposition(Half),
    /// A task of a family of which training has no op.
    HeldOutFamily(Half),
}

/// A task: an op, or two in a row.
#[derive(Clone)]
pub struct SuiteTask {
    /// In `snake_case`, unique in the suite.
    pub name: String,
    /// The family of its op, or of a composition's first op (the held-out one, where there is one).
    pub family: String,
    /// What it is for.
    pub split: Split,
    /// Sentences that ask for it.
    pub descriptions: Vec<String>,
    /// Two more sentences that ask for it, never used in training.
    pub unseen_descriptions: Vec<String>,
    steps: Vec<Arc<Op>>,
}

/// All tasks.
#[derive(Clone, Debug)]
pub struct Suite {
    /// Atomic tasks first.
    pub tasks: Vec<SuiteTask>,
}

impl Suite {
    /// The suite that is built in, the same at each call.
    #[must_use]
    pub fn builtin() -> Self {
        Self { tasks: compose::tasks() }
    }

    /// The tasks for training.
    pub fn training(&self) -> impl Iterator<Item = &SuiteTask> {
        self.of(Split::Train)
    }

    /// `count` of the training tasks, the same at each call: atomic tasks and compositions in turn, each kind in
    /// an order that was drawn once. A shorter sample is the beginning of a longer one.
    #[must_use]
    pub fn sample(&self, count: usize) -> Vec<&SuiteTask> {
        let (mut compositions, mut atomic): (Vec<_>, Vec<_>) = self.training().partition(|t| t.is_composition());
        let mut noise = Noise::stream(0, "sample of the training tasks");
        noise.shuffle(&mut atomic);
        noise.shuffle(&mut compositions);
        let (mut atomic, mut compositions) = (atomic.into_iter(), compositions.into_iter());
        let pairs = std::iter::from_fn(|| match (atomic.next(), compositions.next()) {
            (None, None) => None,
            (a, b) => Some(a.into_iter().chain(b)),
        });
        pairs.flatten().take(count).collect()
    }

    /// The tasks of this split.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &SuiteTask> {
        self.tasks.iter().filter(move |task| task.split == split)
    }

    /// The task of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&SuiteTask> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

/// How many inputs are drawn in search of a suitable one before any is taken.
const DRAWS: usize = 60;

impl SuiteTask {
    /// One example with an input of this part.
    pub fn example(&self, part: Part, noise: &mut Noise) -> Example {
        let first = &self.steps[0];
        let wanted = (first.balanced && noise.below(2) == 0, noise.below(8) == 0);
        let mut example = self.draw(part, noise);
        for _ in 0..DRAWS {
            if example.output.len() <= MAX_OUTPUT_BYTES && self.suits(&example, wanted) {
                break;
            }
            example = self.draw(part, noise);
        }
        example
    }

    /// `count` examples, their inputs distinct as far as there are enough.
    pub fn examples(&self, part: Part, count: usize, noise: &mut Noise) -> Vec<Example> {
        if let Some(mut pool) = self.steps[0].takes.pool(part) {
            noise.shuffle(&mut pool);
            return pool.into_iter().cycle().take(count).map(|input| self.answered(input)).collect();
        }
        let mut seen = HashSet::new();
        let fresh = |_| {
            let mut example = self.example(part, noise);
            for _ in 0..DRAWS {
                if seen.insert(example.input.clone()) {
                    break;
                }
                example = self.example(part, noise);
            }
            example
        };
        (0..count).map(fresh).collect()
    }

    /// Whether the task is two ops in a row.
    #[must_use]
    pub fn is_composition(&self) -> bool {
        self.steps.len() > 1
    }

    /// The names of the task's ops, in order.
    pub fn op_names(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|op| op.name.as_str())
    }

    /// The families of the task's ops, in order.
    pub fn op_families(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|op| op.family)
    }

    /// A balanced first op gives the answer wanted; any other changes its input, or need not this time.
    fn suits(&self, example: &Example, (yes, unchanged_is_fine): (bool, bool)) -> bool {
        let first = &self.steps[0];
        if first.balanced {
            return (first.run(&example.input) == "yes") == yes;
        }
        unchanged_is_fine || first.run(&example.input) != example.input
    }

    fn draw(&self, part: Part, noise: &mut Noise) -> Example {
        self.answered(self.steps[0].takes.draw(part, noise))
    }

    fn answered(&self, input: String) -> Example {
        let output = self.steps.iter().fold(input.clone(), |text, op| op.run(&text));
        Example { input, output }
    }
}

impl fmt::Debug for SuiteTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, family, split, descriptions, unseen_descriptions, .. } = self;
        f.debug_struct("SuiteTask")
            .field("name", name)
            .field("family", family)
            .field("split", split)
            .field("descriptions", descriptions)
            .field("unseen_descriptions", unseen_descriptions)
            .finish_non_exhaustive()
    }
}
