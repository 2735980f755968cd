//! PEFT directories: `adapter_config.json` and `adapter_model.safetensors`, as peft reads and writes them.

use super::{Adapter, BaseShape, Error, Layout, Module, Slot};
use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// The largest weight that is accepted, f16's largest number; products of larger ones overflow.
const MAX_WEIGHT: f32 = 65_504.0;
/// The largest alpha that is accepted; a larger one makes numbers that are none.
const MAX_ALPHA: f64 = 65_536.0;
/// The largest rank that is accepted.
pub const MAX_RANK: usize = 64;
const PREFIX: &str = "base_model.model.";

/// The part of `adapter_config.json` that attune acts on. Every other key must hold its default:
/// see [`read_peft`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeftConfig {
    /// `LORA`; another method is refused.
    pub peft_type: String,
    /// The rank.
    #[serde(default)]
    pub r: usize,
    /// alpha
    #[serde(default)]
    pub lora_alpha: f64,
    /// Whether the scale is alpha / √r.
    #[serde(default)]
    pub use_rslora: bool,
    /// Ranks of single modules.
    #[serde(default)]
    pub rank_pattern: BTreeMap<String, usize>,
    /// Alphas of single modules.
    #[serde(default)]
    pub alpha_pattern: BTreeMap<String, f64>,
    /// Names, or one word such as `all-linear`.
    #[serde(default)]
    pub target_modules: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The two files of a PEFT directory.
#[derive(Clone, Debug)]
pub struct PeftFiles {
    /// `adapter_config.json`
    pub config: Vec<u8>,
    /// `adapter_model.safetensors`
    pub weights: Vec<u8>,
}

/// Keys that change what the weights mean; each must be absent, null, false, empty or this default.
const REFUSED: [(&str, &str); 18] = [
    ("use_dora", ""),
    ("task_type", "CAUSAL_LM"),
    ("bias", "none"),
    ("lora_bias", ""),
    ("modules_to_save", ""),
    ("fan_in_fan_out", ""),
    ("layers_to_transform", ""),
    ("layer_replication", ""),
    ("target_parameters", ""),
    ("trainable_token_indices", ""),
    ("alora_invocation_tokens", ""),
    ("use_qalora", ""),
    ("use_bdlora", ""),
    ("arrow_config", ""),
    ("kasa_config", ""),
    ("velora_config", ""),
    ("monteclora_config", ""),
    ("megatron_config", ""),
];

/// Reads and checks the two files against the base's shape. Nothing is allocated for a tensor
/// before its name, type and shape have been checked.
///
/// # Errors
/// [`Error`] names the key or the tensor.
pub fn read_peft(files: &PeftFiles, base: &BaseShape, device: &Device) -> Result<Adapter, Error> {
    let config: PeftConfig = serde_json::from_slice(&files.config)?;
    check_config(&config)?;
    let tensors = SafeTensors::deserialize(&files.weights).map_err(|e| Error::Safetensors { reason: e.to_string() })?;
    let mut views: HashMap<String, TensorView<'_>> = tensors.tensors().into_iter().collect();
    let mut slots = Vec::new();
    let (mut a, mut b, mut factors) = (Vec::new(), Vec::new(), Vec::new());
    for layer in 0..base.layers {
        for &module in base.modules() {
            let (input, output) = base.widths(module);
            let path = Slot { layer, module, input, output, rank: 0 }.path();
            let names = ["lora_A", "lora_B"].map(|part| format!("{PREFIX}{path}.{part}.weight"));
            let (view_a, view_b) = match (views.remove(&names[0]), views.remove(&names[1])) {
                (None, None) => continue,
                (Some(a), Some(b)) => (a, b),
                (None, Some(_)) => return Err(Error::MissingTensor { name: names[0].clone() }),
                (Some(_), None) => return Err(Error::MissingTensor { name: names[1].clone() }),
            };
            let rank = pattern(&config.rank_pattern, &path).unwrap_or(config.r);
            if rank == 0 || rank > MAX_RANK {
                return Err(Error::Rank { name: path, rank, limit: MAX_RANK });
            }
            let slot = Slot { layer, module, input, output, rank };
            a.push(tensor(&names[0], &view_a, [rank, input], device)?);
            b.push(tensor(&names[1], &view_b, [output, rank], device)?);
            let alpha = pattern(&config.alpha_pattern, &path).unwrap_or(config.lora_alpha);
            if !(alpha > 0.0 && alpha <= MAX_ALPHA) {
                return Err(Error::Alpha { name: path, alpha, limit: MAX_ALPHA });
            }
            let divisor = if config.use_rslora { (rank as f64).sqrt() } else { rank as f64 };
            factors.push((alpha, alpha / divisor));
            slots.push(slot);
        }
    }
    match views.into_keys().min() {
        Some(name) => Err(Error::UnknownTensor { name }),
        None if slots.is_empty() => Err(Error::MissingTensor { name: format!("{PREFIX}…lora_A.weight") }),
        None => Ok(Adapter::from_slots(Layout::new(slots), a, b, factors)),
    }
}

/// Reads a directory that peft wrote.
///
/// # Errors
/// [`Error::File`] where a file is missing, else as [`read_peft`].
pub fn read_peft_directory(dir: &Path, base: &BaseShape, device: &Device) -> Result<Adapter, Error> {
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read(&path).map_err(|source| Error::File { file: path.display().to_string(), source })
    };
    let files = PeftFiles { config: read("adapter_config.json")?, weights: read("adapter_model.safetensors")? };
    read_peft(&files, base, device)
}

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

fn check_config(config: &PeftConfig) -> Result<(), Error> {
    if config.peft_type != "LORA" {
        return Err(Error::Unsupported { field: "peft_type", value: config.peft_type.clone() });
    }
    for (field, default) in REFUSED {
        let set = match config.rest.get(field) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::String(text)) => text != default,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(items)) => !items.is_empty(),
            Some(_) => true,
        };
        if set {
            return Err(Error::Unsupported { field, value: config.rest[field].to_string() });
        }
    }
    match &config.target_modules {
        Value::Array(names) => {
            for name in names {
                let name = name.as_str().unwrap_or_default();
                let last = name.rsplit('.').next().unwrap_or(name);
                if Module::from_name(last).is_none() {
                    return Err(Error::UnknownTarget { name: name.to_owned() });
                }
            }
            Ok(())
        }
        // One word is a pattern that peft matched when it trained; the tensors say what it hit.
        _ => Ok(()),
    }
}

/// peft's rule: a key stands for the modules whose path is the key or ends in it.
fn pattern<T: Copy>(patterns: &BTreeMap<String, T>, path: &str) -> Option<T> {
    let hit = |key: &str| path == key || path.strip_suffix(key).is_some_and(|head| head.ends_with('.'));
    patterns.iter().find(|(key, _)| hit(key.trim_start_matches('^').trim_end_matches('$'))).map(|(_, value)| *value)
}

/// A checked f32 tensor.
fn tensor(name: &str, view: &TensorView<'_>, shape: [usize; 2], device: &Device) -> Result<Tensor, Error> {
    if view.shape() != shape {
        return Err(Error::Shape { name: name.to_owned(), found: view.shape().to_vec(), expected: shape.to_vec() });
    }
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => return Err(Error::Dtype { name: name.to_owned(), dtype: format!("{other:?}") }),
    };
    let values = Tensor::from_raw_buffer(view.data(), dtype, &shape, &Device::Cpu)?.to_dtype(DType::F32)?;
    if values.flatten_all()?.to_vec1::<f32>()?.iter().any(|x| !x.is_finite() || x.abs() > MAX_WEIGHT) {
        return Err(Error::NotFinite { name: name.to_owned() });
    }
    Ok(values.to_device(device)?)
}
