//! `adapter_config.json`, and what of it attune cannot act on.

use super::patterns::Patterns;
use crate::lora::{Error, Module};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The largest alpha that is accepted; a larger one makes numbers that are none.
pub(super) const MAX_ALPHA: f64 = 65_536.0;

/// The part of `adapter_config.json` that attune acts on. Every other key must hold its default:
/// see [`super::read_peft`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeftConfig {
    /// `LORA`; another method is refused.
    pub peft_type: String,
    /// The base that it was trained on. Names differ between places, so it is told and never compared.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// The rank.
    #[serde(default)]
    pub r: Option<usize>,
    /// alpha
    #[serde(default)]
    pub lora_alpha: Option<f64>,
    /// Whether the scale is alpha / √r.
    #[serde(default)]
    pub use_rslora: Option<bool>,
    /// Ranks of single modules, by regular expressions; the first that hits counts.
    #[serde(default)]
    pub rank_pattern: Option<Map<String, Value>>,
    /// Alphas of single modules, likewise.
    #[serde(default)]
    pub alpha_pattern: Option<Map<String, Value>>,
    /// Names, or one expression such as `all-linear`.
    #[serde(default)]
    pub target_modules: Value,
    /// The only layers that have an adapter: one, a list, or all.
    #[serde(default)]
    pub layers_to_transform: Value,
    /// How peft began the training; some ways leave a changed base behind.
    #[serde(default)]
    pub init_lora_weights: Value,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Keys that change what the weights mean; each must be absent, null, false, empty or this default.
const REFUSED: [(&str, &str); 17] = [
    ("use_dora", ""),
    ("task_type", "CAUSAL_LM"),
    ("bias", "none"),
    ("lora_bias", ""),
    ("modules_to_save", ""),
    ("fan_in_fan_out", ""),
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

/// Beginnings that leave the base as it is. With any other, B · A is a change of a base that peft
/// changes too when it loads the adapter.
const INITS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

/// The checked configuration.
#[derive(Debug)]
pub(super) struct Resolved {
    r: usize,
    alpha: f64,
    use_rslora: bool,
    ranks: Patterns<usize>,
    alphas: Patterns<f64>,
    layers: Option<Vec<usize>>,
    pub(super) made_for: Option<String>,
}

impl PeftConfig {
    /// Parses the file.
    ///
    /// # Errors
    /// [`Error::Json`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Checks every key that matters.
    pub(super) fn resolve(self) -> Result<Resolved, Error> {
        if self.peft_type != "LORA" {
            return Err(Error::Unsupported { field: "peft_type", value: self.peft_type });
        }
        self.check_rest()?;
        self.check_targets()?;
        Ok(Resolved {
            r: self.r.ok_or(Error::MissingKey { field: "r" })?,
            alpha: self.lora_alpha.ok_or(Error::MissingKey { field: "lora_alpha" })?,
            use_rslora: self.use_rslora.unwrap_or(false),
            ranks: Patterns::new("rank_pattern", self.rank_pattern.as_ref(), whole)?,
            alphas: Patterns::new("alpha_pattern", self.alpha_pattern.as_ref(), Value::as_f64)?,
            layers: layers(&self.layers_to_transform)?,
            made_for: self.base_model_name_or_path,
        })
    }

    fn check_rest(&self) -> Result<(), Error> {
        for (field, default) in REFUSED {
            let set = match self.rest.get(field) {
                None | Some(Value::Null | Value::Bool(false)) => false,
                Some(Value::String(text)) => text != default,
                Some(Value::Array(items)) => !items.is_empty(),
                Some(Value::Object(items)) => !items.is_empty(),
                Some(_) => true,
            };
            if set {
                return Err(Error::Unsupported { field, value: self.rest[field].to_string() });
            }
        }
        match &self.init_lora_weights {
            Value::Null | Value::Bool(_) => Ok(()),
            Value::String(way) if INITS.contains(&way.to_lowercase().as_str()) => Ok(()),
            other => Err(Error::ChangedBase { value: other.to_string() }),
        }
    }

    fn check_targets(&self) -> Result<(), Error> {
        // One word is a pattern that peft matched when it trained; the tensors say what it hit.
        let Value::Array(names) = &self.target_modules else { return Ok(()) };
        for name in names {
            let name = name.as_str().unwrap_or_default();
            let last = name.rsplit('.').next().unwrap_or(name);
            if Module::from_name(last).is_none() {
                return Err(Error::UnknownTarget { name: name.to_owned() });
            }
        }
        Ok(())
    }
}

impl Resolved {
    /// The rank of the module of this path.
    pub(super) fn rank(&self, path: &str) -> Result<usize, Error> {
        let rank = self.ranks.value_of(path).unwrap_or(self.r);
        match rank {
            1..=super::MAX_RANK => Ok(rank),
            _ => Err(Error::Rank { name: path.to_owned(), rank, limit: super::MAX_RANK }),
        }
    }

    /// Alpha and scale of the module of this path.
    pub(super) fn factors(&self, path: &str, rank: usize) -> Result<(f64, f64), Error> {
        let alpha = self.alphas.value_of(path).unwrap_or(self.alpha);
        if !(alpha > 0.0 && alpha <= MAX_ALPHA) {
            return Err(Error::Alpha { name: path.to_owned(), alpha, limit: MAX_ALPHA });
        }
        let divisor = if self.use_rslora { (rank as f64).sqrt() } else { rank as f64 };
        Ok((alpha, alpha / divisor))
    }

    /// Whether the configuration says that this layer has an adapter.
    pub(super) fn has_layer(&self, layer: usize) -> bool {
        self.layers.as_ref().is_none_or(|layers| layers.contains(&layer))
    }
}

fn whole(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

/// `layers_to_transform`: a number or a list of them; an empty list is none, as peft takes it.
fn layers(value: &Value) -> Result<Option<Vec<usize>>, Error> {
    let listed = match value {
        Value::Null => return Ok(None),
        Value::Array(items) if items.is_empty() => return Ok(None),
        Value::Array(items) => items.iter().map(whole).collect(),
        one => whole(one).map(|layer| vec![layer]),
    };
    let refused = || Error::Unsupported { field: "layers_to_transform", value: value.to_string() };
    listed.map(Some).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn resolve(more: Value) -> Result<Resolved, Error> {
        let mut config = json!({ "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"] });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        PeftConfig::from_bytes(config.to_string().as_bytes()).and_then(PeftConfig::resolve)
    }

    #[test]
    fn what_changes_the_meaning_of_the_weights_is_refused_by_its_key() {
        for (key, value) in [
            ("peft_type", json!("LOHA")),
            ("use_dora", json!(true)),
            ("modules_to_save", json!(["lm_head"])),
            ("bias", json!("all")),
            ("lora_bias", json!(true)),
            ("layer_replication", json!([[0, 1]])),
            ("trainable_token_indices", json!([1])),
            ("target_parameters", json!(["experts"])),
            ("init_lora_weights", json!("pissa_niter_4")),
            ("init_lora_weights", json!("olora")),
            ("layers_to_transform", json!("all")),
        ] {
            let error = resolve(json!({ key: value })).unwrap_err().to_string();
            assert!(error.contains(key), "{key}: {error}");
        }
        for fine in [json!({ "init_lora_weights": "gaussian" }), json!({ "rank_pattern": null, "use_rslora": null })] {
            assert!(resolve(fine.clone()).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_config_without_rank_or_alpha_says_which_is_missing() {
        for key in ["r", "lora_alpha"] {
            let error = resolve(json!({ key: null })).unwrap_err().to_string();
            assert!(error.contains(&format!("{key} is missing")), "{error}");
        }
    }

    #[test]
    fn layers_are_one_a_list_or_all() {
        for (value, has) in [
            (json!(null), [true, true, true]),
            (json!([]), [true, true, true]),
            (json!(1), [false, true, false]),
            (json!([0, 2]), [true, false, true]),
        ] {
            let config = resolve(json!({ "layers_to_transform": value })).unwrap();
            assert_eq!([0, 1, 2].map(|layer| config.has_layer(layer)), has, "{value}");
        }
    }
}
