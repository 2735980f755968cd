//! The model's configuration: the file as Hugging Face writes it, and the resolved form.

use super::Error;
use crate::lora::BaseShape;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `config.json` of a Llama model. Unknown keys are ignored, as transformers ignores them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FileConfig {
    /// Hugging Face's family name, `llama`.
    pub model_type: Option<String>,
    /// Class names; the first one counts.
    pub architectures: Option<Vec<String>>,
    /// Tokens in the vocabulary.
    pub vocab_size: usize,
    /// D.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub num_hidden_layers: usize,
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key and value heads; as many as query heads where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_key_value_heads: Option<usize>,
    /// Width of one head; `hidden_size / num_attention_heads` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// The MLP's activation; only `silu` is known.
    pub hidden_act: Option<String>,
    /// The norm's epsilon.
    pub rms_norm_eps: Option<f64>,
    /// The longest sequence.
    pub max_position_embeddings: Option<usize>,
    /// RoPE's base, as transformers 4 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
    /// RoPE's scaling, as transformers 4 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<Value>,
    /// RoPE's base and scaling, as transformers 5 writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_parameters: Option<Value>,
    /// Whether the output layer is the embedding.
    pub tie_word_embeddings: Option<bool>,
    /// Whether q, k, v and o have a bias.
    pub attention_bias: Option<bool>,
    /// Whether gate, up and down have a bias.
    pub mlp_bias: Option<bool>,
    /// The token that begins a text.
    pub bos_token_id: Option<Value>,
    /// The token, or tokens, that end one.
    pub eos_token_id: Option<Value>,
}

/// How RoPE's frequencies are scaled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Every frequency divided by the factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Llama 3's smooth scaling of the low frequencies.
    Llama3 {
        /// The factor of the lowest frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are scaled fully.
        low_freq_factor: f64,
        /// Wavelengths below `original / high` are not scaled.
        high_freq_factor: f64,
        /// The context that the model was first trained on.
        original_context: usize,
    },
}

/// The resolved configuration: no options are left.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// V
    pub vocab_size: usize,
    /// D
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Hq
    pub heads: usize,
    /// Hkv
    pub kv_heads: usize,
    /// Width of one head, even.
    pub head_dim: usize,
    /// The norm's epsilon.
    pub rms_norm_eps: f64,
    /// The longest sequence in tokens.
    pub context: usize,
    /// RoPE's base.
    pub rope_theta: f64,
    /// RoPE's scaling.
    pub rope_scaling: RopeScaling,
    /// Whether the output layer is the embedding.
    pub tied: bool,
    /// Whether q, k, v and o have a bias.
    pub attention_bias: bool,
    /// Whether gate, up and down have a bias.
    pub mlp_bias: bool,
    /// The token that begins a text.
    pub bos: Option<u32>,
    /// The tokens that end one.
    pub eos: Vec<u32>,
}

impl FileConfig {
    /// Checks the file's values and fills in what it leaves out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names an architecture, activation or scaling that is not known;
    /// [`Error::Config`] a value that cannot be.
    pub fn resolve(&self) -> Result<Config, Error> {
        let family = self.model_type.as_deref().unwrap_or("llama");
        if family != "llama" {
            return Err(Error::Unsupported { what: "architecture", value: family.to_owned() });
        }
        match self.hidden_act.as_deref() {
            None | Some("silu") => {}
            Some(other) => return Err(Error::Unsupported { what: "hidden_act", value: other.to_owned() }),
        }
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
        ] {
            if value == 0 {
                return Err(Error::Config { field, problem: "is 0" });
            }
        }
        let heads = self.num_attention_heads;
        let kv_heads = self.num_key_value_heads.unwrap_or(heads);
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(Error::Config { field: "num_key_value_heads", problem: "does not divide num_attention_heads" });
        }
        let head_dim = self.head_dim.unwrap_or(self.hidden_size / heads);
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(Error::Config { field: "head_dim", problem: "is not an even number above 0" });
        }
        Ok(Config {
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads,
            kv_heads,
            head_dim,
            rms_norm_eps: self.rms_norm_eps.unwrap_or(1e-6),
            context: self.max_position_embeddings.unwrap_or(2048),
            rope_theta: self.rope_number("rope_theta").or(self.rope_theta).unwrap_or(10_000.0),
            rope_scaling: self.rope_scaling()?,
            tied: self.tie_word_embeddings.unwrap_or(false),
            attention_bias: self.attention_bias.unwrap_or(false),
            mlp_bias: self.mlp_bias.unwrap_or(false),
            bos: token_ids(self.bos_token_id.as_ref()).first().copied(),
            eos: token_ids(self.eos_token_id.as_ref()),
        })
    }

    fn rope_table(&self) -> Option<&Value> {
        self.rope_parameters.as_ref().or(self.rope_scaling.as_ref()).filter(|table| table.is_object())
    }

    fn rope_number(&self, key: &str) -> Option<f64> {
        self.rope_table()?.get(key)?.as_f64()
    }

    fn rope_scaling(&self) -> Result<RopeScaling, Error> {
        let Some(table) = self.rope_table() else { return Ok(RopeScaling::None) };
        let kind = table.get("rope_type").or_else(|| table.get("type")).and_then(Value::as_str).unwrap_or("default");
        let number = |field: &'static str| {
            self.rope_number(field).filter(|n| *n > 0.0).ok_or(Error::Config { field, problem: "is not above 0" })
        };
        match kind {
            "default" => Ok(RopeScaling::None),
            "linear" => Ok(RopeScaling::Linear { factor: number("factor")? }),
            "llama3" => Ok(RopeScaling::Llama3 {
                factor: number("factor")?,
                low_freq_factor: number("low_freq_factor")?,
                high_freq_factor: number("high_freq_factor")?,
                original_context: number("original_max_position_embeddings")? as usize,
            }),
            other => Err(Error::Unsupported { what: "rope_type", value: other.to_owned() }),
        }
    }
}

impl Config {
    /// The widths of the linear layers.
    pub fn shape(&self) -> BaseShape {
        BaseShape {
            layers: self.layers,
            hidden: self.hidden_size,
            intermediate: self.intermediate_size,
            query: self.heads * self.head_dim,
            kv: self.kv_heads * self.head_dim,
        }
    }
}

/// A token id, or a list of them, as the two forms of `eos_token_id` go.
fn token_ids(value: Option<&Value>) -> Vec<u32> {
    let id = |v: &Value| v.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Some(Value::Array(ids)) => ids.iter().filter_map(id).collect(),
        Some(single) => id(single).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(extra: &str) -> FileConfig {
        let text = format!(
            r#"{{"model_type":"llama","vocab_size":8,"hidden_size":8,"intermediate_size":8,"num_hidden_layers":1,
            "num_attention_heads":2{extra}}}"#
        );
        serde_json::from_str(&text).expect("a literal")
    }

    #[test]
    fn both_spellings_of_the_rope_keys_resolve_alike() {
        let old = file(r#","rope_theta":5e5,"rope_scaling":{"rope_type":"linear","factor":2.0}"#);
        let new = file(r#","rope_parameters":{"rope_type":"linear","factor":2.0,"rope_theta":5e5}"#);
        assert_eq!(old.resolve().expect("valid"), new.resolve().expect("valid"));
        assert_eq!(old.resolve().expect("valid").rope_theta, 5e5);
    }

    #[test]
    fn an_unknown_scaling_is_refused_by_name() {
        let error = file(r#","rope_scaling":{"type":"spiral"}"#).resolve().expect_err("unknown");
        assert!(error.to_string().contains("spiral"), "{error}");
    }

    #[test]
    fn heads_that_do_not_divide_are_refused() {
        assert!(file(r#","num_key_value_heads":3"#).resolve().is_err());
    }
}
