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
    /// What the examples are, and so what is measured on the unseen ones.
    pub kind: Kind,
}

/// What a task's examples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Inputs and the answers to them.
    Answers,
    /// Plain texts.
    Texts {
        /// Characters of the unseen ones.
        characters: usize,
    },
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

    /// A task of given examples, inputs with answers.
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
            examples.iter().map(|example| Ok(prompter.scored(example)?)).collect()
        };
        let (train_pieces, test) = (pieces(&train)?, pieces(test)?);
        Ok(Self { name: name.to_owned(), descriptions, train: train_pieces, test, shown: train, kind: Kind::Answers })
    }

    /// A row of training examples without any description, filled to about `tokens`. A text's pieces have what stands
    /// before it in themselves, and are cut to the row.
    pub fn bare_row(&self, bos: &[u32], tokens: usize, noise: &mut Noise) -> Row {
        let texts = self.kind != Kind::Answers;
        let mut row = Row { prefix: if texts { Vec::new() } else { bos.to_vec() }, pieces: Vec::new() };
        let mut left = tokens;
        loop {
            let piece = noise.pick::<Piece>(&self.train);
            if piece.tokens.len() > left && !row.pieces.is_empty() {
                return row;
            }
            let piece = if texts && piece.tokens.len() > left { window(piece, left, noise) } else { piece.clone() };
            left = left.saturating_sub(piece.tokens.len());
            row.pieces.push(piece);
        }
    }

    /// Tokens of the longest example.
    pub fn longest(&self) -> usize {
        self.train.iter().chain(&self.test).map(|piece| piece.tokens.len()).max().unwrap_or(0)
    }

    /// A row of all unseen examples behind a prefix.
    pub fn test_row(&self, prefix: &[u32]) -> Row {
        Row { prefix: prefix.to_vec(), pieces: self.test.clone() }
    }
}

/// A part of a text's piece, of this many tokens. Its first token is seen and not scored.
fn window(piece: &Piece, tokens: usize, noise: &mut Noise) -> Piece {
    let tokens = tokens.clamp(2, piece.tokens.len());
    let start = noise.below(piece.tokens.len() - tokens + 1);
    Piece { tokens: piece.tokens[start..start + tokens].to_vec(), score_from: 1 }
}
