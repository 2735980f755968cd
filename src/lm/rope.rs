//! Rotary position embedding (Su et al. 2021), with Hugging Face's halves: coordinate i turns with
//! coordinate i + W/2, where W ≤ E coordinates turn and the others stand.

use super::config::{RopeConfig, RopeScaling};
use std::collections::HashMap;
use std::f64::consts::PI;
use std::sync::{Arc, Mutex, PoisonError};

/// cos and sin for the first P positions: `[P, W/2]` each, row by row.
#[derive(Clone, Debug)]
pub struct RopeTable {
    /// Cosines.
    pub cos: Arc<Vec<f32>>,
    /// Sines.
    pub sin: Arc<Vec<f32>>,
    /// W/2
    pub half: usize,
}

/// One rotary embedding. Its tables grow with the texts that come: a context of 128k tokens costs
/// nothing until somebody uses it. Cloning shares the tables.
#[derive(Clone, Debug)]
pub(super) struct Rope {
    config: Arc<RopeConfig>,
    tables: Arc<Mutex<HashMap<Frequencies, RopeTable>>>,
}

/// Which frequencies a text gets: two scalings choose by its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Frequencies {
    Usual,
    /// Of long-rope texts beyond the original context.
    Long,
    /// Of a text of this length under a dynamic scaling.
    Stretched(usize),
}

/// The fewest positions of a table.
const FEWEST: usize = 256;
/// Tables of stretched texts that are kept.
const KEPT: usize = 16;

impl Rope {
    /// The embedding of a configuration.
    pub(super) fn new(config: RopeConfig) -> Self {
        Self { config: Arc::new(config), tables: Arc::default() }
    }

    /// The table of a text that is, or may grow to be, `horizon` tokens long.
    pub(super) fn table(&self, horizon: usize) -> RopeTable {
        let frequencies = self.frequencies(horizon);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(table) = tables.get(&frequencies)
            && table.positions() >= horizon
        {
            return table.clone();
        }
        if tables.len() > KEPT {
            tables.clear();
        }
        let table = self.compute(frequencies, horizon.next_power_of_two().max(FEWEST));
        tables.insert(frequencies, table.clone());
        table
    }

    /// Names the frequencies of a text that may come to have `horizon` tokens.
    pub(super) fn name(&self, horizon: usize) -> String {
        match self.frequencies(horizon) {
            Frequencies::Usual => String::new(),
            Frequencies::Long => "long;".to_owned(),
            Frequencies::Stretched(tokens) => format!("{tokens};"),
        }
    }

    fn frequencies(&self, horizon: usize) -> Frequencies {
        match &self.config.scaling {
            RopeScaling::Dynamic { context, .. } if horizon > *context => Frequencies::Stretched(horizon),
            RopeScaling::LongRope { original_context, .. } if horizon > *original_context => Frequencies::Long,
            _ => Frequencies::Usual,
        }
    }

    fn compute(&self, which: Frequencies, positions: usize) -> RopeTable {
        let (frequencies, factor) = self.config.inverse_frequencies(which);
        // transformers multiplies positions and frequencies in f32, so we do too.
        let angles = (0..positions).flat_map(|p| frequencies.iter().map(move |f| p as f32 * *f as f32));
        let (cos, sin) = angles.map(|angle| (angle.cos() * factor, angle.sin() * factor)).unzip();
        RopeTable { cos: Arc::new(cos), sin: Arc::new(sin), half: self.config.width / 2 }
    }
}

impl RopeTable {
    /// P
    pub fn positions(&self) -> usize {
        self.cos.len() / self.half.max(1)
    }
}

impl RopeConfig {
    /// W/2 frequencies in radians a position, and the factor of cosines and sines.
    fn inverse_frequencies(&self, which: Frequencies) -> (Vec<f64>, f32) {
        let width = self.width as f64;
        let plain = |theta: f64| (0..self.width / 2).map(move |i| theta.powf(-2.0 * i as f64 / width));
        let divided = |divisors: &[f64]| plain(self.theta).zip(divisors).map(|(f, divisor)| f / divisor).collect();
        match (&self.scaling, which) {
            (RopeScaling::None, _) => (plain(self.theta).collect(), 1.0),
            (RopeScaling::Linear { factor }, _) => (plain(self.theta).map(|f| f / factor).collect(), 1.0),
            (RopeScaling::Dynamic { factor, context }, Frequencies::Stretched(length)) => {
                let stretch = factor * length as f64 / *context as f64 - (factor - 1.0);
                (plain(self.theta * stretch.powf(width / (width - 2.0))).collect(), 1.0)
            }
            (RopeScaling::Dynamic { .. }, _) => (plain(self.theta).collect(), 1.0),
            (RopeScaling::Llama3 { .. }, _) => (plain(self.theta).map(|f| self.llama3(f)).collect(), 1.0),
            (RopeScaling::Yarn { attention_factor, .. }, _) => {
                let blended = plain(self.theta).enumerate().map(|(i, f)| self.yarn(i, f));
                (blended.collect(), *attention_factor as f32)
            }
            (RopeScaling::LongRope { long, attention_factor, .. }, Frequencies::Long) => {
                (divided(long), *attention_factor as f32)
            }
            (RopeScaling::LongRope { short, attention_factor, .. }, _) => (divided(short), *attention_factor as f32),
        }
    }

    fn llama3(&self, frequency: f64) -> f64 {
        let RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } = self.scaling else {
            return frequency;
        };
        let turns = original_context as f64 * frequency / (2.0 * PI);
        if turns < low_freq_factor {
            frequency / factor
        } else if turns > high_freq_factor {
            frequency
        } else {
            let smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
            (1.0 - smooth) * frequency / factor + smooth * frequency
        }
    }

    /// Coordinate `i` between its own frequency and the interpolated one (Peng et al. 2023, eq. 23).
    fn yarn(&self, i: usize, frequency: f64) -> f64 {
        let RopeScaling::Yarn { factor, beta_fast, beta_slow, truncate, original_context, .. } = self.scaling else {
            return frequency;
        };
        let width = self.width as f64;
        let coordinate =
            |turns: f64| width * (original_context as f64 / (turns * 2.0 * PI)).ln() / (2.0 * self.theta.ln());
        let (low, high) = (coordinate(beta_fast), coordinate(beta_slow));
        let (low, high) = if truncate { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(width - 1.0));
        let high = if low == high { high + 0.001 } else { high };
        let interpolated = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
        frequency / factor * interpolated + frequency * (1.0 - interpolated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_grows_with_the_text_and_keeps_its_values() {
        let rope = Rope::new(RopeConfig { theta: 1e4, width: 4, scaling: RopeScaling::None });
        let (short, long) = (rope.table(10), rope.table(1000));
        assert_eq!((short.positions(), long.positions()), (256, 1024));
        assert_eq!(short.cos[..], long.cos[..short.cos.len()]);
    }

    #[test]
    fn only_texts_beyond_the_context_are_stretched() {
        let scaling = RopeScaling::Dynamic { factor: 2.0, context: 32 };
        let dynamic = Rope::new(RopeConfig { theta: 1e4, width: 8, scaling });
        let plain = Rope::new(RopeConfig { theta: 1e4, width: 8, scaling: RopeScaling::None });
        assert_eq!(dynamic.table(32).sin, plain.table(32).sin);
        assert_ne!(dynamic.table(33).sin, plain.table(33).sin);
    }
}
