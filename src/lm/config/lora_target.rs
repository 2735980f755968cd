//! What llama.cpp calls this base, for adapters that are written for it.

use super::{Config, Family};
use crate::lora::{GgufBase, GgufHeads};

impl Config {
    /// The base of a GGUF LoRA.
    pub fn gguf_lora_base(&self) -> GgufBase {
        let architecture = match self.family {
            Family::Llama | Family::Mistral => "llama",
            Family::Qwen2 => "qwen2",
            Family::Qwen3 => "qwen3",
            Family::Gemma2 => "gemma2",
            Family::Gemma3 => "gemma3",
            Family::Phi3 => "phi3",
        };
        let heads = match self.family {
            Family::Llama | Family::Mistral => GgufHeads::Neighbours { width: self.head_dim },
            _ => GgufHeads::Halves,
        };
        GgufBase { architecture, heads }
    }
}
