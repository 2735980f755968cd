//! The load: what is asked, of which adapter, and when. Pure and seeded, so that a seed repeats it.

use super::options::Popularity;
use crate::noise::Noise;
use std::time::Duration;

/// One request to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) prompt: String,
    /// The place of the adapter among those that share the load.
    pub(super) adapter: Option<usize>,
}

/// An endless line of requests.
#[derive(Debug)]
pub(super) struct Traffic {
    prompts: Noise,
    choices: Noise,
    prompt_chars: usize,
    shares: Shares,
}

impl Traffic {
    /// The requests of this seed and label to so many adapters.
    pub(super) fn new(seed: u64, label: &str, prompt_chars: usize, shares: Shares) -> Self {
        let stream = |what: &str| Noise::stream(seed, &format!("bench {label} {what}"));
        Self { prompts: stream("prompts"), choices: stream("choices"), prompt_chars, shares }
    }
}

impl Iterator for Traffic {
    type Item = Ask;

    fn next(&mut self) -> Option<Ask> {
        Some(Ask { prompt: words(&mut self.prompts, self.prompt_chars), adapter: self.shares.draw(&mut self.choices) })
    }
}

/// Words of random letters, so many characters in all.
fn words(noise: &mut Noise, chars: usize) -> String {
    let mut text = String::with_capacity(chars + 8);
    while text.len() < chars {
        for _ in 0..2 + noise.below(6) {
            text.push(char::from(b'a' + noise.below(26) as u8));
        }
        text.push(' ');
    }
    text.truncate(chars);
    if text.ends_with(' ') {
        // Tokenizers and servers may drop a blank at the end.
        text.pop();
        text.push('.');
    }
    text
}

/// How the requests are shared among adapters.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    /// The sum of the shares up to each adapter; the last is 1.
    cumulative: Vec<f64>,
}

impl Shares {
    pub(super) fn new(popularity: Popularity, adapters: usize) -> Self {
        let weight = |place: usize| match popularity {
            Popularity::Uniform => 1.0,
            Popularity::Zipf { exponent } => (place as f64).powf(-exponent),
        };
        let total: f64 = (1..=adapters).map(weight).sum();
        let mut sum = 0.0;
        let cumulative = (1..=adapters).map(|place| {
            sum += weight(place) / total;
            sum
        });
        Self { cumulative: cumulative.collect() }
    }

    /// An adapter's place; none where there are none.
    fn draw(&self, noise: &mut Noise) -> Option<usize> {
        let last = self.cumulative.len().checked_sub(1)?;
        let at = noise.unit();
        // Rounding may leave the last sum a little below 1.
        Some(self.cumulative.partition_point(|&sum| sum <= at).min(last))
    }
}

/// When the requests of an open loop are due, from its beginning: gaps of a Poisson process.
#[derive(Debug)]
pub(super) struct Arrivals {
    noise: Noise,
    per_second: f64,
    at_s: f64,
}

impl Arrivals {
    pub(super) fn poisson(seed: u64, per_second: f64) -> Self {
        Self { noise: Noise::stream(seed, "bench arrivals"), per_second, at_s: 0.0 }
    }
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.at_s += -(1.0 - self.noise.unit()).ln() / self.per_second;
        Duration::try_from_secs_f64(self.at_s).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn poisson_arrivals_come_at_their_rate_with_gaps_as_wide_as_their_mean() {
        let arrivals: Vec<f64> = Arrivals::poisson(3, 50.0).take(20_000).map(|at| at.as_secs_f64()).collect();
        let gaps: Vec<f64> = arrivals.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        // Four standard errors of a mean over 20,000 exponential gaps are 3 %.
        assert!((mean * 50.0 - 1.0).abs() < 0.03, "{mean}");
        assert!((deviation / mean - 1.0).abs() < 0.05, "{deviation}");
        let longer = gaps.iter().filter(|gap| **gap > mean).count() as f64 / gaps.len() as f64;
        assert!((longer - (-1.0f64).exp()).abs() < 0.02, "{longer}");
    }

    #[test]
    fn the_kth_adapter_is_drawn_at_one_over_k() {
        let shares = Shares::new(Popularity::Zipf { exponent: 1.0 }, 8);
        let mut counts = [0u32; 8];
        let mut noise = Noise::seeded(1);
        for _ in 0..80_000 {
            counts[shares.draw(&mut noise).unwrap()] += 1;
        }
        let harmonic: f64 = (1..=8).map(|k| 1.0 / f64::from(k)).sum();
        for (place, count) in counts.iter().enumerate() {
            let expected = 80_000.0 / (place as f64 + 1.0) / harmonic;
            assert!((f64::from(*count) - expected).abs() < 4.0 * expected.sqrt(), "{place}: {count} {expected}");
        }
    }

    #[test]
    fn uniform_shares_reach_every_adapter_and_no_adapter_means_none() {
        let shares = Shares::new(Popularity::Uniform, 64);
        let mut noise = Noise::seeded(1);
        let seen: BTreeSet<_> = (0..4_000).map(|_| shares.draw(&mut noise).unwrap()).collect();
        assert_eq!(seen.len(), 64);
        assert_eq!(Shares::new(Popularity::Uniform, 0).draw(&mut noise), None);
    }

    #[test]
    fn prompts_have_the_asked_length_differ_and_repeat_with_the_seed() {
        let shares = || Shares::new(Popularity::Uniform, 4);
        let asks: Vec<Ask> = Traffic::new(5, "run", 32, shares()).take(500).collect();
        assert!(asks.iter().all(|ask| ask.prompt.len() == 32 && ask.prompt.is_ascii()));
        assert_eq!(asks.iter().map(|ask| &ask.prompt).collect::<BTreeSet<_>>().len(), 500);
        assert!(Traffic::new(5, "run", 32, shares()).take(500).eq(asks.iter().cloned()));
        assert_ne!(Traffic::new(5, "warm-up", 32, shares()).next(), asks.first().cloned());
        assert_eq!(Traffic::new(5, "run", 1, shares()).next().unwrap().prompt.len(), 1);
    }
}
