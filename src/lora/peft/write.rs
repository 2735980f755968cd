//! Writing an adapter as peft does.

use super::{PREFIX, PeftFiles};
use crate::lora::{Adapter, Error, Module};
use candle_core::Tensor;
use serde_json::{Map, json};
use std::collections::HashMap;

/// The two files of an adapter; the same adapter gives the same bytes.
///
/// # Errors
/// Those of the tensor library.
pub fn write_peft(adapter: &Adapter, base_name: &str) -> Result<PeftFiles, Error> {
    let slots = adapter.layout().slots();
    let first = slots.first().ok_or_else(|| Error::MissingTensor { name: "lora_A".into() })?;
    let (r, alpha) = (first.rank, adapter.alpha(0));
    let mut rank_pattern = Map::new();
    let mut alpha_pattern = Map::new();
    let mut use_rslora = false;
    let mut named: Vec<(String, Tensor)> = Vec::new();
    for (index, slot) in slots.iter().enumerate() {
        if slot.rank != r {
            rank_pattern.insert(slot.path(), json!(slot.rank));
        }
        if adapter.alpha(index) != alpha {
            alpha_pattern.insert(slot.path(), json!(adapter.alpha(index)));
        }
        use_rslora |= slot.rank > 1 && (adapter.scale(index) * slot.rank as f64 - adapter.alpha(index)).abs() > 1e-9;
        named.push((format!("{PREFIX}{}.lora_A.weight", slot.path()), adapter.a(index).contiguous()?));
        named.push((format!("{PREFIX}{}.lora_B.weight", slot.path()), adapter.b(index).contiguous()?));
    }
    let targets: Vec<&str> = adapter.layout().modules().into_iter().map(Module::name).collect();
    let config = json!({
        "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base_name, "r": r,
        "lora_alpha": alpha, "lora_dropout": 0.0, "target_modules": targets, "bias": "none",
        "use_rslora": use_rslora, "rank_pattern": rank_pattern, "alpha_pattern": alpha_pattern,
        "fan_in_fan_out": false, "modules_to_save": null, "inference_mode": true,
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    let weights =
        safetensors::serialize(named, Some(metadata)).map_err(|e| Error::Safetensors { reason: e.to_string() })?;
    Ok(PeftFiles { config: serde_json::to_vec_pretty(&config)?, weights })
}
