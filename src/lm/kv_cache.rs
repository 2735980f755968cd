//! Keys and values of what each row has seen, and attention over them.

use super::Error;
use super::config::Config;
use super::ops::{AttentionKind, rotated, softcapped};
use super::rope::{Rope, RopeTable};
use candle_core::{DType, Device, Result, Tensor};

/// A cache of B rows; each row fills at its own pace.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    lengths: Vec<usize>,
    horizons: Vec<usize>,
    context: usize,
    device: Device,
}

/// One layer's keys (turned by RoPE) and values, row by row `[Hkv, S, E]`.
#[derive(Clone, Debug, Default)]
pub(super) struct LayerCache {
    rows: Vec<Option<(Tensor, Tensor)>>,
}

/// The geometry of one step: which positions the new tokens take.
#[derive(Debug)]
pub(super) struct CachedStep {
    /// T, the longest row of the step.
    tokens: usize,
    /// New tokens of each row.
    counts: Vec<usize>,
    /// S of each row before the step.
    lengths: Vec<usize>,
    /// cos and sin of each of the model's rotary embeddings, `[B, T, 1, W/2]`.
    turns: Vec<(Tensor, Tensor)>,
}

impl KvCache {
    /// An empty cache for `rows` rows.
    pub fn new(config: &Config, rows: usize, device: &Device) -> Self {
        let layer = LayerCache { rows: vec![None; rows] };
        let layers = vec![layer; config.layers()];
        let (lengths, horizons) = (vec![0; rows], vec![0; rows]);
        Self { layers, lengths, horizons, context: config.context, device: device.clone() }
    }

    /// S of each row.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Keeps only these rows, in this order; the others' memory is freed.
    pub fn retain(&mut self, rows: &[usize]) {
        self.lengths = rows.iter().map(|row| self.lengths[*row]).collect();
        self.horizons = rows.iter().map(|row| self.horizons[*row]).collect();
        for layer in &mut self.layers {
            layer.rows = rows.iter().map(|row| layer.rows[*row].take()).collect();
        }
    }

    /// Adds an empty row at the end. `horizon` is how many tokens it may come to hold: scalings that
    /// choose their frequencies by a text's length choose by it, so that they stay the same while it grows.
    pub fn push_row(&mut self, horizon: usize) {
        self.lengths.push(0);
        self.horizons.push(horizon);
        self.layers.iter_mut().for_each(|layer| layer.rows.push(None));
    }

    /// Moves these rows out into a cache of their own, in this order; they are empty here until
    /// [`Self::put_rows`].
    #[must_use]
    pub fn take_rows(&mut self, rows: &[usize]) -> Self {
        let lengths = rows.iter().map(|row| std::mem::take(&mut self.lengths[*row])).collect();
        let take =
            |layer: &mut LayerCache| LayerCache { rows: rows.iter().map(|row| layer.rows[*row].take()).collect() };
        let layers = self.layers.iter_mut().map(take).collect();
        let horizons = rows.iter().map(|row| self.horizons[*row]).collect();
        Self { layers, lengths, horizons, context: self.context, device: self.device.clone() }
    }

    /// Moves rows that [`Self::take_rows`] took back to where they were.
    pub fn put_rows(&mut self, rows: &[usize], part: Self) {
        for (row, length) in rows.iter().zip(part.lengths) {
            self.lengths[*row] = length;
        }
        for (layer, taken) in self.layers.iter_mut().zip(part.layers) {
            for (row, kept) in rows.iter().zip(taken.rows) {
                layer.rows[*row] = kept;
            }
        }
    }

    pub(super) fn begin(&self, tokens: &[Vec<u32>], ropes: &[Rope]) -> std::result::Result<CachedStep, Error> {
        let counts: Vec<usize> = tokens.iter().map(Vec::len).collect();
        let longest = counts.iter().zip(&self.lengths).map(|(new, old)| new + old).max().unwrap_or(0);
        if longest > self.context {
            return Err(Error::TooLong { tokens: longest, context: self.context });
        }
        let width = counts.iter().copied().max().unwrap_or(0);
        let turns = ropes.iter().map(|rope| self.turn(&counts, width, rope)).collect::<Result<_>>()?;
        Ok(CachedStep { tokens: width, counts, lengths: self.lengths.clone(), turns })
    }

    /// cos and sin of the positions that the new tokens take, `[B, T, 1, W/2]`.
    fn turn(&self, counts: &[usize], width: usize, rope: &Rope) -> Result<(Tensor, Tensor)> {
        let rows: Vec<(RopeTable, usize, usize)> = (counts.iter().zip(&self.lengths).zip(&self.horizons))
            .map(|((count, length), horizon)| (rope.table((length + count).max(*horizon)), *count, *length))
            .collect();
        let half = rows.first().map_or(0, |(table, ..)| table.half);
        let table = |values: fn(&RopeTable) -> &[f32]| -> Result<Tensor> {
            let mut picked = Vec::with_capacity(rows.len() * width * half);
            for (table, count, length) in &rows {
                for t in 0..width {
                    let position = if t < *count { length + t } else { 0 };
                    picked.extend_from_slice(&values(table)[position * half..][..half]);
                }
            }
            Tensor::from_vec(picked, (rows.len(), width, 1, half), &self.device)
        };
        Ok((table(|t| &t.cos)?, table(|t| &t.sin)?))
    }

    pub(super) fn layers_mut(&mut self) -> &mut [LayerCache] {
        &mut self.layers
    }

    pub(super) fn commit(&mut self, tokens: &[Vec<u32>]) {
        for (length, new) in self.lengths.iter_mut().zip(tokens) {
            *length += new.len();
        }
    }
}

impl CachedStep {
    /// The step's tokens padded to T, `[B·T]`.
    pub(super) fn token_ids(&self, tokens: &[Vec<u32>]) -> Vec<u32> {
        let pad = |row: &Vec<u32>| std::iter::repeat_n(0, self.tokens - row.len());
        tokens.iter().flat_map(|row| row.iter().copied().chain(pad(row))).collect()
    }

    /// Index of each row's last token into `[B·T]`.
    pub(super) fn last_indices(&self, tokens: &[Vec<u32>]) -> Vec<u32> {
        (tokens.iter().enumerate()).map(|(b, row)| (b * self.tokens + row.len().max(1) - 1) as u32).collect()
    }

    /// Attention of q `[B, T, Hq·E]` over the cache and the new k, v `[B, T, Hkv·E]`, which join it.
    /// `rope` says which of the model's rotary embeddings turns q and k.
    pub(super) fn attend(
        &self,
        [q, k, v]: [&Tensor; 3],
        (kind, rope): (AttentionKind, usize),
        cache: &mut LayerCache,
    ) -> Result<Tensor> {
        let heads = kind.heads;
        let (rows, tokens, _) = q.dims3()?;
        let split = |x: &Tensor, count| x.reshape((rows, tokens, count, heads.width)); // [B, T, H, E]
        let q = self.rotate(&split(q, heads.query)?, rope)?;
        let k = self.rotate(&split(k, heads.kv)?, rope)?;
        let v = split(v, heads.kv)?;
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let count = self.counts[row];
            let mut mixed = Vec::new();
            if count > 0 {
                let new = |x: &Tensor| x.get(row)?.narrow(0, 0, count)?.transpose(0, 1)?.contiguous(); // [H, count, E]
                let (keys, values) = cache.append(row, &new(&k)?, &new(&v)?)?;
                mixed.push(self.attend_row(row, [&new(&q)?, &keys, &values], kind)?); // [count, Hq·E]
            }
            if count < tokens {
                mixed.push(Tensor::zeros((tokens - count, heads.query * heads.width), q.dtype(), q.device())?);
            }
            out.push(Tensor::cat(&mixed, 0)?);
        }
        Tensor::stack(&out, 0)
    }

    /// q `[Hq, T, E]` over keys and values `[Hkv, S, E]`; gives `[T, Hq·E]`.
    fn attend_row(&self, row: usize, [q, keys, values]: [&Tensor; 3], kind: AttentionKind) -> Result<Tensor> {
        let (heads, count, width) = q.dims3()?;
        let (kv_heads, seen, _) = keys.dims3()?;
        let groups = heads / kv_heads;
        let q = q.reshape((kv_heads, groups * count, width))?;
        let scores = (q.matmul(&keys.t()?)?.to_dtype(DType::F32)? * f64::from(kind.scale))?; // [Hkv, G·T, S]
        let scores = softcapped(scores, kind.softcap)?;
        let before = self.lengths[row];
        let sees = |t: usize, s: usize| s <= before + t && kind.window.is_none_or(|w| before + t - s < w);
        let scores = if count > 1 || !sees(0, 0) {
            let row = |t| (0..seen).map(move |s| if sees(t, s) { 0.0 } else { f32::NEG_INFINITY });
            let mask: Vec<f32> = (0..count).flat_map(row).collect();
            let mask = Tensor::from_vec(mask, (1, 1, count, seen), q.device())?;
            let by_head = scores.reshape((kv_heads, groups, count, seen))?;
            by_head.broadcast_add(&mask)?.reshape((kv_heads, groups * count, seen))?
        } else {
            scores
        };
        let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(values.dtype())?;
        let mixed = weights.matmul(values)?.reshape((heads, count, width))?;
        mixed.transpose(0, 1)?.reshape((count, heads * width))
    }

    /// RoPE on `[B, T, H, E]`.
    fn rotate(&self, x: &Tensor, rope: usize) -> Result<Tensor> {
        let (cos, sin) = &self.turns[rope];
        rotated(&x.to_dtype(DType::F32)?, cos, sin)?.to_dtype(x.dtype())
    }
}

impl LayerCache {
    /// Adds new keys and values `[Hkv, T, E]` to a row and gives all of its `[Hkv, S, E]`.
    fn append(&mut self, row: usize, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
        let all = match self.rows[row].take() {
            Some((keys, values)) => (Tensor::cat(&[&keys, k], 1)?, Tensor::cat(&[&values, v], 1)?),
            None => (k.clone(), v.clone()),
        };
        self.rows[row] = Some(all.clone());
        Ok(all)
    }
}
