//! A few steps of gradient descent from a written adapter towards the examples that a caller showed.
//!
//! Only B is moved. What it is moved by, D, is the variable and begins at zero, so that the optimiser's weight decay pulls
//! back to where B began and not to zero. Every step sees all examples: nothing is drawn, the same request gives the same
//! numbers. Of all Bs on the way the one with the lowest loss is kept, so that what comes out is never worse on the
//! examples than what went in.
//!
//! Letters: S slots, R rank, L coordinates of all B.

use super::evaluate::{Row, fitting, pack};
use super::expected::Expected;
use super::optimizer::{Optimizer, Rule};
use super::plan::StepPlan;
use super::progress::{Progress, Report};
use super::schedule::Schedule;
use super::{Error, Workers};
use crate::lm::{Config, Model, Recompute, RowAdapters};
use crate::lora::SharedA;
use candle_core::{DType, Device, Tensor, Var};

/// The most steps of a refinement.
pub const MAX_REFINE_STEPS: usize = 100;
/// The most tokens of examples that a step sees.
pub const MAX_REFINE_TOKENS: usize = 2048;
/// Tokens that go through the base together.
const PASS_TOKENS: usize = 512;
/// Bytes above which a pass computes layers once more rather than keep them.
const KEPT_BYTES: u64 = 512 << 20;
/// Bases of at least this width are real ones, for which the demo's rate is not meant.
const REAL_HIDDEN: usize = 512;

/// How an adapter is refined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RefineRun {
    /// `lora_alpha`
    pub alpha: f64,
    /// The learning rate.
    pub schedule: Schedule,
    /// How strongly B is held where it began: the share of D that a step of rate 1 takes away.
    pub pull: f64,
}

impl RefineRun {
    /// So many steps for a base: at the rate that was measured on the demo (benches/refine), or for a real base a tenth of it, as
    /// its adapters are trained at a tenth of the demo's rate.
    pub fn for_base(config: &Config, alpha: f64, steps: usize) -> Self {
        let peak = if config.hidden_size < REAL_HIDDEN { 7e-3 } else { 7e-4 };
        Self { alpha, schedule: Self::schedule(peak, steps), pull: 0.1 }
    }

    /// So many steps towards what the base itself answers, at the rate that was measured on the demo (benches/distil): what
    /// it answers is wrong at times, and a lower rate keeps more of what is right in the adapter.
    pub fn towards_base(config: &Config, alpha: f64, steps: usize) -> Self {
        let peak = if config.hidden_size < REAL_HIDDEN { 3e-3 } else { 3e-4 };
        Self { alpha, schedule: Self::schedule(peak, steps), pull: 0.1 }
    }

    /// A rise over the first steps and a fall over the latter half.
    pub fn schedule(peak: f64, steps: usize) -> Schedule {
        Schedule { peak, warmup: (steps / 10).max(1), decay: (steps / 2).max(1), steps }
    }
}

/// The frozen things that an adapter is refined through.
pub struct RefineContext<'a> {
    /// The base.
    pub model: &'a Model,
    /// A0
    pub shared: &'a SharedA,
    /// Tokens before every bare input.
    pub begin: &'a [u32],
    /// Reports and the wish to stop.
    pub progress: &'a dyn Progress,
}

/// The flat B `[L]` that some steps on the examples `shown` make of `start` `[L]`, on one thread.
///
/// # Errors
/// [`Error::NoData`] without examples, [`Error::Cancelled`], [`Error::Diverged`] where `start` itself gives no number,
/// [`Error::Untrainable`] where no gradient reaches a slot, those of the model.
pub fn refine(
    context: &RefineContext<'_>,
    start: &[f32],
    shown: &Expected,
    run: &RefineRun,
) -> Result<Vec<f32>, Error> {
    let alone = one_worker()?;
    let refined = alone.map(vec![()], |()| Refinement::new(context, start, shown, run)?.descend());
    refined.into_iter().next().unwrap_or(Err(Error::NoData { what: "examples" }))
}

fn one_worker() -> Result<Workers, Error> {
    Workers::new(1).map_err(|_| Error::NoData { what: "threads" })
}

/// Examples that go through the base together, with what a scored token of each counts.
struct Pass {
    row: Row,
    weights: Vec<f64>,
}

impl Pass {
    /// What its scored tokens count together.
    fn scored(&self) -> f64 {
        pack(std::slice::from_ref(&self.row)).scored().iter().map(|scored| self.weights[scored.piece]).sum()
    }
}

struct Refinement<'a> {
    context: &'a RefineContext<'a>,
    run: &'a RefineRun,
    model: Model,
    passes: Vec<Pass>,
    /// What all scored tokens count together.
    scored: f64,
    /// Of each slot, `[1, out, R]`.
    start: Vec<Tensor>,
    moved: Vec<Var>,
    optimizer: Optimizer,
}

impl<'a> Refinement<'a> {
    fn new(context: &'a RefineContext<'a>, start: &[f32], shown: &Expected, run: &'a RefineRun) -> Result<Self, Error> {
        let passes = passes(context.begin, shown);
        let scored: f64 = passes.iter().map(Pass::scored).sum();
        if scored <= 0.0 {
            return Err(Error::NoData { what: "examples" });
        }
        let start = slots(context.shared, start, context.model.device())?;
        let moved: Vec<Var> =
            start.iter().map(|b| Var::zeros(b.shape(), DType::F32, b.device())).collect::<candle_core::Result<_>>()?;
        let rule = Rule::AdamW { decay: run.pull, rate_scale: 1.0 };
        let named = moved.iter().enumerate().map(|(i, var)| (i.to_string(), var.clone(), rule));
        let optimizer = Optimizer::new(named.collect())?;
        let model = context.model.with_recompute(recompute(context.model.config(), &passes));
        Ok(Self { context, run, model, passes, scored, start, moved, optimizer })
    }

    fn descend(mut self) -> Result<Vec<f32>, Error> {
        // The optimiser's own: this one's only thread is in use.
        let hand = one_worker()?;
        let steps = self.run.schedule.steps;
        let mut best: Option<(f64, Vec<f32>)> = None;
        for step in 0..steps {
            if self.context.progress.cancelled() {
                return Err(Error::Cancelled);
            }
            let (loss, grads) = self.gradients()?;
            if !self.keep(loss, &mut best)? {
                break;
            }
            self.context.progress.report(&Report { phase: "refine", step, total: steps, metrics: &[("loss", loss)] });
            self.optimizer.step(grads, self.run.schedule.rate(step), f64::INFINITY, &hand)?;
        }
        let last = self.passes.iter().map(|pass| self.value(pass)).sum::<Result<f64, Error>>()?;
        self.keep(last, &mut best)?;
        best.map(|(_, b)| b).ok_or(Error::Diverged { step: 0 })
    }

    /// Takes the present B where no loss was lower. Whether the loss is a number.
    fn keep(&self, loss: f64, best: &mut Option<(f64, Vec<f32>)>) -> Result<bool, Error> {
        if loss.is_finite() && best.as_ref().is_none_or(|(lowest, _)| loss < *lowest) {
            let mut flat = Vec::new();
            for b in self.b()? {
                flat.extend(b.flatten_all()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?);
            }
            *best = Some((loss, flat));
        }
        Ok(loss.is_finite())
    }

    /// The loss of all passes and its gradients, one for each slot.
    fn gradients(&self) -> Result<(f64, Vec<Option<Tensor>>), Error> {
        let (mut total, mut sums): (f64, Vec<Option<Tensor>>) = (0.0, vec![None; self.moved.len()]);
        for pass in &self.passes {
            let loss = self.loss(pass)?;
            total += f64::from(loss.to_scalar::<f32>()?);
            let grads = self.optimizer.collect(&loss.backward()?);
            for ((sum, grad), slot) in sums.iter_mut().zip(grads).zip(self.context.shared.layout().slots()) {
                let grad = grad.ok_or_else(|| Error::Untrainable { slot: slot.path() })?;
                *sum = Some(match sum.take() {
                    Some(sum) => (sum + grad)?,
                    None => grad,
                });
            }
        }
        Ok((total, sums))
    }

    fn value(&self, pass: &Pass) -> Result<f64, Error> {
        Ok(f64::from(self.loss(pass)?.to_scalar::<f32>()?))
    }

    /// A pass's share of the weighted mean cross-entropy over all scored tokens.
    fn loss(&self, pass: &Pass) -> Result<Tensor, Error> {
        let packed = pack(std::slice::from_ref(&pass.row));
        let adapters = RowAdapters::of_slots(self.context.shared, &self.b()?, self.run.alpha, self.model.dtype())?;
        let weight = |piece: usize| (pass.weights[piece] / self.scored) as f32;
        let weights: Vec<f32> = packed.scored().iter().map(|scored| weight(scored.piece)).collect();
        Ok(self.model.packed_loss(&packed, &adapters, &weights)?)
    }

    /// B = B₀ + D of each slot, `[1, out, R]`.
    fn b(&self) -> candle_core::Result<Vec<Tensor>> {
        self.start.iter().zip(&self.moved).map(|(start, moved)| start + moved.as_tensor()).collect()
    }
}

/// The examples in their order, in rows of [`PASS_TOKENS`] at most; a longer one has a row of its own.
fn passes(begin: &[u32], shown: &Expected) -> Vec<Pass> {
    let (mut passes, mut done) = (Vec::new(), 0);
    while done < shown.pieces.len() {
        let pieces = fitting(&shown.pieces[done..], PASS_TOKENS.saturating_sub(begin.len())).to_vec();
        let weights = shown.weights[done..done + pieces.len()].to_vec();
        done += pieces.len();
        passes.push(Pass { row: Row { prefix: begin.to_vec(), pieces }, weights });
    }
    passes
}

fn recompute(config: &Config, passes: &[Pass]) -> Recompute {
    let tokens =
        |pass: &Pass| pass.row.prefix.len() + pass.row.pieces.iter().map(|piece| piece.tokens.len()).sum::<usize>();
    let longest = passes.iter().map(tokens).max().unwrap_or(0);
    if StepPlan::bytes(config, longest, Recompute::Never) > KEPT_BYTES { Recompute::Layers } else { Recompute::Never }
}

/// A flat B `[L]` slot by slot, each `[1, out, R]`.
fn slots(shared: &SharedA, flat: &[f32], device: &Device) -> Result<Vec<Tensor>, Error> {
    let layout = shared.layout();
    let flat = Tensor::from_slice(flat, layout.b_len(), device)?;
    let offsets = layout.b_offsets();
    let slot = |(slot, at): (&crate::lora::Slot, &usize)| {
        flat.narrow(0, *at, slot.b_len())?.reshape((1, slot.output, slot.rank))
    };
    Ok(layout.slots().iter().zip(&offsets).map(slot).collect::<candle_core::Result<_>>()?)
}

#[cfg(test)]
#[path = "refine_tests.rs"]
mod tests;
