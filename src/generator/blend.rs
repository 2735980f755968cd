//! An adapter for a description that the generator does not know: what it writes for the nearest training tasks,
//! averaged by how near they are.
//!
//! Letters: C numbers of a condition, L coordinates of all B.

use super::{Confidence, Draw, Error, GeneratorFile, Nearest, TaskVector};
use crate::lora::Adapter;
use candle_core::Tensor;

/// Tasks of a blend.
pub const BLENDED: usize = 4;
/// Cosines that differ by this much differ e-fold in weight. A training task's nearest other has a cosine of 0.95 on
/// average and the fourth one of 0.91: so the fourth still weighs a quarter of the first.
const TEMPERATURE: f64 = 0.03;

impl GeneratorFile {
    /// The training tasks that a description's blend is of, the nearest ones, and their weights: the softmax of the
    /// similarities.
    ///
    /// # Errors
    /// [`Error::NoTasks`] where the confidence names none that the generator remembers.
    pub fn blended_tasks(&self, confidence: &Confidence) -> Result<Vec<(&TaskVector, f64)>, Error> {
        let nearest = &confidence.nearest_tasks[..BLENDED.min(confidence.nearest_tasks.len())];
        let find = |near: &Nearest| self.tasks().iter().find(|task| task.name == near.name).ok_or(Error::NoTasks);
        nearest.iter().zip(blend_weights(nearest)).map(|(near, weight)| Ok((find(near)?, weight))).collect()
    }

    /// The mean of the adapters of some standardised conditions `[C]` with these weights, each with the prior's mean.
    ///
    /// # Errors
    /// [`Error::NoTasks`] for none; those of the tensor library.
    pub fn blend(&self, conditions: &[(Vec<f32>, f64)]) -> Result<Adapter, Error> {
        let mut sum: Option<Tensor> = None; // [L]
        for (condition, weight) in conditions {
            let flat = self.generate(condition, Draw::Mean)?.flat_b()?;
            let flat = Tensor::from_vec(flat, self.config().layout.b_len(), self.shared().tensors()[0].device())?;
            let share = (flat * *weight)?;
            sum = Some(match sum {
                Some(sum) => (sum + share)?,
                None => share,
            });
        }
        Ok(Adapter::over(self.shared(), &sum.ok_or(Error::NoTasks)?, self.config().alpha)?)
    }
}

/// The softmax of the similarities, which come nearest first.
pub fn blend_weights(nearest: &[Nearest]) -> Vec<f64> {
    let top = nearest.first().map_or(0.0, |near| near.similarity);
    let raw: Vec<f64> = nearest.iter().map(|near| ((near.similarity - top) / TEMPERATURE).exp()).collect();
    let all: f64 = raw.iter().sum();
    raw.iter().map(|weight| weight / all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(similarity: f64) -> Nearest {
        Nearest { name: String::new(), similarity }
    }

    #[test]
    fn a_blend_weighs_the_nearest_most_and_all_weights_add_up() {
        let weights = blend_weights(&[0.9, 0.85, 0.5].map(near));
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(weights[0] > weights[1] && weights[1] > weights[2], "{weights:?}");
        assert_eq!(blend_weights(&[0.2, 0.2].map(near)), [0.5, 0.5]);
    }

    #[test]
    fn a_blend_weighs_by_the_softmax_of_the_similarities() {
        // scipy.special.softmax([7, 6, 4, -10])
        let found = blend_weights(&[0.21, 0.18, 0.12, -0.3].map(near));
        for (found, expected) in found.iter().zip([0.705_384_5, 0.259_496_5, 0.035_119_0, 2.9e-8]) {
            assert!((found - expected).abs() < 1e-6, "{found}");
        }
        assert!((blend_weights(&[near(0.2)])[0] - 1.0).abs() < 1e-12 && blend_weights(&[]).is_empty());
    }
}
