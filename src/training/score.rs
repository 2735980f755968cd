//! What an adapter is worth on a task's unseen examples: exact match of its answers, or how well it foretells texts.

use super::Error;
use super::dataset::{Kind, TaskData};
use super::evaluate::{Row, exact_matches, pack, rate};
use crate::lm::{Model, Piece, RowAdapters, ops};
use serde::{Deserialize, Serialize};

/// An adapter's worth, as jobs report it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Score {
    /// Of a task of inputs and outputs.
    Answers {
        /// The share of the answers that are right to the letter.
        exact_match: f64,
    },
    /// Of a task of plain texts.
    Texts(TextScores),
}

/// How well texts are foretold with the adapter, and without it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TextScores {
    /// e to the mean nats of a token. A text's end is not counted.
    pub perplexity: f64,
    /// All nats of the texts in bits, by their characters: comparable between bases of other tokens.
    pub bits_per_character: f64,
    /// The bare base's perplexity.
    pub base_perplexity: f64,
    /// The bare base's bits per character.
    pub base_bits_per_character: f64,
}

/// The nats of a text, and what they were summed over.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TextLoss {
    /// The sum over tokens of −ln p.
    pub nats: f64,
    /// Scored tokens.
    pub tokens: usize,
    /// Characters of the texts.
    pub characters: usize,
}

/// Logits of one pass at most, 64 MiB of them: a real base's vocabulary is large.
const LOGITS: usize = 1 << 24;

impl Score {
    /// Its numbers by name.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Answers { exact_match } => vec![("exact_match", *exact_match)],
            Self::Texts(texts) => vec![
                ("perplexity", texts.perplexity),
                ("bits_per_character", texts.bits_per_character),
                ("base_perplexity", texts.base_perplexity),
                ("base_bits_per_character", texts.base_bits_per_character),
            ],
        }
    }

    /// Measures one task on its unseen examples through adapters of one row. `bos` stands before bare inputs.
    ///
    /// # Errors
    /// Those of the model.
    pub fn measure(model: &Model, task: &TaskData, bos: &[u32], adapters: &RowAdapters) -> Result<Self, Error> {
        match task.kind {
            Kind::Answers => {
                let hits = exact_matches(model, &[task.test_row(bos)], adapters)?;
                Ok(Self::Answers { exact_match: rate(hits.iter().flatten()) })
            }
            Kind::Texts { characters } => {
                let (adapted, base) = (
                    TextLoss::measure(model, (&task.test, characters), adapters)?,
                    TextLoss::measure(model, (&task.test, characters), &RowAdapters::none())?,
                );
                Ok(Self::Texts(TextScores {
                    perplexity: adapted.perplexity(),
                    bits_per_character: adapted.bits_per_character(),
                    base_perplexity: base.perplexity(),
                    base_bits_per_character: base.bits_per_character(),
                }))
            }
        }
    }
}

impl TextLoss {
    /// Measures pieces of texts that have this many characters through adapters of one row.
    ///
    /// # Errors
    /// Those of the model.
    pub fn measure(
        model: &Model,
        (pieces, characters): (&[Piece], usize),
        adapters: &RowAdapters,
    ) -> Result<Self, Error> {
        let most = LOGITS / model.config().vocab_size.max(1);
        let mut sum = Self { characters, ..Self::default() };
        let mut rest = pieces;
        while !rest.is_empty() {
            let mut tokens = 0;
            let fits = rest.iter().take_while(|piece| {
                tokens += piece.tokens.len();
                tokens <= most
            });
            let (now, later) = rest.split_at(fits.count().max(1));
            rest = later;
            let packed = pack(&[Row { prefix: Vec::new(), pieces: now.to_vec() }]);
            let scored = packed.scored().len();
            if scored > 0 {
                let logits = model.packed_logits(&packed, adapters)?;
                let loss = ops::cross_entropy(&logits, &packed.targets(), &vec![1.0; scored])?;
                sum.nats += f64::from(loss.to_scalar::<f32>()?);
                sum.tokens += scored;
            }
        }
        Ok(sum)
    }

    /// e to the mean nats of a token; the largest number where that is beyond it.
    pub fn perplexity(&self) -> f64 {
        (self.nats / self.tokens.max(1) as f64).exp().min(f64::MAX)
    }

    /// Bits per character.
    pub fn bits_per_character(&self) -> f64 {
        self.nats / std::f64::consts::LN_2 / self.characters.max(1) as f64
    }
}
