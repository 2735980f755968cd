//! Several samples of one condition, and the one that demonstrations speak for.

use super::Error;
use super::evaluate::{Row, mean_cross_entropy};
use crate::generator::{Draw, GeneratorFile};
use crate::lora::Adapter;
use crate::task::{Base, Example};

/// How many samples are drawn, and by which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Samples {
    /// The seed.
    pub seed: u64,
    /// How many; one is taken as it is.
    pub count: usize,
}

/// Draws samples z ~ p(z | c) and keeps the adapter with the lowest cross-entropy on the demonstrations.
///
/// # Errors
/// [`Error::NoData`] without samples, those of base and generator.
pub fn best_of(
    base: &Base,
    generator: &GeneratorFile,
    (condition, demonstrations): (&[f32], &[Example]),
    samples: Samples,
) -> Result<Adapter, Error> {
    let draw = |index| generator.generate(condition, Draw::Sample { seed: samples.seed, index });
    if samples.count == 1 {
        return Ok(draw(0)?);
    }
    let row = row(base, demonstrations)?;
    let mut best: Option<(f64, Adapter)> = None;
    for index in 0..samples.count {
        let adapter = draw(index)?;
        let loss = finite(mean_cross_entropy(base.model(), &row, &adapter)?);
        if best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
            best = Some((loss, adapter));
        }
    }
    best.map(|(_, adapter)| adapter).ok_or(Error::NoData { what: "samples" })
}

/// A loss that is no number is worse than any.
fn finite(loss: f64) -> f64 {
    if loss.is_finite() { loss } else { f64::INFINITY }
}

/// The demonstrations as the model is asked for them. As much of a text as the model reads tells the samples apart.
fn row(base: &Base, demonstrations: &[Example]) -> Result<Row, Error> {
    let pieces = demonstrations.iter().map(|example| {
        let mut piece = base.prompter().scored(example)?;
        if example.is_text() {
            piece.tokens.truncate(base.model().config().context.saturating_sub(base.begin().len()));
        }
        Ok(piece)
    });
    Ok(Row { prefix: base.begin().to_vec(), pieces: pieces.collect::<Result<_, crate::lm::Error>>()? })
}
