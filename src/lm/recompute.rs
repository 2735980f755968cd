//! Gradient checkpointing (Chen et al. 2016): a decoder layer keeps its input and nothing else, and is
//! computed once more when its gradient is wanted. A step takes about a third longer and a fraction of the memory.

use super::attention::Context;
use super::block::Block;
use super::ops::AttentionMap;
use super::row_adapters::{RowAdapters, SlotRows};
use super::step::Adapters;
use crate::lora::Module;
use candle_core::{CpuStorage, CudaStorage, CustomOp2, Layout, Result, Shape, Storage, Tensor, Var, bail};

/// The layer's output for x `[B, T, D]`. x and the B of its adapters get gradients; A is taken as frozen.
pub(super) fn recomputed(
    block: &Block,
    (layer, x): (usize, &Tensor),
    map: &AttentionMap,
    adapters: &RowAdapters,
) -> Result<Tensor> {
    let slots: Vec<(Module, &SlotRows)> =
        Module::ALL.into_iter().filter_map(|module| Some((module, adapters.get(layer, module)?))).collect();
    if slots.is_empty() && !x.track_op() {
        return block.forward(x, Context::Packed(map), Adapters::Rows(adapters));
    }
    let flat: Vec<Tensor> = slots.iter().map(|(_, slot)| slot.b.flatten_all()).collect::<Result<_>>()?;
    let flat = match flat.is_empty() {
        true => Tensor::zeros(1, x.dtype(), x.device())?,
        false => Tensor::cat(&flat, 0)?,
    };
    let parts = slots
        .iter()
        .map(|(module, slot)| Part { module: *module, a: slot.a.detach(), b: slot.b.shape().clone() })
        .collect();
    let layer = Layer { block: block.clone(), layer, map: map.clone(), parts };
    let output = layer.forward(&x.detach(), &flat.detach())?.contiguous()?;
    x.contiguous()?.apply_op2(&flat, Recomputed { layer, output })
}

/// One adapter slot: what is needed to take its B out of the flat vector again.
struct Part {
    module: Module,
    a: Tensor,
    b: Shape,
}

/// A decoder layer with all that it reads besides x and the B of its adapters.
struct Layer {
    block: Block,
    layer: usize,
    map: AttentionMap,
    parts: Vec<Part>,
}

impl Layer {
    fn forward(&self, x: &Tensor, flat: &Tensor) -> Result<Tensor> {
        let mut adapters = RowAdapters::none();
        let mut at = 0;
        for Part { module, a, b } in &self.parts {
            let rows = SlotRows { a: a.clone(), b: flat.narrow(0, at, b.elem_count())?.reshape(b)? };
            adapters.set(self.layer, *module, rows);
            at += b.elem_count();
        }
        self.block.forward(x, Context::Packed(&self.map), Adapters::Rows(&adapters))
    }
}

struct Recomputed {
    layer: Layer,
    output: Tensor,
}

impl CustomOp2 for Recomputed {
    fn name(&self) -> &'static str {
        "decoder_layer_recomputed_in_backward"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        match &*self.output.storage_and_layout().0 {
            Storage::Cpu(storage) => Ok((storage.clone(), self.output.shape().clone())),
            _ => bail!("a layer's output is on another device than its input"),
        }
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        match &*self.output.storage_and_layout().0 {
            Storage::Cuda(storage) => {
                let copy = candle_core::backend::BackendStorage::try_clone(storage, self.output.layout())?;
                Ok((copy, self.output.shape().clone()))
            }
            _ => bail!("a layer's output is on another device than its input"),
        }
    }

    fn bwd(&self, x: &Tensor, flat: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (x, flat) = (Var::from_tensor(x)?, Var::from_tensor(flat)?);
        let again = self.layer.forward(&x, &flat)?;
        let mut grads = (again * grad.detach())?.sum_all()?.backward()?;
        Ok((grads.remove(&x), grads.remove(&flat)))
    }
}

#[cfg(test)]
mod tests {
    use crate::lm::{Checkpoint, CheckpointSource, FileConfig, Loading, Model, Packed, Piece, Recompute, RowAdapters};
    use crate::lora::SharedA;
    use crate::noise::Noise;
    use candle_core::{DType, Device, Tensor, Var};
    use std::path::Path;

    fn model(family: &str) -> Model {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/families").join(family);
        let config: FileConfig =
            serde_json::from_slice(&std::fs::read(dir.join("config.json")).expect("a fixture")).expect("a config");
        let checkpoint = Checkpoint::open(&dir).expect("weights");
        let source = CheckpointSource { checkpoint: &checkpoint, loading: &Loading::f32() };
        Model::load(&config.resolve().expect("known"), &source).expect("a model")
    }

    #[test]
    fn loss_and_gradients_are_those_of_a_pass_that_keeps_everything() {
        for family in ["gemma3_text", "phi3", "qwen2"] {
            let model = model(family);
            let shape = model.config().shape();
            let shared = SharedA::random(shape.layout(shape.modules(), 2), 1, &Device::Cpu).expect("fits");
            let mut noise = Noise::seeded(3);
            let slots = shared.layout().slots();
            let b: Vec<Var> = slots
                .iter()
                .map(|slot| Var::from_vec(noise.normals(2 * slot.output * 2), (2, slot.output, 2), &Device::Cpu))
                .collect::<Result<_, _>>()
                .expect("variables");
            let mut packed = Packed::new();
            packed.push_row(&[1, 2, 3], &[Piece { tokens: (4..20).collect(), score_from: 2 }]);
            packed.push_row(&[], &[Piece { tokens: (30..40).collect(), score_from: 1 }]);
            let weights = vec![1.0 / packed.scored().len() as f32; packed.scored().len()];
            let pass = |recompute| {
                let tensors: Vec<Tensor> = b.iter().map(|var| var.as_tensor().clone()).collect();
                let adapters = RowAdapters::of_slots(&shared, &tensors, 1.0, DType::F32).expect("adapters");
                let model = model.with_recompute(recompute);
                let loss = model.packed_loss(&packed, &adapters, &weights).expect("loss");
                let grads = loss.backward().expect("backward");
                let grads: Vec<Vec<f32>> = b
                    .iter()
                    .map(|var| grads.get(var).expect("a gradient").flatten_all().expect("flat").to_vec1().expect("f32"))
                    .collect();
                (loss.to_scalar::<f32>().expect("a number"), grads)
            };
            let (kept, again) = (pass(Recompute::Never), pass(Recompute::Layers));
            assert_eq!(kept.0, again.0, "{family}");
            for (slot, (kept, again)) in kept.1.iter().zip(&again.1).enumerate() {
                let top = kept.iter().fold(0.0f32, |top, x| top.max(x.abs()));
                let off = kept.iter().zip(again).fold(0.0f32, |off, (a, b)| off.max((a - b).abs()));
                assert!(top > 0.0 && off <= 1e-5 * top, "{family}, slot {slot}: off by {off} of {top}");
            }
        }
    }
}
