//! The families that are known, and their tensors' names in GGUF files and on the Hugging Face hub.

use super::{Error, Metadata};

/// A family of decoders, as `general.architecture` names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Llama 2, 3, 3.x, Mistral, SmolLM2.
    Llama,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3.
    Qwen3,
    /// Gemma 2.
    Gemma2,
    /// Gemma 3 (text).
    Gemma3,
    /// Phi 3 and 4.
    Phi3,
}

const ARCHITECTURES: [(&str, Architecture); 6] = [
    ("llama", Architecture::Llama),
    ("qwen2", Architecture::Qwen2),
    ("qwen3", Architecture::Qwen3),
    ("gemma2", Architecture::Gemma2),
    ("gemma3", Architecture::Gemma3),
    ("phi3", Architecture::Phi3),
];

/// Hugging Face's name and GGUF's, outside the layers.
const TOP: [(&str, &str); 3] =
    [("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output")];

/// In the layers of every family.
const LAYER: [(&str, &str); 5] = [
    ("input_layernorm", "attn_norm"),
    ("self_attn.o_proj", "attn_output"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("mlp.down_proj", "ffn_down"),
];

/// Where q, k, v, gate and up are linear layers of their own.
const SEPARATE: [(&str, &str); 5] = [
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
];

/// Where they are fused.
const FUSED: [(&str, &str); 2] = [("self_attn.qkv_proj", "attn_qkv"), ("mlp.gate_up_proj", "ffn_up")];

/// Where attention and MLP are normed before.
const NORMED_ONCE: [(&str, &str); 1] = [("post_attention_layernorm", "ffn_norm")];

/// Where they are normed before and after.
const NORMED_TWICE: [(&str, &str); 3] = [
    ("post_attention_layernorm", "post_attention_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
];

impl Architecture {
    /// The family that a file names.
    pub(super) fn of(metadata: &Metadata) -> Result<Self, Error> {
        let key = "general.architecture";
        let name =
            metadata.text(key).ok_or(Error::Key { key: key.to_owned(), problem: "is missing, or is no text" })?;
        let known = ARCHITECTURES.iter().find(|(known, _)| *known == name);
        known.map(|(_, architecture)| *architecture).ok_or_else(|| Error::Unsupported {
            what: "architecture",
            value: name.to_owned(),
            known: ARCHITECTURES.map(|(known, _)| known).join(", "),
        })
    }

    /// The name in `general.architecture`, which most keys begin with.
    pub fn name(self) -> &'static str {
        ARCHITECTURES[self as usize].0
    }

    pub(super) fn is_gemma(self) -> bool {
        matches!(self, Self::Gemma2 | Self::Gemma3)
    }

    /// The name in the file of a tensor that Hugging Face calls `name`.
    pub fn gguf_name(self, name: &str) -> Option<String> {
        let (stem, part) = split_part(name)?;
        if let Some((_, gguf)) = TOP.iter().find(|(hf, _)| *hf == stem) {
            return Some(format!("{gguf}.{part}"));
        }
        let (layer, stem) = split_layer(stem.strip_prefix("model.layers.")?)?;
        let (_, gguf) = self.layer_names().find(|(hf, _)| *hf == stem)?;
        Some(format!("blk.{layer}.{gguf}.{part}"))
    }

    /// Hugging Face's name of a tensor that the file calls `name`.
    pub fn hf_name(self, name: &str) -> Option<String> {
        let (stem, part) = split_part(name)?;
        if let Some((hf, _)) = TOP.iter().find(|(_, gguf)| *gguf == stem) {
            return Some(format!("{hf}.{part}"));
        }
        let (layer, stem) = split_layer(stem.strip_prefix("blk.")?)?;
        let (hf, _) = self.layer_names().find(|(_, gguf)| *gguf == stem)?;
        Some(format!("model.layers.{layer}.{hf}.{part}"))
    }

    fn layer_names(self) -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        let linear: &[_] = if self == Self::Phi3 { &FUSED } else { &SEPARATE };
        let norms: &[_] = if self.is_gemma() { &NORMED_TWICE } else { &NORMED_ONCE };
        LAYER.iter().chain(linear).chain(norms)
    }
}

/// `a.b.weight` → `a.b` and `weight`.
fn split_part(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(_, part)| matches!(*part, "weight" | "bias"))
}

/// `12.rest` → 12 and `rest`; 012 is no number of a layer.
fn split_layer(name: &str) -> Option<(usize, &str)> {
    let (digits, rest) = name.split_once('.')?;
    let layer: usize = digits.parse().ok()?;
    (layer.to_string() == digits).then_some((layer, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_counterpart_and_leads_back() {
        for (name, architecture) in ARCHITECTURES {
            assert_eq!(architecture.name(), name);
            let layers = architecture.layer_names().map(|(hf, _)| format!("model.layers.11.{hf}"));
            for stem in layers.chain(TOP.map(|(hf, _)| hf.to_owned())) {
                for part in ["weight", "bias"] {
                    let hf = format!("{stem}.{part}");
                    let gguf = architecture.gguf_name(&hf).expect("a known name");
                    assert_eq!(architecture.hf_name(&gguf), Some(hf));
                }
            }
        }
    }

    #[test]
    fn families_differ_in_the_norms_and_the_fused_layers() {
        let name = |architecture: Architecture, name: &str| architecture.gguf_name(&format!("model.layers.3.{name}"));
        let some = |name: &str| Some(name.to_owned());
        let norm = "post_attention_layernorm.weight";
        assert_eq!(name(Architecture::Llama, norm), some("blk.3.ffn_norm.weight"));
        assert_eq!(name(Architecture::Gemma3, norm), some("blk.3.post_attention_norm.weight"));
        assert_eq!(name(Architecture::Gemma2, "pre_feedforward_layernorm.weight"), some("blk.3.ffn_norm.weight"));
        assert_eq!(name(Architecture::Phi3, "self_attn.qkv_proj.weight"), some("blk.3.attn_qkv.weight"));
        assert_eq!(name(Architecture::Phi3, "mlp.gate_up_proj.weight"), some("blk.3.ffn_up.weight"));
        assert_eq!(name(Architecture::Qwen2, "self_attn.q_proj.bias"), some("blk.3.attn_q.bias"));
        assert_eq!(name(Architecture::Phi3, "self_attn.q_proj.weight"), None);
    }

    #[test]
    fn names_that_are_nobodys_have_no_counterpart() {
        for name in ["", "model.layers.03.mlp.up_proj.weight", "model.layers.x.mlp.up_proj.weight", "model.norm"] {
            assert_eq!(Architecture::Llama.gguf_name(name), None, "{name}");
        }
    }
}
