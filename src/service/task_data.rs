//! A stored task as trainers take it.

use crate::store::{Example as Stored, Split, TaskRecord};
use crate::task::{Example, Outputs};
use crate::training::Error;
use crate::training::dataset::TaskData;
use crate::training::texts::{Cutter, TextHalves};

/// Of every five examples one measures, where none is marked `test`.
const EVERY: usize = 5;

/// A task's examples in halves: to train on, and to measure with.
pub enum Halves {
    /// Inputs with outputs.
    Answers {
        /// To train on.
        train: Vec<Example>,
        /// To measure with.
        test: Vec<Example>,
    },
    /// Plain texts.
    Texts(TextHalves),
}

/// Those marked `test` measure; where none is, every fifth does, and of fewer than five texts the last tenth of each.
pub fn halves(stored: Vec<Stored>) -> Halves {
    let marked = stored.iter().any(|example| example.split() == Some(Split::Test));
    let (mut train, mut test) = (Vec::new(), Vec::new());
    let (mut texts, mut test_texts) = (Vec::new(), Vec::new());
    for (index, example) in stored.into_iter().enumerate() {
        let is_test = if marked { example.split() == Some(Split::Test) } else { index % EVERY == EVERY - 1 };
        match example {
            Stored::Answered { input, output, .. } => {
                let output = Outputs::Any(output.accepted().to_vec());
                let half = if is_test { &mut test } else { &mut train };
                half.push(Example::Answered { input, output });
            }
            Stored::Text { text, .. } if marked && is_test => test_texts.push(text),
            Stored::Text { text, .. } => texts.push(text),
        }
    }
    match (texts.is_empty() && test_texts.is_empty(), marked) {
        (true, _) => Halves::Answers { train, test },
        (false, true) => Halves::Texts(TextHalves::given(texts, test_texts)),
        (false, false) => Halves::Texts(TextHalves::split(texts)),
    }
}

/// The task's examples in tokens, in the halves of [`halves`].
///
/// # Errors
/// [`Error::NoData`] and [`Error::NoText`] where there is nothing to train on or to measure with; the tokenizer's.
pub(super) fn task_data(task: TaskRecord, stored: Vec<Stored>, cutter: &Cutter<'_>) -> Result<TaskData, Error> {
    match halves(stored) {
        Halves::Answers { train, test } => {
            TaskData::of_examples(&task.name, task.descriptions, train, &test, cutter.base.prompter())
        }
        Halves::Texts(halves) => TaskData::of_texts(&task.name, task.descriptions, halves, cutter),
    }
}
