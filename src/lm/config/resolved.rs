//! The resolved configuration: no options are left open.

use super::family::Family;
use super::rope::RopeConfig;
use crate::lora::{BaseShape, Projections};

/// The MLP's activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// x · σ(x)
    Silu,
    /// GELU by its tanh approximation (Hendrycks and Gimpel 2016).
    GeluTanh,
}

/// Which linear layers have a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Biases {
    /// q, k and v.
    pub qkv: bool,
    /// The attention's output.
    pub output: bool,
    /// gate, up and down.
    pub mlp: bool,
}

/// What one decoder layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerKind {
    /// A token sees this many tokens, itself included; all before it where there is no window.
    pub window: Option<usize>,
    /// Which of [`Config::ropes`] turns its heads.
    pub rope: usize,
}

/// The configuration that the model is built from.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The family.
    pub family: Family,
    /// V
    pub vocab_size: usize,
    /// D
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Hq
    pub heads: usize,
    /// Hkv
    pub kv_heads: usize,
    /// E, even.
    pub head_dim: usize,
    /// The norm's epsilon.
    pub rms_norm_eps: f64,
    /// The longest sequence in tokens.
    pub context: usize,
    /// One entry for each decoder layer.
    pub layer_kinds: Vec<LayerKind>,
    /// One or two: the layers' rotary embeddings.
    pub ropes: Vec<RopeConfig>,
    /// Whether the output layer is the embedding.
    pub tied: bool,
    /// The MLP's activation.
    pub activation: Activation,
    /// Which linear layers have a bias.
    pub biases: Biases,
    /// The factor of attention scores.
    pub attention_scale: f64,
    /// Attention scores are bent into ± this.
    pub attention_softcap: Option<f64>,
    /// Logits are bent into ± this.
    pub final_softcap: Option<f64>,
    /// The token that begins a text.
    pub bos: Option<u32>,
    /// The tokens that end one.
    pub eos: Vec<u32>,
}

impl Config {
    /// Decoder layers.
    pub fn layers(&self) -> usize {
        self.layer_kinds.len()
    }

    /// The widths of the linear layers.
    pub fn shape(&self) -> BaseShape {
        BaseShape {
            layers: self.layers(),
            hidden: self.hidden_size,
            intermediate: self.intermediate_size,
            query: self.heads * self.head_dim,
            kv: self.kv_heads * self.head_dim,
            projections: if self.family.is_fused() { Projections::Fused } else { Projections::Separate },
        }
    }

    /// Weights of all linear layers, `in · out` summed: what a quantisation makes smaller, with the tables.
    pub fn matrix_parameters(&self) -> u64 {
        let shape = self.shape();
        let layer: u64 = shape.modules().iter().map(|m| shape.widths(*m)).map(|(i, o)| (i * o) as u64).sum();
        let tables = if self.tied { 1 } else { 2 } * (self.vocab_size * self.hidden_size) as u64;
        layer * self.layers() as u64 + tables
    }

    /// Weights of norms and biases.
    pub fn vector_parameters(&self) -> u64 {
        let shape = self.shape();
        let norms = if self.family.norms_twice() { 4 } else { 2 } * self.hidden_size;
        let head_norms = if self.family.norms_heads() { 2 * self.head_dim } else { 0 };
        let qkv = if self.biases.qkv { shape.query + 2 * shape.kv } else { 0 };
        let output = if self.biases.output { self.hidden_size } else { 0 };
        let mlp = if self.biases.mlp { 2 * self.intermediate_size + self.hidden_size } else { 0 };
        ((norms + head_norms + qkv + output + mlp) * self.layers() + self.hidden_size) as u64
    }

    /// The number of weights; a tied output layer counts once.
    pub fn parameters(&self) -> u64 {
        self.matrix_parameters() + self.vector_parameters()
    }

    /// Numbers of keys and values that one token of a text keeps.
    pub fn kv_numbers_per_token(&self) -> u64 {
        (2 * self.kv_heads * self.head_dim * self.layers()) as u64
    }
}
