//! How near a description is to what the generator was trained on.

use super::Memory;
use nalgebra::{Matrix5, Vector5};
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
    /// Where the description stands on the map of the training tasks; absent in what was made before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<[f32; 2]>,
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
    /// The generator wrote them, and they then took some steps, asked for or not, towards what is expected of them.
    Settled,
    /// They are a mean of what it writes for the nearest training tasks.
    Blended,
}

/// What came of trying an adapter on a few inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trial {
    /// How far it answers as is expected of it, from 0 to 1.
    pub agreement: f64,
    /// How sure the described base is of its answers, from 0 to 1, where those are what is expected; nothing where
    /// demonstrations are.
    pub sureness: Option<f64>,
    /// How many demonstrations there are; 0 where the described base's answers are what is expected.
    pub demonstrations: usize,
}

impl Trial {
    /// Without the sureness: what the adapter as it is written is worth is told without it.
    #[must_use]
    pub fn of_agreement_alone(self) -> Self {
        Self { sureness: None, ..self }
    }
}

/// What speaks for an adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Of the nearest training task, −1 where there is none.
    pub similarity: f64,
    /// The judge's log-odds; 0 of a generator that has none.
    pub judged: f64,
    /// What came of trying it.
    pub tried: Option<Trial>,
    /// Whether the nearest task was taught by growing: the base may do it wrong whatever it is told.
    pub taught: bool,
}

impl Evidence {
    /// Of the nearest remembered task, what the judge says and what came of trying.
    pub(super) fn of(nearest: Option<&Nearest>, memory: &Memory, (judged, tried): (f64, Option<Trial>)) -> Self {
        let similarity = nearest.map_or(-1.0, |near| near.similarity);
        Self { similarity, judged, tried, taught: nearest.is_some_and(|near| memory.is_taught(&near.name)) }
    }

    /// As the curve sees it: similarity, judge, the log-odds of agreement and sureness (0 of what is not known), and 1.
    fn coordinates(self) -> Vector5<f64> {
        // Of few inputs, none or all may agree: neither is worth more than this.
        const LEAST: f64 = 0.02;
        let odds = |share: Option<f64>| share.map_or(0.0, |share| ((share + LEAST) / (1.0 - share + LEAST)).ln());
        let agreement = self.tried.map(|tried| tried.agreement);
        let sureness = self.tried.and_then(|tried| tried.sureness);
        Vector5::new(self.similarity, self.judged, odds(agreement), odds(sureness), 1.0)
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
    /// Of the log-odds of the base's sureness.
    #[serde(default)]
    sureness: f64,
}

impl Default for Calibration {
    /// A rough guess, for a generator that has no held-out tasks.
    fn default() -> Self {
        Self { slope: 12.0, middle: 0.6, judged: 1.0, agreement: 0.0, sureness: 0.0 }
    }
}

impl Calibration {
    /// The curve of the highest likelihood for pairs of evidence and a share of right answers, by Newton's steps; a
    /// weak pull towards a flat curve keeps it finite where one number divides all. A slope the wrong way round, of
    /// what tells nothing, is left out.
    pub fn fit(seen: &[(Evidence, f64)]) -> Self {
        let mut used = [true; 4];
        let found = loop {
            let found = slopes(seen, used);
            let Some(contrary) = (0..4).find(|part| used[*part] && found[*part] < 0.0) else { break found };
            used[contrary] = false;
        };
        let [slope, judged, agreement, sureness, offset] = found.map(|x| if x.is_finite() { x } else { 0.0 });
        let slope = slope.max(1e-3);
        Self { slope, middle: -offset / slope, judged, agreement, sureness }
    }

    /// Whether the curve asks how far the adapter agrees.
    pub(super) fn asks_agreement(self) -> bool {
        self.agreement > 0.0
    }

    pub(super) fn score(self, evidence: Evidence) -> f64 {
        let slopes = Vector5::new(self.slope, self.judged, self.agreement, self.sureness, -self.slope * self.middle);
        logistic(slopes.dot(&evidence.coordinates()))
    }
}

/// The slopes of similarity, judge, agreement and sureness, those that are used, and the offset.
fn slopes(seen: &[(Evidence, f64)], used: [bool; 4]) -> [f64; 5] {
    const PULL: f64 = 1e-2;
    let mask = Vector5::from_fn(|part, _| if used.get(part).copied().unwrap_or(true) { 1.0 } else { 0.0 });
    let mut w = Vector5::zeros();
    for _ in 0..50 {
        let (mut gradient, mut curvature) = (-PULL * w, PULL * Matrix5::identity());
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

/// What is known of the chance that a description's adapter does its task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// For the adapter as it is written.
    pub written: Calibration,
    /// For the adapter as it is served where the doubted are settled; nothing of a generator whose adapters were never
    /// measured so.
    pub served: Option<Calibration>,
    /// For the adapter as it is served to one who shows demonstrations, on which the doubted learn; nothing where that
    /// was never measured.
    pub shown: Option<Calibration>,
}

/// By how much the described base must be surer of its answers than the generator may be of its adapter, before the one
/// learns from the other (measured: benches/distil).
const MARGIN: f64 = 0.1;

/// Demonstrations from which on they are known to teach: fewer are not what `shown` is fitted to.
const SHOWN_FROM: usize = 3;

impl Curves {
    /// Of a generator whose adapters are served as they are written.
    pub fn of_written(written: Calibration) -> Self {
        Self { written, served: None, shown: None }
    }

    /// Whether what is expected of an adapter is worth more than the adapter as it is written.
    pub fn doubts(&self, evidence: Evidence) -> bool {
        let Some(tried) = evidence.tried else { return false };
        // Demonstrations are right; of a task that was taught the base knows nothing, however sure it is.
        let worth = tried.sureness.map_or(1.0, |sureness| if evidence.taught { 0.0 } else { sureness });
        self.written.score(evidence) + MARGIN < worth
    }

    /// The confidence in the adapter of a standardised condition, as it is written or, with `settling`, as it is served.
    pub(super) fn confidence(
        &self,
        (condition, judged): (&[f32], f64),
        tried: Option<Trial>,
        (memory, settling): (&Memory, bool),
    ) -> Confidence {
        let nearest = memory.nearest(condition, NAMED, |_| true);
        let evidence = Evidence::of(nearest.first(), memory, (judged, tried));
        let doubted = settling && self.served.is_some() && self.doubts(evidence);
        let score = self.score(evidence, settling);
        Confidence {
            score,
            in_distribution: score >= 0.5,
            nearest_tasks: nearest,
            position: Some(memory.position(condition)),
            agreement: tried.map(|tried| tried.agreement),
            applied: if doubted { Answer::Settled } else { Answer::Generated },
        }
    }

    /// From 0 to 1: the chance that an adapter with this evidence does its task as it is written or, with `settling`, as it
    /// is served.
    pub fn score(&self, evidence: Evidence, settling: bool) -> f64 {
        let settled = match evidence.tried {
            Some(Trial { sureness: None, demonstrations, .. }) => self.shown.filter(|_| demonstrations >= SHOWN_FROM),
            // What the base answers to a task that was taught is no sign: it may do it wrong whatever it is told.
            Some(_) if evidence.taught => return self.written.score(Evidence { tried: None, ..evidence }),
            Some(_) => self.served,
            None => None,
        };
        settled.filter(|_| settling).unwrap_or(self.written).score(evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(similarity: f64) -> Evidence {
        Evidence { similarity, ..Evidence::default() }
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
        let tried = |agreement: f64| Evidence {
            tried: Some(Trial { agreement, sureness: None, demonstrations: 3 }),
            ..alone(0.5)
        };
        let seen: Vec<(Evidence, f64)> =
            (0..40).map(|i| f64::from(i) / 39.0).map(|share| (tried(share), share)).collect();
        let fitted = Calibration::fit(&seen);
        assert!(fitted.asks_agreement() && !Calibration::default().asks_agreement());
        assert!(fitted.score(tried(1.0)) > 0.8 && fitted.score(tried(0.0)) < 0.2, "{fitted:?}");
        assert!((fitted.score(alone(0.5)) - 0.5).abs() < 0.1, "{fitted:?}");
    }

    #[test]
    fn an_adapter_is_doubted_where_the_base_is_surer_and_a_sure_base_is_trusted_once_it_was_learned_from() {
        let of = |sureness: f64| Evidence {
            tried: Some(Trial { agreement: 0.5, sureness: Some(sureness), demonstrations: 0 }),
            ..alone(0.5)
        };
        let seen: Vec<(Evidence, f64)> = (0..40).map(|i| f64::from(i) / 39.0).map(|share| (of(share), share)).collect();
        let flat = Calibration { slope: 1e-3, middle: 0.5, judged: 0.0, agreement: 0.0, sureness: 0.0 };
        let curves = Curves { written: flat, served: Some(Calibration::fit(&seen)), shown: None };
        assert!(curves.doubts(of(0.7)) && !curves.doubts(of(0.55)) && !curves.doubts(of(0.1)));
        assert!(!curves.doubts(Evidence { taught: true, ..of(0.95) }));
        // Demonstrations are right, whatever the base thinks; what was not tried is taken as it is.
        assert!(curves.doubts(Evidence {
            tried: Some(Trial { agreement: 0.5, sureness: None, demonstrations: 3 }),
            ..alone(0.5)
        }));
        assert!(!curves.doubts(alone(0.5)));
        let memory = Memory::default();
        let told =
            |sureness: f64, settling: bool| curves.confidence((&[], 0.0), of(sureness).tried, (&memory, settling));
        assert!(told(0.95, true).score > 0.8 && told(0.05, true).score < 0.2);
        assert_eq!((told(0.95, true).applied, told(0.95, false).applied), (Answer::Settled, Answer::Generated));
        assert!((told(0.95, false).score - 0.5).abs() < 0.01);
        // Nor is it a sign against a task that was taught that the base would answer otherwise.
        let agreeing = Curves::of_written(Calibration::fit(&seen));
        let taught = |agreement| {
            let tried = Some(Trial { agreement, sureness: Some(0.9), demonstrations: 0 });
            agreeing.score(Evidence { tried, taught: true, ..alone(0.5) }, true)
        };
        assert_eq!(taught(0.0), taught(1.0));
        let (right, shown) = (
            Calibration { middle: -20.0, slope: 1.0, ..flat },
            Some(Trial { agreement: 0.0, sureness: None, demonstrations: 3 }),
        );
        let told = |curves: Curves, settling| curves.confidence((&[], 0.0), shown, (&memory, settling));
        assert!(told(curves, true).score < 0.6 && told(Curves { shown: Some(right), ..curves }, true).score > 0.9);
        assert!(told(Curves { shown: Some(right), ..curves }, false).score < 0.6);
    }
}
