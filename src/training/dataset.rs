//! A task as trainers see it: descriptions, and examples already made into tokens.

use super::Error;
use super::evaluate::Row;
use crate::lm::Piece;
use crate::noise::Noise;
use crate::suite::{Part, SuiteTask};
use crate::task::{Example, Prompter};

/// One task's descriptions and tokenised examples.
#[derive(Clone, Debug)]
pub struct TaskData {
    /// Its name.
    pub name: String,
    /// Sentences that ask for it.
    pub descriptions: Vec<String>,
    /// Examples to train on, their answers scored.
    pub train: Vec<Piece>,
    /// Unseen examples.
    pub test: Vec<Piece>,
    /// Examples in words, for demonstrations.
    pub shown: Vec<Example>,
}

/// How many examples are drawn of a suite's task.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// To train on.
    pub train: usize,
    /// To measure with.
    pub test: usize,
}

impl TaskData {
    /// Draws examples of a task of the suite; the same seed draws the same.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn of_suite(task: &SuiteTask, prompter: &Prompter, sizes: Sizes, seed: u64) -> Result<Self, Error> {
        let mut noise = Noise::stream(seed, &task.name);
        let mut draw = |part, count| -> Vec<Example> {
            let drawn = task.examples(part, count, &mut noise);
            drawn.into_iter().map(|e| Example::new(e.input, e.output)).collect()
        };
        let (train, test) = (draw(Part::Train, sizes.train), draw(Part::Test, sizes.test));
        Self::of_examples(&task.name, task.descriptions.clone(), train, &test, prompter)
    }

    /// A task of given examples.
    ///
    /// # Errors
    /// [`Error::NoData`] where there is no example to train on; those of the tokenizer.
    pub fn of_examples(
        name: &str,
        descriptions: Vec<String>,
        train: Vec<Example>,
        test: &[Example],
        prompter: &Prompter,
    ) -> Result<Self, Error> {
        if train.is_empty() {
            return Err(Error::NoData { what: "training examples" });
        }
        let pieces = |examples: &[Example]| -> Result<Vec<Piece>, Error> {
            examples.iter().map(|e| Ok(prompter.answered(&e.input, e.target())?)).collect()
        };
        let (train_pieces, test) = (pieces(&train)?, pieces(test)?);
        Ok(Self { name: name.to_owned(), descriptions, train: train_pieces, test, shown: train })
    }

    /// A row of training examples without any description, filled to about `tokens`.
    pub fn bare_row(&self, bos: &[u32], tokens: usize, noise: &mut Noise) -> Row {
        let mut row = Row { prefix: bos.to_vec(), pieces: Vec::new() };
        let mut left = tokens;
        loop {
            let piece = noise.pick::<Piece>(&self.train);
            if piece.tokens.len() > left && !row.pieces.is_empty() {
                return row;
            }
            left = left.saturating_sub(piece.tokens.len());
            row.pieces.push(piece.clone());
        }
    }

    /// A row of all unseen examples behind a prefix.
    pub fn test_row(&self, prefix: &[u32]) -> Row {
        Row { prefix: prefix.to_vec(), pieces: self.test.clone() }
    }
}
