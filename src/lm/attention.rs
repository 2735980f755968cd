//! Self-attention with grouped key and value heads.

use super::config::Config;
use super::kv_cache::{CachedStep, LayerCache};
use super::linear::{Bias, Linear};
use super::ops::{self, AttentionMap, Heads};
use super::row_adapters::RowAdapters;
use crate::lora::Module;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

#[derive(Clone, Debug)]
pub(super) struct Attention {
    layer: usize,
    heads: Heads,
    q: Linear,
    k: Linear,
    v: Linear,
    o: Linear,
}

/// What a token attends to: its packed row, or the cache.
pub(super) enum Context<'a> {
    /// The packed path.
    Packed(&'a AttentionMap),
    /// The cached path.
    Cached(&'a CachedStep, &'a mut LayerCache),
}

impl Attention {
    pub(super) fn load(config: &Config, layer: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let heads = Heads { query: config.heads, kv: config.kv_heads, width: config.head_dim };
        let (d, bias) = (config.hidden_size, Bias::from_config(config.attention_bias));
        let (q_width, kv_width) = (heads.query * heads.width, heads.kv * heads.width);
        Ok(Self {
            layer,
            heads,
            q: Linear::load(d, q_width, bias, &vb.pp("q_proj"))?,
            k: Linear::load(d, kv_width, bias, &vb.pp("k_proj"))?,
            v: Linear::load(d, kv_width, bias, &vb.pp("v_proj"))?,
            o: Linear::load(q_width, d, bias, &vb.pp("o_proj"))?,
        })
    }

    /// `[B, T, D]` to `[B, T, D]`.
    pub(super) fn forward(&self, x: &Tensor, context: Context<'_>, adapters: &RowAdapters) -> Result<Tensor> {
        let slot = |module| adapters.get(self.layer, module);
        let q = self.q.forward(x, slot(Module::QProj))?;
        let k = self.k.forward(x, slot(Module::KProj))?;
        let v = self.v.forward(x, slot(Module::VProj))?;
        let mixed = match context {
            Context::Packed(map) => ops::attention(&q, &k, &v, self.heads, map)?,
            Context::Cached(step, cache) => step.attend(&q, &k, &v, self.heads, cache)?,
        };
        self.o.forward(&mixed, slot(Module::OProj))
    }

    /// One of q, k, v, o.
    pub(super) fn linear_mut(&mut self, module: Module) -> &mut Linear {
        match module {
            Module::QProj => &mut self.q,
            Module::KProj => &mut self.k,
            Module::VProj => &mut self.v,
            _ => &mut self.o,
        }
    }
}
