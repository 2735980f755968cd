//! The gated MLP: down(act(gate(x)) · up(x)).

use super::config::{Activation, Config};
use super::linear::{Bias, Linear};
use super::step::Adapters;
use super::weights::WeightSource;
use super::{Error, ops};
use crate::lora::Module;
use candle_core::{D, Result, Tensor};

#[derive(Clone, Debug)]
pub(super) struct Mlp {
    layer: usize,
    activation: Activation,
    inner: Inner,
    down: Linear,
}

/// gate and up, each a layer of its own or both in one.
#[derive(Clone, Debug)]
enum Inner {
    Separate { gate: Linear, up: Linear },
    Fused(Linear),
}

impl Mlp {
    pub(super) fn load(
        config: &Config,
        layer: usize,
        path: &str,
        source: &dyn WeightSource,
    ) -> std::result::Result<Self, Error> {
        let (d, wide, bias) = (config.hidden_size, config.intermediate_size, Bias::from_config(config.biases.mlp));
        let linear = |name: &str, widths| Linear::load(widths, bias, &format!("{path}.{name}"), source);
        let inner = if config.family.is_fused() {
            Inner::Fused(linear("gate_up_proj", (d, 2 * wide))?)
        } else {
            Inner::Separate { gate: linear("gate_proj", (d, wide))?, up: linear("up_proj", (d, wide))? }
        };
        Ok(Self { layer, activation: config.activation, inner, down: linear("down_proj", (wide, d))? })
    }

    /// `[B, T, D]` to `[B, T, D]`.
    pub(super) fn forward(&self, x: &Tensor, adapters: Adapters<'_>) -> Result<Tensor> {
        let slot = |module| adapters.slot(self.layer, module);
        let (gate, up) = match &self.inner {
            Inner::Separate { gate, up } => {
                (gate.forward(x, slot(Module::GateProj))?, up.forward(x, slot(Module::UpProj))?)
            }
            Inner::Fused(both) => {
                let both = both.forward(x, slot(Module::GateUpProj))?;
                let wide = both.dim(D::Minus1)? / 2;
                (both.narrow(D::Minus1, 0, wide)?, both.narrow(D::Minus1, wide, wide)?)
            }
        };
        self.down.forward(&ops::gated(&gate, &up, self.activation)?, slot(Module::DownProj))
    }

    /// One of the linear layers, where this family has it.
    pub(super) fn linear_mut(&mut self, module: Module) -> Option<&mut Linear> {
        match (module, &mut self.inner) {
            (Module::DownProj, _) => Some(&mut self.down),
            (Module::GateProj, Inner::Separate { gate, .. }) => Some(gate),
            (Module::UpProj, Inner::Separate { up, .. }) => Some(up),
            (Module::GateUpProj, Inner::Fused(both)) => Some(both),
            _ => None,
        }
    }
}
