//! A weight matrix in ggml's Q8_0 (for each 32 numbers along K an f16 scale and 32 8-bit integers), kept in the order in
//! which the product reads it and in no other: 8.5 bits a weight.
//!
//! A tile is 16 outputs. Its blocks stand one after the other along K; a block has the 16 scales, then for each of the 16
//! pairs along K the two quants of every output. Where O is no multiple of 16, the last tile is filled up with zeros.

use super::activations::{Activations, BLOCK};
use super::lanes::{Best, LANES};
use super::q8_product;
use super::split::Split;
use half::f16;
use std::ops::Range;

/// Outputs of a tile.
pub(super) const TILE: usize = 2 * LANES;

/// Bytes of a block in ggml's order: the scale, little endian, and the quants.
const Q8_0_BYTES: usize = 2 + BLOCK;

/// The weights of 16 outputs for 32 inputs.
#[derive(Clone, Debug)]
#[repr(C, align(32))]
pub(super) struct TileBlock {
    pub(super) scales: [f16; TILE],
    /// `[pair along K][half of the tile][output of the half, number of the pair]`
    pub(super) quants: [[[i8; 2 * LANES]; 2]; BLOCK / 2],
}

/// W `[O, K]`, block-quantised.
#[derive(Debug)]
pub struct PackedQ8 {
    out: usize,
    width: usize,
    tiles: Vec<TileBlock>,
}

/// A [`PackedQ8`] in the making, to which rows are appended as they are read.
#[derive(Debug)]
pub struct PackedQ8Builder {
    matrix: PackedQ8,
    blocks: usize,
}

impl PackedQ8 {
    /// Takes the bytes of a Q8_0 tensor, row after row. None where they are not `out · width / 32` blocks.
    pub fn from_q8_0(blocks: &[u8], out: usize, width: usize) -> Option<Self> {
        let bytes = out.checked_mul(width / BLOCK)?.checked_mul(Q8_0_BYTES)?;
        if bytes != blocks.len() {
            return None;
        }
        let mut builder = Self::builder(out, width)?;
        builder.append(blocks)?;
        builder.finish()
    }

    /// A matrix whose bytes come piece by piece. The memory is taken at once: `out` and `width` are to be checked against the
    /// size of the file first. None where the width is no positive multiple of 32 or the matrix is too large for an address.
    pub fn builder(out: usize, width: usize) -> Option<PackedQ8Builder> {
        if width == 0 || !width.is_multiple_of(BLOCK) {
            return None;
        }
        let count = out.div_ceil(TILE).checked_mul(width / BLOCK)?;
        let mut tiles = Vec::new();
        tiles.try_reserve_exact(count).ok()?;
        tiles.resize(count, TileBlock::ZERO);
        Some(PackedQ8Builder { matrix: Self { out, width, tiles }, blocks: 0 })
    }

    /// O
    pub fn out(&self) -> usize {
        self.out
    }

    /// K
    pub fn width(&self) -> usize {
        self.width
    }

    /// Bytes that the weights take.
    pub fn bytes(&self) -> usize {
        size_of_val(self.tiles.as_slice())
    }

    /// x `[N, K]` to out `[N, O]`. x is rounded to 8 bits a number, as [`Activations::new`] says.
    ///
    /// # Panics
    /// Where x or `out` is no whole number of rows, or not of the same number.
    pub fn product(&self, x: &[f32], out: &mut [f32]) {
        self.product_of(&Activations::new(x, self.width), out);
    }

    /// As [`Self::product`], of activations that several matrices share.
    ///
    /// # Panics
    /// Where x has another width or another number of rows than `out`.
    pub fn product_of(&self, x: &Activations, out: &mut [f32]) {
        assert_eq!(x.width(), self.width, "the activations have another width");
        assert_eq!(Some(out.len()), x.rows().checked_mul(self.out), "the output has another size");
        let blocks = self.blocks_a_row();
        let split = Split { out, cols: self.out, step: TILE, work: x.rows() * self.width };
        split.for_each(|cols, rows| {
            let tiles = cols.start / TILE * blocks..cols.end.div_ceil(TILE) * blocks;
            q8_product::fill::<Best>(&self.tiles[tiles], x, rows);
        });
    }

    /// The rows `ids` of W, written out as `[ids, K]`. A row that W has not becomes NaN.
    ///
    /// # Panics
    /// Where `out` has another size.
    pub fn rows_into(&self, ids: &[u32], out: &mut [f32]) {
        assert_eq!(Some(out.len()), ids.len().checked_mul(self.width), "the output has another size");
        for (id, out) in ids.iter().zip(out.chunks_exact_mut(self.width)) {
            match *id as usize {
                row if row < self.out => self.row_into(row, out),
                _ => out.fill(f32::NAN),
            }
        }
    }

    /// A range of rows of W, written out as `[rows, K]`: scale times quant in f32, as ggml does.
    ///
    /// # Panics
    /// Where W has not these rows or `out` has another size.
    pub fn dequantise_rows(&self, rows: Range<usize>, out: &mut [f32]) {
        assert!(rows.end <= self.out, "the matrix has not these rows");
        assert_eq!(Some(out.len()), rows.len().checked_mul(self.width), "the output has another size");
        rows.zip(out.chunks_exact_mut(self.width)).for_each(|(row, out)| self.row_into(row, out));
    }

    /// The bytes as they came, row after row.
    pub fn to_q8_0(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.out * self.blocks_a_row() * Q8_0_BYTES);
        for row in 0..self.out {
            for block in self.row(row) {
                bytes.extend(block.scales[row % TILE].to_le_bytes());
                bytes.extend(block.quants_of(row % TILE).map(|quant| quant as u8));
            }
        }
        bytes
    }

    /// The product on lanes of choice and one thread.
    #[cfg(test)]
    pub(super) fn fill_all<L: super::lanes::Lanes>(&self, x: &Activations, out: &mut [&mut [f32]]) {
        q8_product::fill::<L>(&self.tiles, x, out);
    }

    fn row_into(&self, row: usize, out: &mut [f32]) {
        for (block, out) in self.row(row).iter().zip(out.chunks_exact_mut(BLOCK)) {
            let scale = block.scales[row % TILE].to_f32();
            out.iter_mut().zip(block.quants_of(row % TILE)).for_each(|(out, quant)| *out = scale * f32::from(quant));
        }
    }

    /// The blocks of the tile that a row is in.
    fn row(&self, row: usize) -> &[TileBlock] {
        &self.tiles[row / TILE * self.blocks_a_row()..][..self.blocks_a_row()]
    }

    fn blocks_a_row(&self) -> usize {
        self.width / BLOCK
    }
}

impl PackedQ8Builder {
    /// Appends whole blocks of 34 bytes, which go on where the last ones ended, be it within a row. None where they are no
    /// whole blocks or more than the matrix has; then nothing is appended.
    pub fn append(&mut self, bytes: &[u8]) -> Option<()> {
        let (blocks, rest) = bytes.as_chunks::<Q8_0_BYTES>();
        let a_row = self.matrix.blocks_a_row();
        if !rest.is_empty() || blocks.len() > self.matrix.out * a_row - self.blocks {
            return None;
        }
        for [low, high, quants @ ..] in blocks {
            let (row, k) = (self.blocks / a_row, self.blocks % a_row);
            let block = &mut self.matrix.tiles[row / TILE * a_row + k];
            block.put(row % TILE, f16::from_le_bytes([*low, *high]), quants);
            self.blocks += 1;
        }
        Some(())
    }

    /// The matrix. None where rows are missing.
    pub fn finish(self) -> Option<PackedQ8> {
        (self.blocks == self.matrix.out * self.matrix.blocks_a_row()).then_some(self.matrix)
    }
}

impl TileBlock {
    const ZERO: Self = Self { scales: [f16::ZERO; TILE], quants: [[[0; 2 * LANES]; 2]; BLOCK / 2] };

    fn put(&mut self, output: usize, scale: f16, quants: &[u8; BLOCK]) {
        self.scales[output] = scale;
        for (to, from) in self.quants.iter_mut().zip(quants.as_chunks::<2>().0) {
            let pair = &mut to[output / LANES][2 * (output % LANES)..][..2];
            pair.copy_from_slice(&from.map(|quant| quant as i8));
        }
    }

    fn quants_of(&self, output: usize) -> impl Iterator<Item = i8> {
        self.quants.iter().flat_map(move |pair| {
            let from = 2 * (output % LANES);
            [pair[output / LANES][from], pair[output / LANES][from + 1]]
        })
    }
}
