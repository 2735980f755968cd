//! `config.json`, as transformers 4 and 5 write it.

use super::family::Family;
use super::resolved::{Biases, Config, LayerKind};
use super::rope::{RopeConfig, rope_configs};
use crate::lm::Error;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `config.json` of a decoder. Unknown keys are ignored, as transformers ignores them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FileConfig {
    /// Hugging Face's family name; `llama` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_type: Option<String>,
    /// Class names; they are kept, not read.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    /// Width of one head; where absent the family's, or `hidden_size / num_attention_heads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_dim: Option<usize>,
    /// The MLP's activation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_act: Option<String>,
    /// The same as Gemma spells it; it wins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden_activation: Option<String>,
    /// The norm's epsilon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rms_norm_eps: Option<f64>,
    /// The longest sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_position_embeddings: Option<usize>,
    /// The context before a scaling stretched it (Phi-3 keeps it here).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<usize>,
    /// RoPE's base, as transformers 4 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_theta: Option<f64>,
    /// RoPE's base in Gemma 3's windowed layers, as transformers 4 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_local_base_freq: Option<f64>,
    /// The share of a head's coordinates that RoPE turns, as transformers 4 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_rotary_factor: Option<f64>,
    /// RoPE's scaling, as transformers 4 writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<Value>,
    /// RoPE's base and scaling, as transformers 5 writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rope_parameters: Option<Value>,
    /// Whether the output layer is the embedding; where absent, the family's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tie_word_embeddings: Option<bool>,
    /// Whether q, k, v and o have a bias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attention_bias: Option<bool>,
    /// Whether gate, up and down have a bias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlp_bias: Option<bool>,
    /// How far back a windowed layer sees, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<usize>,
    /// Whether Qwen uses the window at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_sliding_window: Option<bool>,
    /// Qwen's first windowed layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_window_layers: Option<usize>,
    /// Gemma 3: every so many layers one sees everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sliding_window_pattern: Option<usize>,
    /// `sliding_attention` or `full_attention`, layer by layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_types: Option<Vec<String>>,
    /// Gemma: attention scores are divided by the root of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_pre_attn_scalar: Option<f64>,
    /// Gemma 2: attention scores are bent into ± this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attn_logit_softcapping: Option<f64>,
    /// Gemma 2: logits are bent into ± this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_logit_softcapping: Option<f64>,
    /// How the weights were quantised by another tool (GPTQ, AWQ, bitsandbytes …); refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantization_config: Option<Value>,
    /// Gemma 3 as an encoder; refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_bidirectional_attention: Option<bool>,
    /// The token that begins a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bos_token_id: Option<Value>,
    /// The token, or tokens, that end one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eos_token_id: Option<Value>,
}

/// The largest width, vocabulary or context that is believed.
const MAX_WIDTH: usize = 1 << 24;
/// The largest number of layers or heads that is believed.
const MAX_COUNT: usize = 4096;

impl FileConfig {
    /// Checks the file's values and fills in what it leaves out.
    ///
    /// # Errors
    /// [`Error::Unsupported`] names an architecture, activation or scaling that is not known;
    /// [`Error::Config`] a value that cannot be.
    pub fn resolve(&self) -> Result<Config, Error> {
        let family = Family::of(self)?;
        if let Some(other) = &self.quantization_config {
            let method = other.get("quant_method").and_then(Value::as_str).unwrap_or("unknown");
            let value = format!("{method} (take the unquantised model, with --quantize, or a GGUF file of it)");
            return Err(Error::Unsupported { what: "quantization_config", value });
        }
        self.check_sizes()?;
        let heads = self.num_attention_heads;
        let kv_heads = self.num_key_value_heads.unwrap_or(heads);
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(Error::Config { field: "num_key_value_heads", problem: "does not divide num_attention_heads" });
        }
        let head_dim = self.head_dim.or(family.head_dim()).unwrap_or(self.hidden_size / heads);
        if head_dim == 0 || head_dim > MAX_WIDTH || !head_dim.is_multiple_of(2) {
            return Err(Error::Config { field: "head_dim", problem: "is not an even number above 0" });
        }
        if heads * head_dim > MAX_WIDTH {
            return Err(Error::Config {
                field: "head_dim",
                problem: "times num_attention_heads is larger than any model's",
            });
        }
        let bias = self.attention_bias.unwrap_or(false);
        let ropes = rope_configs(self, family, head_dim)?;
        Ok(Config {
            family,
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            heads,
            kv_heads,
            head_dim,
            rms_norm_eps: self.rms_norm_eps.unwrap_or(1e-6),
            context: self.context(&ropes),
            layer_kinds: self.layer_kinds(family, ropes.len())?,
            ropes,
            tied: self.tie_word_embeddings.unwrap_or(family.tied()),
            activation: family.activation(self)?,
            biases: Biases {
                qkv: bias || family.qkv_bias(),
                output: bias && !family.qkv_bias(),
                mlp: self.mlp_bias.unwrap_or(false),
            },
            attention_scale: family.attention_scale(self.query_pre_attn_scalar, head_dim)?,
            attention_softcap: softcap("attn_logit_softcapping", family, self.attn_logit_softcapping)?,
            final_softcap: softcap("final_logit_softcapping", family, self.final_logit_softcapping)?,
            bos: token_ids(self.bos_token_id.as_ref()).first().copied(),
            eos: token_ids(self.eos_token_id.as_ref()),
        })
    }

    fn check_sizes(&self) -> Result<(), Error> {
        for (field, value, limit) in [
            ("vocab_size", self.vocab_size, MAX_WIDTH),
            ("hidden_size", self.hidden_size, MAX_WIDTH),
            ("intermediate_size", self.intermediate_size, MAX_WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, MAX_COUNT),
            ("num_attention_heads", self.num_attention_heads, MAX_COUNT),
            ("max_position_embeddings", self.max_position_embeddings.unwrap_or(1), MAX_WIDTH),
        ] {
            if value == 0 || value > limit {
                return Err(Error::Config { field, problem: "is 0, or larger than any model's" });
            }
        }
        Ok(())
    }

    /// The longest text. A dynamic scaling stretches what the file says by its factor.
    fn context(&self, ropes: &[RopeConfig]) -> usize {
        let trained = self.max_position_embeddings.unwrap_or(2048);
        let stretch = ropes.iter().map(|rope| rope.scaling.stretch()).fold(1.0, f64::max);
        ((trained as f64 * stretch) as usize).clamp(1, MAX_WIDTH)
    }

    /// Which layers see only a window, and which RoPE each has: the first for those that see
    /// everything, the last for windowed ones.
    fn layer_kinds(&self, family: Family, ropes: usize) -> Result<Vec<LayerKind>, Error> {
        let windowed: Vec<bool> = match &self.layer_types {
            Some(types) if types.len() == self.num_hidden_layers => types
                .iter()
                .map(|kind| match kind.as_str() {
                    "full_attention" => Ok(false),
                    "sliding_attention" => Ok(true),
                    other => Err(Error::Unsupported { what: "layer type", value: other.to_owned() }),
                })
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(Error::Config { field: "layer_types", problem: "has not one entry for each layer" }),
            None => (0..self.num_hidden_layers).map(|layer| family.is_windowed(self, layer)).collect(),
        };
        let window = family.window(self);
        if window == Some(0) {
            return Err(Error::Config { field: "sliding_window", problem: "is 0" });
        }
        let kind = |windowed| match (windowed, window) {
            (true, Some(window)) => LayerKind { window: Some(window), rope: ropes - 1 },
            (true, None) => LayerKind { window: None, rope: ropes - 1 },
            (false, _) => LayerKind { window: None, rope: 0 },
        };
        Ok(windowed.into_iter().map(kind).collect())
    }
}

/// A soft cap that the family has and the file sets.
fn softcap(field: &'static str, family: Family, value: Option<f64>) -> Result<Option<f64>, Error> {
    match value.filter(|_| family.has_softcaps()) {
        Some(cap) if cap > 0.0 => Ok(Some(cap)),
        Some(_) => Err(Error::Config { field, problem: "is not above 0" }),
        None => Ok(None),
    }
}

/// A token id, or a list of them, as the two forms of `eos_token_id` go.
pub fn token_ids(value: Option<&Value>) -> Vec<u32> {
    let id = |v: &Value| v.as_u64().and_then(|id| u32::try_from(id).ok());
    match value {
        Some(Value::Array(ids)) => ids.iter().filter_map(id).collect(),
        Some(single) => id(single).into_iter().collect(),
        None => Vec::new(),
    }
}
