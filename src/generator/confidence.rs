//! How near a description is to what the generator was trained on.

use super::Memory;
use serde::{Deserialize, Serialize};

/// One of the nearest training tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// Its name.
    pub name: String,
    /// Cosine of the standardised conditions, from −1 to 1.
    pub similarity: f64,
}

/// What every answer says of its trust.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// From 0 to 1: the calibrated chance that the adapter does its task.
    pub score: f64,
    /// Whether the score is at least one half.
    pub in_distribution: bool,
    /// The nearest training tasks, nearest first.
    pub nearest_tasks: Vec<Nearest>,
}

/// The logistic curve from the nearest similarity to the chance of a right answer, fitted on the development half
/// of the held-out tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    slope: f64,
    middle: f64,
}

impl Default for Calibration {
    /// A rough guess, for a generator that has no held-out tasks.
    fn default() -> Self {
        Self { slope: 12.0, middle: 0.6 }
    }
}

impl Calibration {
    /// The curve of the highest likelihood for pairs of a nearest similarity and a share of right answers, by
    /// Newton's steps; a weak pull towards a flat curve keeps it finite where one similarity divides all.
    pub fn fit(seen: &[(f64, f64)]) -> Self {
        const PULL: f64 = 1e-2;
        let (mut slope, mut offset) = (0.0, 0.0);
        for _ in 0..50 {
            let (mut g, mut h) = ([-PULL * slope, -PULL * offset], [PULL, 0.0, PULL]);
            for &(x, y) in seen {
                let p = logistic(slope * x + offset);
                let w = p * (1.0 - p);
                g = [g[0] + (y - p) * x, g[1] + (y - p)];
                h = [h[0] + w * x * x, h[1] + w * x, h[2] + w];
            }
            let det = (h[0] * h[2] - h[1] * h[1]).max(1e-12);
            slope += (h[2] * g[0] - h[1] * g[1]) / det;
            offset += (h[0] * g[1] - h[1] * g[0]) / det;
        }
        // Where similarity tells nothing, or the wrong way round, the curve stays nearly flat.
        let slope = if slope.is_finite() { slope.max(1e-3) } else { 1e-3 };
        Self { slope, middle: if offset.is_finite() { -offset / slope } else { 0.0 } }
    }

    fn score(self, similarity: f64) -> f64 {
        logistic(self.slope * (similarity - self.middle))
    }
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Tasks that are named.
const NAMED: usize = 5;

/// The confidence of a standardised condition.
pub(super) fn confidence(condition: &[f32], memory: &Memory, calibration: Calibration) -> Confidence {
    let vector = memory.along(condition);
    let named =
        |task: &super::TaskVector| Nearest { name: task.name.clone(), similarity: cosine(&vector, &task.vector) };
    let mut nearest: Vec<Nearest> = memory.tasks.iter().map(named).collect();
    nearest.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.name.cmp(&b.name)));
    nearest.truncate(NAMED);
    let score = calibration.score(nearest.first().map_or(-1.0, |n| n.similarity));
    Confidence { score, in_distribution: score >= 0.5, nearest_tasks: nearest }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fitted_curve_rises_through_the_similarity_that_divides_right_from_wrong() {
        let seen: Vec<(f64, f64)> =
            (0..40).map(|i| f64::from(i) / 40.0).map(|x| (x, if x > 0.7 { 0.9 } else { 0.1 })).collect();
        let fitted = Calibration::fit(&seen);
        assert!((fitted.middle - 0.7).abs() < 0.1, "{fitted:?}");
        assert!(fitted.score(0.95) > 0.8 && fitted.score(0.3) < 0.2, "{fitted:?}");
        assert!(Calibration::fit(&[(0.9, 1.0), (0.1, 0.0)]).slope.is_finite());
        assert!(Calibration::fit(&[]).score(0.5).is_finite());
    }
}
