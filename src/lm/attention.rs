//! Self-attention with grouped key and value heads.

use super::Error;
use super::config::Config;
use super::linear::{Bias, Linear};
use super::norm::RmsNorm;
use super::ops::{self, AttentionKind, AttentionMap, Heads};
use super::step::{Adapters, StepAttention};
use super::weights::WeightSource;
use crate::lora::Module;
use candle_core::{D, Result, Tensor};

#[derive(Clone, Debug)]
pub(super) struct Attention {
    layer: usize,
    kind: AttentionKind,
    projections: Projections,
    head_norms: Option<(RmsNorm, RmsNorm)>,
    o: Linear,
}

/// q, k and v, each a layer of its own or all in one.
#[derive(Clone, Debug)]
enum Projections {
    Separate { q: Linear, k: Linear, v: Linear },
    Fused(Linear),
}

/// What a token attends to: its packed row, or the cache.
pub(super) enum Context<'a> {
    /// The packed path.
    Packed(&'a AttentionMap),
    /// The cached path.
    Cached(StepAttention<'a>),
}

impl Attention {
    pub(super) fn load(
        config: &Config,
        layer: usize,
        path: &str,
        source: &dyn WeightSource,
    ) -> std::result::Result<Self, Error> {
        let heads = Heads { query: config.heads, kv: config.kv_heads, width: config.head_dim };
        let (q_width, kv_width) = (heads.query * heads.width, heads.kv * heads.width);
        let (d, bias) = (config.hidden_size, Bias::from_config(config.biases.qkv));
        let linear = |name: &str, width| Linear::load((d, width), bias, &format!("{path}.{name}"), source);
        let projections = if config.family.is_fused() {
            Projections::Fused(linear("qkv_proj", q_width + 2 * kv_width)?)
        } else {
            let (q, k, v) = (linear("q_proj", q_width)?, linear("k_proj", kv_width)?, linear("v_proj", kv_width)?);
            Projections::Separate { q, k, v }
        };
        let norm = |name: &str| RmsNorm::load(heads.width, config, &format!("{path}.{name}"), source);
        let head_norms = if config.family.norms_heads() { Some((norm("q_norm")?, norm("k_norm")?)) } else { None };
        let kind = AttentionKind {
            heads,
            scale: config.attention_scale as f32,
            softcap: config.attention_softcap.map(|cap| cap as f32),
            window: config.layer_kinds[layer].window,
        };
        let output = Bias::from_config(config.biases.output);
        let o = Linear::load((q_width, d), output, &format!("{path}.o_proj"), source)?;
        Ok(Self { layer, kind, projections, head_norms, o })
    }

    /// `[B, T, D]` to `[B, T, D]`.
    pub(super) fn forward(&self, x: &Tensor, context: Context<'_>, adapters: Adapters<'_>) -> Result<Tensor> {
        let (q, k, v) = self.project(x, adapters)?;
        let (q, k) = match &self.head_norms {
            Some((q_norm, k_norm)) => (self.norm_heads(&q, q_norm)?, self.norm_heads(&k, k_norm)?),
            None => (q, k),
        };
        let mixed = match context {
            Context::Packed(map) => ops::attention(&q, &k, &v, self.kind, map)?,
            Context::Cached(step) => step.attend([&q, &k, &v], self.kind)?,
        };
        self.o.forward(&mixed, adapters.slot(self.layer, Module::OProj))
    }

    /// q `[B, T, Hq·E]`, k and v `[B, T, Hkv·E]`.
    fn project(&self, x: &Tensor, adapters: Adapters<'_>) -> Result<(Tensor, Tensor, Tensor)> {
        let slot = |module| adapters.slot(self.layer, module);
        match &self.projections {
            Projections::Separate { q, k, v } => Ok((
                q.forward(x, slot(Module::QProj))?,
                k.forward(x, slot(Module::KProj))?,
                v.forward(x, slot(Module::VProj))?,
            )),
            Projections::Fused(qkv) => {
                let all = qkv.forward(x, slot(Module::QkvProj))?;
                let Heads { query, kv, width } = self.kind.heads;
                let part = |at, heads| all.narrow(D::Minus1, at * width, heads * width);
                Ok((part(0, query)?, part(query, kv)?, part(query + kv, kv)?))
            }
        }
    }

    /// Norms each head of `[B, T, H·E]`.
    fn norm_heads(&self, x: &Tensor, norm: &RmsNorm) -> Result<Tensor> {
        let (rows, tokens, wide) = x.dims3()?;
        let width = self.kind.heads.width;
        let heads = x.reshape((rows, tokens, wide / width, width))?; // [B, T, H, E]
        norm.forward(&heads)?.reshape((rows, tokens, wide))
    }

    /// One of the linear layers, where this family has it.
    pub(super) fn linear_mut(&mut self, module: Module) -> Option<&mut Linear> {
        match (module, &mut self.projections) {
            (Module::OProj, _) => Some(&mut self.o),
            (Module::QProj, Projections::Separate { q, .. }) => Some(q),
            (Module::KProj, Projections::Separate { k, .. }) => Some(k),
            (Module::VProj, Projections::Separate { v, .. }) => Some(v),
            (Module::QkvProj, Projections::Fused(qkv)) => Some(qkv),
            _ => None,
        }
    }
}
