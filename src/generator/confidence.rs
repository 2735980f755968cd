//! How near a description is to what the generator was trained on.

use super::TaskVector;
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

/// The logistic curve from the nearest similarity to a score, fitted on the development half of the held-out tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Calibration {
    pub(super) slope: f64,
    pub(super) middle: f64,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { slope: 12.0, middle: 0.6 }
    }
}

/// Tasks that are named.
const NAMED: usize = 5;

/// The confidence of a standardised condition.
pub(super) fn confidence(condition: &[f32], tasks: &[TaskVector], calibration: Calibration) -> Confidence {
    let mut nearest: Vec<Nearest> = tasks
        .iter()
        .map(|task| Nearest { name: task.name.clone(), similarity: cosine(condition, &task.vector) })
        .collect();
    nearest.sort_by(|a, b| b.similarity.total_cmp(&a.similarity).then_with(|| a.name.cmp(&b.name)));
    nearest.truncate(NAMED);
    let best = nearest.first().map_or(-1.0, |n| n.similarity);
    let score = 1.0 / (1.0 + (-calibration.slope * (best - calibration.middle)).exp());
    Confidence { score, in_distribution: score >= 0.5, nearest_tasks: nearest }
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(1e-12)
}
