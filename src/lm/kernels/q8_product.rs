//! y = x · Wᵀ for quantised x and W: whole-number sums within a block, f32 sums over the blocks of a row in their order.

use super::activations::{ActivationBlock, Activations};
use super::lanes::{LANES, Lanes};
use super::packed_q8::{TILE, TileBlock};

/// Rows that go through the same weights at once: their whole-number sums and the weights fill the registers.
const GROUP: usize = 4;

/// Activations that are kept near (in the L2 cache) while all weights pass by, in blocks.
const NEAR_BLOCKS: usize = 4096;

/// Fills the rows of `out` (each a slice of the same columns), whose weights are `tiles` of `x.width() / 32` blocks each.
pub(super) fn fill<L: Lanes>(tiles: &[TileBlock], x: &Activations, out: &mut [&mut [f32]]) {
    let blocks = x.blocks_a_row();
    let near = (NEAR_BLOCKS / blocks).next_multiple_of(GROUP);
    for (first, out) in (0..).step_by(near).zip(out.chunks_mut(near)) {
        for (tile, from) in tiles.chunks_exact(blocks).zip((0..).step_by(TILE)) {
            for (first, out) in (first..).step_by(GROUP).zip(out.chunks_mut(GROUP)) {
                match out {
                    [a, b, c, d] => group::<L, 4>(tile, x, first, [a, b, c, d], from),
                    [a, b, c] => group::<L, 3>(tile, x, first, [a, b, c], from),
                    [a, b] => group::<L, 2>(tile, x, first, [a, b], from),
                    [a] => group::<L, 1>(tile, x, first, [a], from),
                    _ => {}
                }
            }
        }
    }
}

#[inline(always)]
fn group<L: Lanes, const R: usize>(
    tile: &[TileBlock],
    x: &Activations,
    first: usize,
    out: [&mut &mut [f32]; R],
    from: usize,
) {
    let sums = tile_sums::<L, R>(tile, std::array::from_fn(|r| x.row(first + r)));
    for (out, sums) in out.into_iter().zip(sums) {
        let out = &mut out[from..];
        for (out, sums) in out.chunks_mut(LANES).zip(sums) {
            let sums = L::store(sums);
            match out.first_chunk_mut() {
                Some(out) => *out = sums,
                None => out.copy_from_slice(&sums[..out.len()]),
            }
        }
    }
}

/// 16 outputs of R rows.
#[inline(always)]
fn tile_sums<L: Lanes, const R: usize>(tile: &[TileBlock], x: [&[ActivationBlock]; R]) -> [[L::Floats; 2]; R] {
    let x = x.map(|row| &row[..tile.len()]);
    let mut sums = [[L::splat(0.0); 2]; R];
    for (k, weights) in tile.iter().enumerate() {
        let x: [&ActivationBlock; R] = std::array::from_fn(|r| &x[r][k]);
        let whole = block_sums::<L, R>(weights, x);
        let scales = weights.scales.as_chunks().0;
        let scales = [L::widen_f16(&scales[0]), L::widen_f16(&scales[1])];
        for r in 0..R {
            let scale = L::splat(x[r].scale);
            for h in 0..2 {
                sums[r][h] = L::fma(L::floats(whole[r][h]), L::mul(scales[h], scale), sums[r][h]);
            }
        }
    }
    sums
}

/// The exact sums of one block: at most 32 · 127 · 128, which f32 holds exactly too.
#[inline(always)]
fn block_sums<L: Lanes, const R: usize>(weights: &TileBlock, x: [&ActivationBlock; R]) -> [[L::Ints; 2]; R] {
    let mut sums = [[L::no_ints(); 2]; R];
    if R <= 2 {
        // Written out, as a loop is slower; more rows would run out of registers if they were.
        add_pair::<L, R, 0>(weights, x, &mut sums);
        add_pair::<L, R, 1>(weights, x, &mut sums);
        add_pair::<L, R, 2>(weights, x, &mut sums);
        add_pair::<L, R, 3>(weights, x, &mut sums);
        add_pair::<L, R, 4>(weights, x, &mut sums);
        add_pair::<L, R, 5>(weights, x, &mut sums);
        add_pair::<L, R, 6>(weights, x, &mut sums);
        add_pair::<L, R, 7>(weights, x, &mut sums);
        add_pair::<L, R, 8>(weights, x, &mut sums);
        add_pair::<L, R, 9>(weights, x, &mut sums);
        add_pair::<L, R, 10>(weights, x, &mut sums);
        add_pair::<L, R, 11>(weights, x, &mut sums);
        add_pair::<L, R, 12>(weights, x, &mut sums);
        add_pair::<L, R, 13>(weights, x, &mut sums);
        add_pair::<L, R, 14>(weights, x, &mut sums);
        add_pair::<L, R, 15>(weights, x, &mut sums);
    } else {
        for (p, pair) in weights.quants.iter().enumerate() {
            add_products::<L, R>(pair, x.map(|x| x.pairs[p]), &mut sums);
        }
    }
    sums
}

#[inline(always)]
fn add_pair<L: Lanes, const R: usize, const P: usize>(
    weights: &TileBlock,
    x: [&ActivationBlock; R],
    sums: &mut [[L::Ints; 2]; R],
) {
    add_products::<L, R>(&weights.quants[P], x.map(|x| x.pairs[P]), sums);
}

#[inline(always)]
fn add_products<L: Lanes, const R: usize>(pair: &[[i8; 2 * LANES]; 2], x: [i32; R], sums: &mut [[L::Ints; 2]; R]) {
    let [low, high] = pair.each_ref().map(L::widen_pairs);
    for r in 0..R {
        let x = L::splat_pair(x[r]);
        sums[r][0] = L::add_ints(sums[r][0], L::dot_pairs(low, x));
        sums[r][1] = L::add_ints(sums[r][1], L::dot_pairs(high, x));
    }
}
