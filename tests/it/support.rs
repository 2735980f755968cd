//! Fixtures and comparisons that the tests share.

use attune::lm::{Checkpoint, CheckpointSource, FileConfig, Loading, Model, Packed, Piece, RowAdapters, StepAdapter};
use attune::lora::Adapter;
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;
use std::path::Path;

/// What transformers and peft computed.
pub(crate) struct Reference(HashMap<String, Tensor>);

impl Reference {
    pub(crate) fn load(path: &Path) -> Self {
        Self(candle_core::safetensors::load(path, &Device::Cpu).expect("a reference"))
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// One row of tokens.
    pub(crate) fn tokens(&self, key: &str) -> Vec<u32> {
        let flat = self.0[key].flatten_all().expect("flat").to_vec1::<i64>().expect("int64");
        flat.into_iter().map(|id| id as u32).collect()
    }

    /// How many rows of tokens there are.
    pub(crate) fn rows(&self, key: &str) -> usize {
        if self.0[key].rank() == 2 { self.0[key].dim(0).expect("[B, T]") } else { 1 }
    }

    /// `[T, V]`
    pub(crate) fn logits(&self, key: &str) -> Tensor {
        let logits = &self.0[key];
        if logits.rank() == 3 { logits.flatten(0, 1).expect("[B, T, V]") } else { logits.clone() }
    }
}

/// A fixture's model in f32.
pub(crate) fn family_model(dir: &Path, config: &str) -> Model {
    family_model_in(dir, config, DType::F32)
}

pub(crate) fn family_model_in(dir: &Path, config: &str, dtype: DType) -> Model {
    let config: FileConfig =
        serde_json::from_slice(&std::fs::read(dir.join(config)).expect("fixture")).expect("config");
    let checkpoint = Checkpoint::open(dir).expect("weights");
    let loading = Loading { dtype, ..Loading::f32() };
    let source = CheckpointSource { checkpoint: &checkpoint, loading: &loading };
    Model::load(&config.resolve().expect("a known family"), &source).expect("model")
}

/// The adapter on a batch of one row.
pub(crate) fn one_row(adapter: &Adapter, scale: f64) -> RowAdapters {
    RowAdapters::of_rows(&[Some((adapter, scale))], DType::F32).expect("adapters")
}

/// The adapter as the cached path applies it.
pub(crate) fn ready(adapter: &Adapter) -> StepAdapter {
    StepAdapter::new(adapter, DType::F32, &Device::Cpu).expect("an adapter")
}

/// Logits at every token of one text, `[T, V]`.
pub(crate) fn packed_logits(model: &Model, tokens: &[u32], adapters: &RowAdapters) -> Tensor {
    let mut packed = Packed::new();
    packed.push_row(&[], &[Piece { tokens: tokens.to_vec(), score_from: 1 }]);
    let hidden = model.packed_hidden(&packed, adapters).expect("forward");
    model.logits(&hidden).expect("logits")
}

/// Fails where the largest difference is more than `tolerance` of the largest value.
pub(crate) fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f32, what: &str) {
    let largest =
        |t: &Tensor| t.abs().and_then(|t| t.flatten_all()?.max(0)?.to_scalar::<f32>()).expect("a float tensor");
    let relative = largest(&(found - expected).expect("same shapes")) / largest(expected);
    assert!(relative < tolerance, "{what}: off by {relative:e} of the largest value");
}
