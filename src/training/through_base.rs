//! Stage (ii)'s loss: the frozen base's cross-entropy on the rows of a shard, each through its own adapter.
//!
//! The base's part is computed for a few rows at a time, so that its activations stay in the caches, and its slopes
//! along the adapters are handed on as one scalar that has both: the generator's part sees all rows at once.
//! Letters: B rows, S slots, D the model's width, N scored tokens.

use super::Error;
use super::adapter_trainer::row_mean_weights;
use super::evaluate::{Row, pack, row_cross_entropies};
use crate::lm::ops::Teacher;
use crate::lm::{Model, RowAdapters};
use crate::lora::SharedA;
use candle_core::{DType, Tensor, Var};

/// Rows of one pass through the base.
const ROWS: usize = 4;

/// A row, and what stands before it where the base itself is asked for the answers.
pub(super) struct Taught {
    pub(super) row: Row,
    /// The description's tokens.
    pub(super) prefix: Vec<u32>,
}

/// What the rows go through.
pub(super) struct Through<'a> {
    pub(super) model: &'a Model,
    pub(super) shared: &'a SharedA,
    pub(super) alpha: f64,
    /// The share of the loss that compares with the base's own answers behind the description, from 0 to 1.
    pub(super) distil: f64,
}

impl Through<'_> {
    /// The mean over rows of the mean cross-entropy of a row's scored tokens, for B of each slot, `[B, out, r]`.
    pub(super) fn loss(&self, slots: &[Tensor], rows: &[Taught]) -> Result<Tensor, Error> {
        let mut total = 0.0;
        let mut slopes: Vec<Vec<Tensor>> = vec![Vec::new(); slots.len()];
        for first in (0..rows.len()).step_by(ROWS) {
            let some = &rows[first..rows.len().min(first + ROWS)];
            let own = |slot: &Tensor| Var::from_tensor(&slot.detach().narrow(0, first, some.len())?);
            let vars: Vec<Var> = slots.iter().map(own).collect::<candle_core::Result<_>>()?;
            let loss = self.part(&vars, some, rows.len())?;
            total += f64::from(loss.to_scalar::<f32>()?);
            let grads = loss.backward()?;
            for (slopes, var) in slopes.iter_mut().zip(&vars) {
                slopes.push(grads.get(var).map_or_else(|| var.zeros_like(), |grad| Ok(grad.clone()))?);
            }
        }
        // Σ slot · slope has the slopes, and what is added makes its value the loss.
        let mut along = Tensor::zeros((), DType::F32, self.model.device())?;
        for (slot, slopes) in slots.iter().zip(&slopes) {
            along = (along + (slot * Tensor::cat(slopes, 0)?)?.sum_all()?)?;
        }
        let value = f64::from(along.to_scalar::<f32>()?);
        Ok((along + (total - value))?)
    }

    /// The mean cross-entropy of each row's answers, as numbers alone.
    pub(super) fn losses(&self, slots: &[Tensor], rows: &[Taught]) -> Result<Vec<f64>, Error> {
        let mut losses = Vec::with_capacity(rows.len());
        for first in (0..rows.len()).step_by(ROWS) {
            let some = &rows[first..rows.len().min(first + ROWS)];
            let own = |slot: &Tensor| slot.detach().narrow(0, first, some.len());
            let b: Vec<Tensor> = slots.iter().map(own).collect::<candle_core::Result<_>>()?;
            let adapters = RowAdapters::of_slots(self.shared, &b, self.alpha, self.model.dtype())?;
            let bare: Vec<Row> = some.iter().map(|taught| taught.row.clone()).collect();
            losses.extend(row_cross_entropies(self.model, &bare, &adapters)?);
        }
        Ok(losses)
    }

    fn part(&self, vars: &[Var], rows: &[Taught], all: usize) -> Result<Tensor, Error> {
        let b: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        let adapters = RowAdapters::of_slots(self.shared, &b, self.alpha, self.model.dtype())?;
        let bare: Vec<Row> = rows.iter().map(|taught| taught.row.clone()).collect();
        let packed = pack(&bare);
        let weights: Vec<f32> = row_mean_weights(&packed, rows.len()).iter().map(|w| w / all as f32).collect();
        if self.distil == 0.0 {
            return Ok(self.model.packed_loss(&packed, &adapters, &weights)?);
        }
        let described = |taught: &Taught| Row { prefix: taught.prefix.clone(), pieces: taught.row.pieces.clone() };
        let described: Vec<Row> = rows.iter().map(described).collect();
        let hidden = self.model.packed_scored(&pack(&described), &RowAdapters::none())?; // [N, D]
        let teacher = Teacher { hidden: &hidden, share: self.distil };
        Ok(self.model.taught_loss(&packed, &adapters, &weights, Some(teacher))?)
    }
}
