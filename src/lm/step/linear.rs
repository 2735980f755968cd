//! A linear layer in a step: the product with W for all tokens, then each run's update.

use super::adapter::{Run, SlotUpdate};
use crate::lm::kernels::{self, DenseWeight, Keep};
use crate::lm::ops::with_f32;
use crate::lm::weights::Weight;
use candle_core::{DType, Result, Tensor};

/// x · Wᵀ + bias + s · (x · Aᵀ) · Bᵀ for x `[1, N, in]`, each run of tokens with its own A, B and s; gives `[1, N, out]`.
pub(in crate::lm) fn step_linear(
    x: &Tensor,
    (weight, bias): (&Weight, Option<&Tensor>),
    (runs, slot): (&[Run<'_>], usize),
    written_out: usize,
) -> Result<Tensor> {
    let changed = runs.iter().filter_map(|run| Some((run, run.update(slot)?)));
    if !x.device().is_cpu() {
        return composed(x, (weight, bias), changed);
    }
    let (_, tokens, width) = x.dims3()?;
    let out_width = weight.out()?;
    let mut y = vec![0.0; tokens * out_width];
    with_f32(&x.contiguous()?, |x| {
        weight.product_into(x, written_out, &mut y)?;
        let mut rest: Vec<(&Run<'_>, &SlotUpdate)> = changed.collect();
        while !rest.is_empty() {
            let together = same_a(&rest);
            let group: Vec<_> = rest.drain(..together).collect();
            add_updates(x, &group, width, (&mut y, out_width))?;
        }
        Ok(())
    })?;
    let y = Tensor::from_vec(y, (1, tokens, out_width), x.device())?;
    match bias {
        Some(bias) => y.broadcast_add(&bias.to_dtype(DType::F32)?),
        None => Ok(y),
    }
}

/// How many of the first runs follow each other and share A.
fn same_a(runs: &[(&Run<'_>, &SlotUpdate)]) -> usize {
    let (first, pairs) = (runs[0].1.a.id(), runs.windows(2));
    1 + pairs.take_while(|pair| pair[1].1.a.id() == first && pair[0].0.tokens.end == pair[1].0.tokens.start).count()
}

/// Adds the updates of neighbouring runs that share A: x · Aᵀ once for all of them, then each with its own B.
fn add_updates(
    x: &[f32],
    group: &[(&Run<'_>, &SlotUpdate)],
    width: usize,
    (y, out_width): (&mut [f32], usize),
) -> Result<()> {
    let (first, last) = (group[0].0.tokens.start, group[group.len() - 1].0.tokens.end);
    let a = &group[0].1.a;
    let rank = a.dim(0)?;
    let mut down = vec![0.0; (last - first) * rank]; // [n, R]
    with_f32(a, |a| {
        kernels::dense_rows(&x[first * width..last * width], DenseWeight::F32(a), width, &mut down, Keep::Set);
        Ok(())
    })?;
    for (run, update) in group {
        let factor = update.factor * run.scale;
        let part = &mut down[(run.tokens.start - first) * rank..(run.tokens.end - first) * rank];
        part.iter_mut().for_each(|number| *number *= factor);
        let y = &mut y[run.tokens.start * out_width..run.tokens.end * out_width];
        with_f32(&update.b_t, |b_t| {
            kernels::add_up(part, b_t, rank, y);
            Ok(())
        })?;
    }
    Ok(())
}

/// The same from plain operations, for other devices.
fn composed<'r>(
    x: &Tensor,
    (weight, bias): (&Weight, Option<&Tensor>),
    changed: impl Iterator<Item = (&'r Run<'r>, &'r SlotUpdate)>,
) -> Result<Tensor> {
    let mut y = weight.product(x)?;
    if let Some(bias) = bias {
        y = y.broadcast_add(bias)?;
    }
    let (_, tokens, _) = x.dims3()?;
    let (mut parts, mut at) = (Vec::new(), 0);
    for (run, SlotUpdate { a, b_t, factor }) in changed {
        if at < run.tokens.start {
            parts.push(y.narrow(1, at, run.tokens.start - at)?);
        }
        let count = run.tokens.len();
        let down = x.narrow(1, run.tokens.start, count)?.squeeze(0)?.matmul(&a.t()?)?;
        let update = (down * f64::from(factor * run.scale))?.matmul(b_t)?;
        parts.push((y.narrow(1, run.tokens.start, count)? + update.unsqueeze(0)?)?);
        at = run.tokens.end;
    }
    if at == 0 {
        return Ok(y);
    }
    if at < tokens {
        parts.push(y.narrow(1, at, tokens - at)?);
    }
    Tensor::cat(&parts, 1)
}
