//! How near a description is to what the generator was trained on.

use super::Memory;
use nalgebra::{Matrix4, Vector4};
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
    /// How far the adapter answers as it should where it was tried, from 0 to 1; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// How the weights came about.
    #[serde(default)]
    pub applied: Answer,
}

/// How an adapter's weights came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The generator wrote them for the description.
    #[default]
    Generated,
    /// They are a mean of what it writes for the nearest training tasks.
    Blended,
}

/// What speaks for an adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Of the nearest training task, −1 where there is none.
    pub similarity: f64,
    /// The judge's log-odds; 0 of a generator that has none.
    pub judged: f64,
    /// How far the adapter answers a few inputs as it should, from 0 to 1.
    pub agreement: Option<f64>,
}

impl Evidence {
    /// As the curve sees it: similarity, judge, the log-odds of the agreement (0 of one that was not tried), and 1.
    fn coordinates(self) -> Vector4<f64> {
        // Of few inputs, none or all may agree: neither is worth more than this.
        const LEAST: f64 = 0.02;
        let odds = self.agreement.map_or(0.0, |share| ((share + LEAST) / (1.0 - share + LEAST)).ln());
        Vector4::new(self.similarity, self.judged, odds, 1.0)
    }
}

/// The logistic curve from the evidence to the chance of a right answer, fitted on training tasks, the development half of
/// the held-out ones and free descriptions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Of the similarity.
    slope: f64,
    /// The similarity in the middle, where the judge says even.
    middle: f64,
    /// Of what the judge says.
    #[serde(default)]
    judged: f64,
    /// Of the agreement's log-odds.
    #[serde(default)]
    agreement: f64,
}

impl Default for Calibration {
    /// A rough guess, for a generator that has no held-out tasks.
    fn default() -> Self {
        Self { slope: 12.0, middle: 0.6, judged: 1.0, agreement: 0.0 }
    }
}

impl Calibration {
    /// The curve of the highest likelihood for pairs of evidence and a share of right answers, by Newton's steps; a
    /// weak pull towards a flat curve keeps it finite where one number divides all. A slope the wrong way round, of
    /// what tells nothing, is left out.
    pub fn fit(seen: &[(Evidence, f64)]) -> Self {
        let mut used = [true; 3];
        let found = loop {
            let found = slopes(seen, used);
            let Some(contrary) = (0..3).find(|part| used[*part] && found[*part] < 0.0) else { break found };
            used[contrary] = false;
        };
        let [slope, judged, agreement, offset] = found.map(|x| if x.is_finite() { x } else { 0.0 });
        let slope = slope.max(1e-3);
        Self { slope, middle: -offset / slope, judged, agreement }
    }

    /// Whether the curve asks how far the adapter agrees.
    pub(super) fn asks_agreement(self) -> bool {
        self.agreement > 0.0
    }

    fn score(self, evidence: Evidence) -> f64 {
        let slopes = Vector4::new(self.slope, self.judged, self.agreement, -self.slope * self.middle);
        logistic(slopes.dot(&evidence.coordinates()))
    }
}

/// The slopes of similarity, judge and agreement, those that are used, and the offset.
fn slopes(seen: &[(Evidence, f64)], used: [bool; 3]) -> [f64; 4] {
    const PULL: f64 = 1e-2;
    let mask = Vector4::from_fn(|part, _| if used.get(part).copied().unwrap_or(true) { 1.0 } else { 0.0 });
    let mut w = Vector4::zeros();
    for _ in 0..50 {
        let (mut gradient, mut curvature) = (-PULL * w, PULL * Matrix4::identity());
        for (evidence, y) in seen {
            let x = evidence.coordinates().component_mul(&mask);
            let p = logistic(w.dot(&x));
            gradient += x * (y - p);
            curvature += x * x.transpose() * (p * (1.0 - p));
        }
        let Some(step) = curvature.lu().solve(&gradient) else { break };
        w += step;
    }
    w.into()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Tasks that are named.
const NAMED: usize = 5;

/// The confidence of a standardised condition, by what the judge says of it and how far its adapter agrees.
pub(super) fn confidence(
    condition: &[f32],
    (judged, agreement): (f64, Option<f64>),
    memory: &Memory,
    calibration: Calibration,
) -> Confidence {
    let nearest = memory.nearest(condition, NAMED, |_| true);
    let similarity = nearest.first().map_or(-1.0, |near| near.similarity);
    let score = calibration.score(Evidence { similarity, judged, agreement });
    Confidence { score, in_distribution: score >= 0.5, nearest_tasks: nearest, agreement, applied: Answer::Generated }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(similarity: f64) -> Evidence {
        Evidence { similarity, judged: 0.0, agreement: None }
    }

    #[test]
    fn the_fitted_curve_rises_through_the_similarity_that_divides_right_from_wrong() {
        let seen: Vec<(Evidence, f64)> =
            (0..40).map(|i| f64::from(i) / 40.0).map(|x| (alone(x), if x > 0.7 { 0.9 } else { 0.1 })).collect();
        let fitted = Calibration::fit(&seen);
        assert!((fitted.middle - 0.7).abs() < 0.1, "{fitted:?}");
        assert!(fitted.score(alone(0.95)) > 0.8 && fitted.score(alone(0.3)) < 0.2, "{fitted:?}");
        assert!(Calibration::fit(&[(alone(0.9), 1.0), (alone(0.1), 0.0)]).slope.is_finite());
        assert!(Calibration::fit(&[]).score(alone(0.5)).is_finite());
    }

    #[test]
    fn what_the_judge_says_decides_where_similarity_tells_nothing() {
        let told = |i: i32| Evidence { judged: f64::from(i - 20) / 4.0, ..alone(f64::from(i % 5) / 5.0) };
        let seen: Vec<(Evidence, f64)> = (0..40).map(|i| (told(i), if i > 20 { 0.9 } else { 0.1 })).collect();
        let fitted = Calibration::fit(&seen);
        assert!(fitted.score(told(38)) > 0.7 && fitted.score(told(2)) < 0.3, "{fitted:?}");
        let contrary: Vec<(Evidence, f64)> = seen.iter().map(|(e, y)| (*e, 1.0 - y)).collect();
        assert_eq!(Calibration::fit(&contrary).judged, 0.0);
    }

    #[test]
    fn an_adapter_that_agrees_is_trusted_more_and_one_that_was_not_tried_by_the_rest_alone() {
        let tried = |share: f64| Evidence { agreement: Some(share), ..alone(0.5) };
        let seen: Vec<(Evidence, f64)> =
            (0..40).map(|i| f64::from(i) / 39.0).map(|share| (tried(share), share)).collect();
        let fitted = Calibration::fit(&seen);
        assert!(fitted.asks_agreement() && !Calibration::default().asks_agreement());
        assert!(fitted.score(tried(1.0)) > 0.8 && fitted.score(tried(0.0)) < 0.2, "{fitted:?}");
        assert!((fitted.score(alone(0.5)) - 0.5).abs() < 0.1, "{fitted:?}");
    }
}
