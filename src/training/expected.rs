//! What an adapter should answer, without anybody who knows the task: what the caller's demonstrations say, or what the
//! base answers that is told the description, each answer weighted by how sure the base is of it.

use super::Error;
use super::evaluate::{Row, fitting, piece_cross_entropies};
use crate::lm::{Piece, RowAdapters};
use crate::lora::Adapter;
use crate::task::{Answer, Base, Example, answers};

/// What an adapter is tried on: something of each kind that tasks are about. What a task is not about the described
/// base answers unsurely, and it counts for little.
pub const TRIED: &[&str] = &["stone", "garden", "happy", "old green tree", "47", "red, blue, pear", "monday", "france"];

/// What an adapter learns the described base's answers on.
pub const LEARNED: &[&str] = &[
    "garden",
    "winter",
    "old green tree",
    "47",
    "sun, tree, cup, hat",
    "quiet",
    "monday",
    "france",
    "walk",
    "8",
    "bright lamp",
    "piano",
    "blue, bread, salt",
    "63",
    "seven",
    "tall young house",
];

/// Tokens of an answer.
const ANSWER_TOKENS: usize = 14;

/// Inputs with the answers that are expected, and what each of them counts.
#[derive(Clone, Debug)]
pub struct Expected {
    pub(super) pieces: Vec<Piece>,
    pub(super) weights: Vec<f64>,
}

impl Expected {
    /// Answers that count alike.
    pub fn alike(pieces: Vec<Piece>) -> Self {
        Self { weights: vec![1.0; pieces.len()], pieces }
    }

    /// What the base answers to `inputs` behind a description's prefix, each answer by the chance that the base gives to
    /// it; nothing where its context has no room for them.
    ///
    /// # Errors
    /// Those of tokenizer and model.
    pub fn of_described(base: &Base, prefix: &[u32], inputs: &[&str]) -> Result<Option<Self>, Error> {
        let questions = inputs.iter().map(|input| base.prompter().question(input));
        let questions: Vec<Vec<u32>> = questions.collect::<Result<_, _>>()?;
        let longest = questions.iter().map(Vec::len).max().unwrap_or(0);
        if prefix.len() + longest + ANSWER_TOKENS > base.model().config().context {
            return Ok(None);
        }
        let given = answers(base.model(), prefix, &questions, (ANSWER_TOKENS, base.ends()))?;
        let weights = given.iter().map(|answer| answer.chance).collect();
        let piece = |(question, answer): (Vec<u32>, Answer)| Piece {
            score_from: question.len(),
            tokens: [question, answer.tokens].concat(),
        };
        Ok(Some(Self { pieces: questions.into_iter().zip(given).map(piece).collect(), weights }))
    }

    /// The mean of what the answers count: of a described base's, how sure it is of them, from 0 to 1.
    pub fn sureness(&self) -> f64 {
        super::statistics::mean_of(&self.weights)
    }

    /// Keeps the first answers of so many tokens together, at least one.
    pub(super) fn truncate(&mut self, tokens: usize) {
        let kept = fitting(&self.pieces, tokens).len();
        self.pieces.truncate(kept);
        self.weights.truncate(kept);
    }

    /// What demonstrations say, of so many at most; nothing where they are plain texts.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn of_demonstrations(base: &Base, demonstrations: &[Example], most: usize) -> Result<Option<Self>, Error> {
        let answered = demonstrations.iter().filter(|example| !example.is_text()).take(most);
        let pieces: Vec<Piece> = answered.map(|example| base.prompter().scored(example)).collect::<Result<_, _>>()?;
        Ok((!pieces.is_empty()).then(|| Self::alike(pieces)))
    }

    /// The mean chance, from 0 to 1, that an adapter gives to the answers.
    ///
    /// # Errors
    /// Those of the model.
    pub fn agreement(&self, base: &Base, adapter: &Adapter) -> Result<f64, Error> {
        let rows = [Row { prefix: base.begin().to_vec(), pieces: self.pieces.clone() }];
        let adapters = RowAdapters::of_rows(&[Some((adapter, 1.0))], base.model().dtype())?;
        let found = piece_cross_entropies(base.model(), &rows, &adapters)?;
        let weight: f64 = self.weights.iter().sum();
        let agreed: f64 =
            found.iter().flatten().zip(&self.weights).map(|((nats, _), weight)| weight * (-nats).exp()).sum();
        Ok(if weight > 0.0 { agreed / weight } else { 0.0 })
    }
}
