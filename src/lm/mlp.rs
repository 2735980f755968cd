//! The gated MLP: down(silu(gate(x)) · up(x)).

use super::config::Config;
use super::linear::{Bias, Linear};
use super::ops;
use super::row_adapters::RowAdapters;
use crate::lora::Module;
use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

#[derive(Clone, Debug)]
pub(super) struct Mlp {
    layer: usize,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Mlp {
    pub(super) fn load(config: &Config, layer: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let (d, wide, bias) = (config.hidden_size, config.intermediate_size, Bias::from_config(config.mlp_bias));
        Ok(Self {
            layer,
            gate: Linear::load(d, wide, bias, &vb.pp("gate_proj"))?,
            up: Linear::load(d, wide, bias, &vb.pp("up_proj"))?,
            down: Linear::load(wide, d, bias, &vb.pp("down_proj"))?,
        })
    }

    /// `[B, T, D]` to `[B, T, D]`.
    pub(super) fn forward(&self, x: &Tensor, adapters: &RowAdapters) -> Result<Tensor> {
        let gate = self.gate.forward(x, adapters.get(self.layer, Module::GateProj))?;
        let up = self.up.forward(x, adapters.get(self.layer, Module::UpProj))?;
        self.down.forward(&ops::swiglu(&gate, &up)?, adapters.get(self.layer, Module::DownProj))
    }

    /// One of gate, up, down.
    pub(super) fn linear_mut(&mut self, module: Module) -> &mut Linear {
        match module {
            Module::GateProj => &mut self.gate,
            Module::UpProj => &mut self.up,
            _ => &mut self.down,
        }
    }
}
