//! Choosing the next token from its logits.

use crate::noise::Noise;

/// How the next token is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// 0 takes the likeliest token.
    pub temperature: f32,
    /// Only the likeliest tokens that together reach this probability; 1 keeps all.
    pub top_p: f32,
    /// Only this many of the likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Only tokens at least this likely relative to the likeliest; 0 keeps all.
    pub min_p: f32,
    /// Divides the logits of tokens that were seen (Keskar et al. 2019); 1 leaves them.
    pub repetition_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: 0.0, top_p: 1.0, top_k: 0, min_p: 0.0, repetition_penalty: 1.0 }
    }
}

impl Sampling {
    /// Chooses a token. `seen` are the tokens that the repetition penalty speaks of.
    pub fn choose(&self, logits: &[f32], seen: &[u32], noise: &mut Noise) -> u32 {
        let logits = self.penalised(logits, seen);
        if self.temperature <= 0.0 {
            return argmax(&logits);
        }
        let mut ranked: Vec<(u32, f32)> = log_softmax(&logits, self.temperature)
            .into_iter()
            .enumerate()
            .map(|(id, log_p)| (id as u32, log_p.exp()))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.truncate(self.kept(&ranked));
        let total: f32 = ranked.iter().map(|(_, p)| p).sum();
        let mut left = noise.unit() as f32 * total;
        for (id, p) in &ranked {
            left -= p;
            if left < 0.0 {
                return *id;
            }
        }
        ranked.last().map_or(0, |(id, _)| *id)
    }

    /// How many of the ranked tokens remain; at least one.
    fn kept(&self, ranked: &[(u32, f32)]) -> usize {
        let by_k = if self.top_k == 0 { ranked.len() } else { self.top_k.min(ranked.len()) };
        let floor = self.min_p * ranked.first().map_or(0.0, |(_, p)| *p);
        let by_min = ranked.iter().take_while(|(_, p)| *p >= floor).count();
        let mut sum = 0.0;
        let by_p = 1 + ranked
            .iter()
            .take_while(|(_, p)| {
                sum += p;
                sum < self.top_p
            })
            .count();
        by_k.min(by_min).min(by_p).max(1)
    }

    fn penalised(&self, logits: &[f32], seen: &[u32]) -> Vec<f32> {
        let mut logits = logits.to_vec();
        if self.repetition_penalty != 1.0 {
            let mut once = seen.to_vec();
            once.sort_unstable();
            once.dedup();
            for id in once {
                let Some(value) = logits.get_mut(id as usize) else { continue };
                *value = if *value > 0.0 { *value / self.repetition_penalty } else { *value * self.repetition_penalty };
            }
        }
        logits
    }
}

/// The index of the largest number; the first of equals.
pub fn argmax(values: &[f32]) -> u32 {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best as u32
}

/// Natural log-probabilities at a temperature above 0.
pub fn log_softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|x| ((x - top) / temperature).exp()).sum();
    logits.iter().map(|x| (x - top) / temperature - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_of_zero_takes_the_likeliest_and_the_first_of_equals() {
        let chosen = Sampling::default().choose(&[1.0, 3.0, 3.0], &[], &mut Noise::seeded(1));
        assert_eq!(chosen, 1);
    }

    #[test]
    fn top_k_and_top_p_and_min_p_leave_out_the_unlikely() {
        let logits = [4.0, 3.0, 0.0, -9.0];
        for sampling in [
            Sampling { temperature: 1.0, top_k: 2, ..Sampling::default() },
            Sampling { temperature: 1.0, top_p: 0.9, ..Sampling::default() },
            Sampling { temperature: 1.0, min_p: 0.2, ..Sampling::default() },
        ] {
            let mut noise = Noise::seeded(3);
            let all: Vec<u32> = (0..300).map(|_| sampling.choose(&logits, &[], &mut noise)).collect();
            assert!(all.contains(&0) && all.contains(&1), "{sampling:?}");
            assert!(!all.contains(&2) && !all.contains(&3), "{sampling:?}");
        }
    }

    #[test]
    fn the_penalty_moves_a_seen_token_below_an_unseen_one() {
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        assert_eq!(sampling.choose(&[3.0, 2.0], &[0], &mut Noise::seeded(1)), 1);
    }
}
