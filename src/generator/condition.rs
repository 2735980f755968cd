//! Conditions: to a common scale, with the statistics of the training descriptions, and in batches.
//!
//! A condition is flat: C numbers of the whole text, then W numbers of each of its tokens, which a generator that
//! pools tokens reads too. Letters: B rows of a batch, T tokens of the longest.

use super::{Error, GeneratorConfig};
use candle_core::{Device, Tensor};

/// Mean and standard deviation of the numbers of a condition. An infinite deviation blinds a generator to a number.
#[derive(Clone, Debug)]
pub struct Standardiser {
    /// Of the whole text, `[C]`.
    pub vector: Scale,
    /// Of every token, `[W]`; empty where tokens are not read.
    pub token: Scale,
}

/// Means and standard deviations, each above 0.
#[derive(Clone, Debug, Default)]
pub struct Scale {
    /// What is taken off.
    pub mean: Vec<f32>,
    /// What the rest is divided by.
    pub deviation: Vec<f32>,
}

impl Standardiser {
    /// The statistics of these conditions, of `vector` numbers and `token` numbers a token.
    pub fn fit<'a>(conditions: impl Iterator<Item = &'a Vec<f32>> + Clone, (vector, token): (usize, usize)) -> Self {
        let texts = conditions.clone().map(|c| &c[..vector.min(c.len())]);
        let tokens = conditions.flat_map(|c| c[vector.min(c.len())..].chunks_exact(token.max(1)));
        Self { vector: Scale::fit(texts, vector), token: Scale::fit(tokens, token) }
    }

    /// Makes the generator blind to these numbers of the whole text and of each token.
    pub fn blind(&mut self, (vector, token): (&[usize], &[usize])) {
        vector.iter().for_each(|i| self.vector.deviation[*i] = f32::INFINITY);
        token.iter().for_each(|i| self.token.deviation[*i] = f32::INFINITY);
    }

    /// The standardised condition; its tokens are left out where they are not read.
    pub fn apply(&self, condition: &[f32]) -> Vec<f32> {
        let (vector, tokens) = condition.split_at(self.vector.mean.len().min(condition.len()));
        let mut all = Vec::with_capacity(condition.len());
        self.vector.apply(vector, &mut all);
        if !self.token.mean.is_empty() {
            tokens.chunks_exact(self.token.mean.len()).for_each(|token| self.token.apply(token, &mut all));
        }
        all
    }
}

impl Scale {
    fn fit<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Self {
        let (mut sum, mut square, mut count) = (vec![0.0f64; width], vec![0.0f64; width], 0usize);
        for row in rows {
            count += 1;
            for (i, x) in row.iter().enumerate() {
                sum[i] += f64::from(*x);
                square[i] += f64::from(*x).powi(2);
            }
        }
        let count = count.max(1) as f64;
        let mean: Vec<f64> = sum.iter().map(|sum| sum / count).collect();
        let deviation = |(square, m): (&f64, &f64)| ((square / count - m * m).max(0.0).sqrt() as f32).max(1e-4);
        let deviation = square.iter().zip(&mean).map(deviation).collect();
        Self { mean: mean.into_iter().map(|m| m as f32).collect(), deviation }
    }

    /// (x − mean) / deviation
    fn apply(&self, row: &[f32], all: &mut Vec<f32>) {
        all.extend(row.iter().zip(&self.mean).zip(&self.deviation).map(|((x, m), d)| (x - m) / d));
    }
}

/// The standardised conditions of a batch.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// `[B, C]`
    pub(super) vectors: Tensor,
    /// `[B, T, W]`, zeros behind a row's own, and what is added to the attention of each, `[B, 1, T]`.
    pub(super) tokens: Option<(Tensor, Tensor)>,
}

/// What stands for minus infinity behind a row's own tokens.
const UNSEEN: f32 = -1e9;

impl Conditions {
    /// A batch of flat conditions for a generator of these sizes.
    ///
    /// # Errors
    /// [`Error::Condition`] where one has another width.
    pub fn new(rows: &[&[f32]], config: &GeneratorConfig, device: &Device) -> Result<Self, Error> {
        let (width, token) = (config.condition, config.tokens);
        let mut vectors = Vec::with_capacity(rows.len() * width);
        for row in rows {
            if row.len() < width || (token > 0 && !(row.len() - width).is_multiple_of(token)) {
                return Err(Error::Condition { found: row.len(), expected: width });
            }
            vectors.extend_from_slice(&row[..width]);
        }
        let vectors = Tensor::from_vec(vectors, (rows.len(), width), device)?;
        if token == 0 {
            return Ok(Self { vectors, tokens: None });
        }
        let longest = rows.iter().map(|row| (row.len() - width) / token).max().unwrap_or(0).max(1);
        let (mut tokens, mut sight) = (Vec::with_capacity(rows.len() * longest * token), Vec::new());
        for (index, row) in rows.iter().enumerate() {
            tokens.extend_from_slice(&row[width..]);
            tokens.resize((index + 1) * longest * token, 0.0);
            sight.resize(index * longest + (row.len() - width) / token, 0.0);
            sight.resize((index + 1) * longest, UNSEEN);
        }
        let tokens = Tensor::from_vec(tokens, (rows.len(), longest, token), device)?;
        Ok(Self { vectors, tokens: Some((tokens, Tensor::from_vec(sight, (rows.len(), 1, longest), device)?)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_tokens_are_standardised_each_by_their_own_statistics() {
        let conditions = [vec![1.0, 5.0, 10.0, 20.0], vec![3.0, 5.0, 30.0]];
        let fitted = Standardiser::fit(conditions.iter(), (2, 1));
        assert_eq!(fitted.vector.mean, [2.0, 5.0]);
        assert_eq!(fitted.token.mean, [20.0]);
        let found = fitted.apply(&conditions[0]);
        assert_eq!(found[..2], [-1.0, 0.0]);
        assert!((found[2] + 1.2247).abs() < 1e-3 && found[3].abs() < 1e-6, "{found:?}");
        let blind = Standardiser { token: Scale::default(), ..fitted };
        assert_eq!(blind.apply(&conditions[0]).len(), 2);
    }
}
