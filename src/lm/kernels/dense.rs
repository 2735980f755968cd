//! y = x · Wᵀ for plain weights. Eight lanes along K are summed for each output, then the lanes; a K that is no multiple of
//! eight is filled up with zeros. No tile changes that order.

use super::lanes::{Best, LANES, Lanes};
use super::split::Split;
use half::{bf16, f16};

/// Rows of x that go through the same weights at once.
const GROUP: usize = 4;

/// A part of the output begins at a multiple of this many columns, which every tile below divides.
const STEP: usize = 24;

/// Weights that are kept near (in the L2 cache) while the rows of x pass by, in numbers: 128 KiB as f32. Those of
/// 16 bits are widened as they are loaded, which costs less than a copy even where many rows pass by.
const NEAR: usize = 32 << 10;

/// The numbers of a weight matrix `[O, K]` as they are kept.
#[derive(Clone, Copy, Debug)]
pub enum DenseWeight<'a> {
    /// 32 bits
    F32(&'a [f32]),
    /// 16 bits, IEEE
    F16(&'a [f16]),
    /// 16 bits, the upper half of an f32
    BF16(&'a [bf16]),
}

/// What becomes of the output's old numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// They are overwritten.
    Set,
    /// The product is added to them.
    Add,
}

/// `out[n, o] (+)= Σ_k x[n, k] · w[o, k]` for x `[N, K]`, W `[O, K]` and out `[N, O]`; `width` is K.
///
/// # Panics
/// Where the sizes do not fit each other.
pub fn dense_rows(x: &[f32], weight: DenseWeight<'_>, width: usize, out: &mut [f32], keep: Keep) {
    match weight {
        DenseWeight::F32(weight) => product(x, weight, width, (out, keep)),
        DenseWeight::F16(weight) => product(x, weight, width, (out, keep)),
        DenseWeight::BF16(weight) => product(x, weight, width, (out, keep)),
    }
}

/// A kind of number that a matrix is kept in.
trait Number: Copy + Sync + 'static {
    const ZERO: Self;
    fn widen<L: Lanes>(from: &[Self; LANES]) -> L::Floats;
}

fn product<W: Number>(x: &[f32], weight: &[W], width: usize, (out, keep): (&mut [f32], Keep)) {
    assert!(width > 0, "a product needs numbers to sum over");
    assert!(x.len().is_multiple_of(width) && weight.len().is_multiple_of(width), "x or W is not made of whole rows");
    let (rows, cols) = (x.len() / width, weight.len() / width);
    assert_eq!(Some(out.len()), rows.checked_mul(cols), "the output has another size");
    Split { out, cols, step: STEP, work: rows * width }.for_each(|cols, out| {
        fill::<Best, W>(x, &weight[cols.start * width..cols.end * width], width, (out, keep));
    });
}

/// The product on lanes of choice and one thread.
#[cfg(test)]
pub(super) fn fill_all<L: Lanes>(x: &[f32], weight: DenseWeight<'_>, width: usize) -> Vec<f32> {
    fn all<L: Lanes, W: Number>(x: &[f32], weight: &[W], width: usize) -> Vec<f32> {
        let cols = weight.len() / width;
        let mut out = vec![0.0; x.len() / width * cols];
        fill::<L, W>(x, weight, width, (&mut out.chunks_mut(cols).collect::<Vec<_>>(), Keep::Set));
        out
    }
    match weight {
        DenseWeight::F32(weight) => all::<L, _>(x, weight, width),
        DenseWeight::F16(weight) => all::<L, _>(x, weight, width),
        DenseWeight::BF16(weight) => all::<L, _>(x, weight, width),
    }
}

/// Fills the rows of `out`, each a slice of the columns whose weights are given.
fn fill<L: Lanes, W: Number>(x: &[f32], weight: &[W], width: usize, (out, keep): (&mut [&mut [f32]], Keep)) {
    let cols = (NEAR / width / STEP).max(1) * STEP;
    for (weight, from) in weight.chunks(cols * width).zip((0..).step_by(cols)) {
        near::<L, W>(x, weight, width, (out, from, keep));
    }
}

/// Takes all rows of x through weights that are near, whose outputs begin at column `from`.
fn near<L: Lanes, W: Number>(x: &[f32], weight: &[W], width: usize, out: (&mut [&mut [f32]], usize, Keep)) {
    let (out, from, keep) = out;
    for (x, out) in x.chunks(GROUP * width).zip(out.chunks_mut(GROUP)) {
        let row = |r: usize| &x[r * width..(r + 1) * width];
        match out {
            [a, b, c, d] => group::<L, W, 4, 3>([row(0), row(1), row(2), row(3)], weight, [a, b, c, d], (from, keep)),
            [a, b, c] => group::<L, W, 3, 4>([row(0), row(1), row(2)], weight, [a, b, c], (from, keep)),
            [a, b] => group::<L, W, 2, 4>([row(0), row(1)], weight, [a, b], (from, keep)),
            [a] => group::<L, W, 1, 8>([row(0)], weight, [a], (from, keep)),
            _ => {}
        }
    }
}

/// R rows of x, C outputs at a time.
#[inline(always)]
fn group<L: Lanes, W: Number, const R: usize, const C: usize>(
    x: [&[f32]; R],
    weight: &[W],
    out: [&mut &mut [f32]; R],
    (mut from, keep): (usize, Keep),
) {
    let width = x[0].len();
    let tiles = weight.chunks_exact(C * width);
    let rest = tiles.remainder();
    for tile in tiles {
        let sums = tile_sums::<L, W, R, C>(x, std::array::from_fn(|c| &tile[c * width..(c + 1) * width]));
        for r in 0..R {
            put(&mut out[r][from..from + C], &sums[r], keep);
        }
        from += C;
    }
    for weight in rest.chunks_exact(width) {
        let sums = tile_sums::<L, W, R, 1>(x, [weight]);
        for r in 0..R {
            put(&mut out[r][from..from + 1], &sums[r], keep);
        }
        from += 1;
    }
}

#[inline(always)]
fn put(out: &mut [f32], sums: &[f32], keep: Keep) {
    match keep {
        Keep::Set => out.copy_from_slice(sums),
        Keep::Add => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
    }
}

/// C outputs of R rows.
#[inline(always)]
fn tile_sums<L: Lanes, W: Number, const R: usize, const C: usize>(x: [&[f32]; R], weight: [&[W]; C]) -> [[f32; C]; R] {
    let (vectors, rest) = (x[0].len() / LANES, x[0].len() % LANES);
    let x_vectors = x.map(|x| &x.as_chunks::<LANES>().0[..vectors]);
    let weight_vectors = weight.map(|w| &w.as_chunks::<LANES>().0[..vectors]);
    let mut sums = [[L::splat(0.0); C]; R];
    for k in 0..vectors {
        let weight = weight_vectors.map(|w| W::widen::<L>(&w[k]));
        add_products::<L, R, C>(&mut sums, x_vectors.map(|x| &x[k]), weight);
    }
    if rest > 0 {
        let x = x.map(|x| padded(&x[x.len() - rest..], 0.0));
        let weight = weight.map(|w| W::widen::<L>(&padded(&w[w.len() - rest..], W::ZERO)));
        add_products::<L, R, C>(&mut sums, std::array::from_fn(|r| &x[r]), weight);
    }
    sums.map(lane_sums::<L, C>)
}

#[inline(always)]
fn add_products<L: Lanes, const R: usize, const C: usize>(
    sums: &mut [[L::Floats; C]; R],
    x: [&[f32; LANES]; R],
    weight: [L::Floats; C],
) {
    for r in 0..R {
        let x = L::load(x[r]);
        for c in 0..C {
            sums[r][c] = L::fma(x, weight[c], sums[r][c]);
        }
    }
}

#[inline(always)]
fn lane_sums<L: Lanes, const C: usize>(of: [L::Floats; C]) -> [f32; C] {
    let mut sums = [0.0; C];
    for (four, sums) in sums.chunks_mut(4).enumerate() {
        let of = std::array::from_fn(|i| of.get(4 * four + i).copied().unwrap_or(L::splat(0.0)));
        sums.copy_from_slice(&L::sums(of)[..sums.len()]);
    }
    sums
}

#[inline(always)]
fn padded<T: Copy>(rest: &[T], zero: T) -> [T; LANES] {
    std::array::from_fn(|i| rest.get(i).copied().unwrap_or(zero))
}

impl Number for f32 {
    const ZERO: Self = 0.0;

    #[inline(always)]
    fn widen<L: Lanes>(from: &[Self; LANES]) -> L::Floats {
        L::load(from)
    }
}

impl Number for f16 {
    const ZERO: Self = f16::ZERO;

    #[inline(always)]
    fn widen<L: Lanes>(from: &[Self; LANES]) -> L::Floats {
        L::widen_f16(from)
    }
}

impl Number for bf16 {
    const ZERO: Self = bf16::ZERO;

    #[inline(always)]
    fn widen<L: Lanes>(from: &[Self; LANES]) -> L::Floats {
        L::widen_bf16(from)
    }
}
