//! The task vector: what the base model's hidden states say of a description (and demonstrations).
//!
//! Letters: C the width of a condition, 3·D for each tap. A tap is a depth of the model; from each
//! the condition takes the mean over the prefix's tokens, the prefix's last token, and the last
//! token of the whole prompt averaged over probe inputs, which share the prefix's computation.

use super::{Demonstrations, Prompter};
use crate::lm::{Error, Model, Packed, Piece, RowAdapters};
use candle_core::{DType, Tensor};

/// Changes whenever the same text would get another vector.
pub const ENCODER_VERSION: &str = "1";

/// What the model is asked to do the task to while its state is read.
const PROBES: [&str; 4] = ["cat", "old tree", "7", "red, blue"];

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
            let prefix = self.prompter.prefix(Some(description), demonstrations.examples())?;
            spans.push(prefix.len());
            packed.push_row(&prefix, &probes);
        }
        let taps = self.model.packed_taps(&packed, &RowAdapters::none(), &self.taps)?;
        let mut conditions = vec![Vec::with_capacity(self.width()); texts.len()];
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
        Ok(conditions)
    }
}

fn mean(rows: &Tensor) -> Result<Vec<f32>, Error> {
    Ok(rows.to_dtype(DType::F32)?.mean(0)?.to_vec1::<f32>()?)
}
