//! Choosing the next token from its logits.

use crate::noise::Noise;
use std::collections::BTreeMap;

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
    /// Divides the logits of tokens that were seen, in the prompt too (Keskar et al. 2019); 1 leaves them.
    pub repetition_penalty: f32,
    /// Taken off a token's logit for each time that it stands in the answer.
    pub frequency_penalty: f32,
    /// Taken off a token's logit once where it stands in the answer.
    pub presence_penalty: f32,
    /// Added to these tokens' logits.
    pub logit_bias: Vec<(u32, f32)>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            logit_bias: Vec::new(),
        }
    }
}

impl Sampling {
    /// Chooses a token. `text` is what was read and written so far, of which the first `prompt` tokens are the prompt.
    /// The logits are used up.
    pub fn choose(&self, logits: &mut [f32], (text, prompt): (&[u32], usize), noise: &mut Noise) -> u32 {
        self.adjust(logits, text, &text[prompt.min(text.len())..]);
        if self.temperature <= 0.0 {
            return argmax(logits);
        }
        let top = maximum(logits);
        // Relative to the likeliest, which is 1.
        logits.iter_mut().for_each(|x| *x = ((*x - top) / self.temperature).exp());
        let weights = logits;
        if self.top_k == 0 && self.top_p >= 1.0 && self.min_p <= 0.0 {
            let all = || (0..weights.len() as u32).map(|id| (id, weights[id as usize]));
            return draw(all, noise);
        }
        let kept = self.kept(weights);
        draw(|| kept.iter().map(|id| (*id, weights[*id as usize])), noise)
    }

    /// The tokens that the filters leave, likeliest first; at least one.
    fn kept(&self, weights: &[f32]) -> Vec<u32> {
        let total: f32 = weights.iter().sum();
        let limit = if self.top_k == 0 { weights.len() } else { self.top_k };
        // Most of the probability lies on few tokens: only as many are ranked as are needed.
        let mut among = 256.min(weights.len());
        loop {
            let mut ranked = ranked(weights, among);
            let by_min = ranked.iter().take_while(|id| weights[**id as usize] >= self.min_p).count();
            let mut sum = 0.0;
            let before = |id: &&u32| {
                let more = sum < self.top_p * total;
                sum += weights[**id as usize];
                more
            };
            let by_p = ranked.iter().take_while(before).count();
            let count = by_min.min(by_p).min(limit).max(1);
            if count < among || among >= weights.len() || among >= limit {
                ranked.truncate(count);
                return ranked;
            }
            among = (among * 8).min(weights.len());
        }
    }

    fn adjust(&self, logits: &mut [f32], text: &[u32], answer: &[u32]) {
        if self.repetition_penalty != 1.0 {
            for (id, _) in counted(text) {
                let Some(value) = logits.get_mut(id as usize) else { continue };
                *value = if *value > 0.0 { *value / self.repetition_penalty } else { *value * self.repetition_penalty };
            }
        }
        if self.frequency_penalty != 0.0 || self.presence_penalty != 0.0 {
            for (id, count) in counted(answer) {
                let Some(value) = logits.get_mut(id as usize) else { continue };
                *value -= self.frequency_penalty * count as f32 + self.presence_penalty;
            }
        }
        for (id, bias) in &self.logit_bias {
            if let Some(value) = logits.get_mut(*id as usize) {
                *value += bias;
            }
        }
    }
}

/// Each token once, and how often it stands there.
fn counted(tokens: &[u32]) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    tokens.iter().for_each(|id| *counts.entry(*id).or_insert(0) += 1);
    counts
}

/// One of the tokens, by their weights.
fn draw<I: Iterator<Item = (u32, f32)>>(tokens: impl Fn() -> I, noise: &mut Noise) -> u32 {
    let total: f32 = tokens().map(|(_, weight)| weight).sum();
    let mut left = noise.unit() as f32 * total;
    let mut last = 0;
    for (id, weight) in tokens() {
        if weight > 0.0 {
            last = id;
        }
        left -= weight;
        if left < 0.0 {
            return id;
        }
    }
    last
}

/// The indices of the `count` largest numbers, largest first; of equals the first.
pub fn ranked(values: &[f32], count: usize) -> Vec<u32> {
    let mut ids: Vec<u32> = (0..values.len() as u32).collect();
    let order = |a: &u32, b: &u32| values[*b as usize].total_cmp(&values[*a as usize]).then(a.cmp(b));
    let count = count.min(ids.len());
    if count > 0 && count < ids.len() {
        ids.select_nth_unstable_by(count - 1, order);
    }
    ids.truncate(count);
    ids.sort_unstable_by(order);
    ids
}

/// The index of the largest number; the first of equals.
pub fn argmax(values: &[f32]) -> u32 {
    let top = maximum(values);
    values.iter().position(|value| *value == top).unwrap_or(0) as u32
}

/// The largest number, many at a time.
fn maximum(values: &[f32]) -> f32 {
    let (rows, rest) = values.as_chunks::<16>();
    let mut tops = [f32::NEG_INFINITY; 16];
    for row in rows {
        for (top, value) in tops.iter_mut().zip(row) {
            *top = if *value > *top { *value } else { *top };
        }
    }
    tops.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Natural log-probabilities at a temperature above 0.
pub fn log_softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    let top = maximum(logits);
    let sum: f32 = logits.iter().map(|x| ((x - top) / temperature).exp()).sum();
    logits.iter().map(|x| (x - top) / temperature - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_of_zero_takes_the_likeliest_and_the_first_of_equals() {
        let chosen = Sampling::default().choose(&mut [1.0, 3.0, 3.0], (&[], 0), &mut Noise::seeded(1));
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
            let all: Vec<u32> = (0..300).map(|_| sampling.choose(&mut logits.clone(), (&[], 0), &mut noise)).collect();
            assert!(all.contains(&0) && all.contains(&1), "{sampling:?}");
            assert!(!all.contains(&2) && !all.contains(&3), "{sampling:?}");
        }
    }

    #[test]
    fn the_penalty_moves_a_seen_token_below_an_unseen_one() {
        let sampling = Sampling { repetition_penalty: 2.0, ..Sampling::default() };
        assert_eq!(sampling.choose(&mut [3.0, 2.0], (&[0], 1), &mut Noise::seeded(1)), 1);
    }

    #[test]
    fn frequency_and_presence_speak_of_the_answer_and_not_of_the_prompt() {
        let mut noise = Noise::seeded(1);
        for sampling in [
            Sampling { frequency_penalty: 0.6, ..Sampling::default() },
            Sampling { presence_penalty: 1.1, ..Sampling::default() },
        ] {
            assert_eq!(sampling.choose(&mut [3.0, 2.0], (&[0, 0, 0], 3), &mut noise), 0);
            assert_eq!(sampling.choose(&mut [3.0, 2.0], (&[1, 0, 0], 1), &mut noise), 1);
        }
    }

    #[test]
    fn a_bias_bans_or_forces_a_token() {
        let sampling = Sampling { logit_bias: vec![(0, -100.0), (9, 1.0)], ..Sampling::default() };
        assert_eq!(sampling.choose(&mut [3.0, 2.0], (&[], 0), &mut Noise::seeded(1)), 1);
    }

    #[test]
    fn drawing_without_filters_follows_the_probabilities() {
        let sampling = Sampling { temperature: 1.0, ..Sampling::default() };
        let mut noise = Noise::seeded(5);
        let ones = (0..4000).filter(|_| sampling.choose(&mut [3f32.ln(), 0.0], (&[], 0), &mut noise) == 1).count();
        assert!((900..1100).contains(&ones), "{ones} of 4000 at a probability of a quarter");
    }

    #[test]
    fn only_as_many_are_ranked_as_are_asked_for() {
        assert_eq!(ranked(&[1.0, 5.0, 3.0, 5.0], 3), [1, 3, 2]);
        assert_eq!(ranked(&[1.0], 5), [0]);
        assert_eq!(argmax(&[f32::NEG_INFINITY, -3.0]), 1);
    }
}
