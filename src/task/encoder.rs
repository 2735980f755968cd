//! The task vector: what the base model's hidden states say of a description (and demonstrations).
//!
//! Letters: D the model's width, C the numbers of a whole text, 3·D for each tap. A tap is a depth of the model; from
//! each the condition takes the mean over the prefix's tokens, the prefix's last token, and the last token of the whole
//! prompt averaged over probe inputs, which share the prefix's computation. Behind them follow, token by token of the
//! prefix, the states of all taps, W numbers a token.

use super::{Demonstrations, Prompter};
use crate::lm::{Error, Model, Packed, Piece, RowAdapters};
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

/// Changes whenever the same text would get another vector.
pub const ENCODER_VERSION: &str = "2";

/// What the model is asked to do the task to while its state is read.
const PROBES: [&str; 4] = ["cat", "old tree", "7", "red, blue"];

/// A part of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The means over the prefix's tokens.
    Mean,
    /// The prefix's last token.
    Last,
    /// The last tokens of the prompts with probe inputs.
    Probes,
    /// The prefix's tokens, one by one.
    Tokens,
    /// All that is read at half of the model's depth.
    MiddleTap,
    /// All that is read at its end.
    EndTap,
}

/// Reads descriptions with the base model.
#[derive(Clone, Debug)]
pub struct Encoder {
    model: Model,
    prompter: Prompter,
    taps: Vec<usize>,
}

impl Encoder {
    /// An encoder that taps the model at half of its depth and at its end.
    pub fn new(model: Model, prompter: Prompter) -> Self {
        let taps = vec![model.config().layers().div_ceil(2)];
        Self { model, prompter, taps }
    }

    /// C
    pub fn width(&self) -> usize {
        3 * self.model.config().hidden_size * (self.taps.len() + 1)
    }

    /// W
    pub fn token_width(&self) -> usize {
        self.model.config().hidden_size * (self.taps.len() + 1)
    }

    /// Where these parts stand: which of the C numbers of a whole text, and which of the W of each token.
    pub fn coordinates(&self, parts: &[Part]) -> (Vec<usize>, Vec<usize>) {
        let width = self.model.config().hidden_size;
        let end = self.taps.len();
        let of_tap = |tap: usize, part: &Part| match part {
            Part::MiddleTap => tap < end,
            Part::EndTap => tap == end,
            _ => false,
        };
        let vector = |i: &usize| {
            let (tap, kind) = (i / (3 * width), i / width % 3);
            parts.iter().any(|part| of_tap(tap, part) || [Part::Mean, Part::Last, Part::Probes][kind] == *part)
        };
        let token = |i: &usize| parts.iter().any(|part| *part == Part::Tokens || of_tap(i / width, part));
        ((0..self.width()).filter(vector).collect(), (0..self.token_width()).filter(token).collect())
    }

    /// The tokens of a description and demonstrations, as they are read.
    ///
    /// # Errors
    /// Those of the tokenizer.
    pub fn prefix(&self, description: &str, demonstrations: &Demonstrations) -> Result<Vec<u32>, Error> {
        self.prompter.prefix(Some(description), demonstrations.examples())
    }

    /// Where it computes.
    pub fn device(&self) -> &candle_core::Device {
        self.model.device()
    }

    /// The conditions of a batch of texts, one row each, not standardised.
    ///
    /// # Errors
    /// [`Error::TooLong`] where a text does not fit the base's context.
    pub fn encode(&self, texts: &[(&str, &Demonstrations)]) -> Result<Vec<Vec<f32>>, Error> {
        let probes =
            PROBES.iter().map(|probe| Ok(Piece { tokens: self.prompter.question(probe)?, score_from: usize::MAX }));
        let probes: Vec<Piece> = probes.collect::<Result<_, Error>>()?;
        let mut packed = Packed::new();
        let mut spans = Vec::new();
        for (description, demonstrations) in texts {
            let prefix = self.prefix(description, demonstrations)?;
            spans.push(prefix.len());
            packed.push_row(&prefix, &probes);
        }
        let taps = self.model.packed_taps(&packed, &RowAdapters::none(), &self.taps)?;
        let room = |span: &usize| Vec::with_capacity(self.width() + span * self.token_width());
        let mut conditions: Vec<Vec<f32>> = spans.iter().map(room).collect();
        for tap in &taps {
            for (row, (condition, length)) in conditions.iter_mut().zip(&spans).enumerate() {
                let start = packed.index(row, 0) as usize;
                condition.extend(mean(&tap.narrow(0, start, *length)?)?);
                condition.extend(tap.get(start + length - 1)?.to_dtype(DType::F32)?.to_vec1::<f32>()?);
                let mut end = start + length;
                let mut lasts = Vec::new();
                for probe in &probes {
                    end += probe.tokens.len();
                    lasts.push(tap.get(end - 1)?);
                }
                condition.extend(mean(&Tensor::stack(&lasts, 0)?)?);
            }
        }
        for (row, (condition, length)) in conditions.iter_mut().zip(&spans).enumerate() {
            let start = packed.index(row, 0) as usize;
            let states: Vec<Tensor> =
                taps.iter().map(|tap| tap.narrow(0, start, *length)).collect::<candle_core::Result<_>>()?;
            let states = Tensor::cat(&states, 1)?.to_dtype(DType::F32)?;
            condition.extend(states.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(conditions)
    }
}

fn mean(rows: &Tensor) -> Result<Vec<f32>, Error> {
    Ok(rows.to_dtype(DType::F32)?.mean(0)?.to_vec1::<f32>()?)
}
