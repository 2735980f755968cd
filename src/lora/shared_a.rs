//! A0: one A for each slot with orthonormal rows, frozen and shared by every adapter of a base.
//!
//! Training moves only B, so dW is linear and unique in B, and a mixed batch computes x·A0ᵀ once.
//! A0 is stored, not recomputed: rounding differs from one machine to another.

use super::{Error, Layout};
use crate::noise::Noise;
use candle_core::{Device, Tensor};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The shared A0 of a layout.
#[derive(Clone, Debug)]
pub struct SharedA {
    layout: Layout,
    tensors: Arc<Vec<Tensor>>,
    digest: String,
}

impl SharedA {
    /// Random orthonormal rows for every slot.
    ///
    /// # Errors
    /// [`Error::Rank`] where a rank is 0 or over a slot's input width.
    pub fn random(layout: Layout, seed: u64, device: &Device) -> Result<Self, Error> {
        let mut noise = Noise::stream(seed, "shared A0");
        let mut tensors = Vec::new();
        for slot in layout.slots() {
            if slot.rank == 0 || slot.rank > slot.input {
                return Err(Error::Rank { name: slot.path(), rank: slot.rank, limit: slot.input });
            }
            let rows = orthonormal_rows(slot.rank, slot.input, &mut noise);
            tensors.push(Tensor::from_vec(rows, (slot.rank, slot.input), device)?);
        }
        Self::from_tensors(layout, tensors)
    }

    /// A stored A0.
    ///
    /// # Errors
    /// [`Error::Shape`] where a tensor does not fit its slot.
    pub fn from_tensors(layout: Layout, tensors: Vec<Tensor>) -> Result<Self, Error> {
        let mut hash = Sha256::new();
        for (slot, tensor) in layout.slots().iter().zip(&tensors) {
            if tensor.dims() != [slot.rank, slot.input] {
                let (found, expected) = (tensor.dims().to_vec(), vec![slot.rank, slot.input]);
                return Err(Error::Shape { name: slot.path(), found, expected });
            }
            hash.update(slot.path().as_bytes());
            for value in tensor.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()? {
                hash.update(value.to_le_bytes());
            }
        }
        let digest = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { layout, tensors: Arc::new(tensors), digest })
    }

    /// The layout that it fills.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A of each slot, `[r, in]`, f32.
    pub fn tensors(&self) -> &Arc<Vec<Tensor>> {
        &self.tensors
    }

    /// SHA-256 over slots and values.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

/// Gram–Schmidt in f64 on random rows, twice over each row, which keeps them orthogonal to rounding.
fn orthonormal_rows(rows: usize, width: usize, noise: &mut Noise) -> Vec<f32> {
    let mut done: Vec<Vec<f64>> = Vec::with_capacity(rows);
    while done.len() < rows {
        let mut row: Vec<f64> = noise.normals(width).into_iter().map(f64::from).collect();
        for _ in 0..2 {
            for other in &done {
                let dot: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut().zip(other).for_each(|(a, b)| *a -= dot * b);
            }
        }
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter_mut().for_each(|x| *x /= norm);
        done.push(row);
    }
    done.concat().into_iter().map(|x| x as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lora::{BaseShape, Module, Projections};

    #[test]
    fn rows_are_orthonormal_and_a_seed_repeats_them() {
        let shape =
            BaseShape { layers: 2, hidden: 16, intermediate: 24, query: 16, kv: 8, projections: Projections::Separate };
        let layout = shape.layout(&[Module::QProj, Module::DownProj], 4);
        let a = SharedA::random(layout.clone(), 5, &Device::Cpu).expect("fits");
        for tensor in a.tensors().iter() {
            let gram = tensor.matmul(&tensor.t().expect("2-D")).expect("product").to_vec2::<f32>().expect("f32");
            for (i, row) in gram.iter().enumerate() {
                for (j, value) in row.iter().enumerate() {
                    assert!((value - f32::from(u8::from(i == j))).abs() < 1e-5);
                }
            }
        }
        assert_eq!(a.digest(), SharedA::random(layout, 5, &Device::Cpu).expect("fits").digest());
    }
}
