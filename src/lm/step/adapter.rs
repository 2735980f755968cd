//! Adapters as a step applies them: made ready once, shared by every request, whatever its scale.

use crate::lm::row_adapters::{RowAdapters, SlotRows, slot_index};
use crate::lora::{Adapter, Module};
use candle_core::{DType, Device, Result, Tensor};
use std::ops::Range;

/// An adapter in the engine's memory. A is shared with every adapter of the same A0; B lies transposed, so that a row's
/// update is a sum of a few vectors.
#[derive(Clone, Debug)]
pub struct StepAdapter {
    /// By slot, as [`slot_index`] counts.
    slots: Vec<Option<SlotUpdate>>,
    own_bytes: u64,
}

/// One slot's A and B.
#[derive(Clone, Debug)]
pub(in crate::lm) struct SlotUpdate {
    /// `[R, in]`
    pub(in crate::lm) a: Tensor,
    /// Bᵀ `[R, out]`
    pub(in crate::lm) b_t: Tensor,
    /// alpha / r
    pub(in crate::lm) factor: f32,
}

impl SlotUpdate {
    /// Weights of the layer that it changes.
    pub(in crate::lm) fn weights(&self) -> u64 {
        (self.a.dims()[1] * self.b_t.dims()[1]) as u64
    }
}

impl StepAdapter {
    /// Makes an adapter ready, in `dtype` on `device` (on a CPU in f32). `shares_a` says that its A is the shared A0, which
    /// costs nothing more.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn new(adapter: &Adapter, dtype: DType, device: &Device) -> Result<Self> {
        let dtype = super::super::kv_memory::kept_dtype(dtype, device);
        let (mut slots, mut own_bytes) = (Vec::new(), 0);
        for (index, slot) in adapter.layout().slots().iter().enumerate() {
            let a = adapter.a(index).to_device(device)?.to_dtype(dtype)?;
            let b_t = adapter.b(index).to_device(device)?.to_dtype(dtype)?.t()?.contiguous()?;
            own_bytes += (b_t.elem_count() * dtype.size_in_bytes()) as u64;
            if !adapter.has_shared_a() {
                own_bytes += (a.elem_count() * dtype.size_in_bytes()) as u64;
            }
            let at = slot_index(slot.layer, slot.module);
            if slots.len() <= at {
                slots.resize(at + 1, None);
            }
            slots[at] = Some(SlotUpdate { a, b_t, factor: adapter.scale(index) as f32 });
        }
        Ok(Self { slots, own_bytes })
    }

    /// Bytes that it takes beside what it shares.
    pub fn bytes(&self) -> u64 {
        self.own_bytes
    }

    /// Its slots: layer, module, A `[R, in]`, B `[out, R]` and factor.
    pub(in crate::lm) fn updates(&self) -> impl Iterator<Item = (usize, Module, &SlotUpdate)> {
        let modules = Module::ALL.len();
        let filled = self.slots.iter().enumerate();
        filled.filter_map(move |(at, slot)| Some((at / modules, Module::ALL[at % modules], slot.as_ref()?)))
    }
}

/// Tokens of a step that follow each other and have one adapter at one scale.
#[derive(Clone, Debug)]
pub(in crate::lm) struct Run<'a> {
    pub(in crate::lm) tokens: Range<usize>,
    pub(in crate::lm) adapter: &'a StepAdapter,
    pub(in crate::lm) scale: f32,
}

impl Run<'_> {
    /// Whether tokens from `start` on with this adapter and scale belong to the run.
    pub(super) fn joins(&self, adapter: &StepAdapter, scale: f32, start: usize) -> bool {
        std::ptr::eq(self.adapter, adapter) && self.scale == scale && self.tokens.end == start
    }

    /// The run's adapter in a slot, where it has one there.
    pub(in crate::lm) fn update(&self, slot: usize) -> Option<&SlotUpdate> {
        self.adapter.slots.get(slot)?.as_ref()
    }
}

/// The adapters of a pass, as its path holds them.
#[derive(Clone, Copy)]
pub(in crate::lm) enum Adapters<'a> {
    /// The packed path: one for each row.
    Rows(&'a RowAdapters),
    /// The cached path: one for each run of tokens.
    Step { runs: &'a [Run<'a>], written_out: usize },
}

/// The adapters of a pass in one slot.
#[derive(Clone, Copy)]
pub(in crate::lm) enum Slot<'a> {
    Rows(Option<&'a SlotRows>),
    Step { runs: &'a [Run<'a>], written_out: usize, slot: usize },
}

impl<'a> Adapters<'a> {
    /// One layer's module.
    pub(in crate::lm) fn slot(self, layer: usize, module: Module) -> Slot<'a> {
        match self {
            Self::Rows(rows) => Slot::Rows(rows.get(layer, module)),
            Self::Step { runs, written_out } => Slot::Step { runs, written_out, slot: slot_index(layer, module) },
        }
    }
}
