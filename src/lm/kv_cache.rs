//! Keys and values of what each row has seen, and attention over them.

use super::Error;
use super::config::Config;
use super::ops::Heads;
use super::rope::RopeTable;
use candle_core::{D, DType, Device, Result, Tensor};

/// A cache of B rows; each row fills at its own pace.
#[derive(Debug)]
pub struct KvCache {
    layers: Vec<LayerCache>,
    lengths: Vec<usize>,
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
    /// `[B, T, 1, E/2]`
    cos: Tensor,
    sin: Tensor,
}

impl KvCache {
    /// An empty cache for `rows` rows.
    pub fn new(config: &Config, rows: usize, device: &Device) -> Self {
        let layer = LayerCache { rows: vec![None; rows] };
        let layers = vec![layer; config.layers];
        Self { layers, lengths: vec![0; rows], context: config.context, device: device.clone() }
    }

    /// S of each row.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// Keeps only these rows, in this order; the others' memory is freed.
    pub fn retain(&mut self, rows: &[usize]) {
        self.lengths = rows.iter().map(|row| self.lengths[*row]).collect();
        for layer in &mut self.layers {
            layer.rows = rows.iter().map(|row| layer.rows[*row].take()).collect();
        }
    }

    /// Adds an empty row at the end.
    pub fn push_row(&mut self) {
        self.lengths.push(0);
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
        Self { layers, lengths, context: self.context, device: self.device.clone() }
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

    pub(super) fn begin(&self, tokens: &[Vec<u32>], rope: &RopeTable) -> std::result::Result<CachedStep, Error> {
        let counts: Vec<usize> = tokens.iter().map(Vec::len).collect();
        let longest = counts.iter().zip(&self.lengths).map(|(new, old)| new + old).max().unwrap_or(0);
        if longest > self.context {
            return Err(Error::TooLong { tokens: longest, context: self.context });
        }
        let width = counts.iter().copied().max().unwrap_or(0);
        let table = |values: &[f32]| -> Result<Tensor> {
            let mut picked = Vec::with_capacity(counts.len() * width * rope.half);
            for (count, length) in counts.iter().zip(&self.lengths) {
                for t in 0..width {
                    let position = if t < *count { length + t } else { 0 };
                    picked.extend_from_slice(&values[position * rope.half..][..rope.half]);
                }
            }
            Tensor::from_vec(picked, (counts.len(), width, 1, rope.half), &self.device)
        };
        let (cos, sin) = (table(&rope.cos)?, table(&rope.sin)?);
        Ok(CachedStep { tokens: width, counts, lengths: self.lengths.clone(), cos, sin })
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
    pub(super) fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        heads: Heads,
        cache: &mut LayerCache,
    ) -> Result<Tensor> {
        let (rows, tokens, _) = q.dims3()?;
        let split = |x: &Tensor, count| x.reshape((rows, tokens, count, heads.width)); // [B, T, H, E]
        let q = self.rotate(&split(q, heads.query)?)?;
        let k = self.rotate(&split(k, heads.kv)?)?;
        let v = split(v, heads.kv)?;
        let mut out = Vec::with_capacity(rows);
        for row in 0..rows {
            let count = self.counts[row];
            let mut mixed = Vec::new();
            if count > 0 {
                let new = |x: &Tensor| x.get(row)?.narrow(0, 0, count)?.transpose(0, 1)?.contiguous(); // [H, count, E]
                let (keys, values) = cache.append(row, &new(&k)?, &new(&v)?)?;
                mixed.push(self.attend_row(row, &new(&q)?, &keys, &values)?); // [count, Hq·E]
            }
            if count < tokens {
                mixed.push(Tensor::zeros((tokens - count, heads.query * heads.width), q.dtype(), q.device())?);
            }
            out.push(Tensor::cat(&mixed, 0)?);
        }
        Tensor::stack(&out, 0)
    }

    /// q `[Hq, T, E]` over keys and values `[Hkv, S, E]`; gives `[T, Hq·E]`.
    fn attend_row(&self, row: usize, q: &Tensor, keys: &Tensor, values: &Tensor) -> Result<Tensor> {
        let (heads, count, width) = q.dims3()?;
        let (kv_heads, seen, _) = keys.dims3()?;
        let groups = heads / kv_heads;
        let q = q.reshape((kv_heads, groups * count, width))?;
        let scores = (q.matmul(&keys.t()?)?.to_dtype(DType::F32)? * (width as f64).powf(-0.5))?; // [Hkv, G·T, S]
        let scores = if count > 1 {
            let before = self.lengths[row];
            let mask: Vec<f32> = (0..groups)
                .flat_map(|_| 0..count)
                .flat_map(|t| (0..seen).map(move |s| if s <= before + t { 0.0 } else { f32::NEG_INFINITY }))
                .collect();
            scores.broadcast_add(&Tensor::from_vec(mask, (1, groups * count, seen), q.device())?)?
        } else {
            scores
        };
        let weights = candle_nn::ops::softmax_last_dim(&scores)?.to_dtype(values.dtype())?;
        let mixed = weights.matmul(values)?.reshape((heads, count, width))?;
        mixed.transpose(0, 1)?.reshape((count, heads * width))
    }

    /// RoPE on `[B, T, H, E]`.
    fn rotate(&self, x: &Tensor) -> Result<Tensor> {
        let half = x.dim(D::Minus1)? / 2;
        let wide = x.to_dtype(DType::F32)?;
        let (a, b) = (wide.narrow(D::Minus1, 0, half)?, wide.narrow(D::Minus1, half, half)?);
        let turned_a = (a.broadcast_mul(&self.cos)? - b.broadcast_mul(&self.sin)?)?;
        let turned_b = (b.broadcast_mul(&self.cos)? + a.broadcast_mul(&self.sin)?)?;
        Tensor::cat(&[turned_a, turned_b], D::Minus1)?.to_dtype(x.dtype())
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
