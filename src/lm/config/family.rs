//! What sets the families apart, each as transformers defines it.

use super::file::FileConfig;
use super::resolved::Activation;
use crate::lm::Error;

/// A family of decoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Llama 2, 3, 3.x, SmolLM2 and what shares their shape.
    Llama,
    /// Mistral: Llama with a sliding window.
    Mistral,
    /// Qwen 2 and 2.5: biases on q, k and v.
    Qwen2,
    /// Qwen 3: norms on the heads of q and k.
    Qwen3,
    /// Gemma 2: soft caps, every second layer windowed, norms before and after.
    Gemma2,
    /// Gemma 3 (text): norms on heads, two RoPEs, five of six layers windowed.
    Gemma3,
    /// Phi 3 and 4 mini: fused projections, longrope.
    Phi3,
}

/// The families' names in `model_type`.
const NAMES: [(&str, Family); 7] = [
    ("llama", Family::Llama),
    ("mistral", Family::Mistral),
    ("qwen2", Family::Qwen2),
    ("qwen3", Family::Qwen3),
    ("gemma2", Family::Gemma2),
    ("gemma3_text", Family::Gemma3),
    ("phi3", Family::Phi3),
];

impl Family {
    /// The family that a file names.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the families that there are.
    pub(super) fn of(file: &FileConfig) -> Result<Self, Error> {
        let name = file.model_type.as_deref().unwrap_or("llama");
        if file.use_bidirectional_attention == Some(true) {
            return Err(Error::Unsupported { what: "attention", value: "use_bidirectional_attention".to_owned() });
        }
        let known = NAMES.into_iter().find(|(known, _)| *known == name);
        known.map(|(_, family)| family).ok_or_else(|| {
            let families = NAMES.map(|(known, _)| known).join(", ");
            Error::Unsupported { what: "architecture", value: format!("{name} (known: {families})") }
        })
    }

    /// The name in `model_type`.
    pub fn name(self) -> &'static str {
        NAMES.into_iter().find(|(_, family)| *family == self).map_or("llama", |(name, _)| name)
    }

    fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }

    /// The width of a head where the file does not say and it is not the quotient.
    pub(super) fn head_dim(self) -> Option<usize> {
        match self {
            Self::Qwen3 => Some(128),
            Self::Gemma2 | Self::Gemma3 => Some(256),
            _ => None,
        }
    }

    /// Whether the output layer is the embedding where the file does not say.
    pub(super) fn tied(self) -> bool {
        self.is_gemma()
    }

    /// Whether q, k and v have a bias that the file does not mention.
    pub(super) fn qkv_bias(self) -> bool {
        self == Self::Qwen2
    }

    /// Whether the heads of q and k are normed before RoPE.
    pub fn norms_heads(self) -> bool {
        matches!(self, Self::Qwen3 | Self::Gemma3)
    }

    /// Whether attention and MLP are normed before *and* after, and norms scale by 1 + weight.
    pub fn norms_twice(self) -> bool {
        self.is_gemma()
    }

    /// Whether norms scale by 1 + weight.
    pub fn norm_adds_one(self) -> bool {
        self.is_gemma()
    }

    /// Whether embeddings are multiplied by √D.
    pub fn scales_embedding(self) -> bool {
        self.is_gemma()
    }

    /// Whether q, k, v are one linear layer, and gate, up another.
    pub fn is_fused(self) -> bool {
        self == Self::Phi3
    }

    pub(super) fn has_softcaps(self) -> bool {
        self.is_gemma()
    }

    /// The MLP's activation.
    pub(super) fn activation(self, file: &FileConfig) -> Result<Activation, Error> {
        let named = file.hidden_activation.as_deref().or(file.hidden_act.as_deref());
        match named {
            // Gemma's first files say gelu and mean its approximation, as transformers reads them.
            None | Some("gelu" | "gelu_pytorch_tanh") if self.is_gemma() => Ok(Activation::GeluTanh),
            None | Some("silu" | "swish") => Ok(Activation::Silu),
            Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some(other) => Err(Error::Unsupported {
                what: "hidden_act",
                value: format!("{other} (known: silu, gelu_pytorch_tanh)"),
            }),
        }
    }

    /// The factor of attention scores.
    pub(super) fn attention_scale(self, scalar: Option<f64>, head_dim: usize) -> Result<f64, Error> {
        let divisor = match self {
            Self::Gemma2 | Self::Gemma3 => scalar.unwrap_or(256.0),
            _ => head_dim as f64,
        };
        if divisor > 0.0 {
            Ok(divisor.powf(-0.5))
        } else {
            Err(Error::Config { field: "query_pre_attn_scalar", problem: "is not above 0" })
        }
    }

    /// How far back a windowed layer sees.
    pub(super) fn window(self, file: &FileConfig) -> Option<usize> {
        match self {
            Self::Llama => None,
            Self::Qwen2 | Self::Qwen3 if file.use_sliding_window != Some(true) => None,
            Self::Gemma2 | Self::Gemma3 => file.sliding_window.or(Some(4096)),
            _ => file.sliding_window,
        }
    }

    /// Whether a layer sees only a window, where the file has no list of layer types.
    pub(super) fn is_windowed(self, file: &FileConfig, layer: usize) -> bool {
        match self {
            Self::Llama => false,
            Self::Mistral | Self::Phi3 => true,
            Self::Qwen2 | Self::Qwen3 => layer >= file.max_window_layers.unwrap_or(28),
            Self::Gemma2 => layer.is_multiple_of(2),
            Self::Gemma3 => !(layer + 1).is_multiple_of(file.sliding_window_pattern.unwrap_or(6).max(1)),
        }
    }
}
