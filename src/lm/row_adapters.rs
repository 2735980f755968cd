//! The adapters of a batch's rows, slot by slot.

use crate::lora::{Adapter, Module, SharedA};
use candle_core::{DType, Result, Tensor};

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

    /// Each row's adapter and the factor of its update, or none. Rows whose adapters share A share
    /// x·Aᵀ; others get their own A, padded with zeros to the largest rank.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn of_rows(rows: &[Option<(&Adapter, f64)>], dtype: DType) -> Result<Self> {
        let mut all = Self::none();
        let present: Vec<&Adapter> = rows.iter().flatten().map(|(adapter, _)| *adapter).collect();
        let Some(first) = present.first() else { return Ok(all) };
        let shared = present.iter().all(|adapter| adapter.shares_a_with(first));
        let mut slots: Vec<(usize, Module)> =
            present.iter().flat_map(|adapter| adapter.layout().slots()).map(|slot| (slot.layer, slot.module)).collect();
        slots.sort_unstable();
        slots.dedup();
        for (layer, module) in slots {
            all.set(layer, module, slot_rows(rows, (layer, module), shared, dtype)?);
        }
        Ok(all)
    }

    /// One adapter a row over a shared A0, from variables or a generator: `b` holds B of each slot,
    /// `[B, out, R]`, without the scale. Gradients flow to them. `dtype` is the model's precision.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn of_slots(shared: &SharedA, b: &[Tensor], alpha: f64, dtype: DType) -> Result<Self> {
        let mut all = Self::none();
        for ((slot, b), a) in shared.layout().slots().iter().zip(b).zip(shared.tensors().iter()) {
            let b = (b * (alpha / slot.rank as f64))?.to_dtype(dtype)?;
            all.set(slot.layer, slot.module, SlotRows { a: a.to_dtype(dtype)?, b });
        }
        Ok(all)
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

/// The rows of one slot; a row without an adapter there, or without that slot, gets zeros.
fn slot_rows(
    rows: &[Option<(&Adapter, f64)>],
    (layer, module): (usize, Module),
    shared: bool,
    dtype: DType,
) -> Result<SlotRows> {
    let find = |adapter: &Adapter| {
        adapter.layout().slots().iter().position(|slot| slot.layer == layer && slot.module == module)
    };
    let found: Vec<Option<(&Adapter, f64, usize)>> =
        rows.iter().map(|row| row.and_then(|(adapter, scale)| Some((adapter, scale, find(adapter)?)))).collect();
    let slot_of = |(adapter, _, index): &(&Adapter, f64, usize)| adapter.layout().slots()[*index];
    let rank = found.iter().flatten().map(|row| slot_of(row).rank).max().unwrap_or(0);
    let (mut a_rows, mut b_rows) = (Vec::new(), Vec::new());
    let example = found.iter().flatten().next().map(|row| (slot_of(row), row.0.a(row.2)));
    let Some((slot, example_a)) = example else { candle_core::bail!("a slot that no row fills") };
    for row in &found {
        let device = example_a.device();
        let (a, b) = match row {
            Some((adapter, scale, index)) => {
                let factor = adapter.scale(*index) * scale;
                (adapter.a(*index).clone(), (adapter.b(*index) * factor)?)
            }
            None => {
                let a = Tensor::zeros((rank, slot.input), DType::F32, device)?;
                (a, Tensor::zeros((slot.output, rank), DType::F32, device)?)
            }
        };
        let missing = rank - a.dim(0)?;
        a_rows.push(a.pad_with_zeros(0, 0, missing)?);
        b_rows.push(b.pad_with_zeros(1, 0, missing)?);
    }
    let a = if shared { example_a.clone() } else { Tensor::stack(&a_rows, 0)? };
    Ok(SlotRows { a: a.to_dtype(dtype)?, b: Tensor::stack(&b_rows, 0)?.to_dtype(dtype)? })
}

pub(super) fn slot_index(layer: usize, module: Module) -> usize {
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
