//! The layout of an adapter: the ordered list of slots that it fills.
//!
//! Shapes: a slot is one linear layer `[out, in]` of one decoder layer; its adapter is
//! A `[r, in]` and B `[out, r]`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The linear layers that an adapter can change, by their Hugging Face names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Module {
    /// `self_attn.q_proj`
    QProj,
    /// `self_attn.k_proj`
    KProj,
    /// `self_attn.v_proj`
    VProj,
    /// `self_attn.o_proj`
    OProj,
    /// `mlp.gate_proj`
    GateProj,
    /// `mlp.up_proj`
    UpProj,
    /// `mlp.down_proj`
    DownProj,
    /// `self_attn.qkv_proj`: q, k and v in one (Phi-3)
    QkvProj,
    /// `mlp.gate_up_proj`: gate and up in one (Phi-3)
    GateUpProj,
}

impl Module {
    /// Every module that any family has.
    pub const ALL: [Self; 9] = [
        Self::QProj,
        Self::KProj,
        Self::VProj,
        Self::OProj,
        Self::GateProj,
        Self::UpProj,
        Self::DownProj,
        Self::QkvProj,
        Self::GateUpProj,
    ];
    /// The linear layers of a decoder layer, in its order.
    pub const SEPARATE: [Self; 7] =
        [Self::QProj, Self::KProj, Self::VProj, Self::OProj, Self::GateProj, Self::UpProj, Self::DownProj];
    /// The same where q, k, v and gate, up are fused.
    pub const FUSED: [Self; 4] = [Self::QkvProj, Self::OProj, Self::GateUpProj, Self::DownProj];

    /// The name in `target_modules`.
    pub fn name(self) -> &'static str {
        match self {
            Self::QProj => "q_proj",
            Self::KProj => "k_proj",
            Self::VProj => "v_proj",
            Self::OProj => "o_proj",
            Self::GateProj => "gate_proj",
            Self::UpProj => "up_proj",
            Self::DownProj => "down_proj",
            Self::QkvProj => "qkv_proj",
            Self::GateUpProj => "gate_up_proj",
        }
    }

    /// The module of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|module| module.name() == name)
    }

    /// The path under `model.layers.N`.
    pub fn path(self) -> &'static str {
        match self {
            Self::QProj => "self_attn.q_proj",
            Self::KProj => "self_attn.k_proj",
            Self::VProj => "self_attn.v_proj",
            Self::OProj => "self_attn.o_proj",
            Self::GateProj => "mlp.gate_proj",
            Self::UpProj => "mlp.up_proj",
            Self::DownProj => "mlp.down_proj",
            Self::QkvProj => "self_attn.qkv_proj",
            Self::GateUpProj => "mlp.gate_up_proj",
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One linear layer that an adapter changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// The decoder layer, from 0.
    pub layer: usize,
    /// The linear layer in it.
    pub module: Module,
    /// Its input width.
    pub input: usize,
    /// Its output width.
    pub output: usize,
    /// The rank r of the update.
    pub rank: usize,
}

impl Slot {
    /// The module path of the linear layer, as PEFT writes it after `base_model.model.`.
    pub fn path(&self) -> String {
        format!("model.layers.{}.{}", self.layer, self.module.path())
    }

    /// The number of coordinates of B.
    pub fn b_len(&self) -> usize {
        self.output * self.rank
    }
}

/// The ordered slots of an adapter. Flat vectors of B coordinates follow this order, each slot
/// row by row `[out, r]`.
///
/// ```
/// use attune::lora::{Layout, Module, Slot};
/// let slot = |layer| Slot { layer, module: Module::QProj, input: 4, output: 6, rank: 2 };
/// let layout = Layout::new(vec![slot(0), slot(1)]);
/// assert_eq!(layout.b_offsets(), [0, 12, 24]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    slots: Vec<Slot>,
}

impl Layout {
    /// The layout of these slots, in this order.
    pub fn new(slots: Vec<Slot>) -> Self {
        Self { slots }
    }

    /// The slots in order.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// Where each slot's B begins in a flat vector, and at the end the whole length.
    pub fn b_offsets(&self) -> Vec<usize> {
        let mut offsets = vec![0];
        for slot in &self.slots {
            offsets.push(offsets[offsets.len() - 1] + slot.b_len());
        }
        offsets
    }

    /// The number of coordinates of all B together.
    pub fn b_len(&self) -> usize {
        self.slots.iter().map(Slot::b_len).sum()
    }

    /// The modules that occur, in the order of a decoder layer, without repetition.
    pub fn modules(&self) -> Vec<Module> {
        Module::ALL.into_iter().filter(|module| self.slots.iter().any(|slot| slot.module == *module)).collect()
    }

    /// The largest rank; 0 for an empty layout.
    pub fn max_rank(&self) -> usize {
        self.slots.iter().map(|slot| slot.rank).max().unwrap_or(0)
    }
}

/// The widths of a base model's linear layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseShape {
    /// Decoder layers.
    pub layers: usize,
    /// D
    pub hidden: usize,
    /// Width of the MLP.
    pub intermediate: usize,
    /// Width of all query heads together.
    pub query: usize,
    /// Width of all key (or value) heads together.
    pub kv: usize,
    /// Whether q, k, v are one linear layer, and gate, up another.
    pub projections: Projections,
}

/// How the projections of a decoder layer are stored, and so what an adapter can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Projections {
    /// q, k, v, gate and up are linear layers of their own.
    Separate,
    /// `qkv_proj` and `gate_up_proj`, as in Phi-3.
    Fused,
}

impl BaseShape {
    /// The linear layers of a decoder layer: what an adapter can change.
    pub fn modules(&self) -> &'static [Module] {
        match self.projections {
            Projections::Separate => &Module::SEPARATE,
            Projections::Fused => &Module::FUSED,
        }
    }

    /// `(in, out)` of a module.
    pub fn widths(&self, module: Module) -> (usize, usize) {
        match module {
            Module::QProj => (self.hidden, self.query),
            Module::KProj | Module::VProj => (self.hidden, self.kv),
            Module::OProj => (self.query, self.hidden),
            Module::GateProj | Module::UpProj => (self.hidden, self.intermediate),
            Module::DownProj => (self.intermediate, self.hidden),
            Module::QkvProj => (self.hidden, self.query + 2 * self.kv),
            Module::GateUpProj => (self.hidden, 2 * self.intermediate),
        }
    }

    /// These modules of every layer, at one rank.
    pub fn layout(&self, modules: &[Module], rank: usize) -> Layout {
        let slot = |layer, module: Module| {
            let (input, output) = self.widths(module);
            Slot { layer, module, input, output, rank }
        };
        Layout::new((0..self.layers).flat_map(|layer| modules.iter().map(move |m| slot(layer, *m))).collect())
    }
}
