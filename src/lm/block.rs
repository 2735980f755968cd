//! One decoder layer: x + attention(norm(x)), then x + mlp(norm(x)).

use super::attention::{Attention, Context};
use super::config::Config;
use super::linear::Linear;
use super::mlp::Mlp;
use super::norm::RmsNorm;
use super::row_adapters::RowAdapters;
use crate::lora::Module;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

#[derive(Clone, Debug)]
pub(super) struct Block {
    input_norm: RmsNorm,
    attention: Attention,
    mlp_norm: RmsNorm,
    mlp: Mlp,
}

impl Block {
    pub(super) fn load(config: &Config, layer: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let norm = |name| RmsNorm::load(config.hidden_size, config.rms_norm_eps, &vb.pp(name));
        Ok(Self {
            input_norm: norm("input_layernorm")?,
            attention: Attention::load(config, layer, &vb.pp("self_attn"))?,
            mlp_norm: norm("post_attention_layernorm")?,
            mlp: Mlp::load(config, layer, &vb.pp("mlp"))?,
        })
    }

    /// `[B, T, D]` to `[B, T, D]`.
    pub(super) fn forward(&self, x: &Tensor, context: Context<'_>, adapters: &RowAdapters) -> Result<Tensor> {
        let x = (x + self.attention.forward(&self.input_norm.forward(x)?, context, adapters)?)?;
        &x + self.mlp.forward(&self.mlp_norm.forward(&x)?, adapters)?
    }

    pub(super) fn linear_mut(&mut self, module: Module) -> &mut Linear {
        match module {
            Module::QProj | Module::KProj | Module::VProj | Module::OProj => self.attention.linear_mut(module),
            Module::GateProj | Module::UpProj | Module::DownProj => self.mlp.linear_mut(module),
        }
    }
}
