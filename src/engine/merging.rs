//! The merged overlay, and what it costs and saves on this machine.

use crate::lm::{KvMemory, Model, Products, StepAdapter, StepRow};
use crate::lora::{Adapter, Layout, SharedA};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// What merging costs and saves, as measured when the engine starts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BreakEven {
    /// Milliseconds that it takes to merge an adapter of rank 8 on all linear layers.
    pub merge_ms: f64,
    /// Milliseconds of a token with such an adapter beside the weights.
    pub unmerged_token_ms: f64,
    /// Milliseconds of a token without one: what it takes once it is merged.
    pub merged_token_ms: f64,
    /// Tokens after which merging has paid for itself; none where it saves nothing.
    pub tokens: Option<u64>,
}

/// Rank of the adapter that is measured.
const RANK: usize = 8;
/// Times that each is measured; the shortest counts.
const TIMES: usize = 5;

impl BreakEven {
    /// Measures on the model's first layer, and counts for all.
    ///
    /// # Errors
    /// Those of the model.
    pub(super) fn measure(model: &Model) -> Result<Self, crate::lm::Error> {
        let config = model.config();
        let shape = config.shape();
        let layers = config.layers() as f64;
        let layout = shape.layout(shape.modules(), RANK);
        let of_one_layer = layout.slots().iter().copied().filter(|slot| slot.layer == 0).collect();
        let adapter = adapter_of(model, layout)?;
        let first = adapter_of(model, Layout::new(of_one_layer))?;
        let merge = fastest(|| model.merged(&first, 1.0).map(drop))?;
        let unmerged = token(model, Some(&adapter))?;
        let merged = token(model, None)?;
        let merge = merge.as_secs_f64() * layers;
        let saved = unmerged.as_secs_f64() - merged.as_secs_f64();
        // Less than a hundredth is noise.
        let pays = saved > 0.01 * merged.as_secs_f64();
        let ms = |time: f64| time * 1e3;
        Ok(Self {
            merge_ms: ms(merge),
            unmerged_token_ms: ms(unmerged.as_secs_f64()),
            merged_token_ms: ms(merged.as_secs_f64()),
            tokens: pays.then(|| (merge / saved).ceil() as u64),
        })
    }
}

/// An adapter of zeros.
fn adapter_of(model: &Model, layout: Layout) -> Result<StepAdapter, crate::lm::Error> {
    let (dtype, device) = (candle_core::DType::F32, model.device());
    let a = layout.slots().iter().map(|slot| Tensor::zeros((slot.rank, slot.input), dtype, device));
    let a = a.collect::<candle_core::Result<_>>()?;
    let b = Tensor::zeros(layout.b_len(), dtype, device)?;
    let adapter = SharedA::from_tensors(layout, a).and_then(|shared| Adapter::over(&shared, &b, 1.0));
    let adapter = adapter.map_err(|e| candle_core::Error::Msg(e.to_string()))?;
    Ok(StepAdapter::new(&adapter, model.dtype(), device)?)
}

/// One token of one text.
fn token(model: &Model, adapter: Option<&StepAdapter>) -> Result<Duration, crate::lm::Error> {
    let (mut memory, blocks) = KvMemory::for_text(model.config(), 1, model.dtype(), model.device())?;
    fastest(|| {
        let row = StepRow {
            tokens: &[0],
            start: 0,
            horizon: 1,
            blocks: &blocks,
            adapter: adapter.map(|adapter| (adapter, 1.0)),
            products: Products::Blocks,
            wanted: true,
        };
        model.step(&[row], &mut memory)?.to_device(&candle_core::Device::Cpu).map(drop).map_err(Into::into)
    })
}

fn fastest(mut work: impl FnMut() -> Result<(), crate::lm::Error>) -> Result<Duration, crate::lm::Error> {
    let mut best = Duration::MAX;
    for _ in 0..TIMES {
        let started = Instant::now();
        work()?;
        best = best.min(started.elapsed());
    }
    Ok(best)
}
