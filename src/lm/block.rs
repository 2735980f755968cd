//! One decoder layer: x + attention(norm(x)), then x + mlp(norm(x)); Gemma norms what it adds, too.

use super::Error;
use super::attention::{Attention, Context};
use super::config::Config;
use super::linear::Linear;
use super::mlp::Mlp;
use super::norm::RmsNorm;
use super::step::Adapters;
use super::weights::WeightSource;
use crate::lora::Module;
use candle_core::{Result, Tensor};

#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Which of the model's rotary embeddings turns its heads.
    pub(super) rope: usize,
    before_attention: RmsNorm,
    attention: Attention,
    after_attention: Option<RmsNorm>,
    before_mlp: RmsNorm,
    mlp: Mlp,
    after_mlp: Option<RmsNorm>,
}

impl Block {
    pub(super) fn load(config: &Config, layer: usize, source: &dyn WeightSource) -> std::result::Result<Self, Error> {
        let path = format!("model.layers.{layer}");
        let norm = |name: &str| RmsNorm::load(config.hidden_size, config, &format!("{path}.{name}"), source);
        // The same name stands for another place where there are four norms.
        let twice = config.family.norms_twice();
        let (after_attention, before_mlp, after_mlp) = if twice {
            let after = norm("post_attention_layernorm")?;
            (Some(after), norm("pre_feedforward_layernorm")?, Some(norm("post_feedforward_layernorm")?))
        } else {
            (None, norm("post_attention_layernorm")?, None)
        };
        Ok(Self {
            rope: config.layer_kinds[layer].rope,
            before_attention: norm("input_layernorm")?,
            attention: Attention::load(config, layer, &format!("{path}.self_attn"), source)?,
            after_attention,
            before_mlp,
            mlp: Mlp::load(config, layer, &format!("{path}.mlp"), source)?,
            after_mlp,
        })
    }

    /// `[B, T, D]` to `[B, T, D]`.
    pub(super) fn forward(&self, x: &Tensor, context: Context<'_>, adapters: Adapters<'_>) -> Result<Tensor> {
        let after = |y: Tensor, norm: &Option<RmsNorm>| match norm {
            Some(norm) => norm.forward(&y),
            None => Ok(y),
        };
        let mixed = self.attention.forward(&self.before_attention.forward(x)?, context, adapters)?;
        let x = (x + after(mixed, &self.after_attention)?)?;
        let added = self.mlp.forward(&self.before_mlp.forward(&x)?, adapters)?;
        &x + after(added, &self.after_mlp)?
    }

    /// One of the linear layers, where this family has it.
    pub(super) fn linear_mut(&mut self, module: Module) -> Option<&mut Linear> {
        self.attention.linear_mut(module).or(self.mlp.linear_mut(module))
    }
}
