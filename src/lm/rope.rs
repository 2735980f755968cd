//! Rotary position embedding (Su et al. 2021), with Hugging Face's halves: coordinate i turns with
//! coordinate i + E/2.

use super::config::{Config, RopeScaling};
use std::f64::consts::PI;
use std::sync::Arc;

/// cos and sin for every position: `[P, E/2]` each, row by row.
#[derive(Clone, Debug)]
pub struct RopeTable {
    /// Cosines.
    pub cos: Arc<Vec<f32>>,
    /// Sines.
    pub sin: Arc<Vec<f32>>,
    /// E/2
    pub half: usize,
}

impl RopeTable {
    /// The table for the model's whole context.
    pub fn new(config: &Config) -> Self {
        let half = config.head_dim / 2;
        let frequencies: Vec<f64> = (0..half)
            .map(|i| config.rope_theta.powf(-(i as f64) / half as f64))
            .map(|frequency| scaled(frequency, config.rope_scaling))
            .collect();
        // transformers multiplies positions and frequencies in f32, so we do too.
        let angles = (0..config.context).flat_map(|p| frequencies.iter().map(move |f| p as f32 * *f as f32));
        let (cos, sin) = angles.map(|angle| (angle.cos(), angle.sin())).unzip();
        Self { cos: Arc::new(cos), sin: Arc::new(sin), half }
    }
}

fn scaled(frequency: f64, scaling: RopeScaling) -> f64 {
    match scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context } => {
            let wavelength = 2.0 * PI / frequency;
            let turns = original_context as f64 / wavelength;
            if turns < low_freq_factor {
                frequency / factor
            } else if turns > high_freq_factor {
                frequency
            } else {
                let smooth = (turns - low_freq_factor) / (high_freq_factor - low_freq_factor);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}
