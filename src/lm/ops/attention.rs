//! Attention over packed rows, RoPE included, with a backward.
//!
//! A row holds a prefix (segment 0) and independent texts (segments 1, 2, …): a token sees the
//! tokens before it of its own segment and of the prefix; a padding token (segment −1) sees and is
//! seen by none. Scores are never materialised for more than one head and block of query tokens.

use super::gated::fast_exp;
use super::sight::{Seen, Sight};
use super::slices::{Scale, View, f32_slice, product, with_f32};
use crate::lm::rope::RopeTable;
use candle_core::{CpuStorage, CustomOp3, D, DType, Device, Layout, Result, Shape, Tensor};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// Query tokens that are scored together: bounds the scratch memory and skips most of what causality hides.
const BLOCK: usize = 64;

/// Numbers of heads, and the width of one.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Hq
    pub query: usize,
    /// Hkv
    pub kv: usize,
    /// E
    pub width: usize,
}

/// How one layer attends.
#[derive(Clone, Copy, Debug)]
pub struct AttentionKind {
    /// Its heads.
    pub heads: Heads,
    /// The factor of scores.
    pub scale: f32,
    /// Scores are bent into ± this.
    pub softcap: Option<f32>,
    /// A token sees this many tokens, itself included.
    pub window: Option<usize>,
}

/// Who sees whom, and where everybody stands: `[B, T]` each, row by row.
#[derive(Clone, Debug)]
pub struct AttentionMap {
    /// RoPE's table of each row.
    pub ropes: Arc<Vec<RopeTable>>,
    /// Position of each token in its own text.
    pub positions: Arc<Vec<u32>>,
    /// Segment of each token: 0 the prefix, −1 padding.
    pub segments: Arc<Vec<i32>>,
    /// T
    pub tokens: usize,
}

/// Attention for q `[B, T, Hq·E]` and k, v `[B, T, Hkv·E]`; gives `[B, T, Hq·E]`.
pub fn attention(q: &Tensor, k: &Tensor, v: &Tensor, kind: AttentionKind, map: &AttentionMap) -> Result<Tensor> {
    if q.device().is_cpu() && q.dtype() == DType::F32 {
        let op = PackedAttention { kind, map: map.clone() };
        return q.contiguous()?.apply_op3(&k.contiguous()?, &v.contiguous()?, op);
    }
    composed(q, k, v, kind, map)
}

/// The same from plain operations, for other devices and precisions.
pub(super) fn composed(q: &Tensor, k: &Tensor, v: &Tensor, kind: AttentionKind, map: &AttentionMap) -> Result<Tensor> {
    let heads = kind.heads;
    let (rows, tokens, _) = q.dims3()?;
    let (dtype, device) = (q.dtype(), q.device());
    let split = |x: &Tensor, count| x.reshape((rows, tokens, count, heads.width))?.transpose(1, 2); // [B, H, T, E]
    let half = map.ropes.first().map_or(0, |rope| rope.half);
    let turned = |table: fn(&RopeTable) -> &[f32]| -> Result<Tensor> {
        let mut picked = Vec::with_capacity(rows * tokens * half);
        for (rope, positions) in map.ropes.iter().zip(map.positions.chunks(tokens)) {
            positions.iter().for_each(|p| picked.extend_from_slice(&table(rope)[*p as usize * half..][..half]));
        }
        Tensor::from_vec(picked, (rows, 1, tokens, half), device)
    };
    let (cos, sin) = (turned(|rope| &rope.cos)?, turned(|rope| &rope.sin)?);
    let rotate = |x: Tensor| rotated(&x.to_dtype(DType::F32)?, &cos, &sin);
    let repeat = |x: Tensor| -> Result<Tensor> {
        let groups = heads.query / heads.kv;
        let (b, h, t, e) = x.dims4()?;
        x.unsqueeze(2)?.expand((b, h, groups, t, e))?.contiguous()?.reshape((b, h * groups, t, e))
    };
    let q = rotate(split(q, heads.query)?)?;
    let k = repeat(rotate(split(k, heads.kv)?)?)?;
    let v = repeat(split(v, heads.kv)?.to_dtype(DType::F32)?)?.contiguous()?;
    let scores = (q.contiguous()?.matmul(&k.t()?.contiguous()?)? * f64::from(kind.scale))?;
    let scores = softcapped(scores, kind.softcap)?;
    let scores = scores.broadcast_add(&mask(map, kind.window, (rows, tokens), device)?)?; // [B, Hq, T, T]
    let weights = candle_nn::ops::softmax(&scores, D::Minus1)?;
    weights.matmul(&v)?.transpose(1, 2)?.reshape((rows, tokens, heads.query * heads.width))?.to_dtype(dtype)
}

/// RoPE on x `[B, H, T, E]` or `[B, T, H, E]`; cos and sin `[.., W/2]` broadcast over it, and coordinates
/// from W on stand.
pub(in crate::lm) fn rotated(x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    let (width, half) = (x.dim(D::Minus1)?, cos.dim(D::Minus1)?);
    let (a, b) = (x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?);
    let turned_a = (a.broadcast_mul(cos)? - b.broadcast_mul(sin)?)?;
    let turned_b = (b.broadcast_mul(cos)? + a.broadcast_mul(sin)?)?;
    let mut parts = vec![turned_a, turned_b];
    if width > 2 * half {
        parts.push(x.narrow(D::Minus1, 2 * half, width - 2 * half)?);
    }
    Tensor::cat(&parts, D::Minus1)
}

/// cap · tanh(x / cap)
pub(in crate::lm) fn softcapped(x: Tensor, cap: Option<f32>) -> Result<Tensor> {
    match cap.map(f64::from) {
        Some(cap) => (x / cap)?.tanh()? * cap,
        None => Ok(x),
    }
}

/// 0 where a token sees another, a large negative number elsewhere; `[B, 1, T, T]`.
fn mask(map: &AttentionMap, window: Option<usize>, (rows, tokens): (usize, usize), device: &Device) -> Result<Tensor> {
    let mut mask = vec![-1e30f32; rows * tokens * tokens];
    for row in 0..rows {
        let sight = Sight::of_row(map, window, row);
        for t in 0..tokens {
            for s in 0..=t {
                if sight.sees(t, s) {
                    mask[(row * tokens + t) * tokens + s] = 0.0;
                }
            }
        }
    }
    Tensor::from_vec(mask, (rows, 1, tokens, tokens), device)
}

struct PackedAttention {
    kind: AttentionKind,
    map: AttentionMap,
}

/// Which way RoPE turns.
#[derive(Clone, Copy)]
enum Turn {
    Forward,
    Back,
}

/// q, k, v of one row, each `[T, H·E]`, q and k turned by RoPE.
struct Row<'a> {
    q: Vec<f32>,
    k: Vec<f32>,
    v: &'a [f32],
    sight: Sight,
}

/// Where one head stands in the rows of q and of k and v, and which tokens are at work: `count` queries
/// from `first` on, over the keys from `first_key` to the last query.
#[derive(Clone, Copy)]
struct Block {
    q: View,
    kv: View,
    first: usize,
    count: usize,
    first_key: usize,
}

impl CustomOp3 for PackedAttention {
    fn name(&self) -> &'static str {
        "packed_attention_with_backward"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        k: &CpuStorage,
        kl: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (q, k, v) = (f32_slice(q, ql)?, f32_slice(k, kl)?, f32_slice(v, vl)?);
        let mut out = vec![0.0; q.len()];
        out.par_chunks_mut(self.q_len()).enumerate().for_each(|(index, out)| {
            let row = self.row(index, q, k, v);
            let mut weights = vec![0.0; BLOCK * self.map.tokens];
            for block in self.blocks(&row.sight) {
                let seen = self.weigh(&row, block, &mut weights, None);
                product((out, block.q), (&weights, seen), (row.v, block.kv), Scale::SET);
            }
        });
        Ok((CpuStorage::F32(out), ql.shape().clone()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let (mut dq, mut dk, mut dv) =
            (vec![0.0; q.elem_count()], vec![0.0; k.elem_count()], vec![0.0; v.elem_count()]);
        with_f32(q, |q| {
            with_f32(k, |k| {
                with_f32(v, |v| {
                    with_f32(out, |out| {
                        with_f32(&grad, |dy| {
                            dq.par_chunks_mut(self.q_len())
                                .zip(dk.par_chunks_mut(self.kv_len()))
                                .zip(dv.par_chunks_mut(self.kv_len()))
                                .enumerate()
                                .for_each(|(index, ((dq, dk), dv))| {
                                    let at = index * self.q_len()..(index + 1) * self.q_len();
                                    let row = self.row(index, q, k, v);
                                    self.row_gradients(&row, (&out[at.clone()], &dy[at]), (dq, dk, dv));
                                    self.rotate(dq, index, Turn::Back);
                                    self.rotate(dk, index, Turn::Back);
                                });
                            Ok(())
                        })
                    })
                })
            })
        })?;
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device()).map(Some);
        Ok((tensor(dq, q)?, tensor(dk, k)?, tensor(dv, v)?))
    }
}

impl PackedAttention {
    fn q_len(&self) -> usize {
        self.map.tokens * self.kind.heads.query * self.kind.heads.width
    }

    fn kv_len(&self) -> usize {
        self.map.tokens * self.kind.heads.kv * self.kind.heads.width
    }

    fn row<'a>(&'a self, index: usize, q: &[f32], k: &[f32], v: &'a [f32]) -> Row<'a> {
        let kv = index * self.kv_len()..(index + 1) * self.kv_len();
        let mut q = q[index * self.q_len()..][..self.q_len()].to_vec();
        let mut k = k[kv.clone()].to_vec();
        self.rotate(&mut q, index, Turn::Forward);
        self.rotate(&mut k, index, Turn::Forward);
        Row { q, k, v: &v[kv], sight: Sight::of_row(&self.map, self.kind.window, index) }
    }

    /// Turns every head of row `index`, in place; `x` is `[T, H·E]`.
    fn rotate(&self, x: &mut [f32], index: usize, turn: Turn) {
        let RopeTable { cos, sin, half } = &self.map.ropes[index];
        let positions = &self.map.positions[index * self.map.tokens..][..self.map.tokens];
        let per_token = x.len() / self.map.tokens;
        let sign = match turn {
            Turn::Forward => 1.0,
            Turn::Back => -1.0,
        };
        for (token, position) in x.chunks_mut(per_token).zip(positions) {
            let at = *position as usize * half;
            let (cos, sin) = (&cos[at..at + half], &sin[at..at + half]);
            for head in token.chunks_mut(self.kind.heads.width) {
                let (low, high) = head.split_at_mut(*half);
                for i in 0..*half {
                    let s = sin[i] * sign;
                    (low[i], high[i]) = (low[i] * cos[i] - high[i] * s, high[i] * cos[i] + low[i] * s);
                }
            }
        }
    }

    /// Every head, every block of query tokens.
    fn blocks(&self, sight: &Sight) -> impl Iterator<Item = Block> {
        let Heads { query, kv, width } = self.kind.heads;
        let tokens = self.map.tokens;
        (0..query).flat_map(move |head| {
            (0..tokens).step_by(BLOCK).map(move |first| {
                let count = BLOCK.min(tokens - first);
                let first_key = sight.first_key(first..first + count);
                let q = View::rows(first * query * width + head * width, count, width, query * width);
                let kv_at = (first_key * kv + head / (query / kv)) * width;
                let kv = View::rows(kv_at, first + count - first_key, width, kv * width);
                Block { q, kv, first, count, first_key }
            })
        })
    }

    /// The attention weights of a block, `[count, keys]`, into `weights`; where scores are capped,
    /// `slopes` takes the cap's derivative at each.
    fn weigh(&self, row: &Row<'_>, block: Block, weights: &mut [f32], mut slopes: Option<&mut [f32]>) -> View {
        let keys = block.kv.rows;
        let view = View::rows(0, block.count, keys, keys);
        let scale = Scale { keep: 0.0, scale: self.kind.scale };
        product((weights, view), (&row.q, block.q), (&row.k, block.kv.t()), scale);
        for (i, scores) in weights.chunks_mut(keys).take(block.count).enumerate() {
            if let Some(cap) = self.kind.softcap {
                scores.iter_mut().for_each(|score| *score = cap * (*score / cap).tanh());
                if let Some(slopes) = &mut slopes {
                    let slopes = &mut slopes[i * keys..(i + 1) * keys];
                    slopes.iter_mut().zip(&*scores).for_each(|(slope, s)| *slope = 1.0 - (s / cap).powi(2));
                }
            }
            masked_softmax(scores, &row.sight.tokens[block.first + i], block.first_key);
        }
        view
    }

    fn row_gradients(
        &self,
        row: &Row<'_>,
        (out, dy): (&[f32], &[f32]),
        (dq, dk, dv): (&mut [f32], &mut [f32], &mut [f32]),
    ) {
        let width = self.kind.heads.width;
        let mut weights = vec![0.0; BLOCK * self.map.tokens];
        let mut scores = vec![0.0; BLOCK * self.map.tokens];
        let mut slopes = self.kind.softcap.map(|_| vec![0.0; BLOCK * self.map.tokens]);
        let scale = Scale { keep: 1.0, scale: self.kind.scale };
        for block in self.blocks(&row.sight) {
            let view = self.weigh(row, block, &mut weights, slopes.as_deref_mut()); // P
            product((dv, block.kv), (&weights, view.t()), (dy, block.q), Scale::ADD); // dV += Pᵀ·dO
            product((&mut scores, view), (dy, block.q), (row.v, block.kv.t()), Scale::SET); // dP = dO·Vᵀ
            for i in 0..block.count {
                let at = block.q.offset + i * block.q.row_stride;
                let dot: f32 = out[at..at + width].iter().zip(&dy[at..at + width]).map(|(o, g)| o * g).sum();
                let line = i * view.cols..(i + 1) * view.cols;
                for (s, p) in scores[line.clone()].iter_mut().zip(&weights[line]) {
                    *s = p * (*s - dot); // dS = P ∘ (dP − Σ dO·O)
                }
                if let Some(slopes) = &slopes {
                    let line = i * view.cols..(i + 1) * view.cols;
                    scores[line.clone()].iter_mut().zip(&slopes[line]).for_each(|(s, slope)| *s *= slope);
                }
            }
            product((dq, block.q), (&scores, view), (&row.k, block.kv), scale); // dQ += dS·K
            product((dk, block.kv), (&scores, view.t()), (&row.q, block.q), scale); // dK += dSᵀ·Q
        }
    }
}

/// Softmax over the keys that a token sees, 0 elsewhere; the first score is that of `first_key`.
fn masked_softmax(scores: &mut [f32], seen: &Seen, first_key: usize) {
    let at = |keys: &Range<usize>| keys.start.saturating_sub(first_key)..keys.end.saturating_sub(first_key);
    let (prefix, own) = (at(&seen.prefix), at(&seen.own));
    let top = |part: &[f32]| part.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let top = top(&scores[prefix.clone()]).max(top(&scores[own.clone()]));
    let mut sum = 0.0;
    for part in [prefix.clone(), own.clone()] {
        for score in &mut scores[part] {
            *score = fast_exp(*score - top);
            sum += *score;
        }
    }
    let inverse = 1.0 / sum;
    scores[prefix.clone()].iter_mut().for_each(|score| *score *= inverse);
    scores[own.clone()].iter_mut().for_each(|score| *score *= inverse);
    scores[..prefix.start].fill(0.0);
    scores[prefix.end..own.start.max(prefix.end)].fill(0.0);
    scores[own.end..].fill(0.0);
}
