//! Reading and checking an adapter against the base's shape.

use super::config::{PeftConfig, Resolved};
use super::{PREFIX, PeftFiles};
use crate::lora::{Adapter, BaseShape, Error, Layout, Slot};
use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// The largest weight that is accepted, f16's largest number; products of larger ones overflow.
const MAX_WEIGHT: f32 = 65_504.0;

/// Names of tensors that no plain LoRA has, and what each is.
const KNOWN: [(&str, &str); 4] = [
    ("lora_embedding_", "a LoRA of the embedding"),
    ("lora_magnitude_vector", "the magnitudes of DoRA (use_dora)"),
    (".bias", "a bias (lora_bias, bias)"),
    ("modules_to_save", "a module that was trained whole (modules_to_save)"),
];

/// Reads and checks the two files against the base's shape. Nothing is allocated for a tensor
/// before its name, type and shape have been checked. The tensors say which layers and modules
/// there are.
///
/// # Errors
/// [`Error`] names the key or the tensor.
pub fn read_peft(files: &PeftFiles, base: &BaseShape, device: &Device) -> Result<Adapter, Error> {
    let config = PeftConfig::from_bytes(&files.config)?.resolve()?;
    let tensors = SafeTensors::deserialize(&files.weights).map_err(|e| Error::Safetensors { reason: e.to_string() })?;
    let views = tensors.tensors().into_iter().collect();
    let mut reader = Reader { config: &config, views, device, slots: Vec::new(), parts: Parts::default() };
    let read = reader.all_of(base).and_then(|()| reader.whole());
    read.map_err(|error| error.made_for(config.made_for.as_deref()))
}

/// Reads a directory that peft wrote.
///
/// # Errors
/// As [`PeftFiles::from_directory`] and [`read_peft`].
pub fn read_peft_directory(dir: &Path, base: &BaseShape, device: &Device) -> Result<Adapter, Error> {
    read_peft(&PeftFiles::from_directory(dir)?, base, device)
}

/// What of the file was not taken yet, and what was.
struct Reader<'a> {
    config: &'a Resolved,
    views: HashMap<String, TensorView<'a>>,
    device: &'a Device,
    slots: Vec<Slot>,
    parts: Parts,
}

#[derive(Default)]
struct Parts {
    a: Vec<Tensor>,
    b: Vec<Tensor>,
    /// Alpha and scale.
    factors: Vec<(f64, f64)>,
}

impl Reader<'_> {
    fn all_of(&mut self, base: &BaseShape) -> Result<(), Error> {
        for layer in 0..base.layers {
            for &module in base.modules() {
                let (input, output) = base.widths(module);
                self.take(Slot { layer, module, input, output, rank: 0 })?;
            }
        }
        Ok(())
    }

    /// Takes the slot's A and B where the file has them.
    fn take(&mut self, slot: Slot) -> Result<(), Error> {
        let path = slot.path();
        let names = ["lora_A", "lora_B"].map(|part| format!("{PREFIX}{path}.{part}.weight"));
        let (a, b) = match (self.views.remove(&names[0]), self.views.remove(&names[1])) {
            (None, None) => return Ok(()),
            (Some(a), Some(b)) => (a, b),
            (None, Some(_)) => return Err(Error::MissingTensor { name: names[0].clone() }),
            (Some(_), None) => return Err(Error::MissingTensor { name: names[1].clone() }),
        };
        if !self.config.has_layer(slot.layer) {
            return Err(Error::LayerLeftOut { name: names[0].clone(), layer: slot.layer });
        }
        let rank = self.config.rank(&path)?;
        self.parts.a.push(tensor(&names[0], &a, [rank, slot.input], self.device)?);
        self.parts.b.push(tensor(&names[1], &b, [slot.output, rank], self.device)?);
        self.parts.factors.push(self.config.factors(&path, rank)?);
        self.slots.push(Slot { rank, ..slot });
        Ok(())
    }

    /// The adapter, where nothing is left over.
    fn whole(self) -> Result<Adapter, Error> {
        if let Some(name) = self.views.into_keys().min() {
            let known = KNOWN.into_iter().find(|(part, _)| name.contains(part));
            return Err(match known {
                Some((_, what)) => Error::UnsupportedTensor { name, what },
                None => Error::UnknownTensor { name },
            });
        }
        if self.slots.is_empty() {
            return Err(Error::MissingTensor { name: format!("{PREFIX}…lora_A.weight") });
        }
        let Parts { a, b, factors } = self.parts;
        Ok(Adapter::from_slots(Layout::new(self.slots), a, b, factors).trained_on(self.config.made_for.clone()))
    }
}

/// A checked f32 tensor.
fn tensor(name: &str, view: &TensorView<'_>, shape: [usize; 2], device: &Device) -> Result<Tensor, Error> {
    if view.shape() != shape {
        return Err(Error::Shape { name: name.to_owned(), found: view.shape().to_vec(), expected: shape.to_vec() });
    }
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => return Err(Error::Dtype { name: name.to_owned(), dtype: format!("{other:?}") }),
    };
    let values = Tensor::from_raw_buffer(view.data(), dtype, &shape, &Device::Cpu)?.to_dtype(DType::F32)?;
    if values.flatten_all()?.to_vec1::<f32>()?.iter().any(|x| !x.is_finite() || x.abs() > MAX_WEIGHT) {
        return Err(Error::NotFinite { name: name.to_owned() });
    }
    Ok(values.to_device(device)?)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
