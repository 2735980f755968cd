//! One adapter: A, B and scale of each slot.

use super::{Error, Layout, SharedA};
use candle_core::{DType, Device, Tensor};
use std::sync::Arc;

/// LoRA weights for one base model, f32. Cloning shares them.
#[derive(Clone, Debug)]
pub struct Adapter {
    layout: Layout,
    a: Arc<Vec<Tensor>>,
    b: Vec<Tensor>,
    alphas: Vec<f64>,
    scales: Vec<f64>,
    trained_on: Option<Arc<str>>,
    origin: OriginOfA,
}

/// Whose A an adapter has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OriginOfA {
    /// The A0 that all adapters of a generator share.
    Shared,
    /// Its own.
    Own,
}

impl Adapter {
    /// An adapter over a shared A0: only B is its own. `b` is flat, in the layout's order; the scale
    /// is alpha / r in every slot.
    ///
    /// # Errors
    /// [`Error::Shape`] where the vector's length is not the layout's.
    pub fn over(shared: &SharedA, b: &Tensor, alpha: f64) -> Result<Self, Error> {
        let layout = shared.layout().clone();
        if b.dims() != [layout.b_len()] {
            return Err(Error::Shape { name: "b".into(), found: b.dims().to_vec(), expected: vec![layout.b_len()] });
        }
        let offsets = layout.b_offsets();
        let slots = layout.slots().iter().zip(&offsets);
        let b = slots.map(|(slot, at)| b.narrow(0, *at, slot.b_len())?.reshape((slot.output, slot.rank)));
        let b = b.collect::<candle_core::Result<_>>()?;
        let alphas = vec![alpha; layout.slots().len()];
        let scales = layout.slots().iter().map(|slot| alpha / slot.rank as f64).collect();
        let (a, origin) = (Arc::clone(shared.tensors()), OriginOfA::Shared);
        Ok(Self { layout, a, b, alphas, scales, trained_on: None, origin })
    }

    /// An adapter of slots that each bring their own A, B, alpha and scale.
    pub(super) fn from_slots(layout: Layout, a: Vec<Tensor>, b: Vec<Tensor>, factors: Vec<(f64, f64)>) -> Self {
        let (alphas, scales) = factors.into_iter().unzip();
        Self { layout, a: Arc::new(a), b, alphas, scales, trained_on: None, origin: OriginOfA::Own }
    }

    /// The same adapter with the name of the base that its file says it was made for.
    pub(super) fn trained_on(self, base: Option<String>) -> Self {
        Self { trained_on: base.map(Arc::from), ..self }
    }

    /// The base that its file says it was made for. Names differ between places: it proves nothing.
    pub fn base_name(&self) -> Option<&str> {
        self.trained_on.as_deref()
    }

    /// Its slots.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A of a slot, `[r, in]`.
    pub fn a(&self, slot: usize) -> &Tensor {
        &self.a[slot]
    }

    /// B of a slot, `[out, r]`, without the scale.
    pub fn b(&self, slot: usize) -> &Tensor {
        &self.b[slot]
    }

    /// The factor of a slot's B·A.
    pub fn scale(&self, slot: usize) -> f64 {
        self.scales[slot]
    }

    /// `lora_alpha` of a slot.
    pub fn alpha(&self, slot: usize) -> f64 {
        self.alphas[slot]
    }

    /// Whether both have the very same A in memory, so that a batch may share x·Aᵀ.
    pub fn shares_a_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.a, &other.a)
    }

    /// Whether its A is one that other adapters share in memory.
    pub fn has_shared_a(&self) -> bool {
        self.origin == OriginOfA::Shared
    }

    /// All B as one flat f32 vector, in the layout's order.
    ///
    /// # Errors
    /// Those of the tensor library.
    pub fn flat_b(&self) -> Result<Vec<f32>, Error> {
        let mut flat = Vec::with_capacity(self.layout.b_len());
        for b in &self.b {
            flat.extend(b.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?);
        }
        Ok(flat)
    }

    /// The number of coordinates of A and B.
    pub fn parameters(&self) -> usize {
        self.layout.slots().iter().map(|slot| slot.rank * (slot.input + slot.output)).sum()
    }
}

/// W + factor · B · A for W `[out, in]`, summed in f32 and given in W's precision.
///
/// # Errors
/// Those of the tensor library.
pub fn merged_weight(weight: &Tensor, a: &Tensor, b: &Tensor, factor: f64) -> candle_core::Result<Tensor> {
    let update = (b.matmul(a)? * factor)?;
    (weight.to_dtype(DType::F32)? + update)?.to_dtype(weight.dtype())
}
