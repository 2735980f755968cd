//! The shape of a base, and random PEFT adapters that fit it.
//!
//! Shapes: D is the hidden size; a linear layer is `[out, in]`, its adapter A `[r, in]` and B `[out, r]`.

use crate::noise::Noise;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde::Deserialize;
use serde_json::{Value, json};

/// The widths that linear layers are made of, under config.json's names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Shape {
    /// D
    pub(crate) hidden_size: usize,
    /// The width of the MLP.
    pub(crate) intermediate_size: usize,
    /// Decoder layers.
    pub(crate) num_hidden_layers: usize,
    /// Query heads.
    pub(crate) num_attention_heads: usize,
    /// Heads of keys and values; as many as query heads where absent.
    #[serde(default)]
    pub(crate) num_key_value_heads: Option<usize>,
    /// The width of a head; D divided by the heads where absent.
    #[serde(default)]
    pub(crate) head_dim: Option<usize>,
}

/// The two files of an adapter in PEFT's layout.
#[derive(Debug)]
pub(super) struct PeftBytes {
    pub(super) config: Vec<u8>,
    pub(super) weights: Vec<u8>,
}

/// The largest adapter that is made, in numbers: 2 GiB in f32.
const MAX_PARAMETERS: usize = 1 << 29;

/// The largest entry of B: the adapter does its arithmetic and leaves the base's answers much as they are.
const B_BOUND: f32 = 0.02;

impl Shape {
    /// The shape in a `config.json`, or in its part on text.
    pub(super) fn of_config(config: &Value) -> Result<Self, serde_json::Error> {
        Self::deserialize(config.get("text_config").unwrap_or(config))
    }

    /// The path of a linear layer in its decoder layer with (out, in); none where the name is not known.
    fn linear(&self, module: &str) -> Option<(&'static str, usize, usize)> {
        let heads = self.num_attention_heads;
        let head = self.head_dim.or(self.hidden_size.checked_div(heads))?;
        let query = heads.checked_mul(head)?;
        let kv = self.num_key_value_heads.unwrap_or(heads).checked_mul(head)?;
        let (hidden, mlp) = (self.hidden_size, self.intermediate_size);
        Some(match module {
            "q_proj" => ("self_attn.q_proj", query, hidden),
            "k_proj" => ("self_attn.k_proj", kv, hidden),
            "v_proj" => ("self_attn.v_proj", kv, hidden),
            "o_proj" => ("self_attn.o_proj", hidden, query),
            "qkv_proj" => ("self_attn.qkv_proj", kv.checked_mul(2)?.checked_add(query)?, hidden),
            "gate_proj" => ("mlp.gate_proj", mlp, hidden),
            "up_proj" => ("mlp.up_proj", mlp, hidden),
            "gate_up_proj" => ("mlp.gate_up_proj", mlp.checked_mul(2)?, hidden),
            "down_proj" => ("mlp.down_proj", hidden, mlp),
            _ => return None,
        })
    }

    /// A random adapter of rank r for these modules of every layer: A as peft begins it, B small.
    ///
    /// # Errors
    /// Where a module is not known or the whole is too large.
    pub(super) fn random_adapter(&self, modules: &[&str], rank: usize, noise: &mut Noise) -> anyhow::Result<PeftBytes> {
        let mut linears = Vec::new();
        for module in modules {
            let linear = self.linear(module);
            linears.push(linear.ok_or_else(|| anyhow::anyhow!("{module} is no linear layer with a known shape"))?);
        }
        let layer_widths =
            linears.iter().try_fold(0usize, |sum, (_, out, input)| sum.checked_add(out.checked_add(*input)?));
        let parameters = layer_widths.and_then(|sum| sum.checked_mul(rank)?.checked_mul(self.num_hidden_layers));
        anyhow::ensure!(
            parameters.is_some_and(|parameters| parameters <= MAX_PARAMETERS),
            "an adapter of rank {rank} would have more than {MAX_PARAMETERS} numbers: choose a smaller --rank"
        );
        let mut tensors = Vec::new();
        for layer in 0..self.num_hidden_layers {
            for (path, out, input) in &linears {
                let name = |part: &str| format!("base_model.model.model.layers.{layer}.{path}.lora_{part}.weight");
                let a_bound = 1.0 / (*input as f32).sqrt();
                tensors.push((name("A"), vec![rank, *input], uniform(noise, rank * input, a_bound)));
                tensors.push((name("B"), vec![*out, rank], uniform(noise, out * rank, B_BOUND)));
            }
        }
        let config = json!({
            "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": rank, "lora_dropout": 0.0,
            "target_modules": modules, "bias": "none", "inference_mode": true,
        });
        Ok(PeftBytes { config: serde_json::to_vec_pretty(&config)?, weights: safetensors_of(&tensors)? })
    }
}

/// `count` numbers in [-bound, bound) as little-endian f32.
fn uniform(noise: &mut Noise, count: usize, bound: f32) -> Vec<u8> {
    (0..count).flat_map(|_| ((noise.unit() as f32 * 2.0 - 1.0) * bound).to_le_bytes()).collect()
}

fn safetensors_of(tensors: &[(String, Vec<usize>, Vec<u8>)]) -> Result<Vec<u8>, SafeTensorError> {
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, SafeTensorError>>()?;
    safetensors::serialize(views, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    fn shape() -> Shape {
        let config = json!({
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": 99,
        });
        Shape::of_config(&config).unwrap()
    }

    #[test]
    fn a_random_adapter_has_both_matrices_of_every_linear_layer() {
        let modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
        let made = shape().random_adapter(&modules, 4, &mut Noise::seeded(1)).unwrap();
        let file = SafeTensors::deserialize(&made.weights).unwrap();
        assert_eq!(file.len(), 2 * 7 * 2);
        for (name, expected) in [
            ("0.self_attn.k_proj.lora_A", [4, 16]),
            ("0.self_attn.k_proj.lora_B", [8, 4]),
            ("1.mlp.down_proj.lora_A", [4, 24]),
            ("1.mlp.down_proj.lora_B", [16, 4]),
        ] {
            let tensor = file.tensor(&format!("base_model.model.model.layers.{name}.weight")).unwrap();
            assert_eq!(tensor.shape(), expected, "{name}");
            assert!(tensor.data().iter().any(|byte| *byte != 0), "{name}");
        }
        let config: Value = serde_json::from_slice(&made.config).unwrap();
        assert_eq!((&config["r"], &config["target_modules"]), (&json!(4), &json!(modules)));
    }

    #[test]
    fn fused_layers_and_wide_heads_have_their_own_shapes() {
        let wide = Shape { head_dim: Some(8), ..shape() };
        assert_eq!(wide.linear("o_proj"), Some(("self_attn.o_proj", 16, 32)));
        assert_eq!(wide.linear("qkv_proj"), Some(("self_attn.qkv_proj", 64, 16)));
        assert_eq!(wide.linear("gate_up_proj"), Some(("mlp.gate_up_proj", 48, 16)));
        assert_eq!(wide.linear("lm_head"), None);
    }

    #[test]
    fn a_shape_that_cannot_be_is_refused_before_anything_is_allocated() {
        let huge = Shape { hidden_size: usize::MAX, ..shape() };
        assert!(huge.random_adapter(&["q_proj"], 8, &mut Noise::seeded(1)).is_err());
        let none = Shape { num_attention_heads: 0, ..shape() };
        assert!(none.random_adapter(&["q_proj"], 8, &mut Noise::seeded(1)).is_err());
    }
}
