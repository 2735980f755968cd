//! A LoRA as GGUF, version 3, as llama.cpp's `--lora` loads it.
//!
//! A file is a header, keys, the list of tensors, and their bytes, each tensor aligned to 32 bytes; the
//! dimensions stand with the fastest first. llama.cpp multiplies B · A by alpha / r with one alpha for the
//! file and r each tensor's own, so that any other scale (rsLoRA, `alpha_pattern`) goes into B.

use super::{Adapter, Error, Module, Slot};
use candle_core::{DType, Device, Tensor};
use std::io::{self, Write};

const VERSION: u32 = 3;
/// The alignment that a reader takes where no key says another.
const ALIGNMENT: u64 = 32;
/// ggml's type of f32.
const F32: u32 = 0;
/// GGUF's types of values.
const VALUE_F32: u32 = 6;
const VALUE_TEXT: u32 = 8;
/// Beneath this an f32 alpha loses digits, and llama.cpp takes 0 as "no scale".
const MIN_ALPHA: f64 = 1e-6;

/// What llama.cpp wants to know of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GgufBase {
    /// `general.architecture`, which must be the base's.
    pub architecture: &'static str,
    /// How q and k are stored in the base's GGUF.
    pub heads: GgufHeads,
}

/// In which order the rows of a head of q and k stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GgufHeads {
    /// As Hugging Face has them: RoPE turns coordinate i with i + E/2.
    Halves,
    /// RoPE turns neighbours, 2i with 2i + 1, in heads of this width: the rows are reordered.
    Neighbours {
        /// E
        width: usize,
    },
}

/// Writes the adapter; the same adapter gives the same bytes.
///
/// # Errors
/// [`Error::Write`] of `out`; those of the tensor library.
pub fn write_gguf(adapter: &Adapter, base: &GgufBase, name: &str, out: &mut impl Write) -> Result<(), Error> {
    let first = adapter.alpha(0);
    let alpha = if first < MIN_ALPHA { 1.0 } else { first as f32 };
    let header = header(adapter, base, name, alpha);
    out.write_all(&header).and_then(|()| pad(out, header.len() as u64)).map_err(|source| Error::Write { source })?;
    for (index, slot) in adapter.layout().slots().iter().enumerate() {
        let factor = adapter.scale(index) * slot.rank as f64 / f64::from(alpha);
        let scaled = if factor == 1.0 { adapter.b(index).clone() } else { (adapter.b(index) * factor)? };
        let b = reordered(&scaled, slot.module, base.heads)?; // [out, r]
        for tensor in [adapter.a(index), &b] {
            let numbers = tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            out.write_all(&bytes)
                .and_then(|()| pad(out, bytes.len() as u64))
                .map_err(|source| Error::Write { source })?;
        }
    }
    Ok(())
}

/// The rows of a head of q or k, in the order of the base's file: `[E, r]` as `[2, E/2, r]` becomes `[E/2, 2, r]`.
fn reordered(b: &Tensor, module: Module, heads: GgufHeads) -> Result<Tensor, Error> {
    let (GgufHeads::Neighbours { width }, Module::QProj | Module::KProj) = (heads, module) else {
        return Ok(b.clone());
    };
    let (out, r) = b.dims2()?;
    let halves = b.reshape((out / width, 2, width / 2, r))?;
    Ok(halves.transpose(1, 2)?.contiguous()?.reshape((out, r))?)
}

fn header(adapter: &Adapter, base: &GgufBase, name: &str, alpha: f32) -> Vec<u8> {
    let slots = adapter.layout().slots();
    let texts = [
        ("general.architecture", base.architecture),
        ("general.type", "adapter"),
        ("general.name", name),
        ("adapter.type", "lora"),
    ];
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((2 * slots.len() as u64).to_le_bytes());
    bytes.extend((texts.len() as u64 + 1).to_le_bytes());
    for (key, value) in texts {
        text(&mut bytes, key);
        bytes.extend(VALUE_TEXT.to_le_bytes());
        text(&mut bytes, value);
    }
    text(&mut bytes, "adapter.lora.alpha");
    bytes.extend(VALUE_F32.to_le_bytes());
    bytes.extend(alpha.to_le_bytes());
    let mut offset = 0u64;
    for slot in slots {
        // A [r, in] and B [out, r], the fastest dimension first.
        for (part, dims) in [("lora_a", [slot.input, slot.rank]), ("lora_b", [slot.rank, slot.output])] {
            text(&mut bytes, &format!("{}.{part}", tensor_name(slot)));
            bytes.extend(2u32.to_le_bytes());
            dims.iter().for_each(|dim| bytes.extend((*dim as u64).to_le_bytes()));
            bytes.extend(F32.to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset += ((dims[0] * dims[1] * 4) as u64).next_multiple_of(ALIGNMENT);
        }
    }
    bytes
}

/// What llama.cpp calls the base's weight, in every architecture that attune knows.
fn tensor_name(slot: &Slot) -> String {
    let module = match slot.module {
        Module::QProj => "attn_q",
        Module::KProj => "attn_k",
        Module::VProj => "attn_v",
        Module::QkvProj => "attn_qkv",
        Module::OProj => "attn_output",
        Module::GateProj => "ffn_gate",
        // Phi-3's fused gate and up go by the name of up alone.
        Module::UpProj | Module::GateUpProj => "ffn_up",
        Module::DownProj => "ffn_down",
    };
    format!("blk.{}.{module}.weight", slot.layer)
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn pad(out: &mut impl Write, written: u64) -> io::Result<()> {
    let padding = written.next_multiple_of(ALIGNMENT) - written;
    out.write_all(&[0; ALIGNMENT as usize][..padding as usize])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lora::{BaseShape, Layout, Projections};
    use candle_core::quantized::gguf_file::Content;
    use std::io::Cursor;

    const BASE: BaseShape =
        BaseShape { layers: 1, hidden: 4, intermediate: 6, query: 4, kv: 4, projections: Projections::Separate };

    fn adapter(layout: Layout, factors: Vec<(f64, f64)>) -> Adapter {
        let rows = |rows: usize, columns: usize| {
            Tensor::arange(0f32, (rows * columns) as f32, &Device::Cpu).unwrap().reshape((rows, columns)).unwrap()
        };
        let a = layout.slots().iter().map(|slot| rows(slot.rank, slot.input)).collect();
        let b = layout.slots().iter().map(|slot| rows(slot.output, slot.rank)).collect();
        Adapter::from_slots(layout, a, b, factors)
    }

    fn read(adapter: &Adapter, heads: GgufHeads, tensor: &str) -> Vec<Vec<f32>> {
        let mut bytes = Vec::new();
        write_gguf(adapter, &GgufBase { architecture: "llama", heads }, "name", &mut bytes).unwrap();
        let mut bytes = Cursor::new(bytes);
        let content = Content::read(&mut bytes).unwrap();
        let tensor = content.tensor(&mut bytes, tensor, &Device::Cpu).unwrap();
        tensor.dequantize(&Device::Cpu).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn heads_of_q_and_k_are_reordered_for_neighbours_alone() {
        let layout = BASE.layout(&[Module::QProj, Module::VProj], 1);
        let adapter = adapter(layout, vec![(1.0, 1.0); 2]);
        let neighbours = GgufHeads::Neighbours { width: 4 };
        assert_eq!(read(&adapter, neighbours, "blk.0.attn_q.weight.lora_b").concat(), [0.0, 2.0, 1.0, 3.0]);
        assert_eq!(read(&adapter, neighbours, "blk.0.attn_v.weight.lora_b").concat(), [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(read(&adapter, GgufHeads::Halves, "blk.0.attn_q.weight.lora_b").concat(), [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_scale_that_is_not_the_files_alpha_over_r_goes_into_b() {
        let layout = BASE.layout(&[Module::QProj, Module::VProj], 2);
        // The file's alpha is 8, so llama.cpp multiplies by 4; the second slot wants 6.
        let adapter = adapter(layout, vec![(8.0, 4.0), (12.0, 6.0)]);
        assert_eq!(read(&adapter, GgufHeads::Halves, "blk.0.attn_q.weight.lora_b")[1], [2.0, 3.0]);
        assert_eq!(read(&adapter, GgufHeads::Halves, "blk.0.attn_v.weight.lora_b")[1], [3.0, 4.5]);
        assert_eq!(read(&adapter, GgufHeads::Halves, "blk.0.attn_v.weight.lora_a")[1], [4.0, 5.0, 6.0, 7.0]);
    }
}
