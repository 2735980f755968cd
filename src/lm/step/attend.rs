//! Attention of a step's tokens over the memory's blocks.

use super::{RowPlace, Step};
use crate::lm::kernels;
use crate::lm::kv_memory::{KvMemory, LayerMemory};
use crate::lm::ops::{AttentionKind, Heads, fast_exp, rotated, softcapped, with_f32};
use candle_core::{CpuStorage, DType, Device, InplaceOp2, Layout, Result, Tensor, bail};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// How each of a step's tokens is turned by a rotary embedding.
#[derive(Clone, Debug)]
pub(in crate::lm) struct Turn {
    /// `[N, W/2]`
    cos: Arc<Vec<f32>>,
    /// `[N, W/2]`
    sin: Arc<Vec<f32>>,
    half: usize,
    /// The same as tensors `[1, N, 1, W/2]`, on other devices than a CPU.
    tensors: Option<(Tensor, Tensor)>,
}

/// How one layer attends in a step.
#[derive(Clone, Copy)]
pub(in crate::lm) struct StepAttention<'a> {
    pub(in crate::lm) step: &'a Step<'a>,
    pub(in crate::lm) memory: &'a LayerMemory,
    /// Which of the model's rotary embeddings turns q and k.
    pub(in crate::lm) rope: usize,
}

/// So many products of numbers are worth a second thread.
const WORTH_A_THREAD: usize = 1 << 16;

impl Turn {
    pub(super) fn new(cos: Vec<f32>, sin: Vec<f32>, half: usize, device: &Device) -> Result<Self> {
        let tokens = cos.len() / half.max(1);
        let tensor = |values: &[f32]| Tensor::from_slice(values, (1, tokens, 1, half), device);
        let tensors = if device.is_cpu() { None } else { Some((tensor(&cos)?, tensor(&sin)?)) };
        Ok(Self { cos: Arc::new(cos), sin: Arc::new(sin), half, tensors })
    }

    /// x `[1, N, H·E]`, every head turned.
    fn apply(&self, x: &Tensor, width: usize) -> Result<Tensor> {
        if let Some((cos, sin)) = &self.tensors {
            let (rows, tokens, wide) = x.dims3()?;
            let heads = x.reshape((rows, tokens, wide / width, width))?.to_dtype(DType::F32)?;
            return rotated(&heads, cos, sin)?.to_dtype(x.dtype())?.reshape((rows, tokens, wide));
        }
        let mut turned = with_f32(&x.contiguous()?, |x| Ok(x.to_vec()))?;
        let per_token = x.dim(2)?;
        let angles = self.cos.chunks(self.half).zip(self.sin.chunks(self.half));
        for (token, (cos, sin)) in turned.chunks_mut(per_token).zip(angles) {
            for head in token.chunks_mut(width) {
                let (low, high) = head.split_at_mut(self.half);
                for i in 0..self.half {
                    (low[i], high[i]) = (low[i] * cos[i] - high[i] * sin[i], high[i] * cos[i] + low[i] * sin[i]);
                }
            }
        }
        Tensor::from_vec(turned, x.shape(), x.device())
    }
}

impl StepAttention<'_> {
    /// q `[1, N, Hq·E]` over the memory and the new k, v `[1, N, Hkv·E]`, which join it; gives `[1, N, Hq·E]`.
    pub(in crate::lm) fn attend(self, [q, k, v]: [&Tensor; 3], kind: AttentionKind) -> Result<Tensor> {
        let turn = &self.step.turns[self.rope];
        let q = turn.apply(q, kind.heads.width)?;
        let k = turn.apply(k, kind.heads.width)?;
        self.keep(&self.memory.keys, &k, kind.heads)?;
        self.keep(&self.memory.values, v, kind.heads)?;
        if q.device().is_cpu() { self.fused(&q, kind) } else { self.composed(&q, kind) }
    }

    /// Writes new keys or values `[1, N, Hkv·E]` to their places.
    fn keep(self, memory: &Tensor, new: &Tensor, heads: Heads) -> Result<()> {
        let places =
            self.step.slots.iter().flat_map(|slot| (0..heads.kv).map(move |head| place(*slot as usize, head, heads)));
        let new = new.contiguous()?.reshape((self.step.tokens() * heads.kv, heads.width))?;
        if memory.device().is_cpu() {
            return memory.inplace_op2(&new, &Scatter { rows: places.collect() });
        }
        let places: Vec<u32> = places.map(|place| place as u32).collect();
        scatter(memory, &new, places)
    }

    fn fused(self, q: &Tensor, kind: AttentionKind) -> Result<Tensor> {
        let heads = kind.heads;
        let together = heads.query / heads.kv * heads.width;
        let rows: Vec<&RowPlace> =
            self.step.rows.iter().flat_map(|row| std::iter::repeat_n(row, row.tokens.len())).collect();
        let work: usize = self.step.rows.iter().map(|row| row.tokens.len() * (row.start + row.tokens.len())).sum();
        let many = work * heads.query * heads.width > WORTH_A_THREAD && rayon::current_num_threads() > 1;
        let mut out = vec![0.0; q.elem_count()];
        with_f32(q, |q| {
            with_f32(&self.memory.keys, |keys| {
                with_f32(&self.memory.values, |values| {
                    // One key and value head of one token is a piece of work: all of it in a fixed order.
                    let piece = |scores: &mut Vec<f32>, (index, (out, q)): (usize, (&mut [f32], &[f32]))| {
                        let (token, head) = (index / heads.kv, index % heads.kv);
                        let row = rows[token];
                        let seen = row.start + token - row.tokens.start + 1;
                        HeadView { keys, values, row, head }.attend((out, q), seen, kind, scores);
                    };
                    let mut scores = Vec::new();
                    match many {
                        true => out
                            .par_chunks_mut(together)
                            .zip(q.par_chunks(together))
                            .enumerate()
                            .for_each_init(Vec::new, |scores, part| piece(scores, part)),
                        false => out
                            .chunks_mut(together)
                            .zip(q.chunks(together))
                            .enumerate()
                            .for_each(|part| piece(&mut scores, part)),
                    }
                    Ok(())
                })
            })
        })?;
        Tensor::from_vec(out, q.shape(), q.device())
    }

    /// The same from plain operations, row by row, for other devices.
    fn composed(self, q: &Tensor, kind: AttentionKind) -> Result<Tensor> {
        let heads = kind.heads;
        let mut out = Vec::with_capacity(self.step.rows.len());
        for row in self.step.rows.iter().filter(|row| !row.tokens.is_empty()) {
            let seen = row.start + row.tokens.len();
            let by_head = |head| (0..seen).map(move |position| place(row.slot(position), head, heads) as u32);
            let places = Tensor::from_vec((0..heads.kv).flat_map(by_head).collect(), heads.kv * seen, q.device())?;
            let gather = |memory: &Tensor| memory.index_select(&places, 0)?.reshape((heads.kv, seen, heads.width));
            let (keys, values) = (gather(&self.memory.keys)?, gather(&self.memory.values)?); // [Hkv, S, E]
            let q = q.narrow(1, row.tokens.start, row.tokens.len())?.reshape(((), heads.query, heads.width))?;
            out.push(attend_row(row, [&q.transpose(0, 1)?.contiguous()?, &keys, &values], kind)?);
        }
        Tensor::cat(&out, 0)?.unsqueeze(0)
    }
}

/// Copies the rows of `new` `[n, E]` to these rows of the memory, on other devices.
fn scatter(memory: &Tensor, new: &Tensor, places: Vec<u32>) -> Result<()> {
    let index = Tensor::from_slice(&places, (places.len(), 1), new.device())?.expand(new.shape())?.contiguous()?;
    memory.scatter_set(&index, new, 0)
}

/// Where a token's keys and values of one head stand among the memory's rows.
fn place(slot: usize, head: usize, heads: Heads) -> usize {
    let size = KvMemory::BLOCK_TOKENS;
    (slot / size * heads.kv + head) * size + slot % size
}

/// q `[Hq, T, E]` over keys and values `[Hkv, S, E]`; gives `[T, Hq·E]`.
fn attend_row(place: &RowPlace, [q, keys, values]: [&Tensor; 3], kind: AttentionKind) -> Result<Tensor> {
    let (heads, count, width) = q.dims3()?;
    let (kv_heads, seen, _) = keys.dims3()?;
    let groups = heads / kv_heads;
    let q = q.reshape((kv_heads, groups * count, width))?;
    let scores = (q.matmul(&keys.t()?)?.to_dtype(DType::F32)? * f64::from(kind.scale))?; // [Hkv, G·T, S]
    let scores = softcapped(scores, kind.softcap)?;
    let sees = |t: usize, s: usize| s <= place.start + t && kind.window.is_none_or(|w| place.start + t - s < w);
    let row = |t| (0..seen).map(move |s| if sees(t, s) { 0.0 } else { f32::NEG_INFINITY });
    let mask: Vec<f32> = (0..count).flat_map(row).collect();
    let mask = Tensor::from_vec(mask, (1, 1, count, seen), q.device())?;
    let by_head = scores.reshape((kv_heads, groups, count, seen))?;
    let scores = by_head.broadcast_add(&mask)?.reshape((kv_heads, groups * count, seen))?;
    let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(values.dtype())?;
    let mixed = weights.matmul(values)?.reshape((heads, count, width))?;
    mixed.transpose(0, 1)?.reshape((count, heads * width))
}

impl RowPlace {
    /// Where the token at a position has its keys and values.
    fn slot(&self, position: usize) -> usize {
        self.blocks[position / KvMemory::BLOCK_TOKENS] as usize * KvMemory::BLOCK_TOKENS
            + position % KvMemory::BLOCK_TOKENS
    }
}

/// One key and value head of one text in the memory.
struct HeadView<'a> {
    keys: &'a [f32],
    values: &'a [f32],
    row: &'a RowPlace,
    head: usize,
}

impl HeadView<'_> {
    /// One token's query heads `[G, E]` over the first `seen` tokens of its text, into `out` `[G, E]`.
    fn attend(&self, (out, q): (&mut [f32], &[f32]), seen: usize, kind: AttentionKind, scores: &mut Vec<f32>) {
        let width = kind.heads.width;
        let first = seen.saturating_sub(kind.window.unwrap_or(usize::MAX));
        let keys = seen - first;
        scores.clear();
        scores.resize(q.len() / width * keys, 0.0);
        for (part, place) in self.parts(first..seen, kind.heads) {
            let block = &self.keys[place * width..(place + part.len()) * width];
            for (scores, q) in scores.chunks_mut(keys).zip(q.chunks(width)) {
                kernels::dots(q, block, &mut scores[part.clone()]);
            }
        }
        for scores in scores.chunks_mut(keys) {
            scores.iter_mut().for_each(|score| *score *= kind.scale);
            if let Some(cap) = kind.softcap {
                scores.iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
            }
            softmax(scores);
        }
        for (part, place) in self.parts(first..seen, kind.heads) {
            let block = &self.values[place * width..(place + part.len()) * width];
            for (scores, out) in scores.chunks(keys).zip(out.chunks_mut(width)) {
                kernels::add_up(&scores[part.clone()], block, part.len(), out);
            }
        }
    }

    /// The tokens at these positions block by block, counted from the first, and where each block's begin in the memory.
    fn parts(&self, positions: Range<usize>, heads: Heads) -> impl Iterator<Item = (Range<usize>, usize)> {
        let (size, first) = (KvMemory::BLOCK_TOKENS, positions.start);
        (first / size..positions.end.div_ceil(size)).map(move |block| {
            let begin = first.max(block * size);
            let end = positions.end.min((block + 1) * size);
            (begin - first..end - first, place(self.row.slot(begin), self.head, heads))
        })
    }
}

fn softmax(scores: &mut [f32]) {
    let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = fast_exp(*score - top));
    let inverse = 1.0 / scores.iter().sum::<f32>();
    scores.iter_mut().for_each(|score| *score *= inverse);
}

/// Copies the rows of the second tensor to these rows of the first.
struct Scatter {
    rows: Vec<usize>,
}

impl InplaceOp2 for Scatter {
    fn name(&self) -> &'static str {
        "scatter_rows"
    }

    fn cpu_fwd(&self, memory: &mut CpuStorage, layout: &Layout, new: &CpuStorage, new_layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(memory), CpuStorage::F32(new)) = (memory, new) else {
            bail!("keys and values are f32 on a CPU")
        };
        let (_, width) = layout.shape().dims2()?;
        let (Some((start, _)), Some((from, to))) = (layout.contiguous_offsets(), new_layout.contiguous_offsets())
        else {
            bail!("keys and values are contiguous")
        };
        for (row, new) in self.rows.iter().zip(new[from..to].chunks_exact(width)) {
            memory[start + row * width..][..width].copy_from_slice(new);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "attend_tests.rs"]
mod tests;
