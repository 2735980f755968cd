//! What a mean over tasks is worth: intervals by resampling, and how well a score tells hits from misses.
//!
//! Letters: N tasks, S seeds of a task.

use crate::noise::Noise;
use serde::Serialize;

/// Resamples of one interval.
const RESAMPLES: usize = 2000;
/// The share of the resampled means on either side of an interval.
const TAIL: f64 = 0.025;

/// The middle 95 % of the resampled means. Written as `[low, high]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

impl Interval {
    /// The 95 % interval of the mean of `values[task][seed]`, by the percentile bootstrap (Efron 1979) over tasks and,
    /// within a drawn task, over its seeds: tasks differ far more than the inputs drawn of one, so resampling all
    /// numbers alike would make it too narrow. `None` of fewer than two tasks, or of one without a number.
    ///
    /// The same shape is always resampled in the same way, so that differences of means agree with their intervals.
    pub fn of_mean(values: &[Vec<f64>]) -> Option<Self> {
        if values.len() < 2 || values.iter().any(Vec::is_empty) {
            return None;
        }
        let mut noise = Noise::stream(0, "bootstrap");
        let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resampled_mean(values, &mut noise)).collect();
        means.sort_by(f64::total_cmp);
        Some(Self { low: quantile(&means, TAIL), high: quantile(&means, 1.0 - TAIL) })
    }

    /// Half of its width.
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

fn resampled_mean(values: &[Vec<f64>], noise: &mut Noise) -> f64 {
    let mut sum = 0.0;
    for _ in 0..values.len() {
        let task = noise.pick::<Vec<f64>>(values);
        sum += match task.as_slice() {
            [only] => *only,
            seeds => seeds.iter().map(|_| *noise.pick::<f64>(seeds)).sum::<f64>() / seeds.len() as f64,
        };
    }
    sum / values.len() as f64
}

/// A quantile of sorted numbers, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (at - below as f64) * (sorted[above] - sorted[below])
}

/// The mean over tasks of the means over their seeds; `None` where a task has no number.
pub fn mean_over_tasks(values: &[Vec<f64>]) -> Option<f64> {
    if values.is_empty() || values.iter().any(Vec::is_empty) {
        return None;
    }
    Some(mean_of(&values.iter().map(|seeds| mean_of(seeds)).collect::<Vec<_>>()))
}

/// The mean of some numbers; 0 for none.
pub fn mean_of(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The area under the curve of true against false positives: the chance that a hit has the higher score of a hit and a
/// miss drawn at random, equal scores counting half. `None` without a hit or without a miss, or where a score is no
/// number.
///
/// ```
/// use attune::training::statistics::auroc;
/// assert_eq!(auroc(&[(0.9, true), (0.5, false), (0.4, true), (0.1, false)]), Some(0.75));
/// ```
pub fn auroc(scored: &[(f64, bool)]) -> Option<f64> {
    let hits = scored.iter().filter(|(_, hit)| *hit).count();
    let misses = scored.len() - hits;
    if hits == 0 || misses == 0 || scored.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut won) = (0usize, 0.0);
    for equal in sorted.chunk_by(|a, b| a.0 == b.0) {
        let hits = equal.iter().filter(|(_, hit)| *hit).count();
        let misses = equal.len() - hits;
        won += hits as f64 * (below as f64 + 0.5 * misses as f64);
        below += misses;
    }
    Some(won / (hits as f64 * misses as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are those of scikit-learn's `roc_auc_score`.
    #[test]
    fn the_area_is_that_of_scikit_learn_and_ties_count_half() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.2];
        let hits = [false, false, true, true, true, false, true, false];
        let scored: Vec<_> = scores.into_iter().zip(hits).collect();
        assert_eq!(auroc(&scored), Some(0.8125));
        assert_eq!(auroc(&[(0.3, true), (0.3, false)]), Some(0.5));
        assert_eq!(auroc(&[(0.3, true)]), None);
        assert_eq!(auroc(&[(f64::NAN, true), (0.3, false)]), None);
        assert_eq!(auroc(&[]), None);
    }

    #[test]
    fn the_interval_of_many_tasks_is_that_of_the_normal_distribution() {
        let mut noise = Noise::seeded(5);
        let values: Vec<Vec<f64>> = (0..400).map(|_| vec![f64::from(noise.normal())]).collect();
        let mean = mean_over_tasks(&values).expect("a mean");
        let interval = Interval::of_mean(&values).expect("an interval");
        let expected = 1.96 / 20.0;
        assert!((interval.half_width() / expected - 1.0).abs() < 0.12, "{interval:?}");
        assert!(((interval.low + interval.high) / 2.0 - mean).abs() < 0.02, "{interval:?} {mean}");
    }

    #[test]
    fn seeds_of_equal_tasks_do_not_narrow_the_interval_as_more_tasks_would() {
        let mut noise = Noise::seeded(6);
        let tasks: Vec<f64> = (0..20).map(|_| f64::from(noise.normal())).collect();
        let of = |seeds: usize| {
            let values: Vec<Vec<f64>> = tasks.iter().map(|task| vec![*task; seeds]).collect();
            Interval::of_mean(&values).expect("an interval").half_width()
        };
        assert!((of(1) / of(16) - 1.0).abs() < 0.1, "{} {}", of(1), of(16));
    }

    #[test]
    fn what_cannot_be_resampled_has_no_interval() {
        assert_eq!(Interval::of_mean(&[]), None);
        assert_eq!(Interval::of_mean(&[vec![0.5]]), None);
        assert_eq!(Interval::of_mean(&[vec![0.5], vec![]]), None);
        assert_eq!(mean_over_tasks(&[vec![0.5], vec![]]), None);
        let same = Interval::of_mean(&[vec![0.5], vec![0.5]]).expect("an interval");
        assert_eq!(serde_json::to_string(&same).unwrap(), "[0.5,0.5]");
    }
}
