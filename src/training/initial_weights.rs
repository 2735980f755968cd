//! A generator's variables before training, and how each is moved.

use super::Error;
use super::optimizer::Rule;
use crate::generator::GeneratorFile;
use crate::noise::Noise;
use candle_core::{Tensor, Var};
use candle_nn::VarMap;
use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

/// The variables by name.
pub(super) fn lock(vars: &VarMap) -> MutexGuard<'_, HashMap<String, Var>> {
    vars.data().lock().unwrap_or_else(PoisonError::into_inner)
}

/// candle's own initial weights cannot be seeded: every matrix is drawn anew from the run's seed,
/// uniform within ±1/√in as PyTorch's linear layers are.
pub(super) fn seed_weights(vars: &VarMap, seed: u64) -> Result<(), Error> {
    for (name, var) in lock(vars).iter() {
        let mut noise = Noise::stream(seed, name);
        let count = var.elem_count();
        let values: Vec<f32> = if name.ends_with(".basis") {
            // Where there is no trained adapter to fit it to: small random directions.
            noise.normals(count).into_iter().map(|x| x * 1e-3).collect()
        } else if name.ends_with("decoder.slots") {
            noise.normals(count).into_iter().map(|x| x * 0.5).collect()
        } else if name.ends_with(".weight") {
            // He's for twelve convolutions in a row, through which smaller weights would let nothing pass.
            let gain: f32 = if name.contains(".conv.") { 6.0 } else { 1.0 };
            let bound = (gain / var.dim(1)? as f32).sqrt();
            (0..count).map(|_| (2.0 * noise.unit() as f32 - 1.0) * bound).collect()
        } else if name.ends_with("decoder.rms") {
            vec![1e-2; count]
        } else {
            vec![0.0; count]
        };
        var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?;
    }
    Ok(())
}

/// Prior, pooling and decoder as the parent has them. Its encoder was not kept; nothing that grows needs one.
pub(super) fn take_over(vars: &VarMap, parent: &GeneratorFile) -> Result<(), Error> {
    for (name, var) in lock(vars).iter().filter(|(name, _)| !name.starts_with("encoder.")) {
        var.set(parent.weights().get(name).ok_or(Error::NoData { what: "the parent's weights" })?)?;
    }
    Ok(())
}

/// Weights of an earlier run, where a variable has the same name and shape.
pub(super) fn begin_from(vars: &VarMap, weights: &HashMap<String, Tensor>) -> Result<(), Error> {
    for (name, var) in lock(vars).iter() {
        if let Some(weight) = weights.get(name).filter(|weight| weight.shape() == var.shape()) {
            var.set(&weight.to_dtype(var.dtype())?.to_device(var.device())?)?;
        }
    }
    Ok(())
}

/// The variables that training moves, in the order of their names, and how. Statistics are fitted, not trained.
pub(super) fn trained(vars: &VarMap) -> Vec<(String, Var, Rule)> {
    let mut named: Vec<_> = lock(vars)
        .iter()
        .filter(|(name, _)| !["decoder.mean", "decoder.rms"].contains(&name.as_str()))
        .map(|(name, var)| (name.clone(), var.clone(), rule(name)))
        .collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    named
}

/// Basis and mean are the size of B, a hundredth of the networks' weights: they move as much more slowly.
fn rule(name: &str) -> Rule {
    let in_weight_space = name.ends_with(".basis") || name.ends_with(".mean");
    match in_weight_space {
        true => Rule::AdamW { decay: 0.0, rate_scale: 0.1 },
        false => Rule::AdamW { decay: 0.01, rate_scale: 1.0 },
    }
}
