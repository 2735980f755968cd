//! The adapters of a batch's rows, slot by slot.

use crate::lora::Module;
use candle_core::{Result, Tensor};

/// The adapters of all rows in one slot. `b` includes the scale.
#[derive(Clone, Debug)]
pub struct SlotRows {
    /// `[R, in]` where all rows share A, `[B, R, in]` where each has its own.
    pub a: Tensor,
    /// `[B, out, R]`
    pub b: Tensor,
}

/// One optional [`SlotRows`] for every module of every layer.
#[derive(Clone, Debug, Default)]
pub struct RowAdapters {
    slots: Vec<Option<SlotRows>>,
}

impl RowAdapters {
    /// No adapters.
    pub fn none() -> Self {
        Self::default()
    }

    /// Whether no slot is filled.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// Fills one slot.
    pub fn set(&mut self, layer: usize, module: Module, rows: SlotRows) {
        let index = slot_index(layer, module);
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        self.slots[index] = Some(rows);
    }

    /// One slot's adapters.
    pub fn get(&self, layer: usize, module: Module) -> Option<&SlotRows> {
        self.slots.get(slot_index(layer, module))?.as_ref()
    }
}

fn slot_index(layer: usize, module: Module) -> usize {
    layer * Module::ALL.len() + module as usize
}

impl SlotRows {
    /// (x · Aᵀ) · Bᵀ for x `[B, T, in]`, from plain operations; gives `[B, T, out]`.
    pub(super) fn update(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, tokens, width) = x.dims3()?;
        let down = match self.a.rank() {
            2 => x.reshape((rows * tokens, width))?.matmul(&self.a.t()?)?.reshape((rows, tokens, ()))?,
            _ => x.matmul(&self.a.transpose(1, 2)?)?,
        }; // [B, T, R]
        down.matmul(&self.b.transpose(1, 2)?)
    }
}
