//! Conditions to a common scale, with the statistics of the training descriptions.

/// Mean and standard deviation of each of the C numbers.
#[derive(Clone, Debug)]
pub struct Standardiser {
    /// `[C]`
    pub mean: Vec<f32>,
    /// `[C]`, above 0
    pub deviation: Vec<f32>,
}

impl Standardiser {
    /// The statistics of these conditions.
    pub fn fit<'a>(conditions: impl Iterator<Item = &'a Vec<f32>> + Clone) -> Self {
        let width = conditions.clone().next().map_or(0, Vec::len);
        let count = conditions.clone().count().max(1) as f64;
        let mut mean = vec![0.0f64; width];
        let mut square = vec![0.0f64; width];
        for condition in conditions {
            for (i, x) in condition.iter().enumerate() {
                mean[i] += f64::from(*x) / count;
                square[i] += f64::from(*x).powi(2) / count;
            }
        }
        let deviation = mean.iter().zip(&square).map(|(m, s)| ((s - m * m).max(0.0).sqrt() as f32).max(1e-4)).collect();
        Self { mean: mean.into_iter().map(|m| m as f32).collect(), deviation }
    }

    /// (x − mean) / deviation
    pub fn apply(&self, condition: &[f32]) -> Vec<f32> {
        condition.iter().zip(&self.mean).zip(&self.deviation).map(|((x, m), d)| (x - m) / d).collect()
    }
}
