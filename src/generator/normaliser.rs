//! Coordinates of B to and from a common scale: the mean over tasks, and one root mean square a
//! slot. Never the statistics of the adapter that is to be made.

use crate::lora::Layout;
use candle_core::{Device, Result, Tensor};

/// The least root mean square of a slot, relative to the mean over slots.
const FLOOR: f32 = 0.05;

/// Mean `[L]` and root mean squares `[S]` of the training adapters.
#[derive(Clone, Debug)]
pub struct Normaliser {
    /// `[L]`
    pub mean: Vec<f32>,
    /// `[S]`
    pub rms: Vec<f32>,
}

impl Normaliser {
    /// The statistics of flat training adapters.
    pub fn fit(layout: &Layout, adapters: &[Vec<f32>]) -> Self {
        let count = adapters.len().max(1) as f32;
        let mut mean = vec![0.0; layout.b_len()];
        for adapter in adapters {
            mean.iter_mut().zip(adapter).for_each(|(m, x)| *m += x / count);
        }
        let offsets = layout.b_offsets();
        let slot_rms = |range: std::ops::Range<usize>| {
            let squares: f64 = adapters
                .iter()
                .map(|a| {
                    a[range.clone()]
                        .iter()
                        .zip(&mean[range.clone()])
                        .map(|(x, m)| f64::from(x - m).powi(2))
                        .sum::<f64>()
                })
                .sum();
            ((squares / (f64::from(count) * range.len() as f64)).sqrt() as f32).max(1e-8)
        };
        let mut rms: Vec<f32> = offsets.windows(2).map(|w| slot_rms(w[0]..w[1])).collect();
        // A slot in which the adapters hardly differ must not drown the others in its blown-up noise.
        let floor = FLOOR * rms.iter().sum::<f32>() / rms.len().max(1) as f32;
        rms.iter_mut().for_each(|slot| *slot = slot.max(floor));
        Self { mean, rms }
    }

    /// (B − mean) / rms of one slot, for a flat adapter.
    pub fn normalised(&self, layout: &Layout, slot: usize, adapter: &[f32]) -> Vec<f32> {
        let offsets = layout.b_offsets();
        let range = offsets[slot]..offsets[slot + 1];
        adapter[range.clone()].iter().zip(&self.mean[range]).map(|(x, m)| (x - m) / self.rms[slot]).collect()
    }

    /// The mean of one slot as a tensor `[out·r]`.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn slot_mean(&self, layout: &Layout, slot: usize, device: &Device) -> Result<Tensor> {
        let offsets = layout.b_offsets();
        Tensor::from_slice(&self.mean[offsets[slot]..offsets[slot + 1]], offsets[slot + 1] - offsets[slot], device)
    }
}
